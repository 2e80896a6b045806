/**
 * What the engine needs from a database, and nothing else (design 3.4). Arguments and answers are plain data, so that
 * the port can be served over a socket. Four adapters keep one contract suite: memory, PGlite, PostgreSQL, remote.
 *
 * Errors: an adapter throws StoreError. `outcome: "none"` means certainly not committed; `"unknown"` means the
 * connection died and the statement may or may not have run: settle with `standing` before going on.
 * Instants are milliseconds since 1970 on the database's clock.
 */

import { RepriseError } from "../core/errors.ts";
import type { Execute, OpenTransaction } from "../core/transaction.ts";

export type TerminalState = "completed" | "failed" | "cancelled" | "crashed";
export type RunState =
  | "scheduled" | "pending" | "running" | "waiting" | "paused" | "cancelling" | "parked" | TerminalState;
export const TERMINAL_STATES: readonly RunState[] = ["completed", "failed", "cancelled", "crashed"];
/** Kinds of mail that reach a run which is parked, paused or due later. */
export const CONTROL_MAIL: readonly string[] = ["cancel", "pause", "resume"];

/** One append of one run: `count` events from `firstSeq` on, as the text of a JSON array. */
export interface HistoryRow {
  readonly runId: string;
  readonly firstSeq: number;
  readonly count: number;
  /** A UUID made by the writer, the same on every resend of this append. */
  readonly appendId: string;
  readonly epoch: number;
  readonly events: string;
}
/** A row on its way: it lands only if the row at `previousSeq` is of my epoch and ends where this one begins. */
export interface AppendRow extends HistoryRow {
  /** first_seq of the row before, which must be the writer's own (or its RunClaimed / RunStarted). */
  readonly previousSeq: number;
  /** The append is refused until the database's clock has reached this instant (timers never fire early). */
  readonly notBefore?: number;
}
/** What an append changes in the run's row. At most one per run and call, only together with its AppendRow. */
export interface Change {
  readonly runId: string;
  readonly state?: RunState;
  /** Give the run up: the events end in RunReleased, RunParked or a terminal event. */
  readonly release?: boolean;
  /** With release: when a worker must look again; absent = only when mail comes. */
  readonly wakeAt?: number;
  /** Mail consumed up to this n. */
  readonly mailRead?: number;
  /** Deaths without progress; set to 0 at the first delivery after a claim. */
  readonly crashes?: number;
  /** Error code: park the run. `null` unparks. */
  readonly parked?: string | null;
  /** A code version that may not claim the run again. */
  readonly excludeVersion?: string;
}
export interface NewRun {
  readonly runId: string;
  readonly workflow: string;
  readonly name: string;
  /** The user's id, unique per workflow. */
  readonly idempotencyKey?: string;
  /** entry file + workflow + input hash + #n: how a script finds the run that it left. */
  readonly scriptKey?: string;
  readonly file?: string;
  readonly pool: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly codeVersion: string;
  readonly parentId?: string;
  readonly rootId?: string;
  /** Present: created and claimed in the same commit (events = RunStarted + RunClaimed, epoch 1). */
  readonly worker?: string;
  /** Without worker: when it may be claimed; absent = at once. */
  readonly readyAt?: number;
  readonly appendId: string;
  readonly count: number;
  readonly events: string;
  /** Runs that share the key take turns, at most `slotMax` at once; `skipIfFull`: none is made when all turns are
   *  taken. */
  readonly slotKey?: string;
  readonly slotMax?: number;
  readonly skipIfFull?: boolean;
  /** Frees the idempotency key of the run that holds it now, in the same commit (`ifExists: "replace"`). */
  readonly replace?: boolean;
  /** The run that this one tries again; only one may. */
  readonly retryOf?: string;
}
/** `mine`: this very append had landed before (a resend). `exists`: `runId` says which run holds the id, or tries the
 *  same one again. `full`: which run has had its turn for longest. */
export interface CreateAnswer { readonly result: "created" | "mine" | "exists" | "full"; readonly runId: string }

