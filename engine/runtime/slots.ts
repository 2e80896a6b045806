/** Slots of limits that the attempts of this worker hold or wait for. */
import type { LimitSpec } from "../core/policy.ts";
import type { SlotRequest, Store } from "../store/port.ts";
import type { Clock } from "./clock.ts";
import type { Patience } from "./patience.ts";

/** What slots need of their worker. */
export interface SlotHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly patience: Patience;
  readonly id: string;
  now(): number;
}
/** The attempt that wants in. */
export interface Admission {
  readonly runId: string;
  readonly key: string;
  readonly priority: number;
  /** It must wait for this limit; `dueAt` is when a rate lets it begin, milliseconds since 1970. */
  onWait(limit: string, dueAt?: number): void;
  /** Is it still wanted? */
  wanted(): boolean;
}

interface Waiting { readonly request: SlotRequest; readonly go: () => void; askedAt: number }
/** Asked again so often, so that slots of workers that have died are found. */
const AGAIN_MS = 1_000;

/** The queue of one worker. */
export class Slots {
  readonly #host: SlotHost;
  /** Calls that wait, by limit, run and key. */
  readonly #waiting = new Map<string, Waiting>();
  constructor(host: SlotHost) { this.#host = host }

  /** Is there anything to look for? */
  get waiting(): boolean { return this.#waiting.size > 0 }

  /** Passes every limit, one after the other by name, so that two attempts never wait for one another. False: it is no
   *  longer wanted, and holds nothing. */
  async admit(limits: readonly LimitSpec[], attempt: Admission): Promise<boolean> {
    for (const limit of limits.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      if (limit.perMs === undefined) await this.#take(limit, attempt);
        else await this.#pace(limit, limit.perMs, attempt);
      if (!attempt.wanted()) { await this.free(attempt.runId, attempt.key); return false }
    }
    return true;
  }

  /** Gives back what a call holds, and stops waiting for it. */
  async free(runId: string, key: string): Promise<void> {
    for (const { request } of this.#waiting.values()) {
      if (request.runId === runId && request.key === key) this.#letIn(placeOf(request));
    }
    await this.#host.patience.insist(() => this.#host.store.freeSlots(runId, key));
  }

  /** Lets those in whose slots were granted meanwhile. */
  async look(): Promise<void> {
    for (const granted of await this.#host.store.grantedSlots(this.#host.id)) this.#letIn(placeOf(granted));
    const now = this.#host.clock.monotonic();
    for (const waiting of this.#waiting.values()) {
      if (now - waiting.askedAt < AGAIN_MS) continue;
      waiting.askedAt = now;
      if (await this.#host.store.takeSlot(waiting.request)) this.#letIn(placeOf(waiting.request));
    }
  }

  #letIn(place: string): void {
    const waiting = this.#waiting.get(place);
    this.#waiting.delete(place);
    waiting?.go();
  }

  async #take({ name, max }: LimitSpec, { runId, key, priority, onWait }: Admission): Promise<void> {
    const request: SlotRequest = { limit: name, max, runId, key, priority, worker: this.#host.id };
    let go = (): void => undefined;
    const turn = new Promise<void>((resolve) => { go = resolve });
    // Before asking: it may be granted because another frees.
    this.#waiting.set(placeOf(request), { request, go, askedAt: this.#host.clock.monotonic() });
    if (await this.#host.patience.insist(() => this.#host.store.takeSlot(request))) this.#letIn(placeOf(request));
    else onWait(name);
    await turn;
  }

  async #pace({ name, max }: LimitSpec, perMs: number, { onWait }: Admission): Promise<void> {
    const at = await this.#host.patience.insist(() => this.#host.store.reserveRate(name, max, perMs));
    const dueAt = Math.ceil(at), left = (): number => dueAt - this.#host.now();
    if (left() <= 0) return;
    onWait(name, dueAt);
    // A timer of the platform may fire a little before its time.
    while (left() > 0) await new Promise<void>((resolve) => { this.#host.clock.after(left(), resolve) });
  }
}

function placeOf({ limit, runId, key }: { readonly limit: string; readonly runId: string;
  readonly key: string }): string {
  return `${limit}\0${runId}\0${key}`;
}
