/** The port in memory: the same rules as SQL, for tests and `memory:`. Answers come in a later microtask, as from a
 *  database. */
import { MemoryCache } from "./memory-cache.ts";
import {
  CONTROL_MAIL, TERMINAL_STATES, type AppendRow, type CacheAnswer, type CacheEntry, type Change, type Claimed,
  type ClaimRequest, type CreateAnswer, type HistoryRow, type LogCount, type LogLine, type Mail, type NewRun,
  type Post, type PostAnswer, type RunFilter, type RunRow, type RunState, type Sent, type RunCount, type SourceVersion,
  type Store, type StoreSize, type WorkerInfo, type SlotRequest, type SlotInfo, type LimitInfo, type RunSearch,
} from "./port.ts";
import { found, matches, logCount, ownedBy } from "./memory-list.ts";
import { countTurns, grantTurns, MemorySlots } from "./memory-slots.ts";

interface Run {
  row: Omit<RunRow, "ownerAlive">;
  readonly history: HistoryRow[];
  readonly mail: Mail[];
  controlHead: number;
  readonly notVersions: string[];
}
interface Lease { until: number; readonly pools: readonly string[]; readonly info: WorkerInfo["info"] }

/** @param options.now the store's clock; default the machine's */
export function openMemoryStore(options: { readonly now?: () => number } = {}): Store {
  return new MemoryStore(options.now ?? systemNow);
}
const systemNow = Date.now; // the database's clock, which for this store is the machine's

class MemoryStore implements Store {
  readonly kind = "memory";
  readonly location = "memory:";
  readonly #now: () => number;
  readonly #runs = new Map<string, Run>();
  readonly #keys = new Map<string, string>();
  readonly #workers = new Map<string, Lease>();
  readonly #logs = new Map<string, LogLine[]>();
  readonly #payloads = new Map<string, string>();
  readonly #files = new Map<string, string>();
  readonly #sources = new Map<string, SourceVersion>();
  readonly #listeners = new Set<(runId: string | undefined) => void>();
  readonly #slots: MemorySlots;

  readonly #cache: MemoryCache;