export interface ClaimRequest {
  readonly worker: string;
  readonly pools: readonly string[];
  readonly codeVersion: string;
  readonly limit: number;
  readonly claimId: string;
  /** Only workflows that this process has loaded. Absent = any. */
  readonly workflows?: readonly string[];
  /** Only these runs, or runs whose root is one of these. Absent = any. */
  readonly runs?: readonly string[];
  /** Named runs are claimed though nothing is due yet, parked ones too: a person resumes them. */
  readonly evenIfNotReady?: boolean;
}
/** A row comes back only if its RunClaimed is in the log, at seq `head`. */
export interface Claimed {
  readonly runId: string; readonly workflow: string; readonly epoch: number; readonly head: number;
  readonly mailHead: number; readonly crashes: number;
}
export interface Mail {
  readonly runId: string; readonly n: number; readonly dedupe: string; readonly kind: string;
  /** JSON text, or null. */
  readonly payload: string | null;
}
export interface Post {
  readonly runId: string;
  /** Mail with the same key for the same run is accepted once. */
  readonly dedupe: string;
  readonly kind: string;
  readonly payload: string | null;
  /** Also wakes a run that is paused or parked. */
  readonly control?: boolean;
}
/** Mail that leaves with an append: posted only if the row of run `from` lands, and to the last link of a chain.
 *  `runId` may be an own id (`idempotencyKey`) that one run has. */
export interface SentMail extends Post { readonly from: string }
/** A run that is made with an append: only if the row of run `from` lands. */
export interface SentRun { readonly from: string; readonly create: NewRun }
/** Mail that run `from` has not read goes on to another run, if the row of `from` lands. */
export interface MovedMail { readonly from: string; readonly moveTo: string }
/** What leaves with an append, carried out in this order. */
export type Sent = SentMail | SentRun | MovedMail;
export type PostAnswer = "ok" | "duplicate" | "finished" | "no_run";

