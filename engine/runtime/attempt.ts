/** One attempt of one task: user code in a macrotask of its own, with a context, a signal and a time limit. */
import { Cancelled, NonRetryable, TimedOut } from "../core/errors.ts";
import type { TaskPolicy, TaskSpec } from "../core/policy.ts";
import { delayBefore, RetryAfter } from "../core/retry.ts";
import { inFrame, outsideFrames, type TaskFrame } from "../replay/identity.ts";
import type { Clock } from "./clock.ts";

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** Runs the task's function once. Never rejects; a result after the limit or the abort is dropped. */
export function runAttempt(spec: TaskSpec, frame: TaskFrame, args: readonly unknown[], abort: AbortController,
  limitMs: number | undefined, clock: Clock): Promise<AttemptEnd> {
  return new Promise((resolve) => {
    const stop = limitMs === undefined ? undefined : clock.after(limitMs, () => {
      const error = new TimedOut(`attempt ${frame.attempt} of task '${spec.name}'`, limitMs);
      abort.abort(error);
      resolve({ ok: false, error });
    });
    const end = (how: AttemptEnd): void => { stop?.(); resolve(how) };
    abort.signal.addEventListener("abort", () => end({ ok: false, error: abort.signal.reason }), { once: true });
    outsideFrames(() => inFrame(frame, () => {
      new Promise((settle) => settle(spec.fn(...args)))
        .then((value) => end({ ok: true, value }), (error: unknown) => end({ ok: false, error }));
    }));
  });
}

/** What follows a failed attempt: the delay before the next in milliseconds, or why there is none. */
export async function nextAttempt(policy: TaskPolicy, failures: number, error: unknown, random: () => number):
  Promise<{ readonly delayMs: number } | { readonly final: unknown }> {
  if (error instanceof NonRetryable || error instanceof Cancelled) return { final: error };
  if (failures > policy.retries) return { final: error };
  const asError = error instanceof Error ? error : new Error(String(error));
  try {
    if (policy.retryIf !== undefined && !(await policy.retryIf(asError, failures))) return { final: error };
    if (asError instanceof RetryAfter) return { delayMs: asError.delayMs };
    return { delayMs: delayBefore(policy.retryDelay, failures, asError, random) };
  } catch (inner) {
    return { final: new AggregateError([error, inner], `the retry policy threw after attempt ${failures} failed`) };
  }
}
