/** Durable time: `sleep` and `withTimeout`. */
import { currentFrame, inFrame, originals, RepriseError, Scope, TimedOut, toMs,
  type Duration } from "../engine/index.ts";
import { workflowFrame, notInRun } from "./task.ts";

/**
 * Waits. In a workflow the instant is recorded, so the wait survives restarts and costs nothing meanwhile; in a task it
 * is an ordinary timer that the abort signal ends. @throws NOT_IN_RUN, INVALID_DURATION
 */
export function sleep(until: Duration | Date): Promise<void> {
  const frame = currentFrame();
  if (frame === undefined) return Promise.reject(notInRun("sleep()"));
  try {
    const due = until instanceof Date ? checkedDate(until) : toMs(until, "sleep()");
    if (frame.in === "task") return plainSleep(due, frame.abortSignal);
    return frame.execution.startTimer(frame.scope, due, "sleep", "sleep", sleep).promise;
  } catch (error) { return Promise.reject(error) }
}

/**
 * Gives `fn` a time limit. When it passes first, the durable calls made inside `fn` are cancelled.
 * @throws TimedOut; whatever `fn` throws
 */
export async function withTimeout<T>(limit: Duration, fn: () => Promise<T>): Promise<T> {
  const { execution, scope: parent } = workflowFrame("withTimeout()");
  const limitMs = toMs(limit, "withTimeout()");
  const scope = new Scope(parent);
  const timer = execution.startTimer(parent, limitMs, "timeout", "timeout", withTimeout);
  const expired = timer.promise.then(() => {
    const error = new TimedOut("the scope of withTimeout()", limitMs);
    execution.cancelScope(scope, error);
    throw error;
  });
  expired.catch(() => undefined);
  try {
    const made = inFrame({ in: "workflow", execution, scope }, fn);
    made.catch(() => undefined);
    return await Promise.race([made, expired]);
  } finally { timer.cancel() }
}

function checkedDate(date: Date): Date {
  if (Number.isFinite(date.getTime())) return date;
  throw new RepriseError("INVALID_DURATION", "sleep() was given an invalid Date",
    "Give a duration such as \"10s\", or a valid Date.");
}

function plainSleep(due: number | Date, signal: AbortSignal): Promise<void> {
  const ms = due instanceof Date ? due.getTime() - originals.now() : due;
  return new Promise((resolve, reject) => {
    const timer = originals.setTimeout(resolve, Math.max(0, ms));
    signal.addEventListener("abort", () => { originals.clearTimeout(timer); reject(signal.reason) }, { once: true });
  });
}
