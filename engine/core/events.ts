/**
 * Every fact that a run can ever record, one line each: the table of contents of the engine.
 *
 * Three classes (design 2.1). A *delivery* is what the world answered: workflow code sees deliveries, one per turn, in
 * log order. A *decision* is what the code decided during a turn; `by` is the seq of the delivery whose turn decided
 * it. An *observation* happened meanwhile and is never replayed.
 */

/** Anything that JSON text can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * A recorded value. An absent payload is `undefined`.
 * `p` plain JSON as it is; `s` superjson's pair, for what JSON cannot say; `ref` the hash of a large value kept apart.
 */
export type Payload =
  | { readonly p: Json }
  | { readonly s: { readonly json: Json; readonly meta?: Json } }
  | { readonly ref: string; readonly bytes: number };

/** An error as it is kept in history: plain data, browser-safe, causes included. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly data?: Payload;
  readonly cause?: ErrorRecord;
  /** The parts of an AggregateError. */
  readonly errors?: readonly ErrorRecord[];
}

interface Base {
  /** Position in the run's history, from 1, without gaps. */
  readonly seq: number;
  /** Milliseconds since 1970, the database's clock as the worker estimates it; never below the event before. */
  readonly at: number;
}
interface Decided {
  /** The stable name of the call inside its run, for instance `task:charge#0`. */
  readonly key: string;
  /** seq of the delivery whose turn decided this. */
  readonly by: number;
  /** `file:line:column function` in the user's source, where known. */
  readonly site?: string;
}
/** What a run shows while it runs. */
export interface Shown {
  readonly kind: "attribute" | "progress" | "table" | "markdown" | "link" | "image" | "stream";
  readonly name: string;
  readonly value?: Payload;
}
interface FromMail {
  /** Place in the run's mailbox, from 1. */
  readonly n: number;
}

// ---- deliveries ---------------------------------------------------------------------------------------------------
/** The run exists and its code begins. Always seq 1. */
export interface RunStarted extends Base {
  readonly type: "RunStarted";
  readonly workflow: string;
  readonly name: string;
  readonly input?: Payload;
  /** Seeds the deterministic random numbers of the run. */
  readonly seed: string;
  readonly tags?: readonly string[];
  /** Names of the signals that it reads; absent: it may read any. */
  readonly signals?: readonly string[];
  /** The workflow's, as its author gave it. */
  readonly version?: string;
  /** Hash of the workflow's sources that the creator had loaded. */
  readonly codeVersion?: string;
  /** The workflow's file relative to its package root, with forward slashes. */
  readonly file?: string;
  /** Grows when the engine's own replay behaviour changes, so that old histories keep theirs. */
  readonly engineFlags: number;
  /** Where it waits to be claimed, when not in the default pool with priority 0. */
  readonly pool?: string;
  readonly priority?: number;
  /** When its time is over, milliseconds since 1970. */
  readonly deadlineAt?: number;
  /** Which further try of a failed run this is, from 1. */
  readonly retry?: number;
  /** The call of another run that started this one; `root` is the top of the tree. */
  readonly parent?: RunParent;
  /** Which link of a chain of `continueWith` this is; `first` is the run that began it. */
  readonly chain?: { readonly first: string; readonly link: number };
  /** The run is one call of a task, made in a pool for `caller`, the run of `parent`. */
  readonly task?: PooledCall & { readonly caller: CallerIdentity };
}
/** A call of a task that is made by whoever works for a pool. `options`: those given at the call, by name. */
export interface PooledCall {
  readonly name: string; readonly options?: Payload; readonly description?: string;
}
/** Who made such a call: what the task is told of its run. `startedAt`: milliseconds since 1970. */
export interface CallerIdentity {
  readonly name: string; readonly workflow: string; readonly startedAt: number; readonly tags?: readonly string[];
  readonly parentId?: string;
}
/** Who started a child run: the run, its call, and the top of the tree. */
export interface RunParent { readonly id: string; readonly key: string; readonly root: string }
/** A task ended well; its result, which an attempt gave, or the cache. */
export interface TaskCompleted extends Base {
  readonly type: "TaskCompleted"; readonly key: string; readonly result?: Payload;
  /** The last attempt that was made, from 1; 0 = the cache had the result before the first. */
  readonly attempt: number;
  /** The result is one of an earlier call, made at `at`: replay takes it from here, never from the cache. */
  readonly cached?: { readonly run: string; readonly key: string; readonly at: number };
}
/** A task failed for good: no attempt is left, or the error forbids another. */
export interface TaskFailed extends Base {
  readonly type: "TaskFailed"; readonly key: string; readonly attempts: number; readonly error: ErrorRecord;
}
/** A task was given up because its scope or run was cancelled. */
export interface TaskCancelled extends Base {
  readonly type: "TaskCancelled"; readonly key: string; readonly reason?: string;
}
/** A timer reached its instant. */
export interface TimerFired extends Base { readonly type: "TimerFired"; readonly key: string }
/** A signal came: the oldest open wait for its name gets it, else it is kept until somebody reads. */
export interface SignalReceived extends Base, FromMail {
  readonly type: "SignalReceived"; readonly name: string; readonly value?: Payload;
}
/** A form was answered, after its schema had accepted the value. */
export interface WaitAnswered extends Base, FromMail {
  readonly type: "WaitAnswered"; readonly key: string; readonly value?: Payload; readonly who?: string;
}
/** Somebody asked the run to change something and to say what came of it. */
export interface UpdateReceived extends Base, FromMail {
  readonly type: "UpdateReceived"; readonly id: string; readonly name: string; readonly value?: Payload;
}
/** A child run returned. */
export interface ChildCompleted extends Base, FromMail {
  readonly type: "ChildCompleted"; readonly key: string; readonly result?: Payload;
  /** Of a task's call in a pool: its result came from the cache. */
  readonly cached?: boolean;
}
/** A child run failed. */
export interface ChildFailed extends Base, FromMail {
  readonly type: "ChildFailed"; readonly key: string; readonly error: ErrorRecord;
}
/** A child run was cancelled. */
export interface ChildCancelled extends Base, FromMail {
  readonly type: "ChildCancelled"; readonly key: string; readonly reason?: string;
}
/** A person settled an open call with a value of their own. */
export interface ResultInjected extends Base, FromMail {
  readonly type: "ResultInjected"; readonly key: string; readonly value?: Payload; readonly who: string;
  readonly reason: string;
}
/** Somebody asked the run to stop. */
export interface CancelRequested extends Base, FromMail {
  readonly type: "CancelRequested"; readonly reason?: string; readonly graceMs?: number;
}

