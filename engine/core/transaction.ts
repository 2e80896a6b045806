/** A task's writes and its result in one commit: what the rooms hand to one another. Plain interfaces. */

/** The place of one task's result: once taken it is never given again. */
export interface TransactionRequest {
  readonly runId: string;
  readonly key: string;
  /** From 1. From 2 on, what is left of the attempt before is ended first. */
  readonly attempt: number;
  readonly isolation?: Isolation | undefined;
}
export type Isolation = "read committed" | "repeatable read" | "serializable";
/** What a task came to, as JSON text: a result, or the error that it failed with for good. */
export type Completion = { readonly result: string } | { readonly error: string };

/** An open transaction. Whoever holds it ends it: by `commit` or by `rollback`. */
export interface Transaction {
  /** What the task has come to already: then it is not to be run. */
  readonly found: Completion | undefined;
  /** Resolves if it is ended from outside, because it took too long. */
  readonly expired: Promise<Error> | undefined;
  /** Asks on behalf of the user. Errors of the database pass as it gave them. @throws TRANSACTION_OVER */
  query(text: string, values: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]>;
  /** Commits the writes together with what the task came to. False: all is rolled back, since the place is taken.
   *  @throws TRANSACTION_OVER, StoreError; with outcome "unknown" open another and look */
  commit(completion: Completion): Promise<boolean>;
  /** Undoes all, a statement under way included. Never rejects; nothing if it has ended. */
  rollback(): Promise<void>;
}

/** Any client's way to execute a statement inside a transaction that its user has begun: rows as objects. The statement
 *  has one parameter, `$1`, a text. */
export type Execute = (text: string, values: readonly unknown[]) => Promise<readonly unknown[]>;

/** Begins a transaction, or says by an error why it cannot. */
export type OpenTransaction = (request: TransactionRequest) => Promise<Transaction>;
