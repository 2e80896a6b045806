/** The timers of one hot run: which are open, its code knows; here are those whose time is near. */
import type { Open, OpenTimer } from "../replay/calls.ts";
import type { Clock } from "./clock.ts";

/** Whose timers they are, and who is told that one is due. */
export interface TimerHost {
  readonly clock: Clock;
  now(): number;
  timers(): Iterable<Pick<OpenTimer, "key" | "dueAt">>;
  fire(key: string, dueAt: number): void;
}

/** What of a run's open calls is due by itself: its timers, and the calls in pools that must begin in time. */
export function* dueOf(open: Iterable<Open>): Iterable<Pick<OpenTimer, "key" | "dueAt">> {
  for (const call of open) {
    if (call.kind === "timer") yield call;
    else if (call.kind === "child" && call.beginBy !== undefined) yield { key: call.key, dueAt: call.beginBy.dueAt };
  }
}

/** The process's own timer, 0.6 KB, is set only when one is due within this. */
const NEAR_MS = 5_000;

/** The timers of one hot run that are set. */
export class Timers {
  /** key -> cancel; one that has fired stays until its delivery is fed to the code. */
  #near: Map<string, () => void> | undefined;
  /** key -> instant: those that were due when they were set, as after an outage. They fire in the order of their
   *  instants. */
  #overdue: Map<string, number> | undefined;
  readonly #host: TimerHost;
  constructor(host: TimerHost) { this.#host = host }

  /** The nearest instant at which one is due. */
  get next(): number | undefined {
    let next: number | undefined;
    for (const { dueAt } of this.#host.timers()) if (next === undefined || dueAt < next) next = dueAt;
    return next;
  }
  /** Sets those that are near. To be called when one is opened, and more often than every five seconds. */
  approach(): void {
    const until = this.#host.now() + NEAR_MS;
    for (const { key, dueAt } of this.#host.timers()) if (dueAt <= until && !this.#near?.has(key)) this.arm(key, dueAt);
  }
  arm(key: string, dueAt: number): void {
    const left = dueAt - this.#host.now();
    if (left > NEAR_MS) return;
    (this.#near ??= new Map()).set(key, left > 0 ? this.#set(key, dueAt, left) : this.#late(key, dueAt));
  }
  disarm(key: string): void {
    this.#near?.get(key)?.();
    this.#near?.delete(key);
  }
  stop(): void {
    for (const cancel of this.#near?.values() ?? []) cancel();
    this.#near = undefined;
  }

  #set(key: string, dueAt: number, left: number): () => void {
    return this.#host.clock.after(left, () => {
      this.#fireOverdue(dueAt);
      this.#host.fire(key, dueAt);
    });
  }
  #late(key: string, dueAt: number): () => void {
    if (this.#overdue === undefined) {
      this.#overdue = new Map();
      this.#host.clock.after(0, () => { this.#fireOverdue(Infinity) });
    }
    this.#overdue.set(key, dueAt);
    return () => { this.#overdue?.delete(key) };
  }
  #fireOverdue(before: number): void {
    const due = [...this.#overdue ?? []].filter(([, dueAt]) => dueAt < before).sort(([, a], [, b]) => a - b);
    for (const [key] of due) this.#overdue?.delete(key);
    if (before === Infinity) this.#overdue = undefined;
    for (const [key, dueAt] of due) this.#host.fire(key, dueAt);
  }
}

/** The first of these instants; undefined when there is none. */
export function earliest(...instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
