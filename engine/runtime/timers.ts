/** The open timers of one hot run. */
import type { Clock } from "./clock.ts";

export class Timers {
  readonly #open = new Map<string, { readonly dueAt: number; readonly cancel: () => void }>();
  readonly #host: { readonly clock: Clock; now(): number };
  readonly #fire: (key: string, dueAt: number) => void;

  constructor(host: { readonly clock: Clock; now(): number }, fire: (key: string, dueAt: number) => void) {
    this.#host = host;
    this.#fire = fire;
  }

  /** The nearest instant at which one is due. */
  get next(): number | undefined {
    let next: number | undefined;
    for (const { dueAt } of this.#open.values()) if (next === undefined || dueAt < next) next = dueAt;
    return next;
  }
  arm(key: string, dueAt: number): void {
    const cancel = this.#host.clock.after(Math.max(0, dueAt - this.#host.now()), () => {
      this.#open.delete(key);
      this.#fire(key, dueAt);
    });
    this.#open.set(key, { dueAt, cancel });
  }
  disarm(key: string): void {
    this.#open.get(key)?.cancel();
    this.#open.delete(key);
  }
  stop(): void {
    for (const { cancel } of this.#open.values()) cancel();
    this.#open.clear();
  }
}
