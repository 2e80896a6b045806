/** The open turn of one run: its clock, its randomness, and what it refuses. */
import { RepriseError } from "../core/errors.ts";
import type { Delivery } from "../core/events.ts";
import type { RunInfo } from "../core/policy.ts";
import type { LogLevel } from "./identity.ts";
import type { OpenTurn } from "./kernel.ts";
import { seededRandom } from "./random.ts";

/** The run whose turn it is. */
export interface TurnOwner {
  readonly run: RunInfo;
  timer(ms: number): { readonly promise: Promise<void>; cancel(): void };
  log(level: LogLevel, text: string): void;
}

/** The open turn of one run. */
export class Turn implements OpenTurn {
  readonly now: number;
  readonly #owner: TurnOwner;
  readonly #seed: string;
  readonly #seq: number;
  #source: { next(): number; fill(bytes: Uint8Array): void } | undefined;
  constructor(owner: TurnOwner, event: Delivery, seed: string) {
    this.now = event.at;
    this.#owner = owner;
    this.#seed = seed;
    this.#seq = event.seq;
  }
  get #random(): { next(): number; fill(bytes: Uint8Array): void } {
    return (this.#source ??= seededRandom(this.#seed, this.#seq));
  }
  random(): number { return this.#random.next() }
  fill(bytes: Uint8Array): void { this.#random.fill(bytes) }
  timer(ms: number): { readonly promise: Promise<void>; cancel(): void } { return this.#owner.timer(ms) }
  line(level: "debug" | "info" | "warn" | "error", text: string): void { this.#owner.log(level, text) }
  forbid(api: string, hint = "Move it into a task().", code = "EFFECT_IN_WORKFLOW"): never {
    throw new RepriseError(code, `${api} was called in workflow code of '${this.#owner.run.workflow}'`, hint);
  }
}
