/** Whose code is this? AsyncLocalStorage carries the answer through every await of user code. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Payload, Shown } from "../core/events.ts";
import type { RunInfo } from "../core/policy.ts";
import type { Execution } from "./execution.ts";
import type { Scope } from "./scope.ts";

/** Code of a workflow: it may decide, while its turn is open. */
export interface WorkflowFrame {
  readonly in: "workflow";
  readonly execution: Execution;
  readonly scope: Scope;
}
/** What a task may ask of a clock; `after` gives what cancels. */
export interface TaskClock { now(): number; after(ms: number, fn: () => void): () => void }
/** Code of one attempt of a task: ordinary code with a context. */
export interface TaskFrame {
  readonly in: "task";
  readonly run: RunInfo;
  readonly task: { readonly name: string; readonly key: string };
  /** From 1. */
  readonly attempt: number;
  /** `runId/key`: the same for every attempt. */
  readonly idempotencyKey: string;
  readonly abortSignal: AbortSignal;
  /** The engine's: what its code waits for in here. */
  readonly clock: TaskClock;
  log(level: LogLevel, text: string, data?: object): void;
  /** What the attempts before said last. */
  readonly lastHeartbeat: Payload | undefined;
  /** Says that the attempt is alive, and what the next one is to know. */
  heartbeat(details: Payload | undefined): void;
  /** Shows something to whoever looks at the run. */
  show(shown: Omit<Shown, "value">, value: Payload | undefined): void;
  readonly captureConsole: boolean;
  /** Runs started inside this attempt so far: they get deterministic default ids. */
  startedRuns: number;
  /** Its function holds a transaction, in which the engine has no part. */
  inTransaction: boolean;
}
export type Frame = WorkflowFrame | TaskFrame;
export type LogLevel = "debug" | "info" | "warn" | "error" | "critical";

const storage = new AsyncLocalStorage<Frame | undefined>();

/** The frame of the running code, or undefined outside runs. */
export function currentFrame(): Frame | undefined { return storage.getStore() }
/** Runs `fn` as code of `frame`. */
export function inFrame<T>(frame: Frame, fn: () => T): T { return storage.run(frame, fn) }
/** Runs `fn` as nobody's code: what the engine itself starts must not inherit a run. (`exit()` of the storage would
 *  switch the hooks of the whole process off and on again.) */
export function outsideFrames<T>(fn: () => T): T { return storage.run(undefined, fn) }
