/** The heartbeats of one attempt: what it said last, written down now and then, and how long it has been silent. */
import type { Payload } from "../core/events.ts";
import type { Clock } from "./clock.ts";

/** A task may beat as often as it likes; history takes one of these a second. */
const RECORD_MS = 1_000;

export interface PulseOptions {
  readonly clock: Clock;
  /** Writes the last heartbeat down. */
  readonly record: (details: Payload | undefined) => void;
  /** Silence that is too long, and what follows it. */
  readonly limitMs: number | undefined;
  readonly silent: () => void;
}

/** Made for an attempt that has a limit of silence, or that beats. */
export class Pulse {
  readonly #options: PulseOptions;
  #heardAt: number;
  #silence: (() => void) | undefined;
  /** Details that are not written down yet. */
  #waiting: { readonly details: Payload | undefined } | undefined;
  #record: (() => void) | undefined;
  constructor(options: PulseOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
    if (options.limitMs !== undefined) this.#listen(options.limitMs, options.limitMs);
  }

  beat(details: Payload | undefined): void {
    this.#heardAt = this.#options.clock.monotonic();
    this.#waiting = { details };
    if (this.#record === undefined) this.#write();
  }

  /** The attempt is over: what it said last is written down. */
  stop(): void {
    this.#silence?.();
    this.#record?.();
    this.#record = undefined;
    if (this.#waiting !== undefined) this.#options.record(this.#waiting.details);
    this.#waiting = undefined;
  }

  /** The first at once, then the last of each second. */
  #write(): void {
    if (this.#waiting === undefined) return;
    this.#options.record(this.#waiting.details);
    this.#waiting = undefined;
    this.#record = this.#options.clock.after(RECORD_MS, () => { this.#record = undefined; this.#write() });
  }

  /** One timer, however often it beats: when it fires, it looks when the last beat was. */
  #listen(limitMs: number, afterMs: number): void {
    this.#silence = this.#options.clock.after(afterMs, () => {
      const left = limitMs - (this.#options.clock.monotonic() - this.#heardAt);
      if (left <= 0) this.#options.silent(); else this.#listen(limitMs, left);
    });
  }
}
