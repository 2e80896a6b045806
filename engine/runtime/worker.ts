/** One worker: its claims, the runs that it holds, and the loops that keep them moving. */
import { RepriseError } from "../core/errors.ts";
import type { Event } from "../core/events.ts";
import type { RunInfo, WorkflowSpec } from "../core/policy.ts";
import type { LogLevel } from "../replay/identity.ts";
import { StoreError, type Claimed, type NewRun, type Store } from "../store/port.ts";
import type { Birth } from "./birth.ts";
import { stayAlive, type Clock } from "./clock.ts";
import { endCold, parkUnreadable } from "./cold.ts";
import { Committer } from "./committer.ts";
import { Driver } from "./driver.ts";
import type { Departure, DriverHost, HeldRun } from "./host.ts";
import type { Ids } from "./ids.ts";
import { Lease } from "./lease.ts";
import { loadHistory, type History } from "./load.ts";
import { Logs } from "./logs.ts";
import { asStoreError, Patience } from "./patience.ts";
import { Slots } from "./slots.ts";

/** What a worker tells whoever watches: facts that are durable, and what a person should know. */
export interface Observer {
  events(run: RunInfo, events: readonly Event[]): void;
  line(run: RunInfo, line: { readonly seq: number; readonly at: number; readonly level: LogLevel;
    readonly text: string; readonly data: object | undefined; readonly key?: string }): void;
  /** The database is away (error) or back (undefined). */
  outage(error: StoreError | undefined): void;
  /** The process's loop stood still for so long: nothing could move meanwhile. */
  blocked?(ms: number): void;
}
export interface WorkerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** A workflow that this process has loaded. */
  readonly workflow: (name: string) => WorkflowSpec | undefined;
  readonly workflows: () => readonly string[];
  readonly observer: Observer;
  readonly pools: readonly string[];
  /** Runs busy at once, counted when claiming; runs that this process starts itself are not refused. */
  readonly concurrency: number;
  /** "all": any run of its pools. "own": only runs that it started or resumed, and their children. "none": claims
   *  nothing. */
  readonly claims: "all" | "own" | "none";
  /** How long this worker is believed alive after its last sign of life; default 15 s. Renewed three times as often. */
  readonly leaseMs?: number;
  /** How long a run that waits stays here before it is given back; default 10 s. */
  readonly idleMs?: number;
  readonly info: { readonly [key: string]: string | number };
}

/** A loop that comes back this late was blocked: by a synchronous task, or by a library. */
const BLOCKED_MS = 1_000;
const SWEEP_MS = 1_000;
const CHECK_MS = 1_000;
const POLL_FIRST_MS = 25;
const POLL_LAST_MS = 1_000;
const MAX_CRASHES = 5;
const SWEEP_RUNS = 1000;
/** With so many times more runs here than may be busy, those that wait go at once, not after a while. */
const CROWD = 20;
/** How long starting a run waits for a database that is away, before it fails. */
const START_PATIENCE_MS = 30_000;

