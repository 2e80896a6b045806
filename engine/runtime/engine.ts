/** The engine as its callers see it: start a run, wait for it, look at it, stop it. Knows the store only by its
 *  port. */
import { Cancelled, RepriseError, RunError } from "../core/errors.ts";
import { isTerminal, type Event, type Payload } from "../core/events.ts";
import { runName } from "../core/names.ts";
import { Identity, type WorkflowSpec } from "../core/policy.ts";
import { fromErrorRecord } from "../codec/error-record.ts";
import { decodeValue } from "../codec/value.ts";
import { StoreError, TERMINAL_STATES, type HistoryRow, type LogLine, type NewRun, type RunFilter, type RunRow,
  type Store } from "../store/port.ts";
import type { Execute } from "../core/transaction.ts";
import { usersStack } from "../replay/site.ts";
import { birth, slotOf } from "./birth.ts";
import { stayAlive, type Clock } from "./clock.ts";
import type { Ids } from "./ids.ts";
import { forkRow, planFork, planRetry, triedAgain, type ForkEdits, type ForkPlan } from "./fork.ts";
import { loadEvents, loadHistory, readRows, startOf, type History } from "./load.ts";
import { hasEnded } from "./neighbours.ts";
import { Operator } from "./operator.ts";
import { Worker, type Observer, type WorkerOptions } from "./worker.ts";

export interface EngineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly observer: Observer;
  readonly workflow: WorkerOptions["workflow"];
  readonly workflows: WorkerOptions["workflows"];
  readonly pools: readonly string[];
  readonly concurrency: number;
  readonly claims: WorkerOptions["claims"];
  readonly leaseMs?: number;
  readonly idleMs?: number;
  readonly info: WorkerOptions["info"];
}

/** How a run is to be started. */
export interface StartRequest {
  readonly workflow: WorkflowSpec;
  readonly input: Payload | undefined;
  readonly name?: string;
  readonly id?: string;
  readonly ifExists?: "attach" | "fail" | "replace";
  /** Milliseconds since 1970; a later instant makes the run `scheduled`. */
  readonly at?: number;
  /** The same as a delay from now on, in milliseconds. */
  readonly delayMs?: number;
  readonly tags?: readonly string[];
  readonly priority?: number;
  readonly pool?: string;
  readonly scriptKey?: string;
  /** Creates the run inside the caller's transaction: both commit, or neither. */
  readonly tx?: Execute;
}

/** A fork: its id, its name, and how many events it shares. */
export interface ForkedRun { readonly runId: string; readonly name: string; readonly seqs: number }