/** The runs row: a projection of history up to `asOf`, and the claim's index. */
export interface RunRow {
  readonly runId: string; readonly workflow: string; readonly name: string; readonly state: RunState;
  readonly asOf: number; readonly epoch: number; readonly owner: string | null; readonly ownerAlive: boolean;
  readonly crashes: number; readonly readyAt: number | null; readonly parked: string | null;
  readonly slotKey: string | null; readonly slotMax: number | null;
  /** It has its turn; false while it waits for those that share its key. */
  readonly slotHeld: boolean;
  readonly mailHead: number; readonly mailRead: number; readonly pool: string; readonly priority: number;
  readonly tags: readonly string[]; readonly codeVersion: string; readonly file: string | null;
  readonly idempotencyKey: string | null; readonly scriptKey: string | null;
  readonly parentId: string | null; readonly rootId: string | null;
  /** The run that tries this one again: by its workflow's retries, or by hand. */
  readonly retriedAs: string | null;
  readonly createdAt: number; readonly startedAt: number | null; readonly endedAt: number | null;
}
export interface RunFilter {
  readonly states?: readonly RunState[];
  readonly workflow?: string;
  readonly tag?: string;
  /** Exactly this run name. */
  readonly name?: string;
  readonly idempotencyKey?: string;
  readonly scriptKey?: string;
  readonly idPrefix?: string;
  readonly parked?: boolean;
  /** Keyset: only runs older than this id (newest first). */
  readonly before?: string;
  /** At most 1000; default 100. */
  readonly limit?: number;
}
/** Runs in an order of one's own: `longest` looks at the 20,000 newest that meet the filters. */
export interface RunSearch extends Pick<RunFilter, "states" | "workflow" | "tag" | "parked" | "before" | "limit"> {
  /** The worker that holds them. */
  readonly owner?: string;
  readonly codeVersion?: string;
  /** They took so long at least, until now if they have not ended. */
  readonly tookMs?: number;
  /** Only runs newer than this id. */
  readonly after?: string;
  /** Default newest. */
  readonly order?: "newest" | "oldest" | "longest";
}
/** How many runs are in a state. A parked run keeps the state that it had, and is counted apart. */
export interface RunCount { readonly state: RunState; readonly parked: boolean; readonly count: number }
/** An attempt that wants a slot of a limit. */
export interface SlotRequest {
  readonly limit: string;
  /** What its code says; the last to ask counts. */
  readonly max: number;
  readonly runId: string;
  /** Of the call, such as `task:charge#0`. */
  readonly key: string;
  readonly worker: string;
  /** Of the run: higher goes first. */
  readonly priority: number;
}
/** A slot that is held (since `at`) or wanted (since `at`). */
export interface SlotInfo {
  readonly limit: string; readonly max: number; readonly runId: string; readonly key: string; readonly worker: string;
  readonly granted: boolean; readonly at: number;
}
/** A limit: `max` slots, or `max` in `perMs` milliseconds. */
export interface LimitInfo {
  readonly name: string; readonly max: number; readonly perMs: number | undefined; readonly nextAt: number | undefined;
  readonly held: number; readonly waiting: number;
}
/** Runs that share a slot key; `max` as the newest of them says. */
export interface TurnKey {
  readonly slotKey: string; readonly workflow: string; readonly max: number; readonly held: number;
  readonly waiting: number;
}
export interface LogLine {
  readonly runId: string;
  /** The event that the line follows; the order within one seq is the order of writing. */
  readonly seq: number;
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error" | "critical";
  readonly message: string;
  /** Key of the task that wrote it, if one did. */
  readonly key?: string;
  readonly attempt?: number;
  /** JSON text. */
  readonly data?: string;
}
/** How many lines of a run are warnings, and how many are errors or worse. */
export interface LogCount { readonly runId: string; readonly warnings: number; readonly errors: number }
export interface SourceVersion {
  readonly codeVersion: string;
  /** path relative to the package root -> hash of its content. */
  readonly files: { readonly [path: string]: string };
}
export interface WorkerInfo {
  readonly worker: string; readonly leaseUntil: number; readonly alive: boolean;
  readonly pools: readonly string[]; readonly info: { readonly [key: string]: string | number };
}
/** Whose result a cache entry is or will be: a task, the key of its policy, and the call that makes it. */
export interface CachePlace {
  /** `file#name`. */
  readonly task: string;
  readonly key: string;
  readonly runId: string;
  /** Key of the call inside its run. */
  readonly call: string;
}
/** `mine`: execute it; with `single` nobody else will meanwhile. `busy`: that call is making it now. */
export type CacheAnswer =
  | { readonly state: "hit"; readonly runId: string; readonly call: string; readonly at: number;
      /** The payload as JSON; null = undefined. */
      readonly result: string | null }
  | { readonly state: "mine" }
  | { readonly state: "busy"; readonly runId: string; readonly call: string };
export interface CacheEntry {
  readonly task: string; readonly key: string; readonly runId: string; readonly call: string;
  /** Length of the result's text. */
  readonly size: number;
  readonly createdAt: number; readonly expiresAt: number | null; readonly expired: boolean;
}
/** A lease that is renewed while the process's loop is blocked; `beat` says that it moves. */
export interface LeaseGuard { beat(): void; stop(): Promise<void> }
export interface StoreSize {
  readonly bytes: number;
  /** Rows are the database's estimate where it has one, and counted where not. */
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[];
}

export interface Store {
  readonly kind: "memory" | "pglite" | "postgres" | "remote";
  /** Where the data is, without a password: a directory, `memory:`, or host and database. */
  readonly location: string;

