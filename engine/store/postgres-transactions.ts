/**
 * Transactions of users on a PostgreSQL server, each on a connection of its own. The driver must not connect again in
 * the middle: what follows would run, and commit, outside the transaction. So a connection gets one socket in its life,
 * and outside `begin read write` the server lets it write nothing.
 */
import { createHash } from "node:crypto";
import postgres from "postgres";
import type { Transaction, TransactionRequest } from "../core/transaction.ts";
import { saidBy } from "../core/thrown.ts";
import { completing, COMPLETIONS, lost, onTable, type Session } from "./completions.ts";
import { StoreError } from "./port.ts";
import { DEADLINE_MS, unrefSocket, UNTYPED, within } from "./postgres-connection.ts";
import { VALUE_TYPES } from "./postgres-values.ts";
import type { Row } from "./sql-store.ts";
import { statement } from "./statements.ts";

/** Connections of one process to one database; more transactions wait for their turn. */
const MAX_OPEN = 10;
/** A connection that nobody uses for so long is closed. */
const IDLE_MS = 10_000;
const LOCK_TIMEOUT_MS = 4000;
/** The server ends a transaction that says nothing for so long: that of a worker that was stopped, for one. */
const SILENT_MS = 60_000;

/** Opens transactions on one database. */
export class PostgresTransactions {
  readonly #url: string;
  readonly #table: string;
  readonly #idle: Connection[] = [];
  readonly #waiting: (() => void)[] = [];
  #open = 0;
  #ready: Promise<void> | undefined;
  #closed = false;

