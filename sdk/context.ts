/** Where am I? `context()`, `taskContext()`, `logger()`, `record()`. */
import { currentFrame, decodeValue, encodeRecorded, RepriseError, type LogLevel, type RunInfo }
  from "../engine/index.ts";
import { notInRun, workflowFrame } from "./frame.ts";

export type { RunInfo };
export interface WorkflowContext { readonly in: "workflow"; readonly run: RunInfo; readonly abortSignal: AbortSignal }
export interface TaskContext {
  readonly in: "task";
  readonly run: RunInfo;
  readonly task: { readonly name: string; readonly key: string };
  /** From 1. */
  readonly attempt: number;
  /** `runId/key`: the same over all attempts, fit for a payment provider's header. */
  readonly idempotencyKey: string;
  /** Fires on timeout, cancel and drain. */
  readonly abortSignal: AbortSignal;
  /** Says that the attempt is alive; the last details are kept for the next attempt. @throws UNSERIALIZABLE */
  heartbeat(details?: unknown): void;
  /** What the attempts before this one said last. */
  lastHeartbeat<T>(): T | undefined;
}

/** The running code's context, a union on `in`. @throws NOT_IN_RUN */
export function context(): WorkflowContext | TaskContext {
  const frame = currentFrame();
  if (frame === undefined) throw notInRun("context()");
  if (frame.in === "workflow") return { in: "workflow", run: frame.execution.run,
    abortSignal: frame.execution.abort.signal };
  const { run, task, attempt, abortSignal } = frame;
  return { in: "task", run, task, attempt, abortSignal,
    get idempotencyKey() { return frame.idempotencyKey }, // read when asked for: `reprise torture` notes who asks
    heartbeat: (details) => frame.heartbeat(encodeRecorded(details, `heartbeat of ${task.name}`)),
    // What the same task said in an earlier attempt.
    lastHeartbeat: <T>() => decodeValue(frame.lastHeartbeat) as T | undefined };
}

/** The context of a task, without narrowing. @throws NOT_IN_TASK */
export function taskContext(): TaskContext {
  const found = currentFrame() === undefined ? undefined : context();
  if (found?.in === "task") return found;
  throw new RepriseError("NOT_IN_TASK", "taskContext() was called outside a task",
    "Call it inside a function given to task().");
}

export interface Logger {
  debug(text: string, data?: object): void;
  info(text: string, data?: object): void;
  warn(text: string, data?: object): void;
  error(text: string, data?: object): void;
  critical(text: string, data?: object): void;
}

/** Writes lines that stay with the run, pinned to event and task. @throws NOT_IN_RUN */
export function logger(): Logger {
  const frame = currentFrame();
  if (frame === undefined) throw notInRun("logger()");
  const write = (level: LogLevel) => (text: string, data?: object): void => {
    if (frame.in === "workflow") frame.execution.log(level, text, data);
    else frame.log(level, text, data);
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error"),
    critical: write("critical") };
}

/** A synchronous value from outside (an environment variable, a module's state), recorded once. @throws
 *  UNSERIALIZABLE */
export function record<T>(name: string, value: () => T): T {
  const { execution } = workflowFrame(`record('${name}')`);
  // What was recorded is what `value` returned, in this life of the run or an earlier one.
  return execution.record(name, value) as T;
}
