/** One attempt in a thread or process of its own: the same context, signal, limit and history as one made here. */
import { TimedOut } from "../core/errors.ts";
import type { Job, Place, Runner } from "../core/runner.ts";
import { fromErrorRecord, toErrorRecord } from "../codec/error-record.ts";
import type { Abort } from "../replay/abort.ts";
import type { AttemptEnd } from "./attempt.ts";
import type { Clock } from "./clock.ts";

/** Waits for a place; undefined when the attempt is aborted first. */
export function placeFor(runner: Runner, abort: Abort): Promise<Place | undefined> {
  return new Promise((resolve) => {
    if (abort.aborted) { resolve(undefined); return }
    const back = runner.queue(resolve);
    abort.onAbort(() => { back(); resolve(undefined) });
  });
}

/** Makes the attempt there. Never rejects; what comes after the limit or the abort is dropped. */
export function runElsewhere(place: Place, job: Job, name: string, abort: Abort, limitMs: number | undefined,
  clock: Clock): Promise<AttemptEnd> {
  return new Promise((resolve) => {
    const stop = limitMs === undefined ? undefined : clock.after(limitMs, () =>
      abort.abort(new TimedOut(`attempt ${job.attempt} of task '${name}'`, limitMs)));
    abort.onAbort((error, graceMs) => {
      stop?.();
      place.abort(toErrorRecord(error), graceMs);
      resolve({ ok: false, error });
    });
    void place.run(job).then((end) => {
      stop?.();
      resolve(end.ok ? { ok: true, encoded: end.result }
        : { ok: false, error: fromErrorRecord(end.error), final: end.final });
    });
  });
}