  /** `table`: of completions; one that is not the engine's is made when it is first needed. */
  constructor(url: string, table: string) { this.#url = url; this.#table = table }

  /** @throws StoreError; whatever the server says to `begin` */
  async open(request: TransactionRequest): Promise<Transaction> {
    if (this.#open >= MAX_OPEN) await new Promise<void>((resolve) => { this.#waiting.push(resolve) });
    else this.#open++;
    let session: Session;
    try {
      if (this.#table !== COMPLETIONS) await this.#makeTable();
      session = await this.#begin(request);
    } catch (error) { this.#leave(undefined); throw error }
    return completing(session, this.#table, request);
  }

  /** Closes what is idle; what is in use is closed when it is left. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.end();
  }

  async #begin(request: TransactionRequest): Promise<Session> {
    const name = sessionName(request);
    for (;;) {
      const kept = this.#idle.pop(), connection = kept ?? new Connection(this.#url);
      connection.take();
      try {
        if (request.attempt > 1) await connection.ask(statement("transaction-supersede"), [name, null]);
        await connection.begin(name, request.isolation ?? "read committed");
        return new OwnSession(connection, (one) => this.#leave(one), (pid) => this.#terminate(name, pid));
      } catch (error) {
        connection.end();
        if (kept === undefined || !connection.broken) throw error; // one that was kept may have died since
      }
    }
  }

  #leave(connection: Connection | undefined): void {
    if (connection !== undefined) this.#keep(connection);
    const next = this.#waiting.shift();
    if (next === undefined) this.#open--; else next();
  }

  #keep(connection: Connection): void {
    if (this.#closed) { connection.end(); return }
    this.#idle.push(connection);
    connection.whenIdle(IDLE_MS, () => {
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    });
  }

  /** A statement that runs does not notice that its client has gone: its session is ended. */
  #terminate(name: string, pid: number): void {
    const connection = new Connection(this.#url);
    connection.ask(statement("transaction-supersede"), [name, pid]).catch(() => undefined)
      .finally(() => { connection.end() });
  }

  #makeTable(): Promise<void> {
    this.#ready ??= this.#tableIsThere().catch((error: unknown) => { this.#ready = undefined; throw error });
    return this.#ready;
  }
  async #tableIsThere(): Promise<void> {
    const connection = new Connection(this.#url);
    const there = async (): Promise<boolean> =>
      (await connection.ask("select to_regclass($1) is not null as there", [this.#table]))[0]?.["there"] === true;
    try {
      if (await there()) return;
      await connection.begin("reprise", "read committed");
      try {
        await connection.ask(onTable("completion-table", this.#table), []);
        await connection.ask("commit", []);
      } catch (error) {
        await connection.ask("rollback", []);
        if (!await there()) throw error; // otherwise another process was first
      }
    } finally { connection.end() }
  }
}

/** The attempt's session, as the server lists it: the next attempt finds it by this. */
function sessionName({ runId, key }: TransactionRequest): string {
  return `reprise ${createHash("sha256").update(`${runId}/${key}`).digest("hex").slice(0, 40)}`;
}

/** One connection, one socket: when that is gone it is of no use any more. */
class Connection {
  readonly #sql: postgres.Sql;
  #timer: NodeJS.Timeout | undefined;
  /** The connection failed, or what it was asked is not known to have ended. */
  broken = false;
  /** Statements under way. */
  busy = 0;
  pid = 0;

  constructor(url: string) {
    let sockets = 0;
    const once = { ...UNTYPED, socket: (options: Parameters<typeof unrefSocket>[0]) => {
      if (sockets++ === 0) return unrefSocket(options);
      throw lost("the connection of the transaction was closed", "unknown");
    } };
    this.#sql = postgres(url, {
      ...once, max: 1, fetch_types: false, onnotice: () => undefined, connect_timeout: 4, backoff: () => 0.05,
      types: VALUE_TYPES,
      connection: { application_name: "reprise", default_transaction_read_only: true, lock_timeout: LOCK_TIMEOUT_MS,
        idle_in_transaction_session_timeout: SILENT_MS },
    });
  }

  /** A statement of ours: it must answer soon. */
  ask(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.query(text, values, DEADLINE_MS);
  }

  /** One statement; the server's own errors pass as they are. */
  async query(text: string, values: readonly unknown[], limitMs?: number): Promise<readonly Row[]> {
    // The driver refuses what it cannot send. Not `simple`: one statement at a time, as on the embedded database.
    const asked = this.#sql.unsafe(text, values as postgres.ParameterOrJSON<never>[], ONE_STATEMENT).execute();
    return this.#answered(asked, limitMs);
  }

  async begin(name: string, isolation: string): Promise<void> {
    const script = `begin isolation level ${isolation} read write; set local application_name = '${name}';
      select pg_backend_pid() as pid`;
    const results = await this.#answered(this.#sql.unsafe(script).execute(), DEADLINE_MS);
    const [row] = (results as unknown as readonly (readonly Row[])[])[2] ?? []; // one result for each statement
    this.pid = Number(row?.["pid"]);
  }

  async #answered(asked: Promise<readonly Row[]>, limitMs: number | undefined): Promise<readonly Row[]> {
    asked.catch(() => undefined);
    this.busy++;
    try { return await (limitMs === undefined ? asked : within(limitMs, asked)) } catch (error) {
      if (isAnswer(error)) throw error;
      this.broken = true;
      throw lost(`the database cannot be reached: ${saidBy(error)}`, "unknown", error);
    } finally { this.busy-- }
  }

  /** Forgets what the user set, ready for the next. */
  async clean(): Promise<void> { await this.ask("discard all", []) }

  whenIdle(ms: number, fn: () => void): void {
    this.#timer = setTimeout(() => { fn(); this.end() }, ms).unref();
  }
  /** It is in use again. */
  take(): void { clearTimeout(this.#timer) }
  end(): void { clearTimeout(this.#timer); this.#sql.end({ timeout: 0 }).catch(() => undefined) }
}

/** What the driver refuses to send. */
const NOT_SENT: ReadonlySet<unknown> = new Set(["UNDEFINED_VALUE", "MAX_PARAMETERS_EXCEEDED"]);

/** Did the server refuse the statement, or the driver, with the connection as good as before? */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof StoreError) return false;
  const { code, severity } = error as { code?: unknown; severity?: unknown }; // as the driver's errors have them
  return error instanceof TypeError || NOT_SENT.has(code)
    || (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && severity === "ERROR");
}

/** What the driver's types leave out: always the extended protocol. */
const ONE_STATEMENT = { prepare: false, simple: false };

class OwnSession implements Session {
  readonly #connection: Connection;
  readonly #done: (connection: Connection | undefined) => void;
  readonly #terminate: (pid: number) => void;
  #left: Promise<void> | undefined;
  ended: Error | undefined;

  constructor(connection: Connection, done: (connection: Connection | undefined) => void,
    terminate: (pid: number) => void) {
    this.#connection = connection;
    this.#done = done;
    this.#terminate = terminate;
  }

  async query(text: string, values: readonly unknown[], ours = false): Promise<readonly Row[]> {
    const asked = ours ? this.#connection.ask(text, values) : this.#connection.query(text, values);
    try { return await asked } catch (error) {
      // The same answer for all that is asked afterwards, whatever the driver would make of it.
      if (this.#connection.broken) this.ended ??= lost(`the transaction's connection was lost: ${saidBy(error)}`,
        "none", error);
      throw this.ended ?? error;
    }
  }

  async commit(): Promise<void> { await this.#connection.ask("commit", []) }

  leave(): Promise<void> { return this.#left ??= this.#end() }

  async #end(): Promise<void> {
    const connection = this.#connection;
    if (connection.busy > 0 && !connection.broken) this.#terminate(connection.pid);
    const clean = connection.busy === 0 && !connection.broken
      && await connection.ask("rollback", []).then(() => connection.clean()).then(() => true, () => false);
    if (!clean) connection.end();
    this.#done(clean ? connection : undefined);
  }
}

