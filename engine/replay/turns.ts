/**
 * Exclusive turns (design 2.3). A turn runs in a macrotask of the engine's own, delivers one event, and is over when
 * the microtask queue is empty: `queueMicrotask(() => process.nextTick(done))` is that drain, exactly, because node
 * empties the microtask queue before it looks at the next tick (0.57 us; setImmediate 0.95; a setTimeout hop 1.1 ms).
 * Turns run in bursts of at most 2 ms so that timers and sockets of the process stay alive.
 */
import { kernel, type OpenTurn } from "./kernel.ts";
import { enforceGlobals, originals, restoreGlobals } from "./globals.ts";

const BURST_MS = 0.5;

/** One turn to run. `step` is called first for the delivery, then again after each drain until it answers false. */
export interface TurnJob {
  readonly turn: OpenTurn;
  /** Does one piece of work; false when the turn has nothing more to do. */
  step(): boolean;
  /** The turn is over; its globals are the world's again. */
  done(): void;
}

const queue: TurnJob[] = [];
let head = 0;
let scheduled = false;
let running = false;
let after: (() => void)[] = [];

/** Queues a turn; turns run in the order they were queued. */
export function enqueueTurn(job: TurnJob): void {
  queue.push(job);
  if (scheduled) return;
  scheduled = true;
  originals.setImmediate(burst);
}

/** Calls `fn` soon, while no turn is open: after the burst that is running, or after the microtasks of this moment. */
export function afterTurns(fn: () => void): void {
  if (running) after.push(fn);
  else originals.nextTick(fn);
}

function burst(): void {
  running = true;
  const until = originals.performanceNow() + BURST_MS;
  const next = (): void => {
    const job = queue[head++];
    if (job === undefined) { queue.length = 0; head = 0; scheduled = false; callAfter(); return }
    runTurn(job, () => {
      if (head >= queue.length || originals.performanceNow() < until) drained(next);
      else { originals.setImmediate(burst); callAfter() }
    });
  };
  next();
}

/** Calls `fn` when the microtask queue is empty: what a finished turn's `done` resolved must not go on inside the next
 *  turn. */
function drained(fn: () => void): void { originals.queueMicrotask(() => originals.nextTick(fn)) }

function callAfter(): void {
  running = false;
  const fns = after;
  after = [];
  for (const fn of fns) fn();
}

function runTurn(job: TurnJob, over: () => void): void {
  kernel.turn = job.turn;
  enforceGlobals();
  const step = (): void => {
    if (job.step()) { drained(step); return }
    kernel.turn = undefined;
    restoreGlobals();
    job.done();
    over();
  };
  step();
}
