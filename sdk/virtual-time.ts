/** Time that moves when it is told to: what a test engine's timers are set on. */
import { currentFrame, realClock, type Clock, type Frame } from "../engine/index.ts";

/** `timer`: time must come to it. `loop`: the engine looks again, whenever something has changed. `soon`: only put
 *  off. */
type Kind = "timer" | "loop" | "soon";
interface Timer {
  readonly at: number; readonly kind: Kind; readonly fn: () => void;
  /** The attempt whose code set it. */
  readonly sleeper: Frame | undefined;
}
/** The clock of one engine. `stop`: the engine is dead, none of its timers fires any more. */
export interface LifeClock extends Clock { stop(): void }

/** The machine's clock for one engine: a dead one keeps no process alive. */
export function realLifeClock(): LifeClock {
  const mine = new Set<() => void>();
  let stopped = false;
  return { now: realClock.now, monotonic: realClock.monotonic,
    after: (ms, fn, keepAlive) => {
      if (stopped) return () => undefined;
      const cancel = realClock.after(ms, () => { mine.delete(cancel); fn() }, keepAlive);
      mine.add(cancel);
      return () => { mine.delete(cancel); cancel() };
    },
    stop: () => { stopped = true; for (const cancel of mine) cancel() } };
}

/** Milliseconds since 1970, and what is to happen when. */
export class VirtualTime {
  now: number;
  readonly #timers = new Set<Timer>();
  constructor(now: number) { this.now = now }

  /** The nearest instant that something waits for. */
  get next(): number | undefined {
    let next: number | undefined;
    for (const { at, kind } of this.#timers) if (kind === "timer" && at < (next ?? Infinity)) next = at;
    return next;
  }
  /** Attempts whose code sleeps by this time. */
  get sleepers(): ReadonlySet<Frame> {
    return new Set([...this.#timers].flatMap(({ sleeper }) => sleeper === undefined ? [] : [sleeper]));
  }

  clock(): LifeClock {
    const mine = new Set<Timer>();
    let stopped = false;
    const set = (ms: number, fn: () => void, kind: Kind): (() => void) => {
      const frame = currentFrame(), sleeper = frame?.in === "task" ? frame : undefined;
      const timer: Timer = { at: this.now + Math.max(0, Math.ceil(ms)), kind, sleeper,
        fn: () => { mine.delete(timer); fn() } };
      if (!stopped) { mine.add(timer); this.#timers.add(timer) }
      return () => { mine.delete(timer); this.#timers.delete(timer) };
    };
    return {
      now: () => this.now, monotonic: () => this.now, hold: () => () => undefined,
      after: (ms, fn, keepAlive = true) => set(ms, fn, keepAlive ? "timer" : "loop"),
      soon: (ms, fn) => set(ms, fn, "soon"),
      stop: () => { stopped = true; for (const timer of mine) this.#timers.delete(timer) },
    };
  }

  /** Fires what is due, and what was only put off. True: there was something. */
  fireDue(): boolean { return this.#fire((timer) => timer.kind === "soon" || timer.at <= this.now) }
  /** Lets the engine look again. */
  fireLoops(): void { this.#fire(({ kind }) => kind === "loop") }

  #fire(which: (timer: Timer) => boolean): boolean {
    const due = [...this.#timers].filter(which).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#timers.delete(timer)) timer.fn();
    return due.length > 0;
  }
}