/** One process's part in the work. */
export class Worker implements DriverHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly committer: Committer;
  readonly patience: Patience;
  readonly slots: Slots;
  readonly #options: WorkerOptions;
  readonly #lease: Lease;
  readonly #logs: Logs;
  readonly #runs = new Map<string, Driver>();
  /** Busy runs, counted once for all children of a turn: a thousand would count a thousand runs each. */
  #counted: number | undefined;
  /** Runs that this process started or resumed: what claims "own" may take again. */
  readonly #own = new Set<string>();
  /** Those that it is creating: the database may know them before it does. */
  readonly #making = new Set<string>();
  /** Those of them that were given back and will move by themselves. */
  readonly #asleep = new Set<string>();
  #alive: (() => void) | undefined;
  readonly #timers = new Set<() => void>();
  #pollTimer: (() => void) | undefined;
  #pollMs = POLL_FIRST_MS;
  #polling = false;
  #claiming = false;
  /** The last answer about mail did not come. */
  #missed = false;
  #stopped = false;
  #unlisten: (() => Promise<void>) | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.store = options.store;
    this.clock = options.clock;
    this.ids = options.ids;
    this.#lease = new Lease({ ...options, leaseMs: options.leaseMs,
      kept: (runIds) => { for (const driver of this.held) if (!runIds.has(driver.run.id)) driver.refused(undefined) },
      renewed: async () => { if (!this.#claiming) await this.#adopt() } });
    this.#logs = new Logs(options.store, options.clock);
    this.patience = new Patience({ clock: options.clock, get embedded() { return options.store.kind === "pglite" },
      random: options.ids.random, onOutage: (error) => options.observer.outage(error) });
    this.slots = new Slots(this);
    this.committer = new Committer({ store: options.store, clock: options.clock, patience: this.patience,
      lanes: options.store.kind === "postgres" ? 2 : 1 });
  }

  /** Takes the lease and starts the loops. */
  async start(): Promise<void> {
    await this.#lease.register();
    await this.#lease.renew();
    this.#every(this.#lease.renewMs, () => this.#lease.renew());
    let checkedAt = this.clock.monotonic();
    this.#every(CHECK_MS, async () => {
      const now = this.clock.monotonic(), late = now - checkedAt - CHECK_MS;
      checkedAt = now;
      if (!this.#stopped) this.#lease.beat();
      if (late > BLOCKED_MS) this.#options.observer.blocked?.(late);
      const crowded = this.#runs.size > CROWD * this.#options.concurrency;
      for (const driver of this.held) driver.check(crowded, this.#options.idleMs);
    });
    // Who may be dead himself buries nobody: after a block or a suspended machine the heartbeat comes first.
    if (this.store.kind !== "memory") this.#every(SWEEP_MS, async () => { if (this.mayStart()) await this.sweep() });
    this.#unlisten = await this.store.listen((runId) => {
      if (runId === undefined || this.#runs.has(runId) || this.#options.claims !== "none") this.poke();
    });
    this.#schedulePoll(0);
  }

  get id(): string { return this.#lease.id }
  now(): number { return this.#lease.now() }
  get held(): readonly Driver[] { return [...this.#runs.values()] }
  /** Runs that wait for a timer, a message or a child take no place: else parents would keep their children out. */
  get #busy(): number {
    if (this.#counted !== undefined) return this.#counted;
    let busy = 0;
    for (const driver of this.#runs.values()) if (driver.busy) busy++;
    queueMicrotask(() => { this.#counted = undefined });
    return (this.#counted = busy);
  }
  driver(runId: string): Driver | undefined { return this.#runs.get(runId) }

  /** Creates a run; with `work` it is this worker's from its first row on. */
  async create(run: NewRun, history: History, workflow: WorkflowSpec): Promise<{ runId: string; existed: boolean }> {
    this.#making.add(run.runId);
    const answer = await this.patience.insist(() => this.store.create(run), START_PATIENCE_MS)
      .finally(() => { this.#making.delete(run.runId) });
    if (answer.result === "full") throw new RepriseError("CONCURRENCY_FULL",
      `no run of workflow '${run.workflow}' was started: run ${answer.runId} has its turn of '${run.slotKey}'`,
      "Wait for it, or let new runs queue: concurrency: { onFull: \"queue\" }.");
    if (answer.result === "exists") return { runId: answer.runId, existed: true };
    this.#own.add(answer.runId);
    if (run.worker !== undefined) {
      this.#hold({ runId: answer.runId, epoch: 1, mailHead: 0, crashes: 0 }, workflow, history);
    }
    return { runId: answer.runId, existed: false };
  }

  /** Takes a run over, though nothing of it is due. False: another worker holds it, or this code may not. */
  async resume(runId: string, workflow: WorkflowSpec): Promise<History | undefined> {
    const [claimed] = await this.store.claim({
      worker: this.id, pools: this.#options.pools, codeVersion: workflow.codeVersion, limit: 1,
      claimId: this.ids.uuid(), runs: [runId], evenIfNotReady: true,
    });
    this.#own.add(runId); // after the claim: this worker's own poll must not be faster
    return claimed === undefined ? undefined : this.#take(claimed);
  }

  /** A run of this process's own: it may claim it when its turn comes. */
  expect(runId: string): void { this.#own.add(runId); this.poke() }

  /** Ends, without its code, a run that was asked to stop and that nobody runs: one that is scheduled, or parked. */
  async endCold(runId: string): Promise<void> {
    const row = await this.store.run(runId);
    if (row === undefined || row.owner !== null 
      || !(row.parked !== null || row.state === "scheduled" || row.slotKey !== null && !row.slotHeld)) return;
    const registered = this.#options.claims !== "none"; // a process that only asks has no lease
    if (!registered) await this.#lease.register();
    await endCold(this, row);
    if (!registered) await this.store.retire(this.id);
  }

  /** Frees the runs of workers whose lease has ended. */
  async sweep(): Promise<void> { await this.store.sweep(MAX_CRASHES, SWEEP_RUNS, this.ids.uuid()) }

  /** Something may have come: look now. */
  poke(): void { this.#pollMs = POLL_FIRST_MS; this.#schedulePoll(0) }

  observe(run: RunInfo, events: readonly Event[]): void { this.#options.observer.events(run, events) }

  log(run: RunInfo, line: Parameters<DriverHost["log"]>[1]): void {
    const at = this.now();
    this.#options.observer.line(run, { ...line, at });
    this.#logs.write(run.id, at, line);
  }

  workflow(name: string): WorkflowSpec | undefined { return this.#options.workflow(name) }
  takes(pool: string | undefined): boolean {
    return !this.#stopped && this.#options.claims !== "none" && this.#busy < this.#options.concurrency
      && this.#options.pools.includes(pool ?? "default");
  }
  adopt({ run, history }: Birth): void {
    const workflow = this.#options.workflow(run.workflow);
    if (workflow === undefined || this.#stopped || run.worker !== this.id) return; // the sweep frees it
    this.#own.add(run.runId);
    this.#hold({ runId: run.runId, epoch: 1, mailHead: 0, crashes: 0 }, workflow, history);
    const driver = this.#runs.get(run.runId);
    if (driver !== undefined) this.observe(driver.run, history.events);
  }

  gone(driver: HeldRun, how: Departure): void {
    const { id } = driver.run;
    this.#runs.delete(id);
    if (how.how === "released" && how.wakeAt !== undefined && this.#own.has(id)) this.#asleep.add(id);
    this.#keepAlive();
    this.poke();
  }

  /** The process lives while a run is here, or one of its own sleeps and will move by itself. */
  #keepAlive(): void {
    const wanted = !this.#stopped && this.#runs.size + this.#asleep.size > 0;
    if (wanted) this.#alive ??= stayAlive(this.clock);
    else { this.#alive?.(); this.#alive = undefined }
  }

  mayStart(): boolean { return this.#lease.mayStart() }
  whenRenewed(fn: () => void): void { this.#lease.whenRenewed(fn) }

  /** Gives every run back and ends the lease. Attempts may go on for `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#asleep.clear();
    for (const stop of this.#timers) stop();
    this.#pollTimer?.();
    await this.#unlisten?.();
    const left = this.held;
    await Promise.all(left.map(async (driver) => { await driver.release("drain", graceMs); await driver.departed }));
    this.#keepAlive();
    await this.committer.settled();
    await this.#logs.flush();
    this.committer.stop();
    await this.#lease.end();
  }

  #hold(claim: Pick<Claimed, "runId" | "epoch" | "mailHead" | "crashes">, workflow: WorkflowSpec,
    history: History): void {
    if (this.#runs.has(claim.runId)) return; // one owner
    const driver = new Driver(this, workflow, claim, history);
    this.#runs.set(claim.runId, driver);
    this.#asleep.delete(claim.runId);
    this.#keepAlive();
    driver.start();
  }

  async #take(claimed: Claimed): Promise<History | undefined> {
    const workflow = this.#options.workflow(claimed.workflow);
    if (workflow === undefined) {
      throw new RepriseError("WORKFLOW_NOT_LOADED", `run ${claimed.runId} is of workflow '${claimed.workflow}', ` +
        "which this process has not loaded", "Give its file to the command, or import it before opening the engine.");
    }
    const history = await this.patience.insist(() => loadHistory(this.store, claimed.runId));
    this.#hold(claimed, workflow, history);
    return history;
  }

  /** A claim whose answer was lost is never resent: the database knows what I own. */
  async #adopt(): Promise<void> {
    for (const { runId, epoch } of await this.store.owned(this.id)) {
      if (this.#runs.has(runId) || this.#claiming || this.#making.has(runId)) continue;
      if (this.held.some((driver) => driver.bears(runId))) continue; // it comes here when its birth is known
      const row = await this.store.run(runId);
      if (row?.owner !== this.id || row.epoch !== epoch || this.#runs.has(runId)) continue;
      await this.#take({ runId, epoch, workflow: row.workflow, head: row.asOf, mailHead: row.mailHead,
        crashes: row.crashes });
    }
  }

  #schedulePoll(ms: number): void {
    if (this.#stopped) return;
    this.#pollTimer?.();
    this.#pollTimer = this.clock.after(ms, () => { void this.#poll() }, false);
  }

  async #poll(): Promise<void> {
    if (this.#polling || this.#stopped) return;
    this.#polling = true;
    try {
      const found = await this.#lookOnce();
      this.#pollMs = found ? POLL_FIRST_MS : Math.min(POLL_LAST_MS, this.#pollMs * 2);
    } catch (error) {
      if (!(error instanceof StoreError)) this.#options.observer.outage(asStoreError(error));
      this.#pollMs = POLL_LAST_MS;
    }
    this.#polling = false;
    this.#schedulePoll(this.#pollMs * (0.75 + this.ids.random() / 2));
  }

  /** Mail and claims, once. True when there was any. */
  async #lookOnce(): Promise<boolean> {
    let found = false;
    if (this.slots.waiting) await this.slots.look();
    if (this.#runs.size > 0) {
      if (this.#missed) for (const driver of this.held) await driver.lookForMail();
      this.#missed = true; // until the answer is here: what it names is named once
      const due = await this.store.due(this.id);
      this.#missed = false;
      for (const { runId, mailHead } of due) {
        found = true;
        await this.#runs.get(runId)?.onMail(mailHead);
      }
    }
    const free = this.#options.concurrency - this.#busy;
    if (this.#options.claims === "none" || free <= 0 || (this.#options.claims === "own"
      && this.#own.size === 0)) return found;
    this.#claiming = true;
    try {
      for (const [codeVersion, workflows] of this.#versions()) {
        const claimed = await this.store.claim({
          worker: this.id, pools: this.#options.pools, codeVersion, limit: free, claimId: this.ids.uuid(), workflows,
          ...(this.#options.claims === "own" && { runs: [...this.#own] }),
        });
        found ||= claimed.length > 0;
        for (const one of claimed) await this.#take(one).catch((error: unknown) => parkUnreadable(this, one, error));
      }
    } finally { this.#claiming = false }
    return found;
  }

  /** Loaded workflows by code version: a version may be excluded from a run. */
  #versions(): ReadonlyMap<string, readonly string[]> {
    const versions = new Map<string, string[]>();
    for (const name of this.#options.workflows()) {
      const version = this.#options.workflow(name)?.codeVersion ?? "";
      versions.set(version, [...versions.get(version) ?? [], name]);
    }
    return versions;
  }

  #every(ms: number, work: () => Promise<void>): void {
    const arm = (): void => {
      const stop = this.clock.after(ms, () => {
        this.#timers.delete(stop);
        void work().catch((error: unknown) => this.#options.observer.outage(asStoreError(error)))
          .then(() => { if (!this.#stopped) arm() });
      }, false);
      this.#timers.add(stop);
    };
    arm();
  }
}
