/** `transaction()`: a task whose writes and whose result commit together, so that it takes effect exactly once. */
import { callSite, RepriseError, transactionsIn, type Isolation, type OpenTransaction, type Transaction }
  from "../engine/index.ts";
import { checkName, defineTask } from "./registry.ts";
import { fileOf } from "./sources.ts";
import { makeTask, type AnyOptions, type Later, type Task, type TaskOptions } from "./task.ts";

/** The user's transaction: a tagged template, or `unsafe`; rows are objects. One statement at a time, and no begin,
 *  commit or rollback. */
export interface Sql {
  (strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** A statement as text, with `$1`, `$2`, ... for its values. */
  unsafe(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}
export interface TransactionOptions<A extends readonly unknown[], R> extends TaskOptions<A, R> {
  /** `postgres://...`: where the writes go, if not to the engine's own database. A table of completions is made
   *  there. */
  database?: string;
  /** Default "read committed". */
  isolation?: Isolation;
}
// Where `sql` has no type of its own, the compiler looks at the options before it knows the function: what an `undo`
// leaves without a type is then unchecked, as JSON.parse gives it, and what has one is compared in the end.
type Unchecked = ReturnType<typeof JSON.parse>;
type Known<R> = unknown extends R ? Unchecked : R;
type KnownArgs<A extends unknown[]> = unknown[] extends A ? Unchecked : A;
type AnyTransaction = (sql: Sql, ...args: readonly unknown[]) => Promise<unknown>;
/** One per database: they share its connections. */
const databases = new Map<string, OpenTransaction>();

/**
 * A task with a transaction of its own. What `fn` writes through `sql`, and what it returns, are committed as one,
 * wherever a worker is killed; what it throws rolls its writes back, and counts as a failed attempt.
 * @throws INVALID_NAME, INVALID_OPTION, INVALID_DURATION; when called TRANSACTION_UNSUPPORTED
 */
export function transaction<A extends unknown[], R>(name: string,
  fn: (sql: Sql, ...args: A) => Promise<R>): Task<(...args: A) => Promise<R>>;
export function transaction<A extends unknown[], R, OptionsA extends unknown[] = KnownArgs<A>, OptionsR = Known<R>>(
  name: string, options: TransactionOptions<Later<OptionsA>, NoInfer<OptionsR>>,
  fn: (sql: Sql, ...args: A) => Promise<R>): Task<(...args: A) => Promise<R>>;
export function transaction(name: string, ...rest: readonly unknown[]): unknown {
  checkName("task", name);
  const [options, fn] = rest.length > 1 ? rest : [{}, rest[0]];
  if (typeof fn !== "function") {
    throw new RepriseError("INVALID_OPTION", `transaction '${name}' has no function: the last argument is ${typeof fn}`,
      "Write transaction(name, options?, async (sql, ...) => ...).");
  }
  const file = fileOf(callSite(transaction));
  // The overloads say what callers may pass; inside, every transaction is an untyped function of its arguments.
  const { database, isolation, ...others } = (options ?? {}) as AnyOptions & TransactionOptions<unknown[], unknown>;
  for (const option of ["runner", "cache", "pool"]) {
    if (option in others) throw new RepriseError("INVALID_OPTION", `transaction '${name}' has no option '${option}'`,
      "Leave it out: a transaction is made where its worker is, and its result belongs to one run.");
  }
  const run = fn as AnyTransaction; // as above
  const inside = (one: unknown, ...args: readonly unknown[]): Promise<unknown> => {
    const { query } = Object(one) as Partial<Transaction>; // the engine gives it first; a call of `.fn` does not
    if (typeof query !== "function") throw new RepriseError("NOT_IN_TASK",
      `the function of transaction '${name}' was called without the engine`,
      `Call ${name}(...), which gives it a transaction.`);
    return run(sqlOf(one as Transaction), ...args); // as was just seen
  };
  // `urls.map(pay)` asks how many parameters there are.
  Object.defineProperty(inside, "length", { value: Math.max(0, fn.length - 1) });
  defineTask(name, file, inside as (...args: readonly unknown[]) => unknown); // as the engine calls it
  return makeTask(name, others, inside, file, {
    ...(database !== undefined && { open: openerOf(name, database) }), isolation: checkedIsolation(name, isolation),
  });
}

function openerOf(name: string, database: string): OpenTransaction {
  if (typeof database !== "string" || !/^postgres(ql)?:\/\//.test(database)) throw new RepriseError("INVALID_OPTION",
    `transaction '${name}': its database is no postgres://... address`,
    "Give the address of a PostgreSQL server, or leave it out for the engine's own database.");
  const open = databases.get(database) ?? transactionsIn(database);
  databases.set(database, open);
  return open;
}

function checkedIsolation(name: string, isolation: Isolation | undefined): Isolation | undefined {
  if (isolation === undefined || ["read committed", "repeatable read", "serializable"].includes(isolation)) {
    return isolation;
  }
  throw new RepriseError("INVALID_OPTION", `transaction '${name}': isolation is ${JSON.stringify(isolation)}`,
    "Use \"read committed\", \"repeatable read\" or \"serializable\".");
}

function sqlOf(transaction: Transaction): Sql {
  // A plain list: what the driver gives has a class of its own, which no result may have.
  const ask: Sql["unsafe"] = async (text, values = []) => [...await transaction.query(text, values)];
  const sql = (strings: TemplateStringsArray, ...values: readonly unknown[]): ReturnType<Sql> =>
    ask(strings.reduce((text, part, i) => `${text}$${i}${part}`), values);
  return Object.assign(sql, { unsafe: ask });
}
