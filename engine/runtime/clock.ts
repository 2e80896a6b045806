/** The one place that reads the real clock. Everything else is handed a Clock; tests hand in a virtual one. */
import { originals } from "../replay/globals.ts";

export interface Clock {
  /** Milliseconds since 1970 on this machine. */
  now(): number;
  /** Milliseconds that never go back; only differences mean anything. */
  monotonic(): number;
  /** Calls `fn` after `ms`; the answer cancels. `keepAlive` false lets the process end meanwhile. */
  after(ms: number, fn: () => void, keepAlive?: boolean): () => void;
  /** The same for what the engine only puts off, to do more at once; absent: `after`. */
  soon?(ms: number, fn: () => void): () => void;
  /** Keeps the process alive until the answer is called; absent: timers do. */
  hold?(): () => void;
}

/** setTimeout fires at once beyond this, so longer waits are made in pieces. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

function after(ms: number, fn: () => void, keepAlive = true): () => void {
  let handle: NodeJS.Timeout;
  const arm = (left: number): void => {
    const piece = Math.min(left, LONGEST_TIMEOUT_MS);
    handle = originals.setTimeout(() => { if (left > piece) arm(left - piece); else fn() }, Math.max(0, piece));
    if (!keepAlive) handle.unref();
  };
  arm(ms);
  return () => originals.clearTimeout(handle);
}

export const realClock: Clock = {
  now: () => originals.now(),
  monotonic: () => originals.performanceNow(),
  after,
};

/** Calls `fn` within `ms`: no time that anybody waits for has to pass. */
export function soon(clock: Clock, ms: number, fn: () => void): () => void {
  return clock.soon === undefined ? clock.after(ms, fn) : clock.soon(ms, fn);
}

const A_DAY_MS = 86_400_000;

/** Keeps the process alive until the answer is called. */
export function stayAlive(clock: Clock): () => void {
  if (clock.hold !== undefined) return clock.hold();
  let stop = (): void => undefined;
  const again = (): void => { stop = clock.after(A_DAY_MS, again) };
  again();
  return () => stop();
}
