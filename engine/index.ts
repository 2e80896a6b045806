/** Composition root of the engine: chooses the store, opens it, starts and stops the loops in order. */
import { RepriseError } from "./core/errors.ts";
import { openDirectory } from "./directory.ts";
import type { WorkflowSpec } from "./core/policy.ts";
import type { OpenTransaction } from "./core/transaction.ts";
import { realClock, type Clock } from "./runtime/clock.ts";
import { thisMachine } from "./runtime/neighbours.ts";
import { RunEngine, type EngineParts } from "./runtime/engine.ts";
import { realIds, type Ids } from "./runtime/ids.ts";
import type { Observer } from "./runtime/worker.ts";
import type { Store } from "./store/port.ts";
import { patchGlobals } from "./replay/globals.ts";

export { causedBy, messageOf, wholeMessage } from "./core/causes.ts";
export { Cancelled, NonRetryable, RepriseError, RunError, TaskError, TimedOut } from "./core/errors.ts";
export { exponential, RetryAfter, type Backoff, type RetryDelay } from "./core/retry.ts";
export { formatMs, toMs, type Duration } from "./core/duration.ts";
export { isDecision, isDelivery, isTerminal, type ClosePolicy, type ErrorRecord, type Event, type Payload, type Shown }
  from "./core/events.ts";
export { asError, isA, saidBy } from "./core/thrown.ts";
export { openFold, type RunView } from "./core/fold.ts";
export type { WaitView } from "./core/view.ts";
export { renderTemplate, taskRunName } from "./core/names.ts";
export { Identity } from "./core/policy.ts";
export { callInPool } from "./replay/pooled.ts";
export type { CachePart, CachePolicy, LimitSpec, RunInfo, TaskPolicy, TaskSpec, TransactionSpec, WorkflowSpec }
  from "./core/policy.ts";
export type { Job, JobEnd, Place, Runner } from "./core/runner.ts";
export type { Execute, Isolation, OpenTransaction, Transaction } from "./core/transaction.ts";
export { contentHash, inputHash } from "./codec/hash.ts";
export { checkHistory } from "./codec/rows.ts";
export { encodeRecorded } from "./codec/limits.ts";
export { decodeValue } from "./codec/value.ts";
export { fromErrorRecord, toErrorRecord } from "./codec/error-record.ts";
export { currentFrame, inFrame, outsideFrames, type Frame, type LogLevel, type TaskClock, type TaskFrame,
  type WorkflowFrame }
  from "./replay/identity.ts";
export { Scope } from "./replay/scope.ts";
export { stopAtMoments, type Moment } from "./replay/moment.ts";
export { callSite, codeFrame, frameOfLine, isUsersScript, pathOf, siteAt, siteParts,
  usersStack } from "./replay/site.ts";
export { originals } from "./replay/globals.ts";
export { seededRandom } from "./replay/random.ts";
export { RunEngine, type ForkedRun, type StartRequest } from "./runtime/engine.ts";
export type { ForkEdits, ForkPlan } from "./runtime/fork.ts";
export { Operator, undeclared } from "./runtime/operator.ts";
export { dryRun } from "./runtime/dry-run.ts";
export { rehearse, type Rehearsal } from "./runtime/rehearse.ts";
export { CodeCheck, CodeComparer, groupDifferences, loadFailure, OPEN_STATES, type CodeLines,
  type Comparison, type Difference, type DifferenceGroup, type DifferenceSide, type Standing,
  type Verdict } from "./runtime/check.ts";
export { guardRejections } from "./runtime/rejections.ts";
export { realClock, stayAlive, type Clock } from "./runtime/clock.ts";
export { realIds, type Ids } from "./runtime/ids.ts";
export type { Observer } from "./runtime/worker.ts";
export { describeHolder, holderOf, type Holder } from "./directory.ts";
export { TERMINAL_STATES, StoreError, type CacheEntry, type LimitInfo, type LogCount, type LogLine, type RunCount,
  type RunFilter, type RunRow, type RunSearch, type RunState, type SlotInfo, type Store, type TerminalState }
  from "./store/port.ts";
export { withFaults, type Fault } from "./store/faults.ts";

patchGlobals();

/** Where and how to open an engine. */
export interface OpenOptions {
  /** `postgres://...`, `memory:`, or a directory for the embedded database. */
  readonly database: string;
  readonly workflow: (name: string) => WorkflowSpec | undefined;
  readonly workflows: () => readonly string[];
  readonly observer: Observer;
  /** What the worker is called where workers are shown. */
  readonly name?: string;
  /** "all" works for its pools, "own" only on what it started or resumed, "none" only starts and asks. */
  readonly claims: EngineParts["claims"];
  readonly pools?: readonly string[];
  /** Runs held at once by a worker that claims; default 100. */
  readonly concurrency?: number;
  readonly durability?: "process" | "power";
  /** An embedded directory is served to the other processes of this user while it is open here, and to whoever comes
   *  when this process has taken it over. Without effect on a database that serves others by itself. */
  readonly serve?: boolean;
  /** How long this process is believed alive after its last sign of life, in milliseconds; default 15,000. */
  readonly leaseMs?: number;
  /** How long a run that waits stays in this process before it is given back, in milliseconds; default 10,000. */
  readonly idleMs?: number;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** A store that is open already, for tests and for serving one. */
  readonly store?: Store;
}

/** Opens the database, makes its tables if they are not there, and starts the worker's loops. */
export async function openRunEngine(options: OpenOptions): Promise<RunEngine> {
  const store = options.store ?? await openStore(options.database, options);
  const engine = new RunEngine({
    store, clock: options.clock ?? realClock, ids: options.ids ?? realIds(), observer: options.observer,
    workflow: options.workflow, workflows: options.workflows, pools: options.pools ?? ["default"],
    concurrency: options.concurrency ?? 100, claims: options.claims,
    ...(options.leaseMs !== undefined && { leaseMs: options.leaseMs }),
    ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
    info: { pid: process.pid, machine: thisMachine(), node: process.version,
      ...(options.name !== undefined && { name: options.name }) },
  });
  try { await engine.open() } catch (error) { await store.close(); throw error }
  return engine;
}

/** Transactions in a PostgreSQL database other than the engine's; its table of completions is made at the first. */
export function transactionsIn(database: string): OpenTransaction {
  let opened: Promise<OpenTransaction> | undefined;
  return async (request) => {
    opened ??= import("./store/postgres.ts").then(({ openTransactions }) => openTransactions(database));
    return (await opened)(request);
  };
}

/** Opens a store by its address; a directory that another process serves is opened through that process.
 *  Adapters are loaded only when they are chosen: PGlite is large. `now`: the clock of a store in memory. */
export async function openStore(database: string,
  options: Pick<OpenOptions, "durability" | "serve"> & { readonly now?: () => number } = {}): Promise<Store> {
  if (database === "") {
    throw new RepriseError("INVALID_DATABASE", "the database address is empty",
      "Set REPRISE_DATABASE_URL to postgres://..., to a directory, or to memory:");
  }
  if (/^postgres(ql)?:\/\//.test(database)) return (await import("./store/postgres.ts")).openPostgresStore(database);
  if (database === "memory:") return (await import("./store/memory.ts")).openMemoryStore(options);
  if (/^[a-z]{2,}:/i.test(database)) {
    throw new RepriseError("INVALID_DATABASE", `no store opens '${database.replace(/\/\/[^@/]*@/, "//***@")}'`,
      "Use postgres://..., a directory, or memory:");
  }
  return openDirectory(database, options);
}