// ---- decisions ----------------------------------------------------------------------------------------------------
/** The code called a task. `input` is the array of its arguments. */
export interface TaskScheduled extends Base, Decided {
  readonly type: "TaskScheduled";
  readonly name: string;
  /** Canonical hash of the arguments, to notice changed code. */
  readonly inputHash: string;
  readonly input?: Payload;
  readonly retries?: number;
  /** What its author calls this call, its tags, its version, and what it does in words. */
  readonly label?: string; readonly tags?: readonly string[]; readonly version?: string; readonly description?: string;
}
/** The code began to sleep, or opened a timeout (`purpose`). `dueAt` was computed once, from the turn's clock. */
export interface TimerStarted extends Base, Decided {
  readonly type: "TimerStarted"; readonly dueAt: number; readonly purpose?: "sleep" | "timeout";
}
/** A timer is no longer wanted. */
export interface TimerCancelled extends Base, Decided { readonly type: "TimerCancelled" }
/** The code gave a running task up. */
export interface TaskCancelRequested extends Base, Decided {
  readonly type: "TaskCancelRequested"; readonly reason?: string;
}
/** A synchronous value from outside, recorded so that replay sees the same. */
export interface ValueRecorded extends Base, Decided { readonly type: "ValueRecorded"; readonly value?: Payload }
/** The code waits for a message, a person or a condition. `taken`: seq of the kept signal that ended the wait at once.
 *  `schema`: the JSON schema of the answer. */
