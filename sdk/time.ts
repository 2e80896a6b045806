/** Durable time: `sleep`, `withTimeout`, and the limits of waits. */
import { currentFrame, inFrame, RepriseError, Scope, TimedOut, toMs, type Duration, type TaskFrame,
  type WorkflowFrame } from "../engine/index.ts";
import { notInRun, workflowFrame } from "./frame.ts";

/**
 * Waits. In a workflow the instant is recorded, so the wait survives restarts and costs nothing meanwhile; in a task it
 * is an ordinary timer that the abort signal ends. @throws NOT_IN_RUN, INVALID_DURATION
 */
export function sleep(until: Duration | Date): Promise<void> {
  const frame = currentFrame();
  if (frame === undefined) return Promise.reject(notInRun("sleep()"));
  try {
    const due = until instanceof Date ? checkedDate(until) : toMs(until, "sleep()");
    if (frame.in === "task") return plainSleep(due, frame);
    return frame.execution.startTimer(frame.scope, due, "sleep", "sleep", sleep).promise;
  } catch (error) { return Promise.reject(error) }
}

/** Runs `fn`; when it takes longer than `limit`, rejects with TimedOut and cancels the calls that are open inside.
 *  @throws TimedOut, NOT_IN_RUN */
export async function withTimeout<T>(limit: Duration, fn: () => Promise<T>): Promise<T> {
  const frame = workflowFrame("withTimeout()");
  return withLimit(frame, { limitMs: toMs(limit, "withTimeout()"), what: "the scope of withTimeout()" },
    (scope) => inFrame({ in: "workflow", execution: frame.execution, scope }, fn));
}

/** How long a wait may take, and what it gives then instead of throwing TimedOut. */
export interface WaitOptions<E> { timeout?: Duration; else?: E }

/** Opens a wait, under a limit if it has one. */
export function waiting<T, E>(frame: WorkflowFrame, options: WaitOptions<E>, what: string,
  open: (scope: Scope, until?: number) => Promise<T>): Promise<T | E> {
  if (options.timeout === undefined) return open(frame.scope);
  const limitMs = toMs(options.timeout, `timeout of ${what}`);
  const instead = "else" in options ? { else: () => options.else as E } : {}; // present, so it is an E
  return withLimit<T | E>(frame, { limitMs, what, ...instead }, open);
}

/** One limit: what it limits, and what comes instead when it has run out. */
interface Limit<T> { readonly limitMs: number; readonly what: string; readonly else?: () => T }

async function withLimit<T>({ execution, scope: parent }: WorkflowFrame, limit: Limit<T>,
  fn: (scope: Scope, until: number) => Promise<T>): Promise<T> {
  const scope = new Scope(parent), error = new TimedOut(limit.what, limit.limitMs);
  const timer = execution.startTimer(parent, limit.limitMs, "timeout", "timeout", withTimeout);
  const expired = timer.promise.then(() => { execution.cancelScope(scope, error); throw error });
  expired.catch(() => undefined);
  try {
    const made = fn(scope, timer.dueAt);
    made.catch(() => undefined);
    return await Promise.race([made, expired]);
  } catch (thrown) {
    if (thrown === error && limit.else !== undefined) return limit.else();
    throw thrown;
  } finally { timer.cancel() }
}

function checkedDate(date: Date): Date {
  if (Number.isFinite(date.getTime())) return date;
  throw new RepriseError("INVALID_DURATION", "sleep() was given an invalid Date",
    "Give a duration such as \"10s\", or a valid Date.");
}

function plainSleep(due: number | Date, { clock, abortSignal }: TaskFrame): Promise<void> {
  const ms = due instanceof Date ? due.getTime() - clock.now() : due;
  return new Promise((resolve, reject) => {
    const stop = clock.after(Math.max(0, ms), resolve);
    abortSignal.addEventListener("abort", () => { stop(); reject(abortSignal.reason) }, { once: true });
  });
}
