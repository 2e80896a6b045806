/** Retry arithmetic: how long to wait before the next attempt. */
import { toMs, type Duration } from "./duration.ts";

/** Delays that grow: first, first * factor, ... up to `max`, each moved by up to `jitter` of itself. */
export interface Backoff {
  readonly kind: "exponential";
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
}
/** One delay, one per failure (the last repeats), a backoff, or a function of the failed attempt (from 1). */
export type RetryDelay = Duration | readonly Duration[] | Backoff | ((attempt: number, error: Error) => Duration);

/** @throws INVALID_DURATION */
export function exponential(first: Duration, options: { factor?: number; max?: Duration; jitter?: number } =
  {}): Backoff {
  const { factor = 2, max, jitter = 0 } = options;
  return { kind: "exponential", firstMs: toMs(first, "exponential()"), factor, jitter,
    maxMs: max === undefined ? Infinity : toMs(max, "max of exponential()") };
}

/** Milliseconds to wait after `failures` failed attempts (from 1). `random` gives [0, 1). @throws INVALID_DURATION */
export function delayBefore(policy: RetryDelay, failures: number, error: Error, random: () => number): number {
  if (typeof policy === "function") return toMs(policy(failures, error), "retryDelay");
  if (typeof policy === "number" || typeof policy === "string") return toMs(policy, "retryDelay");
  if ("kind" in policy) {
    const plain = Math.min(policy.maxMs, policy.firstMs * policy.factor ** (failures - 1));
    return Math.min(policy.maxMs, plain * (1 + policy.jitter * (2 * random() - 1)));
  }
  const delay = policy[Math.min(failures, policy.length) - 1];
  return delay === undefined ? 0 : toMs(delay, "retryDelay");
}

/** Thrown by a task: try again, but not before this delay. */
export class RetryAfter extends Error {
  readonly delayMs: number;
  constructor(delay: Duration, cause?: unknown) {
    super(cause instanceof Error ? cause.message : "try again later", cause === undefined ? undefined : { cause });
    this.name = "RetryAfter";
    this.delayMs = toMs(delay, "RetryAfter");
  }
}
