/** The port over SQL: the same statements on every driver, arrays as JSON text. */
import { RepriseError } from "../core/errors.ts";
import type { Execute, OpenTransaction } from "../core/transaction.ts";
import { statement } from "./statements.ts";
import type {
  AppendRow, CacheAnswer, CacheEntry, Change, Claimed, ClaimRequest, CreateAnswer, HistoryRow, LeaseGuard,
    LogCount, LogLine, Mail, NewRun, Post, PostAnswer, RunCount, RunFilter, RunRow, RunSearch,
  RunState, Sent, SlotInfo, SlotRequest, LimitInfo, SourceVersion, Store, StoreSize, TurnKey, WorkerInfo,
} from "./port.ts";

export type Row = { readonly [column: string]: unknown };
/** A database connection as the store needs it. Every call is one autocommit statement; failures are StoreErrors. */
export interface SqlDriver {
  readonly kind: "pglite" | "postgres";
  readonly location: string;
  /** `lane` "append" has connections of its own, so that nothing slow stands before an append. */
  query(text: string, params: readonly unknown[], lane?: "append"): Promise<readonly Row[]>;
  /** Tells other processes, after the commit, that there may be something to do. */
  hint(runId: string): void;
  guardLease?(worker: string, ttlMs: number): LeaseGuard;
  readonly openTransaction: OpenTransaction;
  listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const CREATE = "select * from create_run($1::text::json)";
/** Found by whoever's search_path; one parameter, so that any client can be given it. */
const START = "select result, run_id from reprise.start_run($1::text)";
const PLAIN = statement("append-plain"), ONE = statement("append-one");
const APPEND = "select run_id from append_rows($1, $2, $3, $4)";
const CLAIM = "select * from claim_runs($1, $2, $3, $4::integer, $5::text::uuid, $6, $7, $8::boolean)";
const POST = "select post_mail($1, $2, $3, $4, $5::boolean) as answer";
const TAKE = "select * from cache_take($1, $2, $3, $4, $5::integer, $6::boolean)";
const SWEEP = "select * from sweep_runs($1::integer, $2::integer, $3::text::uuid, $4::boolean)";

/** At the first sweep and then at each of so many, at most so many rows are deleted that nobody needs any more. */
const COLLECT_EVERY = 60, COLLECTED = 1000;

/** The port, by SQL on a driver. */
export class SqlStore implements Store {
  readonly #driver: SqlDriver;
  #sweeps = 0;
  constructor(driver: SqlDriver) { this.#driver = driver }
  get kind(): "pglite" | "postgres" { return this.#driver.kind }
  get location(): string { return this.#driver.location }

  async create(run: NewRun): Promise<CreateAnswer> {
    const [answer] = await this.#ask(CREATE, [JSON.stringify(runWire(run))]);
    if (answer === undefined) throw new Error("corrupt answer: create gave no row");
    const result = text(answer["result"]) as CreateAnswer["result"]; // the three words of create_run
    if (result === "created" && run.worker === undefined) this.#driver.hint(run.runId);
    return { result, runId: text(answer["run_id"]) };
  }

  get createWithin(): ((run: NewRun, execute: Execute) => Promise<CreateAnswer>) | undefined {
    return this.kind === "postgres" ? createWithin : undefined;
  }

  async append(rows: readonly AppendRow[], changes: readonly Change[],
    sent: readonly Sent[]): Promise<readonly string[]> {
    const plain = changes.length === 0 && sent.length === 0, [only] = rows;
    const landed = plain && rows.length === 1 && only?.notBefore === undefined
      ? await this.#driver.query(ONE, oneWire(only), "append")
      : plain ? await this.#driver.query(PLAIN, rowsWire(rows), "append")
      : await this.#driver.query(APPEND, [...rowsWire(rows), JSON.stringify(changes.map(changeWire)),
        JSON.stringify(sent.map(sentWire))], "append");
    for (const change of changes) if (change.release) this.#driver.hint(change.runId);
    for (const one of sent) this.#driver.hint("create" in one ? one.create.runId : "moveTo" in one ? one.moveTo
      : one.runId);
    return landed.map((row) => text(row["run_id"]));
  }

  async standing(places: readonly { readonly runId: string; readonly firstSeq: number }[]):
    Promise<readonly { readonly runId: string; readonly firstSeq: number; readonly appendId: string }[]> {
    const wire = JSON.stringify(places.map(({ runId, firstSeq }) => ({ r: runId, s: firstSeq })));
    const rows = await this.#ask(statement("standing"), [wire]);
    return rows.map((row) =>
      ({ runId: text(row["run_id"]), firstSeq: number(row["first_seq"]), appendId: text(row["append_id"]) }));
  }