export interface WaitOpened extends Base, Decided {
  readonly type: "WaitOpened"; readonly kind: WaitKind; readonly name: string; readonly taken?: number;
  /** When it times out, milliseconds since 1970. */
  readonly until?: number;
  readonly description?: string; readonly schema?: Payload;
  /** Of a webhook: whoever shows it may answer, once. */
  readonly token?: string;
}
export type WaitKind = "signal" | "form" | "condition";
/** A wait is over without a message: its condition holds, or it is no longer wanted. */
export interface WaitClosed extends Base, Decided {
  readonly type: "WaitClosed"; readonly met?: boolean; readonly reason?: string;
}
/** The code started a child run, made in the same commit. */
export interface ChildStarted extends Base, Decided {
  readonly type: "ChildStarted"; readonly childId: string; readonly workflow: string; readonly inputHash: string;
  readonly input?: Payload; readonly onClose: ClosePolicy; readonly name?: string; readonly pool?: string;
  readonly priority?: number; readonly tags?: readonly string[];
  /** The child is one call of this task, made in `pool`; its end is the task's. */
  readonly task?: PooledCall;
}
/** What becomes of an open child when its parent ends. */
export type ClosePolicy = "cancel" | "abandon" | "wait";
/** The code gave a child run up: it is asked to stop in the same commit. */
export interface ChildCancelRequested extends Base, Decided {
  readonly type: "ChildCancelRequested"; readonly childId: string; readonly reason?: string;
}
/** The code sent a signal to another run, in the same commit. */
export interface SignalSent extends Base, Decided {
  readonly type: "SignalSent"; readonly to: string; readonly name: string; readonly value?: Payload;
}
/** The reply to an update. */
export interface UpdateCompleted extends Base, Decided {
  readonly type: "UpdateCompleted"; readonly id: string; readonly result?: Payload; readonly error?: ErrorRecord;
}
/** New code took the new way at a `patched(id)`. */
export interface PatchDecided extends Base, Decided { readonly type: "PatchDecided" }
/** Workflow code showed something: an attribute, progress, an artifact, an item of a stream. */
export interface Published extends Base, Decided, Shown { readonly type: "Published" }
/** The run goes on as another link of its chain. The last event. */
export interface RunContinued extends Base, Decided {
  readonly type: "RunContinued"; readonly nextId: string; readonly input?: Payload;
}
/** The workflow returned. The last event. `cached`: of a task's call in a pool, as in ChildCompleted. */
export interface RunCompleted extends Base, Decided {
  readonly type: "RunCompleted"; readonly result?: Payload; readonly cached?: boolean;
}
/** The workflow threw. The last event. `retriedAs`: the run that tries again from the call that failed. */
export interface RunFailed extends Base, Decided {
  readonly type: "RunFailed"; readonly error: ErrorRecord; readonly retriedAs?: string;
}
/** The run ended because it was cancelled. The last event. */
export interface RunCancelled extends Base, Decided { readonly type: "RunCancelled"; readonly reason?: string }

// ---- observations -------------------------------------------------------------------------------------------------
/** A worker became the owner; only it may append from here. */
export interface RunClaimed extends Base {
  readonly type: "RunClaimed"; readonly epoch: number; readonly worker: string; readonly codeVersion?: string;
}
/** The owner gave the run back: it waits, or the worker drains. */
export interface RunReleased extends Base {
  readonly type: "RunReleased"; readonly reason: "waiting" | "drain" | "idle" | "paused";
}
/** The owner's lease lapsed. */
export interface RunLost extends Base { readonly type: "RunLost"; readonly epoch: number; readonly worker?: string }
/** Mail that yields no delivery: a late result, a second cancel. */
export interface MailIgnored extends Base, FromMail {
  readonly type: "MailIgnored"; readonly kind: string; readonly why: string;
}
/** One try of a task began. */
export interface AttemptStarted extends Base {
  readonly type: "AttemptStarted"; readonly key: string; readonly attempt: number;
}
/** A try of a task waits for a limit: for a slot, or until `dueAt`. */
export interface AttemptQueued extends Base {
  readonly type: "AttemptQueued"; readonly key: string; readonly attempt: number; readonly limit: string;
  readonly dueAt?: number;
}
/** One try of a task failed. */
export interface AttemptFailed extends Base {
  readonly type: "AttemptFailed"; readonly key: string; readonly attempt: number; readonly error: ErrorRecord;
}
/** The next try of a task, and when. */
export interface RetryScheduled extends Base {
  readonly type: "RetryScheduled"; readonly key: string; readonly attempt: number; readonly dueAt: number;
}
/** The run is set aside, untouched, until a person or new code decides. `code` is an error code of docs/errors. */
export interface RunParked extends Base {
  readonly type: "RunParked"; readonly code: string; readonly message: string; readonly hint?: string;
  readonly codeVersion?: string; readonly epoch?: number;
}
/** A parked run may be claimed again. */
export interface RunUnparked extends Base { readonly type: "RunUnparked" }
/** A person, or a rule, holds the run: nothing moves until it is resumed. */
export interface RunPaused extends Base, FromMail { readonly type: "RunPaused"; readonly who?: string }
/** A paused run goes on. */
export interface RunUnpaused extends Base { readonly type: "RunUnpaused"; readonly who?: string }
/** Up to the event before, this history is that of run `from`: a fork, or a retry of an ended run. */
export interface RunForked extends Base {
  readonly type: "RunForked"; readonly from: string; readonly seqs: number; readonly why: "fork" | "retry";
  readonly who?: string; readonly edited?: readonly string[];
}
/** Task code showed something. */
export interface Reported extends Base, Shown { readonly type: "Reported"; readonly key: string }
/** An attempt is alive; what it said, for the next one to go on from. At most one a second is recorded. */
export interface Heartbeat extends Base {
  readonly type: "Heartbeat"; readonly key: string; readonly attempt: number; readonly value?: Payload;
}
/** A remark worth keeping: a tolerated difference, a floating rejection, a call left open at the end. */
export interface Noted extends Base {
  readonly type: "Noted"; readonly code: string; readonly message: string; readonly key?: string;
}