  constructor(now: () => number) {
    this.#now = now;
    this.#slots = new MemorySlots(now, (worker) => this.#alive(worker), (runId) => this.#wake(runId));
    this.#cache = new MemoryCache(now, (runId, epoch) => {
      const row = this.#runs.get(runId)?.row;
      return row !== undefined && row.epoch === epoch && row.owner !== null && this.#alive(row.owner);
    });
  }

  async create(run: NewRun): Promise<CreateAnswer> { return this.#create(run) }
  #create(run: NewRun): CreateAnswer {
    const key = run.idempotencyKey === undefined ? undefined : `${run.workflow}\0${run.idempotencyKey}`;
    const tried = this.#runs.get(run.retryOf ?? ""), again = tried?.row.retriedAs ?? run.runId;
    if (again !== run.runId) return { result: "exists", runId: again };
    if (run.replace && key !== undefined) this.#freeKey(key, run.appendId);
    const holder = this.#runs.has(run.runId) ? run.runId : key === undefined ? undefined : this.#keys.get(key);
    if (holder !== undefined) {
      const mine = this.#runs.get(holder)?.history[0]?.appendId === run.appendId;
      return { result: mine ? "mine" : "exists", runId: holder };
    }
    const full = run.skipIfFull ? this.#turns(run.slotKey ?? "") : [];
    if (run.skipIfFull && full.length >= (run.slotMax ?? 1)) return { result: "full", runId: full[0]?.runId ?? "" };
    const now = this.#now(), mine = run.worker !== undefined;
    this.#runs.set(run.runId, { mail: [], controlHead: 0, notVersions: [], row: newRow(run, now),
      history: [{ runId: run.runId, firstSeq: 1, count: run.count, appendId: run.appendId, epoch: mine ? 1 : 0,
        events: run.events }] });
    if (key !== undefined) this.#keys.set(key, run.runId);
    if (tried !== undefined) tried.row = { ...tried.row, retriedAs: run.runId };
    if (!mine) this.#wake(run.runId);
    return { result: "created", runId: run.runId };
  }

  async append(rows: readonly AppendRow[], changes: readonly Change[],
    sent: readonly Sent[]): Promise<readonly string[]> {
    const landed: string[] = [];
    for (const row of rows) if (this.#land(row)) landed.push(row.runId);
    for (const change of changes) if (landed.includes(change.runId)) this.#change(change);
    for (const one of sent) if (landed.includes(one.from)) this.#send(one);
    return landed;
  }

  async standing(places: readonly { readonly runId: string; readonly firstSeq: number }[]):
    Promise<readonly { readonly runId: string; readonly firstSeq: number; readonly appendId: string }[]> {
    return places.flatMap(({ runId, firstSeq }) => {
      const row = this.#runs.get(runId)?.history.find((one) => one.firstSeq === firstSeq);
      return row === undefined ? [] : [{ runId, firstSeq, appendId: row.appendId }];
    });
  }

  async read(runId: string, fromSeq: number, limit?: number): Promise<readonly HistoryRow[]> {
    return (this.#runs.get(runId)?.history ?? []).filter((row) => row.firstSeq + row.count > fromSeq).slice(0, limit);
  }

  async claim(request: ClaimRequest): Promise<readonly Claimed[]> {
    if (!this.#alive(request.worker)) return [];
    for (const { row } of [...this.#runs.values()]) {
      if (row.slotKey !== null && !row.slotHeld && row.readyAt !== null
        && row.readyAt <= this.#now()) this.#give(row.slotKey);
    }
    const ready = [...this.#runs.values()].filter((run) => this.#claimable(run, request))
      .sort((a, b) => b.row.priority - a.row.priority || (a.row.readyAt ?? 0) - (b.row.readyAt ?? 0)).slice(0,
        request.limit);
    return ready.map((run) => {
      const epoch = run.row.epoch + 1;
      const head = this.#addRow(run, request.claimId, epoch,
        { type: "RunClaimed", at: this.#now(), epoch, worker: request.worker,
        ...(request.codeVersion && { codeVersion: request.codeVersion }) });
      run.row = { ...run.row, owner: request.worker, epoch, state: "running", readyAt: null, asOf: head,
        startedAt: run.row.startedAt ?? this.#now(), slotHeld: run.row.slotKey !== null };
      const { runId, workflow, mailHead, crashes } = run.row;
      return { runId, workflow, epoch, head, mailHead, crashes };
    });
  }

  async owned(worker: string): Promise<readonly { readonly runId: string; readonly epoch: number }[]> {
    return [...this.#runs.values()].filter(({ row }) => row.owner === worker).map(({ row }) =>
      ({ runId: row.runId, epoch: row.epoch }));
  }

  async due(worker: string): Promise<readonly { readonly runId: string; readonly mailHead: number }[]> {
    return [...this.#runs.values()].filter(({ row }) => row.owner === worker && row.readyAt !== null
      && row.readyAt <= this.#now())
      .map((run) => {
        run.row = { ...run.row, readyAt: null };
        return { runId: run.row.runId, mailHead: run.row.mailHead };
      });
  }

  async post(mail: Post): Promise<PostAnswer> { return this.#post(mail) }
  #post(mail: Post): PostAnswer {
    const run = this.#runs.get(mail.runId);
    if (run === undefined) return "no_run";
    if (run.mail.some(({ dedupe }) => dedupe === mail.dedupe)) return "duplicate";
    if (TERMINAL_STATES.includes(run.row.state)) return "finished";
    const n = run.row.mailHead + 1;
    run.mail.push({ runId: mail.runId, n, dedupe: mail.dedupe, kind: mail.kind, payload: mail.payload });
    if (mail.control) run.controlHead = n;
    const asleep = (["paused", "scheduled"].includes(run.row.state) || run.row.parked !== null) && !mail.control;
    run.row = { ...run.row, mailHead: n, readyAt: asleep ? run.row.readyAt
      : Math.min(run.row.readyAt ?? Infinity, this.#now()) };
    this.#wake(mail.runId);
    return "ok";
  }

  async mail(runId: string, after: number): Promise<readonly Mail[]> {
    return (this.#runs.get(runId)?.mail ?? []).filter(({ n }) => n > after);
  }

  async register(worker: string, ttlMs: number, pools: readonly string[], info: WorkerInfo["info"]): Promise<void> {
    this.#workers.set(worker, { until: this.#now() + ttlMs, pools, info });
  }
  async heartbeat(worker: string, ttlMs: number): Promise<{ readonly alive: boolean; readonly now: number }> {
    const lease = this.#workers.get(worker), now = this.#now();
    const alive = lease !== undefined && lease.until > now;
    if (alive) lease.until = now + ttlMs;
    return { alive, now };
  }
  async retire(worker: string): Promise<void> { this.#workers.delete(worker) }
  guardLease(): undefined { return undefined }
  readonly openTransaction = undefined;
  readonly createWithin = undefined;
  async workers(): Promise<readonly WorkerInfo[]> {
    return [...this.#workers].map(([worker, { until, pools, info }]) =>
      ({ worker, leaseUntil: until, alive: this.#alive(worker), pools, info }));
  }

  async sweep(maxCrashes: number, limit: number, sweepId: string): Promise<readonly { readonly runId: string;
    readonly state: RunState }[]> {
    this.#cache.collect();
    const lost = [...this.#runs.values()].filter(({ row }) => row.owner !== null && !this.#alive(row.owner)).slice(0,
      limit);
    return lost.map((run) => {
      const crashes = run.row.crashes + 1;
      this.#lose(run, sweepId, crashes, crashes >= maxCrashes);
      return { runId: run.row.runId, state: run.row.state };
    });
  }

  async recover(sweepId: string): Promise<number> {
    for (const [worker, { info }] of this.#workers) if (info["through"] !== "socket") this.#workers.delete(worker);
    const held = [...this.#runs.values()].filter(({ row }) => row.owner !== null && !this.#alive(row.owner));
    for (const run of held) { this.#lose(run, sweepId, run.row.crashes, false);
      run.row = { ...run.row, readyAt: this.#now() } }
    return held.length;
  }

  async takeSlot(request: SlotRequest): Promise<boolean> { return this.#slots.take(request) }
  async freeSlots(runId: string, key: string): Promise<void> { this.#slots.free({ runId, key }) }
  async grantedSlots(worker: string): ReturnType<Store["grantedSlots"]> { return this.#slots.granted(worker) }
  async slots(limit?: string): Promise<readonly SlotInfo[]> { return this.#slots.list(limit) }
  async limits(): Promise<readonly LimitInfo[]> { return this.#slots.limits() }
  async reserveRate(limit: string, max: number, perMs: number): Promise<number> {
    return this.#slots.reserve(limit, max, perMs);
  }

  async run(runId: string): Promise<RunRow | undefined> {
    const run = this.#runs.get(runId);
    return run && this.#seen(run);
  }
  async listRuns(filter: RunFilter): Promise<readonly RunRow[]> {
    return [...this.#runs.values()].filter(({ row }) => matches(row, filter)).sort((a, b) => a.row.runId < b.row.runId
      ? 1 : -1)
      .slice(0, Math.min(1000, filter.limit ?? 100)).map((run) => this.#seen(run));
  }

  async findRuns(search: RunSearch): Promise<readonly RunRow[]> {
    return found([...this.#runs.values()], search, this.#now()).map((run) => this.#seen(run));
  }
  async turnKeys(): ReturnType<Store["turnKeys"]> { return countTurns([...this.#runs.values()].map(({ row }) => row)) }
  async countRuns(): Promise<readonly RunCount[]> {
    const counts = new Map<string, RunCount>();
    for (const { row: { state, parked } } of this.#runs.values()) {
      const key = `${state} ${parked !== null}`;
      counts.set(key, { state, parked: parked !== null, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  async turns(slotKey: string): ReturnType<Store["turns"]> { return this.#turns(slotKey) }
  #turns(slotKey: string): Awaited<ReturnType<Store["turns"]>> {
    return [...this.#runs.values()].filter(({ row }) => row.slotKey === slotKey && !TERMINAL_STATES.includes(row.state))
      .map(({ row }) => ({ runId: row.runId, held: row.slotHeld })).sort((a, b) => Number(b.held) - Number(a.held)
        || (a.runId < b.runId ? -1 : 1));
  }

  async writeLogs(lines: readonly LogLine[]): Promise<void> {
    for (const line of lines) this.#logs.set(line.runId, [...this.#logs.get(line.runId) ?? [], line]);
  }
  async countLogs(runIds: readonly string[]): Promise<readonly LogCount[]> {
    return runIds.flatMap((runId) => logCount(runId, this.#logs.get(runId) ?? []));
  }
  async readLogs(runId: string): Promise<readonly LogLine[]> { return this.#logs.get(runId) ?? [] }
  async putPayloads(payloads: readonly { readonly hash: string; readonly text: string }[]): Promise<void> {
    for (const { hash, text } of payloads) this.#payloads.set(hash, text);
  }
  async getPayloads(hashes: readonly string[]): Promise<readonly { readonly hash: string; readonly text: string }[]> {
    return hashes.flatMap((hash) => { const text = this.#payloads.get(hash); return text === undefined ? []
      : [{ hash, text }] });
  }
  async putSources(version: SourceVersion, files: readonly { readonly hash: string;
    readonly text: string }[]): Promise<void> {
    this.#sources.set(version.codeVersion, version);
    for (const { hash, text } of files) this.#files.set(hash, text);
  }
  async getSources(codeVersion: string): Promise<{ readonly [path: string]: string } | undefined> {
    const version = this.#sources.get(codeVersion);
    return version
      && Object.fromEntries(Object.entries(version.files).map(([path, hash]) => [path, this.#files.get(hash) ?? ""]));
  }

  async cacheTake(place: Parameters<Store["cacheTake"]>[0]): Promise<CacheAnswer> { return this.#cache.take(place) }
  async cachePut(entry: Parameters<Store["cachePut"]>[0]): Promise<void> { this.#cache.put(entry) }
  async cacheFree(place: Parameters<Store["cacheFree"]>[0]): Promise<void> { this.#cache.free(place) }
  async cacheList(filter: Parameters<Store["cacheList"]>[0]): Promise<readonly CacheEntry[]> {
    return this.#cache.list(filter);
  }
  async cacheRemove(filter: Parameters<Store["cacheRemove"]>[0]): Promise<number> { return this.#cache.remove(filter) }

  async listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>> {
    this.#listeners.add(wake);
    return async () => { this.#listeners.delete(wake) };
  }
  async now(): Promise<number> { return this.#now() }
  async size(): Promise<StoreSize> {
    const rows = [...this.#runs.values()].flatMap((run) => run.history);
    const bytes = rows.reduce((sum, row) => sum + row.events.length, 0);
    return { bytes, tables: [{ name: "runs", rows: this.#runs.size, bytes: 0 },
      { name: "history", rows: rows.length, bytes }] };
  }
  async reset(): Promise<void> {
    this.#slots.clear();
    for (const kept of [this.#runs, this.#keys, this.#logs, this.#payloads, this.#sources, this.#files]) kept.clear();
    this.#cache.remove({});
  }
  async close(): Promise<void> { this.#listeners.clear() }

  #send(sent: Sent): void {
    if ("create" in sent) this.#create(sent.create);
    else if ("moveTo" in sent) {
      const from = this.#runs.get(sent.from);
      for (const { n, dedupe, kind, payload } of from?.mail ?? []) {
        const control = CONTROL_MAIL.includes(kind);
        if (n > (from?.row.mailRead ?? 0)) this.#post({ runId: sent.moveTo, dedupe, kind, payload, control });
      }
    } else {
      const answer = this.#post(sent);
      const next = answer === "finished" ? this.#nextLink(sent.runId)
        : answer === "no_run" ? ownedBy(this.#runs.values(), sent.runId) : undefined;
      if (next !== undefined) this.#send({ ...sent, runId: next });
    }
  }
  /** The run that this one went on as, or is tried again as. */
  #nextLink(runId: string): string | undefined {
    // Rows hold lists of events, whose last says how the run ended.
    const last = (JSON.parse(this.#runs.get(runId)?.history.at(-1)?.events ?? "[]") as
      readonly { readonly nextId?: string; readonly retriedAs?: string }[]).at(-1);
    return last?.nextId ?? last?.retriedAs;
  }
  #alive(worker: string): boolean { return (this.#workers.get(worker)?.until ?? 0) > this.#now() }
  #seen({ row }: Run): RunRow { return { ...row, ownerAlive: row.owner !== null && this.#alive(row.owner) } }
  #wake(runId: string): void { for (const wake of this.#listeners) queueMicrotask(() => wake(runId)) }

  #freeKey(key: string, appendId: string): void {
    const holder = this.#runs.get(this.#keys.get(key) ?? "");
    if (holder === undefined || holder.history[0]?.appendId === appendId) return;
    holder.row = { ...holder.row, idempotencyKey: null };
    this.#keys.delete(key);
  }

  #claimable(run: Run, request: ClaimRequest): boolean {
    const { row } = run;
    const named = request.runs?.includes(row.runId) ?? false;
    if (row.owner !== null || !request.pools.includes(row.pool) || TERMINAL_STATES.includes(row.state)) return false;
    if (request.workflows !== undefined && !request.workflows.includes(row.workflow)) return false;
    if (request.runs !== undefined && !named && !request.runs.includes(row.rootId ?? "")) return false;
    if (row.slotKey !== null && !row.slotHeld && request.evenIfNotReady !== true) return false;
    if (row.parked !== null && run.notVersions.includes(request.codeVersion)) return false;
    return (named && request.evenIfNotReady === true) || (row.readyAt !== null && row.readyAt <= this.#now());
  }

  #land(row: AppendRow): boolean {
    const run = this.#runs.get(row.runId), last = run?.history.at(-1);
    if (run === undefined || last === undefined || last.firstSeq !== row.previousSeq) return false;
    if (last.epoch !== row.epoch || last.firstSeq + last.count !== row.firstSeq) return false;
    if (row.notBefore !== undefined && row.notBefore > this.#now()) return false;
    const { runId, firstSeq, count, appendId, epoch, events } = row;
    run.history.push({ runId, firstSeq, count, appendId, epoch, events });
    return true;
  }

  #change(change: Change): void {
    const run = this.#runs.get(change.runId), last = run?.history.at(-1);
    if (run === undefined || last === undefined) return;
    const { row } = run;
    const state = change.state ?? row.state, parked = change.parked === undefined ? row.parked : change.parked;
    const mailRead = change.mailRead ?? row.mailRead, over = TERMINAL_STATES.includes(state);
    const heard = parked !== null || state === "paused" ? run.controlHead : row.mailHead;
    const readyAt = over ? null : heard > mailRead ? this.#now() : change.release ? change.wakeAt ?? null : row.readyAt;
    run.row = { ...row, state, parked, mailRead, readyAt, asOf: last.firstSeq + last.count - 1, crashes: change.crashes
      ?? row.crashes,
      owner: change.release ? null : row.owner, endedAt: over ? this.#now() : row.endedAt };
    if (change.excludeVersion !== undefined) run.notVersions.push(change.excludeVersion);
    if (row.slotKey !== null && (over || parked !== null)) {
      run.row = { ...run.row, slotHeld: false };
      this.#give(row.slotKey);
    }
    if (change.release && !over) this.#wake(change.runId);
  }

  #give(slotKey: string): void {
    for (const runId of grantTurns(this.#runs.values(), slotKey, this.#now())) this.#wake(runId);
  }

  /** An instant of the database's is never below that of the event before, which is a worker's. */
  #addRow(run: Run, appendId: string, epoch: number,
    event: { readonly at: number; readonly [field: string]: unknown }): number {
    const last = run.history.at(-1);
    const firstSeq = last === undefined ? 1 : last.firstSeq + last.count;
    const events = JSON.stringify([{ ...event, at: Math.max(event.at, lastAt(last)) }]);
    run.history.push({ runId: run.row.runId, firstSeq, count: 1, appendId, epoch, events });
    return firstSeq;
  }

  #lose(run: Run, appendId: string, crashes: number, park: boolean): void {
    const epoch = run.row.epoch + 1, at = this.#now();
    const asOf = this.#addRow(run, appendId, epoch, park
      ? { type: "RunParked", at, code: "QUARANTINED", message: `its worker died ${crashes} times without progress`,
        epoch }
      : { type: "RunLost", at, epoch, ...(run.row.owner !== null && { worker: run.row.owner }) });
    run.row = { ...run.row, owner: null, epoch, crashes, asOf, state: park ? "parked" : "pending",
      slotHeld: run.row.slotHeld && !park, parked: park
      ? "QUARANTINED" : run.row.parked,
      readyAt: park ? null : at + (crashes > 1 ? Math.min(300_000, 1000 * 2 ** (crashes - 2)) : 0) };
  }
}

/** A row is a list of events; that of a fork begins with another run's, and holds its own beside. */
function lastAt(row: HistoryRow | undefined): number {
  const parsed = JSON.parse(row?.events ?? "[]") as Events | { readonly events: Events }; // written by the runtime
  const events = "events" in parsed ? parsed.events : parsed;
  return events.at(-1)?.at ?? 0;
}
type Events = readonly { readonly at?: number }[];

function newRow(run: NewRun, now: number): Run["row"] {
  const mine = run.worker !== undefined, later = run.readyAt !== undefined && run.readyAt > now;
  return { runId: run.runId, workflow: run.workflow, name: run.name, state: mine ? "running" : later ? "scheduled"
    : "pending",
    asOf: run.count, epoch: mine ? 1 : 0, owner: run.worker ?? null, crashes: 0, readyAt: mine ? null : run.readyAt
      ?? now, parked: null,
    mailHead: 0, mailRead: 0, pool: run.pool, priority: run.priority, tags: run.tags, codeVersion: run.codeVersion,
    slotKey: run.slotKey ?? null, slotMax: run.slotMax ?? null, slotHeld: false,
    file: run.file ?? null, idempotencyKey: run.idempotencyKey ?? null, scriptKey: run.scriptKey ?? null,
    parentId: run.parentId ?? null, rootId: run.rootId ?? null, retriedAs: null, createdAt: now,
    startedAt: mine ? now : null, endedAt: null };
}
