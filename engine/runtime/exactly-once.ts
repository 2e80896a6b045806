/**
 * A task whose writes and result are one commit. What it came to is placed in the transaction of its writes, where only
 * one can stand: an attempt that finds something takes it and runs nothing, one that comes second is rolled back. A
 * failure for good takes the same place, so that no attempt that was given up can still commit behind it.
 */
import type { ErrorRecord, Payload } from "../core/events.ts";
import { RepriseError } from "../core/errors.ts";
import type { RunInfo, TaskSpec } from "../core/policy.ts";
import { delayBefore, exponential } from "../core/retry.ts";
import type { Completion, OpenTransaction, Transaction, TransactionRequest } from "../core/transaction.ts";
import { fromErrorRecord, toErrorRecord } from "../codec/error-record.ts";
import { encodeRecorded } from "../codec/limits.ts";
import { decodeValue } from "../codec/value.ts";
import type { TaskFrame } from "../replay/identity.ts";
import { StoreError, type Store } from "../store/port.ts";
import type { AttemptEnd } from "./attempt.ts";
import type { Clock } from "./clock.ts";
import type { Ids } from "./ids.ts";

/** What a transaction needs of its worker. */
interface Host { readonly store: Store; readonly clock: Clock; readonly ids: Ids }

/** Waits for a database that does not answer. */
const AGAIN = exponential(50, { max: 5000, jitter: 0.5 });
/** Of so many failures one is told. */
const TELL_EVERY = 20;

/** What this life of a run knows of a task's attempts. */
interface Known {
  /** The attempt that would be the next, if all were this life's. */
  next: number;
  /** Has one of them begun to commit? */
  sent: boolean;
}
const known = new WeakMap<RunInfo, Map<string, Known>>();

function knownOf({ run, task }: TaskFrame): Known {
  const ofRun = known.get(run) ?? new Map<string, Known>();
  known.set(run, ofRun);
  const one = ofRun.get(task.key) ?? { next: 1, sent: false };
  ofRun.set(task.key, one);
  return one;
}

/** The task as an attempt runs it: a transactional one with its transaction as the first argument. */
export function attemptable(spec: TaskSpec, frame: TaskFrame, host: Host): TaskSpec {
  const { transaction, fn } = spec;
  if (transaction === undefined) return spec;
  return { ...spec, fn: (...args) => exactlyOnce(spec, frame, host, (one) => {
    frame.inTransaction = true;
    return fn(one, ...args);
  }) };
}

/** Runs `write` in a transaction that commits with its result, or gives what an earlier one has committed. What it
 *  throws is rolled back. */
async function exactlyOnce(spec: TaskSpec, frame: TaskFrame, host: Host,
  write: (transaction: Transaction) => unknown): Promise<unknown> {
  const { abortSignal, attempt } = frame, mine = knownOf(frame);
  if (mine.next === attempt) mine.next++;
  const transaction = await opener(spec, host)(placeOf(spec, frame, attempt));
  const stop = (): void => { void transaction.rollback() };
  abortSignal.addEventListener("abort", stop);
  let sent = false;
  try {
    abortSignal.throwIfAborted();
    if (transaction.found !== undefined) return outcomeOf(transaction.found);
    const late = transaction.expired?.then((error) => { throw error });
    const value = await Promise.race([write(transaction), ...late === undefined ? [] : [late]]);
    const result = encodeRecorded(value, `result of ${spec.name}`);
    abortSignal.throwIfAborted();
    mine.sent = sent = true;
    if (await transaction.commit({ result: JSON.stringify(result ?? null) })) {
      known.get(frame.run)?.delete(frame.task.key);
      return value;
    }
  } catch (error) {
    // The answer to the commit is lost, perhaps not the commit: only the table knows.
    if (!(sent && error instanceof StoreError && error.outcome === "unknown")) throw error;
  } finally {
    abortSignal.removeEventListener("abort", stop);
    await transaction.rollback();
  }
  return committed(spec, frame, host);
}

/** The outcome that stands in the table, when the database answers. */
async function committed(spec: TaskSpec, frame: TaskFrame, host: Host): Promise<unknown> {
  const found = await insist(spec, frame, host, () => !frame.abortSignal.aborted, async () => {
    const transaction = await opener(spec, host)(placeOf(spec, frame, frame.attempt + 1));
    await transaction.rollback();
    return transaction.found;
  });
  if (found !== undefined) return outcomeOf(found);
  throw new StoreError("STORE_UNAVAILABLE", "the connection was lost at the commit, which did not take place", "none");
}

/** A task is about to fail for good: how it really ended. Places the failure where the result would stand, so that no
 *  attempt of a worker that was stopped or given up commits afterwards. undefined: nobody wants to know any more. */
export async function lastLook(spec: TaskSpec, frame: TaskFrame, host: Host, error: unknown,
  wanted: () => boolean): Promise<AttemptEnd | undefined> {
  const mine = knownOf(frame), failed: AttemptEnd = { ok: false, error };
  // All attempts were made here, and none came as far as its commit.
  if (spec.transaction === undefined || (mine.next === frame.attempt + 1 && !mine.sent)) return failed;
  const record = JSON.stringify(toErrorRecord(error));
  return insist(spec, frame, host, wanted, async () => {
    for (;;) {
      const transaction = await opener(spec, host)(placeOf(spec, frame, frame.attempt + 1));
      if (transaction.found === undefined) {
        if (await transaction.commit({ error: record })) return failed;
        continue;
      }
      await transaction.rollback();
      try { return { ok: true, value: outcomeOf(transaction.found) } } catch (theirs) {
        return { ok: false, error: theirs };
      }
    }
  });
}

function opener({ name, transaction }: TaskSpec, { store }: Host): OpenTransaction {
  const open = transaction?.open ?? store.openTransaction;
  if (open !== undefined) return open;
  const where = store.kind === "memory" ? "runs are kept in memory"
    : "the embedded database is held by another process, which serves it to this one";
  throw new RepriseError("TRANSACTION_UNSUPPORTED", `transaction '${name}' has no database to run in: ${where}`,
    "Give transaction() the option database: \"postgres://...\", or set REPRISE_DATABASE_URL to that server.");
}

function placeOf(spec: TaskSpec, { run, task }: TaskFrame, attempt: number): TransactionRequest {
  return { runId: run.id, key: task.key, attempt, isolation: spec.transaction?.isolation };
}

function outcomeOf(completion: Completion): unknown {
  // Both texts were written here.
  if ("error" in completion) throw fromErrorRecord(JSON.parse(completion.error) as ErrorRecord);
  const payload = JSON.parse(completion.result) as Payload | null; // as above
  return decodeValue(payload ?? undefined);
}

/** Asks until there is an answer: whatever happened, it must not be guessed. */
async function insist<T>(spec: TaskSpec, frame: TaskFrame, { clock, ids }: Host, wanted: () => boolean,
  ask: () => Promise<T>): Promise<T | undefined> {
  for (let failures = 1; wanted(); failures++) {
    try { return await ask() } catch (error) {
      const why = error instanceof Error ? error : new Error(String(error));
      if (failures % TELL_EVERY === 1) frame.log("warn", `whether transaction '${spec.name}' has committed is not ` +
        `known until its database answers: ${why.message}`);
      const ms = delayBefore(AGAIN, failures, why, () => ids.random());
      await new Promise<void>((resolve) => { clock.after(ms, resolve) });
    }
  }
  return undefined;
}
