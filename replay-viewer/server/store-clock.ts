/** The database's time, without asking the database each time. */
import type { Clock, RunEngine } from "../../engine/index.ts";

/** Clocks drift by less than a millisecond in this time. */
const KEPT_MS = 10_000;

/** Tells the database's time from this machine's and what they differed by at the last asking. */
export class StoreClock {
  readonly #engine: RunEngine;
  readonly #clock: Clock;
  #apart = 0;
  #asked = -Infinity;

  constructor(engine: RunEngine, clock: Clock) { this.#engine = engine; this.#clock = clock }

  /** Milliseconds since 1970 on the database's clock. */
  async now(): Promise<number> {
    const before = this.#clock.monotonic();
    if (before - this.#asked > KEPT_MS) {
      const theirs = await this.#engine.store.now();
      this.#asked = this.#clock.monotonic();
      this.#apart = theirs + (this.#asked - before) / 2 - this.#clock.now();
    }
    return Math.round(this.#clock.now() + this.#apart);
  }
}