  async read(runId: string, fromSeq: number, limit?: number): Promise<readonly HistoryRow[]> {
    const rows = await this.#ask(statement("read"), [runId, fromSeq, limit ?? null]);
    return rows.map((row) => ({ runId, firstSeq: number(row["first_seq"]), count: number(row["count"]),
      appendId: text(row["append_id"]), epoch: number(row["epoch"]), events: text(row["events"]) }));
  }

  async claim(request: ClaimRequest): Promise<readonly Claimed[]> {
    const rows =
      await this.#ask(CLAIM, [request.worker, JSON.stringify(request.pools), request.codeVersion, request.limit,
      request.claimId, json(request.workflows), json(request.runs), request.evenIfNotReady ?? false]);
    return rows.map((row) =>
      ({ runId: text(row["run_id"]), workflow: text(row["workflow"]), epoch: number(row["epoch"]),
      head: number(row["head"]), mailHead: number(row["mail_head"]), crashes: number(row["crashes"]) }));
  }

  async owned(worker: string): Promise<readonly { readonly runId: string; readonly epoch: number }[]> {
    return (await this.#ask(statement("owned"), [worker])).map((row) =>
      ({ runId: text(row["run_id"]), epoch: number(row["epoch"]) }));
  }
  async due(worker: string): Promise<readonly { readonly runId: string; readonly mailHead: number }[]> {
    return (await this.#ask(statement("due"), [worker])).map((row) =>
      ({ runId: text(row["run_id"]), mailHead: number(row["mail_head"]) }));
  }
  async post(mail: Post): Promise<PostAnswer> {
    const [row] = await this.#ask(POST, [mail.runId, mail.dedupe, mail.kind, mail.payload, mail.control ?? false]);
    this.#driver.hint(mail.runId);
    return text(row?.["answer"]) as PostAnswer; // the four words of post_mail
  }
  async mail(runId: string, after: number): Promise<readonly Mail[]> {
    return (await this.#ask(statement("mail"), [runId, after])).map((row) =>
      ({ runId, n: number(row["n"]), dedupe: text(row["dedupe"]),
      kind: text(row["kind"]), payload: maybeText(row["payload"]) }));
  }

  async register(worker: string, ttlMs: number, pools: readonly string[], info: WorkerInfo["info"]): Promise<void> {
    await this.#ask(statement("register"), [worker, ttlMs, JSON.stringify(pools), JSON.stringify(info)]);
  }
  async heartbeat(worker: string, ttlMs: number): Promise<{ readonly alive: boolean; readonly now: number }> {
    const [row] = await this.#ask(statement("heartbeat"), [worker, ttlMs]);
    return { alive: row?.["alive"] === true, now: number(row?.["now"]) };
  }
  async retire(worker: string): Promise<void> { await this.#ask(statement("retire"), [worker]) }
  guardLease(worker: string, ttlMs: number): LeaseGuard | undefined { return this.#driver.guardLease?.(worker, ttlMs) }
  get openTransaction(): OpenTransaction { return this.#driver.openTransaction }
  async workers(): Promise<readonly WorkerInfo[]> {
    return (await this.#ask(statement("workers"), [])).map((row) => ({ worker: text(row["worker_id"]),
      leaseUntil: number(row["lease_until"]), alive: row["alive"] === true,
      // Written by register() as a list of names and an object of plain values.
      pools: JSON.parse(text(row["pools"])) as string[], info: JSON.parse(text(row["info"])) as WorkerInfo["info"] }));
  }
  async sweep(maxCrashes: number, limit: number, sweepId: string): Promise<readonly { readonly runId: string;
    readonly state: RunState }[]> {
    const rows = await this.#ask(SWEEP, [maxCrashes, limit, sweepId, true]);
    await this.#ask("select grant_all_turns()", []);
    if (this.#sweeps++ % COLLECT_EVERY === 0) {
      for (const name of ["collect-cache", "collect-completions"]) await this.#ask(statement(name), [COLLECTED]);
    }
    for (const row of rows) this.#driver.hint(text(row["run_id"]));
    return rows.map((row) => ({ runId: text(row["run_id"]), state: stateOf(row) }));
  }
  async recover(sweepId: string): Promise<number> {
    await this.#ask(statement("retire-all"), []);
    return (await this.#ask(SWEEP, [0, 1_000_000, sweepId, false])).length;
  }

  async takeSlot({ limit, max, runId, key, worker, priority }: SlotRequest): Promise<boolean> {
    const rows = await this.#ask("select * from take_slot($1, $2::integer, $3, $4, $5, $6::integer)",
      [limit, max, runId, key, worker, priority]);
    for (const row of rows) if (text(row["run_id"]) !== runId) this.#driver.hint(text(row["run_id"]));
    return rows.some((row) => row["mine"] === true);
  }
  async freeSlots(runId: string, key: string): Promise<void> {
    const rows = await this.#ask("select free_slots as run_id from free_slots($1, $2)", [runId, key]);
    for (const row of rows) this.#driver.hint(text(row["run_id"]));
  }
  async grantedSlots(worker: string): Promise<readonly { readonly limit: string; readonly runId: string;
    readonly key: string }[]> {
    return (await this.#ask(statement("granted-slots"), [worker])).map((row) => ({ limit: text(row["limit_name"]),
      runId: text(row["run_id"]), key: text(row["key"]) }));
  }
  async slots(limit?: string): Promise<readonly SlotInfo[]> {
    return (await this.#ask(statement("slots"), [limit ?? null])).map((row) => ({ limit: text(row["limit_name"]),
      max: number(row["max"]), runId: text(row["run_id"]), key: text(row["key"]), worker: text(row["worker"]),
      granted: row["granted"] === true, at: number(row["at"]) }));
  }
  async limits(): Promise<readonly LimitInfo[]> {
    return (await this.#ask(statement("limits"), [])).map((row) => ({ name: text(row["name"]), max: number(row["max"]),
      perMs: maybeNumber(row["per_ms"]) ?? undefined, nextAt: maybeNumber(row["next_at"]) ?? undefined,
      held: number(row["held"]), waiting: number(row["waiting"]) }));
  }
  async reserveRate(limit: string, max: number, perMs: number): Promise<number> {
    const [row] = await this.#ask("select reserve_rate($1, $2::integer, $3::double precision) as at",
      [limit, max, perMs]);
    return number(row?.["at"]);
  }

  async run(runId: string): Promise<RunRow | undefined> {
    const [row] = await this.#list({ limit: 1 }, runId);
    return row;
  }
  listRuns(filter: RunFilter): Promise<readonly RunRow[]> { return this.#list(filter, null) }
  async findRuns(search: RunSearch): Promise<readonly RunRow[]> {
    const { order = "newest", limit = 100 } = search, most = Math.min(1000, limit);
    return (await this.#ask(statement("find-runs"), [json(search.states), search.workflow ?? null, search.tag ?? null,
      search.parked ?? null, search.owner ?? null, search.codeVersion ?? null, search.tookMs ?? null, order,
      search.before ?? null, search.after ?? null, most, order === "longest" ? LOOKED_AT : most])).map(runRow);
  }
  async turns(slotKey: string): Promise<readonly { readonly runId: string; readonly held: boolean }[]> {
    return (await this.#ask(statement("turns"), [slotKey])).map((row) => ({ runId: text(row["run_id"]),
      held: row["slot_held"] === true }));
  }
  async turnKeys(): Promise<readonly TurnKey[]> {
    return (await this.#ask(statement("turn-keys"), [])).map((row) => ({ slotKey: text(row["slot_key"]),
      workflow: text(row["workflow"]), max: number(row["max"]), held: number(row["held"]),
      waiting: number(row["waiting"]) }));
  }
  async countRuns(): Promise<readonly RunCount[]> {
    return (await this.#ask(statement("count-runs"), [])).map((row) =>
      ({ state: stateOf(row), parked: row["parked"] === true, count: number(row["count"]) }));
  }

  async writeLogs(lines: readonly LogLine[]): Promise<void> {
    const wire =
      lines.map((line) =>
        ({ r: line.runId, s: line.seq, t: line.at, l: line.level, m: withoutNul(line.message), k: line.key,
      n: line.attempt, d: line.data === undefined ? undefined : withoutNul(line.data) }));
    await this.#ask(statement("write-logs"), [JSON.stringify(wire)]);
  }
  async countLogs(runIds: readonly string[]): Promise<readonly LogCount[]> {
    return (await this.#ask(statement("count-logs"), [JSON.stringify(runIds)])).map((row) => ({
      runId: text(row["run_id"]), warnings: number(row["warnings"]), errors: number(row["errors"]) }));
  }
  async readLogs(runId: string): Promise<readonly LogLine[]> {
    return (await this.#ask(statement("read-logs"), [runId])).map((row) => ({
      runId, seq: number(row["seq"]), at: number(row["at"]), message: text(row["message"]),
      level: text(row["level"]) as LogLine["level"], // as writeLogs() stored it
      ...(row["key"] !== null && { key: text(row["key"]) }),
        ...(row["attempt"] !== null && { attempt: number(row["attempt"]) }),
      ...(row["data"] !== null && { data: text(row["data"]) }),
    }));
  }
  async putPayloads(payloads: readonly { readonly hash: string; readonly text: string }[]): Promise<void> {
    await this.#ask(statement("put-payloads"), [JSON.stringify(payloads)]);
  }
  async getPayloads(hashes: readonly string[]): Promise<readonly { readonly hash: string; readonly text: string }[]> {
    const rows = await this.#ask(statement("get-payloads"), [JSON.stringify(hashes)]);
    return rows.map((row) => ({ hash: text(row["hash"]), text: text(row["text"]) }));
  }
  async putSources(version: SourceVersion, files: readonly { readonly hash: string;
    readonly text: string }[]): Promise<void> {
    await this.#ask(statement("put-files"), [JSON.stringify(files)]);
    await this.#ask(statement("put-sources"), [version.codeVersion, JSON.stringify(version.files)]);
  }
  async getSources(codeVersion: string): Promise<{ readonly [path: string]: string } | undefined> {
    const rows = await this.#ask(statement("get-sources"), [codeVersion]);
    return rows.length === 0 ? undefined
      : Object.fromEntries(rows.map((row) => [text(row["path"]), text(row["text"])]));
  }

  async cacheTake(place: Parameters<Store["cacheTake"]>[0]): Promise<CacheAnswer> {
    const [row] = await this.#ask(TAKE, [place.task, place.key, place.runId, place.call, place.epoch, place.single]);
    const by = { runId: text(row?.["run_id"]), call: text(row?.["call"]) };
    if (row?.["state"] === "busy") return { state: "busy", ...by };
    return row?.["state"] !== "hit" ? { state: "mine" }
      : { state: "hit", ...by, at: number(row["created_at"]), result: maybeText(row["result"]) };
  }
  async cachePut(entry: Parameters<Store["cachePut"]>[0]): Promise<void> {
    await this.#ask(statement("cache-put"),
      [entry.task, entry.key, entry.result, entry.runId, entry.call, entry.ttlMs ?? null]);
  }
  async cacheFree(place: Parameters<Store["cacheFree"]>[0]): Promise<void> {
    await this.#ask(statement("cache-free"), [place.task, place.key, place.runId, place.call, place.epoch]);
  }
  async cacheList(filter: Parameters<Store["cacheList"]>[0]): Promise<readonly CacheEntry[]> {
    const rows = await this.#ask(statement("cache-list"), [filter.task ?? null, Math.min(1000, filter.limit ?? 100)]);
    return rows.map((row) => ({ task: text(row["task"]), key: text(row["key"]), runId: text(row["run_id"]),
      call: text(row["call"]), size: number(row["size"]), createdAt: number(row["created_at"]),
      expiresAt: maybeNumber(row["expires_at"]), expired: row["expired"] === true }));
  }
  async cacheRemove(filter: Parameters<Store["cacheRemove"]>[0]): Promise<number> {
    const rows = await this.#ask(statement("cache-remove"),
      [filter.task ?? null, filter.key ?? null, filter.expired ?? false]);
    return rows.filter((row) => row["entry"] === true).length;
  }

  listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>> { return this.#driver.listen(wake) }
  async now(): Promise<number> { return number((await this.#ask(statement("now"), []))[0]?.["now"]) }
  async size(): Promise<StoreSize> {
    const tables: StoreSize["tables"][number][] = [];
    for (const row of await this.#ask(statement("size"), [])) {
      const name = text(row["name"]), rows = number(row["rows"] ?? await this.#count(name));
      tables.push({ name, rows, bytes: number(row["bytes"]) });
    }
    return { bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0), tables };
  }
  async #count(table: string): Promise<unknown> {
    const quoted = `"${table.replaceAll('"', '""')}"`;
    return (await this.#ask(statement("count-rows").replace(/"table"$/m, () => quoted), []))[0]?.["rows"];
  }
  async reset(): Promise<void> {
    for (const name of ["reset", "reset-completions"]) await this.#ask(statement(name), []);
    await this.cacheRemove({});
  }
  close(): Promise<void> { return this.#driver.close() }

  #ask(query: string, params: readonly unknown[]): Promise<readonly Row[]> { return this.#driver.query(query, params) }

  async #list(filter: RunFilter, runId: string | null): Promise<readonly RunRow[]> {
    const rows =
      await this.#ask(statement("list-runs"), [json(filter.states), filter.workflow ?? null, filter.tag ?? null,
      filter.name ?? null, filter.idempotencyKey ?? null, filter.scriptKey ?? null, filter.idPrefix ?? null,
        filter.parked ?? null,
      filter.before ?? null, Math.min(1000, filter.limit ?? 100), runId]);
    return rows.map(runRow);
  }
}

/** Runs among which the longest are sought. */
const LOOKED_AT = 20_000;

async function createWithin(run: NewRun, execute: Execute): Promise<CreateAnswer> {
  const rows: unknown = await execute(START, [JSON.stringify(runWire(run))]);
  const { result, run_id: runId } = Object(Array.isArray(rows) ? rows[0] : undefined) as Row; // looked at now
  if ((result !== "created" && result !== "exists") || typeof runId !== "string") {
    throw new RepriseError("INVALID_OPTION", "tx gave back no row of the statement that starts the run",
      "Let it return the rows as objects: tx: (text, values) => client.query(text, values).then(({ rows }) => rows).");
  }
  return { result, runId };
}

/** The rows as a list, and their events as lines. */
function rowsWire(rows: readonly AppendRow[]): readonly [string, string] {
  return [JSON.stringify(
    rows.map((row) => ({ r: row.runId, s: row.firstSeq, c: row.count, a: row.appendId, e: row.epoch,
    pf: row.previousSeq, nb: row.notBefore }))), rows.map((row) => row.events).join("\n")];
}
function oneWire(row: AppendRow | undefined): readonly unknown[] {
  return row === undefined ? [] : [row.runId, row.firstSeq, row.count, row.appendId, row.epoch, row.events,
    row.previousSeq];
}
function changeWire(change: Change): object {
  return { r: change.runId, st: change.state, rel: change.release ?? false, wk: change.wakeAt, ml: change.mailRead,
    cr: change.crashes,
    pk: change.parked ?? undefined, up: change.parked === null, nv: change.excludeVersion };
}
function sentWire(sent: Sent): object {
  if ("create" in sent) return { f: sent.from, cr: runWire(sent.create) };
  if ("moveTo" in sent) return { f: sent.from, mv: sent.moveTo };
  return { f: sent.from, to: sent.runId, k: sent.dedupe, kd: sent.kind, v: sent.payload, ct: sent.control ?? false };
}
function runWire(run: NewRun): object { return { ...run, tags: JSON.stringify(run.tags) } }
function json(list: readonly string[] | undefined): string | null { return list === undefined ? null
  : JSON.stringify(list) }
/** PostgreSQL's text has no NUL; in a log line it is worth nothing. */
function withoutNul(line: string): string { return line.replaceAll("\0", "\\0").replaceAll("\\u0000", "\\\\0") }

function runRow(row: Row): RunRow {
  return {
    runId: text(row["run_id"]), workflow: text(row["workflow"]), name: text(row["name"]), state: stateOf(row),
      asOf: number(row["as_of"]),
    epoch: number(row["epoch"]), owner: maybeText(row["owner"]), ownerAlive: row["owner_alive"] === true,
      crashes: number(row["crashes"]),
    readyAt: maybeNumber(row["ready_at"]), parked: maybeText(row["parked"]), mailHead: number(row["mail_head"]),
    mailRead: number(row["mail_read"]), pool: text(row["pool"]), priority: number(row["priority"]),
    tags: JSON.parse(text(row["tags"])) as string[], // written by create() as a list of names
    codeVersion: text(row["code_version"]), file: maybeText(row["file"]),
      idempotencyKey: maybeText(row["idempotency_key"]),
    scriptKey: maybeText(row["script_key"]), parentId: maybeText(row["parent_id"]), rootId: maybeText(row["root_id"]),
    retriedAs: maybeText(row["retried_as"]),
    slotKey: maybeText(row["slot_key"]), slotMax: maybeNumber(row["slot_max"]), slotHeld: row["slot_held"] === true,
    createdAt: number(row["created_at"]), startedAt: maybeNumber(row["started_at"]),
      endedAt: maybeNumber(row["ended_at"]),
  };
}

function stateOf(row: Row): RunState { return text(row["state"]) as RunState } // only our own statements write it
function text(value: unknown): string { return String(value) }
function maybeText(value: unknown): string | null { return value === null || value === undefined ? null
  : String(value) }
function number(value: unknown): number { return Number(value) }
function maybeNumber(value: unknown): number | null { return value === null || value === undefined ? null
  : Number(value) }
