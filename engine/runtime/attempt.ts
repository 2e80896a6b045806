/** One attempt of one task: user code in a macrotask of its own, with a context, a signal and a time limit. */
import { Cancelled, NonRetryable, TimedOut } from "../core/errors.ts";
import type { Payload, Shown } from "../core/events.ts";
import type { RunInfo, TaskPolicy, TaskSpec } from "../core/policy.ts";
import { delayBefore, RetryAfter } from "../core/retry.ts";
import { asError, isA } from "../core/thrown.ts";
import type { Abort } from "../replay/abort.ts";
import { inFrame, type LogLevel, type TaskFrame } from "../replay/identity.ts";
import type { Clock } from "./clock.ts";

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly ok: true; readonly value: unknown }
  /** Made elsewhere, and encoded there. */
  | { readonly ok: true; readonly encoded: Payload | undefined }
  /** `final`: no further attempt can end otherwise. */
  | { readonly ok: false; readonly error: unknown; readonly final?: boolean };

/** Where an attempt's lines and shows go. */
export type Voice = Pick<TaskFrame, "log" | "show" | "heartbeat" | "lastHeartbeat" | "clock">;

/** What the code of one attempt may know and say. */
export class AttemptFrame implements TaskFrame {
  readonly in = "task";
  readonly run: RunInfo;
  readonly task: { readonly name: string; readonly key: string };
  readonly attempt: number;
  readonly captureConsole: boolean;
  startedRuns = 0;
  inTransaction = false;
  readonly #abort: Abort;
  readonly #voice: Voice;
  constructor(run: RunInfo, call: { readonly key: string; readonly spec: TaskSpec }, attempt: number, abort: Abort,
    voice: Voice) {
    this.run = run;
    this.task = { name: call.spec.name, key: call.key };
    this.attempt = attempt;
    this.captureConsole = call.spec.policy.captureConsole ?? false;
    this.#abort = abort;
    this.#voice = voice;
  }
  get idempotencyKey(): string { return `${this.run.id}/${this.task.key}` }
  get abortSignal(): AbortSignal { return this.#abort.signal }
  get clock(): TaskFrame["clock"] { return this.#voice.clock }
  get lastHeartbeat(): Payload | undefined { return this.#voice.lastHeartbeat }
  heartbeat(details: Payload | undefined): void { this.#voice.heartbeat(details) }
  log(level: LogLevel, text: string, data?: object): void { this.#voice.log(level, text, data) }
  show(shown: Omit<Shown, "value">, value: Payload | undefined): void { this.#voice.show(shown, value) }
}

/** Runs the task's function once. Never rejects; a result after the limit or the abort is dropped. */
export function runAttempt(spec: TaskSpec, frame: TaskFrame, args: readonly unknown[], abort: Abort,
  limitMs: number | undefined, clock: Clock): Promise<AttemptEnd> {
  return new Promise((resolve) => {
    const stop = limitMs === undefined ? undefined : clock.after(limitMs, () => {
      const error = new TimedOut(`attempt ${frame.attempt} of task '${spec.name}'`, limitMs);
      abort.abort(error);
      resolve({ ok: false, error });
    });
    const end = (how: AttemptEnd): void => { stop?.(); resolve(how) };
    abort.onAbort((error) => end({ ok: false, error }));
    inFrame(frame, () => {
      new Promise((settle) => settle(spec.fn(...args)))
        .then((value) => end({ ok: true, value }), (error: unknown) => end({ ok: false, error }));
    });
  });
}

/** What follows a failed attempt: the delay before the next in milliseconds, or why there is none. */
export async function nextAttempt(policy: TaskPolicy, failures: number, error: unknown, random: () => number):
  Promise<{ readonly delayMs: number } | { readonly final: unknown }> {
  if (isA(error, NonRetryable) || isA(error, Cancelled)) return { final: error };
  if (failures > policy.retries) return { final: error };
  const given = asError(error);
  try {
    if (policy.retryIf !== undefined && !(await policy.retryIf(given, failures))) return { final: error };
    if (given instanceof RetryAfter) return { delayMs: given.delayMs };
    return { delayMs: delayBefore(policy.retryDelay, failures, given, random) };
  } catch (inner) {
    return { final: new AggregateError([error, inner], `the retry policy threw after attempt ${failures} failed`) };
  }
}
