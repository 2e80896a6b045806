/** Rides out a database that is away: full-jitter waits of 50 ms to 5 s, one report per outage. */
import { saidBy } from "../core/thrown.ts";
import { StoreError } from "../store/port.ts";
import type { Clock } from "./clock.ts";

const FIRST_MS = 50;
const LAST_MS = 5000;

export interface PatienceOptions {
  readonly clock: Clock;
  /** The database lives in this process. */
  readonly embedded: boolean;
  readonly random: () => number;
  /** The database does not answer; called once per outage, and with undefined when it is back. */
  readonly onOutage: (error: StoreError | undefined) => void;
}

/** Waits a database's absence out, for all calls of one worker. */
export class Patience {
  readonly #options: PatienceOptions;
  #failures = 0;
  #stopped = false;
  constructor(options: PatienceOptions) { this.#options = options }

  get stopped(): boolean { return this.#stopped }
  /** Nobody waits any more. */
  stop(): void { this.#stopped = true }

  /** Repeats a call that is safe to repeat until the database answers; gives up with its error after `limitMs`. */
  async insist<T>(ask: () => Promise<T>, limitMs = Infinity): Promise<T> {
    const until = this.#options.clock.monotonic() + limitMs;
    for (;;) {
      try {
        const answer = await ask();
        this.recovered();
        return answer;
      } catch (error) {
        const hopeless = !(error instanceof StoreError) || this.isHopeless(error);
        if (hopeless || this.#stopped || this.#options.clock.monotonic() > until) throw error;
        await this.pause(error);
      }
    }
  }

  /** No waiting helps: bad data (22xxx, 23xxx), a statement that is not understood (42xxx, 0A000), tables not ours;
   *  and an
   *  embedded database that has run out of disk: it is dead, while a server recovers when there is room again. */
  isHopeless(error: StoreError): boolean {
    return error.code === "SCHEMA_NEWER" || error.code === "MIGRATION_CHANGED"
      || /^(22|23|42|0A)/.test(error.sqlState ?? "")
      || (this.#options.embedded && error.code === "DISK_FULL");
  }

  /** The database answered. */
  recovered(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#options.onOutage(undefined);
  }

  /** Waits before the next try; many workers must not come back in step. */
  async pause(error: StoreError): Promise<void> {
    if (this.#failures === 0) this.#options.onOutage(error);
    const cap = Math.min(LAST_MS, FIRST_MS * 2 ** this.#failures++);
    await new Promise<void>((resolve) => { this.#options.clock.after(this.#options.random() * cap, resolve) });
  }
}

/** Whatever was thrown, as the store's: what it meant to be is in its cause. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError("STORE_UNAVAILABLE", saidBy(error), "unknown",
    undefined, error);
}