  create(run: NewRun): Promise<CreateAnswer>;
  /** Creates a run, for others to claim, inside a transaction that somebody else commits or not. undefined where no
   *  other client can have one. @throws what `execute` throws, INVALID_OPTION */
  readonly createWithin: ((run: NewRun, execute: Execute) => Promise<CreateAnswer>) | undefined;
  /** Rows of many runs in one commit, at most one per run. Returns the run ids whose row landed; the rest were
   *  refused. */
  append(rows: readonly AppendRow[], changes: readonly Change[], sent: readonly Sent[]): Promise<readonly string[]>;
  /** Who stands at these places? Asked after a refusal or an unknown outcome; nothing comes back for an empty place. */
  standing(places: readonly { readonly runId: string; readonly firstSeq: number }[]):
    Promise<readonly { readonly runId: string; readonly firstSeq: number; readonly appendId: string }[]>;
  /** Rows of one run in order, from the row that holds `fromSeq` (1 = all), at most `limit` of them. */
  read(runId: string, fromSeq: number, limit?: number): Promise<readonly HistoryRow[]>;

  claim(request: ClaimRequest): Promise<readonly Claimed[]>;
  /** What the database believes this worker holds. */
  owned(worker: string): Promise<readonly { readonly runId: string; readonly epoch: number }[]>;
  /** My runs that I must look at: ready_at has come (mail, a timer of a hot run). Clears ready_at of those returned. */
  due(worker: string): Promise<readonly { readonly runId: string; readonly mailHead: number }[]>;
  post(mail: Post): Promise<PostAnswer>;
  /** Mail of one run with n > after, in order. */
  mail(runId: string, after: number): Promise<readonly Mail[]>;

  register(worker: string, ttlMs: number, pools: readonly string[],
    info: { readonly [key: string]: string | number }): Promise<void>;
  /** false = the lease has lapsed and can never be renewed. Answers the database's clock too. */
  heartbeat(worker: string, ttlMs: number): Promise<{ readonly alive: boolean; readonly now: number }>;
  /** Renews the lease from a thread of its own, too, while this process's loop is blocked. `beat` says that it is not.
   *  undefined where nobody else can take a run. */
  guardLease(worker: string, ttlMs: number): LeaseGuard | undefined;
  /** Ends a lease at once: the worker goes. */
  retire(worker: string): Promise<void>;
  workers(): Promise<readonly WorkerInfo[]>;
  /** Every run whose owner has no live lease becomes ready (crashes + 1, backoff) or parked QUARANTINED at
   *  maxCrashes. Now and then it deletes what nobody needs: cache entries a day after they expired, completions of
   *  transactional tasks a day after their run has ended. */
  sweep(maxCrashes: number, limit: number, sweepId: string):
    Promise<readonly { readonly runId: string; readonly state: RunState }[]>;
  /** For the new holder of an embedded directory: no worker lives but those of other processes that the holder before
   *  had served (`info.through` is "socket"); ends all other leases and frees the runs that nobody has, uncounted. */
  recover(sweepId: string): Promise<number>;

  /** Queues for a slot: first come, first served, higher priority first. Asked again it keeps what it has. True: held.
   *  A slot goes with its worker's lease. */
  takeSlot(request: SlotRequest): Promise<boolean>;
  /** Gives back, or stops wanting, all slots of a call; the next in line gets them. */
  freeSlots(runId: string, key: string): Promise<void>;
  /** The slots that a worker holds. */
  grantedSlots(worker: string): Promise<readonly { readonly limit: string; readonly runId: string;
    readonly key: string }[]>;
  /** Holders, then those in line, of one limit or of all. */
  slots(limit?: string): Promise<readonly SlotInfo[]>;
  limits(): Promise<readonly LimitInfo[]>;
  /** The instant from which one more may begin, of at most `max` in `perMs`; each call takes one. */
  reserveRate(limit: string, max: number, perMs: number): Promise<number>;

  run(runId: string): Promise<RunRow | undefined>;
  listRuns(filter: RunFilter): Promise<readonly RunRow[]>;
  findRuns(search: RunSearch): Promise<readonly RunRow[]>;
  /** Runs that share a slot key and have not ended: those that have their turn, then those in line; at most 1000. */
  turns(slotKey: string): Promise<readonly { readonly runId: string; readonly held: boolean }[]>;
  /** Slot keys of runs that have not ended, by name: how many have their turn, and how many wait for one. */
  turnKeys(): Promise<readonly TurnKey[]>;
  /** All runs, counted; a state that no run is in is left out. */
  countRuns(): Promise<readonly RunCount[]>;

