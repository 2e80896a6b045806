/** The lease of a worker: what it is called, how long it is believed alive, and the database's clock, which its
 *  heartbeat tells. */
import type { LeaseGuard, Store } from "../store/port.ts";
import type { Clock } from "./clock.ts";
import type { Ids } from "./ids.ts";

const LEASE_MS = 15_000;

export interface LeaseOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly pools: readonly string[];
  readonly info: { readonly [key: string]: string | number };
  /** How long it is believed alive after its last sign of life; default 15 s. */
  readonly leaseMs: number | undefined;
  /** It has lapsed: of the runs held here only these are still this worker's. */
  readonly kept: (runIds: ReadonlySet<string>) => void;
  /** After each renewal. */
  readonly renewed: () => Promise<void>;
}

/** One worker's lease. */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #leaseMs: number;
  #id: string;
  /** From this machine's clock to the database's. */
  #offsetMs = 0;
  /** With less than a third of the lease left, no attempt starts. */
  #startUntil = 0;
  #waiting: (() => void)[] = [];
  #guard: LeaseGuard | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#id = this.#name();
  }

  /** Changes when a lease that has lapsed makes the worker come back as another. */
  get id(): string { return this.#id }
  /** The database's clock. */
  now(): number { return this.#options.clock.now() + this.#offsetMs }
  /** How often to renew it. */
  get renewMs(): number { return this.#leaseMs / 3 }

  /** May an attempt start? Where nobody else can take a run, always. */
  mayStart(): boolean {
    const { store, clock } = this.#options;
    return store.kind === "memory" || clock.monotonic() < this.#startUntil;
  }
  /** Calls back when it has been renewed, and renews it for that. */
  whenRenewed(fn: () => void): void {
    this.#waiting.push(fn);
    if (this.#waiting.length === 1) void this.renew().catch(() => undefined); // the next one comes by itself
  }

  /** Takes it. */
  async register(): Promise<void> {
    const { store, pools, info } = this.#options;
    await store.register(this.id, this.#leaseMs, pools, info);
    await this.#guard?.stop();
    this.#guard = undefined; // the first beat makes one: a short script never needs it
  }

  /** Renews it. One that has lapsed never can be: the worker comes back as another, and what was its is not. */
  async renew(): Promise<void> {
    const { store, clock, renewed } = this.#options;
    const before = clock.now(), asked = clock.monotonic();
    const { alive, now } = await store.heartbeat(this.id, this.#leaseMs);
    this.#offsetMs = store.kind === "postgres" ? Math.round(now - (before + clock.now()) / 2) : 0;
    if (!alive && !this.#embedded) { await this.#beAnother(); return }
    if (!alive) await this.#stay();
    this.#startUntil = asked + this.#leaseMs * 2 / 3;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
    await renewed();
  }

  /** Says that the process's loop moves: a thread beside it renews the lease while it does not. */
  beat(): void {
    this.#guard ??= this.#options.store.guardLease(this.id, this.#leaseMs);
    this.#guard?.beat();
  }

  /** Gives it back. */
  async end(): Promise<void> {
    await this.#guard?.stop();
    await this.#options.store.retire(this.id).catch(() => undefined); // it lapses by itself
  }

  /** The data live in this process: nobody could take its runs while it stood still, and few can have since. */
  get #embedded(): boolean { return this.#options.store.kind === "memory" || this.#options.store.kind === "pglite" }
  async #stay(): Promise<void> {
    await this.register();
    this.#options.kept(new Set((await this.#options.store.owned(this.id)).map(({ runId }) => runId)));
  }
  async #beAnother(): Promise<void> {
    this.#waiting = [];
    this.#options.kept(new Set());
    this.#id = this.#name();
    await this.register();
  }
  #name(): string { return `w-${this.#options.ids.run(this.#options.clock.now())}` }
}