export type Delivery =
  | RunStarted | TaskCompleted | TaskFailed | TaskCancelled | TimerFired | CancelRequested | SignalReceived
  | WaitAnswered | UpdateReceived | ChildCompleted | ChildFailed | ChildCancelled | ResultInjected;
export type Terminal = RunCompleted | RunFailed | RunCancelled | RunContinued;
export type Decision =
  | TaskScheduled | TimerStarted | TimerCancelled | TaskCancelRequested | ValueRecorded | WaitOpened | WaitClosed
  | ChildStarted | ChildCancelRequested | SignalSent | UpdateCompleted | PatchDecided | Published | Terminal;
export type Observation =
  | RunClaimed | RunReleased | RunLost | MailIgnored | AttemptQueued | AttemptStarted | AttemptFailed | RetryScheduled
  | RunParked | RunUnparked | RunPaused | RunUnpaused | RunForked | Reported | Heartbeat | Noted;
export type Event = Delivery | Decision | Observation;
export type EventType = Event["type"];
export type EventClass = "delivery" | "decision" | "observation";

/** An event before it has its place: what the runtime hands to the log. */
export type Draft<E extends Event = Event> = E extends Event ? Omit<E, "seq"> : never;

const CLASSES: { readonly [T in EventType]: EventClass } = {
  RunStarted: "delivery", TaskCompleted: "delivery", TaskFailed: "delivery", TaskCancelled: "delivery",
  TimerFired: "delivery", CancelRequested: "delivery", SignalReceived: "delivery", WaitAnswered: "delivery",
  UpdateReceived: "delivery", ChildCompleted: "delivery", ChildFailed: "delivery", ChildCancelled: "delivery",
  ResultInjected: "delivery",
  TaskScheduled: "decision", TimerStarted: "decision", TimerCancelled: "decision", TaskCancelRequested: "decision",
  WaitOpened: "decision", WaitClosed: "decision", ChildStarted: "decision", ChildCancelRequested: "decision",
  SignalSent: "decision", UpdateCompleted: "decision", PatchDecided: "decision", Published: "decision",
  RunContinued: "decision", ValueRecorded: "decision", RunCompleted: "decision", RunFailed: "decision",
    RunCancelled: "decision",
  RunClaimed: "observation", RunReleased: "observation", RunLost: "observation", MailIgnored: "observation",
  AttemptQueued: "observation", AttemptStarted: "observation", AttemptFailed: "observation",
    RetryScheduled: "observation",
  RunParked: "observation", RunUnparked: "observation", RunPaused: "observation", RunUnpaused: "observation",
  RunForked: "observation", Reported: "observation", Heartbeat: "observation", Noted: "observation",
};

/** delivery, decision or observation; `undefined` for a type that this version does not know. */
export function classOf(type: string): EventClass | undefined {
  return Object.hasOwn(CLASSES, type) ? CLASSES[type as EventType] : undefined; // own key: checked just before
}
export function isDelivery(event: Event): event is Delivery { return CLASSES[event.type] === "delivery" }
export function isDecision(event: Event): event is Decision { return CLASSES[event.type] === "decision" }
/** The run that goes on where this event ends one: the next link of its chain, or the next try. */
export function goesOnAs(end: Event | undefined): string | undefined {
  return end?.type === "RunContinued" ? end.nextId : end?.type === "RunFailed" ? end.retriedAs : undefined;
}
/** The four events that end a run; nothing follows them. */
export function isTerminal(event: { readonly type: string }): event is Terminal {
  return event.type === "RunCompleted" || event.type === "RunFailed" || event.type === "RunCancelled"
    || event.type === "RunContinued";
}
