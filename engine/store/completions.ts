/** The table of completions: what makes a task's writes and its result one commit, on any connection that can begin. */
import { RepriseError } from "../core/errors.ts";
import type { Completion, Transaction, TransactionRequest } from "../core/transaction.ts";
import { StoreError } from "./port.ts";
import type { Row } from "./sql-store.ts";
import { statement } from "./statements.ts";

/** One connection with one open transaction, as this needs it. */
export interface Session {
  /** `ours`: it must answer soon. */
  query(text: string, values: readonly unknown[], ours?: boolean): Promise<readonly Row[]>;
  /** @throws StoreError: "unknown" if it may have been committed. */
  commit(): Promise<void>;
  /** Rolls back what is open, and is done with the connection. Never rejects. */
  leave(): Promise<void>;
  /** Why the session was ended from here, if it was. */
  readonly ended: Error | undefined;
  /** Resolves if it is ended because it took too long; absent where it may take its time. */
  readonly expired?: Promise<Error>;
}

/** The engine's own table, whatever the search_path. */
export const COMPLETIONS = "reprise.completions";
/** Where the table is that the engine does not make: in the first schema of the search_path. */
export const FOREIGN_COMPLETIONS = "reprise_completions";

/** The statement on that table. */
export function onTable(name: string, table: string): string {
  return statement(name).replaceAll(COMPLETIONS, table);
}

/** Looks the task up in the session's transaction, which is left if that fails. */
export async function completing(session: Session, table: string, request: TransactionRequest): Promise<Transaction> {
  try {
    const [row] = await session.query(onTable("completion-find", table), [request.runId, request.key], true);
    return new Completing(session, table, request, row ?? {});
  } catch (error) { await session.leave(); throw error }
}

/** Statements that begin or end a transaction. What this overlooks, the number of the transaction does not. */
const ENDS =
  /^\s*(begin|(start|prepare)\s+transaction|commit|end|abort|rollback(?!\s+((work|transaction)\s+)?to\b))\b/i;
/** Outside a transaction that was begun here nothing can be written. */
function isReadOnly(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "25006";
}

class Completing implements Transaction {
  readonly found: Completion | undefined;
  readonly expired: Promise<Error> | undefined;
  readonly #session: Session;
  readonly #table: string;
  readonly #request: TransactionRequest;
  readonly #xact: string;
  #over: string | undefined;

  constructor(session: Session, table: string, request: TransactionRequest, row: Row) {
    this.expired = session.expired;
    this.#session = session;
    this.#table = table;
    this.#request = request;
    this.#xact = String(row["xact"]);
    this.found = row["found"] !== true ? undefined
      : typeof row["error"] === "string" ? { error: row["error"] } : { result: String(row["result"] ?? "null") };
  }

  query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const over = this.#session.ended ?? this.#isOver() ?? (ENDS.test(text)
      ? ended(`a function may not end it: ${text.trim().slice(0, 40)}`) : undefined);
    return over === undefined ? this.#session.query(text, values) : Promise.reject(over);
  }

  async commit(completion: Completion): Promise<boolean> {
    const { runId, key } = this.#request, over = this.#session.ended ?? this.#isOver();
    if (over !== undefined) throw over;
    this.#over = "it has been committed";
    const { result = null, error = null } = "result" in completion ? { result: completion.result }
      : { error: completion.error };
    try {
      const [row] = await this.#session.query(onTable("completion-place", this.#table),
        [runId, key, result, error, this.#xact], true);
      if (row?.["same"] !== true) throw ended("the function ended it");
      if (row["placed"] !== true) return false;
      await this.#session.commit();
      return true;
    } catch (failure) {
      if (isReadOnly(failure)) throw ended("the function ended it");
      throw this.#session.ended ?? failure;
    } finally { await this.#session.leave() }
  }

  async rollback(): Promise<void> {
    this.#over ??= "it has been rolled back";
    await this.#session.leave();
  }

  #isOver(): RepriseError | undefined { return this.#over === undefined ? undefined : ended(this.#over) }
}

function ended(why: string): RepriseError {
  return new RepriseError("TRANSACTION_OVER", `the transaction is over: ${why}`,
    "Await every statement inside the function, and leave begin, commit and rollback to the engine.");
}

/** A failure of a connection while a transaction is open: nothing is committed but what a commit under way may have. */
export function lost(message: string, outcome: "none" | "unknown", cause?: unknown): StoreError {
  return new StoreError("STORE_UNAVAILABLE", message, outcome, undefined, cause);
}