  writeLogs(lines: readonly LogLine[]): Promise<void>;
  /** Of each of these runs that wrote any: lines of level warn, and of level error or critical. */
  countLogs(runIds: readonly string[]): Promise<readonly LogCount[]>;
  readLogs(runId: string, after?: { readonly seq: number; readonly index: number }): Promise<readonly LogLine[]>;
  /** Content-addressed: writing the same hash again only touches it. */
  putPayloads(payloads: readonly { readonly hash: string; readonly text: string }[]): Promise<void>;
  getPayloads(hashes: readonly string[]): Promise<readonly { readonly hash: string; readonly text: string }[]>;
  putSources(version: SourceVersion, files: readonly { readonly hash: string; readonly text: string }[]): Promise<void>;
  getSources(codeVersion: string): Promise<{ readonly [path: string]: string } | undefined>;

  /** A transaction for a task's own writes, in this database; undefined where there is none to be had. No statement of
   *  the engine waits for one on a server; an embedded database has one connection, which it takes for its time. */
  readonly openTransaction: OpenTransaction | undefined;
  /** The entry of a key, or leave to make it. With `single` at most one call at a time is told `mine`: until it puts or
   *  frees, or its run is no longer owned, in this epoch, by a worker with a live lease. */
  cacheTake(place: CachePlace & { readonly epoch: number; readonly single: boolean }): Promise<CacheAnswer>;
  /** Keeps a result (JSON of its payload, null = undefined) and ends the flight. */
  cachePut(entry: CachePlace & { readonly result: string | null; readonly ttlMs?: number }): Promise<void>;
  /** Ends the flight of a call that made no entry. */
  cacheFree(place: CachePlace & { readonly epoch: number }): Promise<void>;
  /** Newest first. `task`: `file#name`, or the name alone; at most 1000, default 100. */
  cacheList(filter: { readonly task?: string; readonly limit?: number }): Promise<readonly CacheEntry[]>;
  /** Deletes entries; how many there were. */
  cacheRemove(filter: { readonly task?: string; readonly key?: string; readonly expired?: boolean }): Promise<number>;

  /** Calls back when another process may have made work or mail: a hint, never the truth. Returns the unsubscriber. */
  listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>>;
  now(): Promise<number>;
  size(): Promise<StoreSize>;
  /** Recomputes nothing itself: pages through all runs for `reprise db verify`. Deletes everything: `reset`. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** The next step for each failure of a database. */
const HINTS: { readonly [code: string]: string } = {
  STORE_LOCKED: "Wait for that process or end it; to work beside it, let it serve the directory " +
  "(reprise server start), or set REPRISE_DATABASE_URL to postgres://...",
  STORE_UNAVAILABLE: "Check that the server runs and that the address is right: reprise doctor",
  STORE_PROTOCOL: "Start the process that serves the directory again, with this one's version: reprise server status",
  STORE_OPEN_FAILED: "Check the path: reprise config view",
  STORE_READ_ONLY: "Give the process the right to write there, or set REPRISE_DATABASE_URL to another directory.",
  DISK_FULL: "Make room, then run the same command again: what was acknowledged is kept.",
  SCHEMA_NEWER: "Upgrade this process to the version that made the tables.",
  MIGRATION_CHANGED: "Use the version that made the database, or begin with a new one.",
};

/** A failure of the database. `sqlState` is what PostgreSQL said; `outcome` whether the call may have taken effect. */
export class StoreError extends RepriseError {
  readonly outcome: "none" | "unknown";
  readonly sqlState: string | undefined;
  constructor(code: string, message: string, outcome: "none" | "unknown", sqlState?: string, cause?: unknown) {
    super(code, message, HINTS[code] ?? "See what the database said, above.", cause === undefined ? undefined
      : { cause });
    this.name = "StoreError";
    this.outcome = outcome;
    this.sqlState = sqlState;
  }
}
