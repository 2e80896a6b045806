/** What a durable call is made of: the calls that are open, the decisions on their way, and who carries them. */
import type { ClosePolicy, Decision, Draft, ErrorRecord, Event, Payload, WaitKind } from "../core/events.ts";
import type { RepriseError } from "../core/errors.ts";
import type { RunInfo, TaskSpec, WorkflowSpec } from "../core/policy.ts";
import type { Divergence } from "./divergence.ts";
import type { LogLevel } from "./identity.ts";
import type { OpenTurn } from "./kernel.ts";
import type { OpenCall, Scope } from "./scope.ts";

/** What replay needs of the rooms that it may not import: values to payloads, errors to records. */
export interface Values {
  encode(value: unknown, path: string): Payload | undefined;
  decode(payload: Payload | undefined): unknown;
  /** Canonical hash of a payload, 16 hex digits. */
  hash(payload: Payload | undefined): string;
  toRecord(error: unknown): ErrorRecord;
  /** The id of the run that call `key` starts, decided at that instant. */
  childId(runId: string, key: string, at: number): string;
}

/** A task call waiting for its end: what the runtime needs to make attempts. */
export interface OpenTask extends OpenCall {
  readonly kind: "task";
  readonly spec: TaskSpec;
  readonly input: Payload | undefined;
}
export interface OpenTimer extends OpenCall { readonly kind: "timer"; readonly dueAt: number }
/** A wait for a signal, a form's answer, or a condition. */
export interface OpenWait extends OpenCall {
  readonly kind: "wait";
  readonly wait: WaitKind;
  readonly name: string;
  /** Checks an answer before it is accepted, and may change it. */
  readonly check?: (value: unknown) => unknown;
  readonly test?: () => boolean;
}
/** A child run that has not ended. */
export interface OpenChild extends OpenCall {
  readonly kind: "child";
  readonly childId: string;
  readonly onClose: ClosePolicy;
  /** The task of which it is one call: its end is the task's. */
  readonly task?: string;
  /** By when its first attempt must begin, in milliseconds since 1970; absent: whenever, or somebody has taken it. */
  beginBy?: { readonly dueAt: number; readonly limitMs: number; readonly what: string } | undefined;
}
export type Open = OpenTask | OpenTimer | OpenWait | OpenChild;
/** A call before it has its scope and its promise. */
export type Unopened = Open extends infer C ? C extends Open ? Omit<C, "scope" | "resolve" | "reject"> : never : never;

/** How a child run is started. */
export interface ChildRequest {
  readonly workflow: string;
  readonly input: unknown;
  readonly onClose: ClosePolicy;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly pool?: string;
  readonly priority?: number;
}

export type DecisionDraft = Draft<Decision>;
/** A decision before the turn's own fields are added. */
export type Undecided = DecisionDraft extends infer D ? D extends DecisionDraft ? Omit<D, "by" | "at" | "site"> : never
  : never;
/** The function whose caller is the line that a decision is ascribed to. */
export type Skip = (...args: never[]) => unknown;

/** Decisions that were not in history yet, in the order of deciding; `diverged` stops the run. */
export interface TurnResult {
  readonly decisions: readonly DecisionDraft[];
  readonly diverged: Divergence | undefined;
  readonly ended: boolean;
}

export interface ExecutionOptions {
  readonly run: RunInfo;
  readonly seed: string;
  readonly workflow: WorkflowSpec;
  readonly values: Values;
  readonly host: ExecutionHost;
  /** Events already in the log; empty for a run that begins. */
  readonly history: readonly Event[];
  /** No difference passes. */
  readonly strict?: boolean;
  /** The history ends within the decisions of one turn: the rest of them may be missing. */
  readonly partial?: boolean;
}

/** Who is told what the code does, besides its decisions. */
export interface ExecutionHost {
  /** Differences that may pass are reported here; without it every difference stops the run. */
  tolerate?(divergence: Divergence): void;
  /** A line written by workflow code, only while it is new. */
  line(seq: number, level: LogLevel, text: string, data?: object): void;
  /** The run cannot go on: it awaited something the engine does not know. Called at most once. */
  fatal(error: RepriseError): void;
  /** The run must be looked at by a person before it goes on. Called at most once. */
  park(error: RepriseError): void;
}

/** What a primitive needs of the run that calls it. */
export interface Caller {
  readonly open: ReadonlyMap<string, Open>;
  readonly values: Values;
  /** seq of the delivery whose turn is open. */
  readonly at: number;
  /** Has the code returned or thrown? */
  readonly ended: boolean;
  /** The open turn. @throws FOREIGN_AWAIT, NOT_READ_ONLY */
  permit(what: string): OpenTurn;
  key(kind: string, name: string, explicit?: string): string;
  decide(decision: Undecided, skip?: Skip): void;
  /** Decides, and gives the promise that the call's delivery settles. */
  begin(scope: Scope, decision: Undecided, call: Unopened, skip?: Skip): Promise<unknown>;
  /** Takes a call off the open ones, to settle it. */
  take(key: string): Open | undefined;
  /** Runs `fn` as code of the run, outside any narrower scope. */
  inRun<T>(fn: () => T): T;
  /** Runs `fn` while durable calls are refused. */
  readOnly<T>(fn: () => T): T;
}
