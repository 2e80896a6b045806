/** When a lease is renewed beside the process's own loop, and when no longer. */

const BLOCKED_MS = 5 * 60_000;

/** Calls `renew` now and then, while the loop that raises `beat[0]` has moved within five minutes: later nobody is at
 *  home. What fails is tried again at the next time. */
export function renewWhileMoving(beat: SharedArrayBuffer, everyMs: number, renew: () => Promise<unknown>): void {
  const counter = new Int32Array(beat);
  let last = Atomics.load(counter, 0), movedAt = performance.now();
  setInterval(() => {
    const now = Atomics.load(counter, 0);
    if (now !== last) { last = now; movedAt = performance.now() }
    // The process's own heartbeat sees what became of the lease; here a failure only means to try again.
    if (performance.now() - movedAt <= BLOCKED_MS) renew().catch(() => undefined);
  }, everyMs);
}