/** An open engine. */
export class RunEngine {
  readonly store: Store;
  /** Letters to runs, and questions to them. */
  readonly operator: Operator;
  readonly #parts: EngineParts;
  readonly #worker: Worker;
  #closed: Promise<void> | undefined;
  /** Runs whose result somebody waits for, and how many do. */
  readonly #awaited = new Map<string, number>();
  #alive: (() => void) | undefined;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.#worker = new Worker(parts);
    this.operator = new Operator({ store: parts.store, ids: parts.ids, clock: parts.clock,
      patience: this.#worker.patience, poke: () => this.#worker.poke() });
  }

  async open(): Promise<void> {
    if (this.#parts.store.kind !== "postgres") await this.#parts.store.recover(this.#parts.ids.uuid());
    if (this.#parts.claims !== "none") await this.#worker.start();
  }

  /** Starts a run. Its id, and whether it had been there before (`ifExists: "attach"`). @throws RUN_EXISTS */
  async start(request: StartRequest): Promise<{ readonly runId: string; readonly name: string;
    readonly existed: boolean }> {
    this.#check();
    const { ids, clock } = this.#parts;
    const now = this.#worker.now();
    const runId = ids.run(clock.now());
    const at = request.at ?? now + (request.delayMs ?? 0), later = at > now;
    const mine = request.tx === undefined && this.#parts.claims !== "none" && !later
      && this.#parts.pools.includes(request.pool ?? "default");
    const { run, history } = birth({ ...request, runId, at: now, worker: mine ? this.#worker.id : undefined,
      readyAt: later ? at : undefined, replace: request.ifExists === "replace",
      skipIfFull: request.workflow.concurrency?.onFull === "skip" }, ids);
    const { name } = run;
    const made = request.tx === undefined ? await this.#worker.create(run, history, request.workflow)
      : await this.#createWithin(run, request.workflow, request.tx);
    if (!made.existed) {
      if (run.slotKey !== undefined) await this.#takeTurn(run.slotKey, runId, request.workflow);
      if (run.worker !== undefined) this.#parts.observer.events(this.#worker.driver(runId)?.run
        ?? new Identity(runId, { name, workflow: request.workflow.name, at: now }), history.events);
      return { runId: made.runId, name, existed: false };
    }
    if (request.ifExists === "fail") throw new RepriseError("RUN_EXISTS",
      `a run of workflow '${run.workflow}' with the id '${request.id}' exists: ${made.runId}`,
      "Use another id, or ifExists: \"attach\" to wait for that run, or \"replace\" to free the id.");
    const there = await this.#worker.patience.insist(() => this.store.run(made.runId));
    return { runId: made.runId, name: there?.name ?? made.runId, existed: true };
  }

  /** A run that finds all turns taken: what its workflow says becomes of it, or of those that have them. */
  async #takeTurn(slotKey: string, runId: string, { concurrency }: WorkflowSpec): Promise<void> {
    this.#worker.poke();
    if (concurrency?.onFull !== "cancelNew" && concurrency?.onFull !== "cancelRunning") return;
    const others = (await this.store.turns(slotKey)).filter((one) => one.runId !== runId), { max } = concurrency;
    if (others.length < max) return;
    if (concurrency.onFull === "cancelNew") await this.cancel(runId,
      { reason: `run ${others[0]?.runId} has its turn` });
    else for (const one of others.slice(0, others.length - max + 1)) await this.cancel(one.runId, {
      reason: `run ${runId} takes its turn` });
  }

  /** Continues an unfinished run here. Its history as it was found, or undefined if another worker holds it. */
  resume(runId: string, workflow: WorkflowSpec): Promise<History | undefined> {
    this.#check();
    return this.#worker.resume(runId, workflow);
  }

  /** A run whose past is another's up to some event, with other results or input; nothing of that past runs again. It
   *  runs here if this process has its code, else wherever a worker has. @throws FORK_REFUSED, NO_SUCH_EVENT */
  async fork(runId: string, edits: ForkEdits, who?: string): Promise<ForkedRun> {
    const events = await this.#insistHistory(runId);
    return this.#bearFork(await this.#insistRow(runId), events, planFork(runId, events, edits), { why: "fork", who,
      input: edits.input });
  }
  /** Where these edits would leave the run's history; nothing is made. @throws FORK_REFUSED, NO_SUCH_EVENT */
  async planFork(runId: string, edits: ForkEdits): Promise<ForkPlan> {
    return planFork(runId, await this.history(runId), edits);
  }
  /** Where a retry would leave the run's history; nothing is made. @throws NOTHING_TO_RETRY */
  async planRetry(runId: string): Promise<ForkPlan> {
    await this.#checkNewest(await this.row(runId));
    return planRetry(runId, await this.history(runId));
  }
  /** Tries an ended or parked run again, from the call that failed, or from `at` if it is named: a fork that takes over
   *  its id and what its script knows it by. Only the newest try of a run is tried again. @throws NOTHING_TO_RETRY */
  async retry(runId: string, who?: string, at?: string): Promise<ForkedRun> {
    const row = await this.#insistRow(runId), events = await this.#insistHistory(runId);
    await this.#checkNewest(row);
    const whole = planRetry(runId, events);
    const plan = at === undefined ? whole : planFork(runId, events, { at });
    const forked = await this.#bearFork(row, events, plan, { why: "retry", who });
    if (!TERMINAL_STATES.includes(row.state)) await this.cancel(runId, { reason: `retried as ${forked.runId}` });
    return forked;
  }

  /** The newest try of a run: itself, where nobody has tried it again. */
  async newestTry(row: RunRow): Promise<RunRow> {
    let newest = row;
    while (newest.retriedAs !== null) newest = await this.#insistRow(newest.retriedAs);
    return newest;
  }
  /** Where a run stands now: its newest try, or the last link of its chain. */
  async latest(row: RunRow): Promise<RunRow> {
    for (let at = row; ;) {
      const next = at.retriedAs ?? await this.operator.lastLink(at.runId);
      if (next === at.runId) return at;
      at = await this.#insistRow(next);
    }
  }
  /** A run by its id; or by the id that its start gave, and then where that one stands now. `workflow`: of this one
   *  only. @throws RUN_NOT_FOUND, AMBIGUOUS_RUN */
  async find(id: string, workflow?: string): Promise<RunRow> {
    const exact = await this.#worker.patience.insist(() => this.store.run(id));
    if (exact !== undefined) return exact;
    const [one, other] = await this.#worker.patience.insist(() => this.store.listRuns({ idempotencyKey: id, limit: 2,
      ...(workflow !== undefined && { workflow }) }));
    if (one === undefined) throw new RepriseError("RUN_NOT_FOUND", `no run ${workflow === undefined ? ""
      : `of workflow '${workflow}' `}has the id ${id}`, "List them: reprise runs ls");
    if (other !== undefined) throw new RepriseError("AMBIGUOUS_RUN", `'${id}' is the id of ${one.runId} (workflow ` +
      `'${one.workflow}') and of ${other.runId} (workflow '${other.workflow}')`,
      "Give the run's own id, or ask the workflow: its get(id) knows its own runs only.");
    return this.latest(one);
  }
  async #checkNewest(row: RunRow): Promise<void> {
    if (row.retriedAs !== null) throw triedAgain(row, await this.newestTry(row));
  }

  /** Asks a run to stop; true = asked, false = it had ended. What nobody runs is ended without its code.
   *  @throws RUN_NOT_FOUND */
  async cancel(runId: string, options: { readonly reason?: string; readonly graceMs?: number }): Promise<boolean> {
    const asked = await this.operator.cancel(runId, options);
    if (asked !== undefined) await this.#worker.endCold(asked);
    return asked !== undefined;
  }

  /** Waits for the end of a run, wherever it runs. @throws RunError; the RepriseError that parked it */
  async result(runId: string): Promise<unknown> {
    this.#check();
    return this.#holdingProcess(runId, async () => {
      for (let waitMs = 25; ; waitMs = Math.min(1000, waitMs * 2)) {
        const departure = await this.#worker.driver(runId)?.departed;
        if (departure?.how === "ended") return this.#outcomeOf(runId, departure.event);
        if (departure?.how === "parked") throw departure.error;
        const row = await this.#insistRow(runId);
        if (TERMINAL_STATES.includes(row.state)) {
          return this.#outcomeOf(runId, (await this.#insistHistory(runId)).at(-1));
        }
        if (row.parked !== null && row.owner === null) throw await this.#whyParked(runId);
        await new Promise<void>((resolve) => { this.#parts.clock.after(waitMs, resolve, false) });
      }
    });
  }

  /** The run's row. @throws RUN_NOT_FOUND */
  async row(runId: string): Promise<RunRow> {
    const row = await this.store.run(runId);
    if (row === undefined) throw new RepriseError("RUN_NOT_FOUND", `no run has the id ${runId}`,
      "List them: reprise runs ls");
    return row;
  }
  list(filter: RunFilter): Promise<readonly RunRow[]> { return this.store.listRuns(filter) }
  /** Every event of a run, or those from `fromSeq` on, large values included. @throws RUN_NOT_FOUND */
  async history(runId: string, fromSeq = 1): Promise<readonly Event[]> {
    return fromSeq > 1 ? loadEvents(this.store, runId, fromSeq) : (await loadHistory(this.store, runId)).events;
  }
  /** The stored rows of a run from the one that holds event `fromSeq` on; large values stand as references. */
  rows(runId: string, fromSeq: number): Promise<readonly HistoryRow[]> { return readRows(this.store, runId, fromSeq) }
  logs(runId: string): Promise<readonly LogLine[]> { return this.store.readLogs(runId) }

  /** Frees the runs of a worker whose lease is over, or that was a process of this machine and is gone. False: it
   *  lives. */
  async buryDead(worker: string): Promise<boolean> {
    const known = (await this.store.workers()).find((one) => one.worker === worker);
    if (known?.alive === true && !hasEnded(known.info)) return false;
    await this.store.retire(worker);
    await this.#worker.sweep();
    return true;
  }

  /** Is this run in this process's hands? */
  holds(runId: string): boolean { return this.#worker.driver(runId) !== undefined }
  /** Runs that are in this process's hands, or that somebody in it waits for. */
  get unfinished(): number {
    return new Set([...this.#worker.held.map(({ run }) => run.id), ...this.#awaited.keys()]).size;
  }
  /** The next instant at which a run moves by itself; undefined: none does. Of at most 1000 runs. */
  async nextInstant(): Promise<number | undefined> {
    const now = this.#worker.now();
    const rows = await this.list({ states: ["scheduled", "pending", "waiting"], limit: 1000 });
    const due = [...this.#worker.held.map(({ next }) => next), ...rows.map(({ readyAt }) => readyAt ?? undefined)]
      .filter((at) => at !== undefined && at > now) as number[]; // undefined is filtered out
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Gives every run back, waits up to `drainMs` for running attempts, closes the database. */
  close(drainMs: number): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#parts.claims !== "none") await this.#worker.stop(drainMs);
      await this.store.close();
    })();
    return this.#closed;
  }

  async #bearFork(row: RunRow, events: readonly Event[], plan: ForkPlan, how: { readonly why: "fork" | "retry";
    readonly who?: string | undefined; readonly input?: Payload | undefined }): Promise<ForkedRun> {
    this.#check();
    const { ids, clock } = this.#parts, runId = ids.run(clock.now()), at = this.#worker.now();
    const spec = this.#parts.workflow(row.workflow), name = runName(ids.random);
    const { pool, priority, tags, workflow, file, idempotencyKey } = row;
    const slot = spec && slotOf(spec, how.input ?? startOf(events).input);
    const first = forkRow(row.runId, plan, { ...how, name, at });
    const made = await this.#worker.patience.insist(() => this.store.create({ runId, workflow, name, pool, priority,
      tags, codeVersion: spec?.codeVersion ?? row.codeVersion, appendId: ids.uuid(), ...first, ...slot,
      ...(file !== null && { file }),
      ...(how.why === "retry" && { retryOf: row.runId }),
      ...(how.why === "retry" && idempotencyKey !== null && { idempotencyKey, replace: true }),
      ...(how.why === "retry" && row.scriptKey !== null && { scriptKey: row.scriptKey }) }));
    if (made.result === "exists") await this.#checkNewest(await this.#insistRow(row.runId)); // another was first
    if (spec !== undefined && this.#parts.claims !== "none") {
      const later = (error?: unknown): void => { // the fork is made; a worker takes it when the database is back
        if (error !== undefined && !(error instanceof StoreError)) throw error;
        this.#worker.expect(runId);
      };
      if (slot === undefined) await this.#worker.resume(runId, spec).catch(later); else later();
    }
    return { runId, name, seqs: plan.seqs };
  }

  async #createWithin(run: NewRun, { name, concurrency }: WorkflowSpec, tx: Execute):
    Promise<{ readonly runId: string; readonly existed: boolean }> {
    if (concurrency !== undefined && (concurrency.onFull ?? "queue") !== "queue") throw new RepriseError(
      "INVALID_OPTION", `workflow '${name}' has concurrency with onFull "${concurrency.onFull}", which has to see ` +
      "what other transactions do", "Start it without tx, or let new runs queue: onFull: \"queue\".");
    const { createWithin, kind } = this.store;
    if (createWithin === undefined) throw new RepriseError("TRANSACTION_UNSUPPORTED",
      `start(..., { tx }) needs runs in PostgreSQL, and they are ${kind === "memory" ? "in memory"
        : "in the embedded database"}`, "Set REPRISE_DATABASE_URL to the server of your transaction, or leave tx out.");
    const { result, runId } = await createWithin(run, tx);
    this.#worker.expect(runId);
    return { runId, existed: result === "exists" };
  }

  #insistRow(runId: string): Promise<RunRow> { return this.#worker.patience.insist(() => this.row(runId)) }
  #insistHistory(runId: string): Promise<readonly Event[]> {
    return this.#worker.patience.insist(() => this.history(runId)) }

  async #whyParked(runId: string): Promise<RepriseError> {
    const parked = (await this.#insistHistory(runId)).findLast((event) => event.type === "RunParked");
    return parked?.type === "RunParked"
      ? new RepriseError(parked.code, parked.message, parked.hint ?? "See: reprise why " + runId)
      : new RepriseError("QUARANTINED", `run ${runId} is parked`, "See: reprise why " + runId);
  }

  /** The process stays alive while somebody waits for a run. */
  async #holdingProcess<T>(runId: string, wait: () => Promise<T>): Promise<T> {
    if (this.#awaited.size === 0) this.#alive = stayAlive(this.#parts.clock);
    this.#awaited.set(runId, (this.#awaited.get(runId) ?? 0) + 1);
    try { return await wait() } finally {
      const left = (this.#awaited.get(runId) ?? 1) - 1;
      if (left === 0) this.#awaited.delete(runId); else this.#awaited.set(runId, left);
      if (this.#awaited.size === 0) this.#alive?.();
    }
  }

  #check(): void {
    if (this.#closed !== undefined) {
      throw new RepriseError("ENGINE_CLOSED", "this engine is closed", "Open another with openEngine().");
    }
  }

  /** What a run came to; a chain comes to what its last link does. */
  async #outcomeOf(runId: string, end: Event | undefined): Promise<unknown> {
    if (end === undefined || !isTerminal(end)) throw new Error(`corrupt history of ${runId}: no terminal event`);
    if (end.type === "RunContinued") return this.result(end.nextId);
    if (end.type === "RunCompleted") return decodeValue(end.result);
    if (end.type === "RunCancelled") {
      throw new RunError(runId, "cancelled", end.reason === undefined ? "the run was cancelled"
        : `the run was cancelled: ${end.reason}`, new Cancelled(end.reason));
    }
    if (end.retriedAs !== undefined) return this.result(end.retriedAs);
    const cause = fromErrorRecord(end.error);
    throw forReading(new RunError(runId, "failed", `the run failed: ${cause.message}`, cause));
  }
}

/** The error with stacks that tell a person of his own code. */
function forReading(error: Error): Error {
  if (error.stack !== undefined) error.stack = usersStack(error.stack);
  if (error.cause instanceof Error) forReading(error.cause);
  return error;
}
