/** The list of runs: filters, three orders, keyset pages. */
import { RepriseError, toMs, type Duration, type LogCount, type RunEngine, type RunRow, type RunSearch, type RunState }
  from "../../engine/index.ts";
import { Grown } from "./grown.ts";
import type { ListQuery } from "./wire.ts";

/** Rows that one request looks at when the store cannot filter; the caller goes on from `next`. */
const MAX_SCANNED = 20_000;
const BATCH = 500;
/** Among the longest a text is sought in so many. */
const MOST_LONGEST = 1000;
/** Ids sort by the clock of whoever started the run, `createdAt` is the database's: they may differ by so much. */
const CLOCKS_APART_MS = 60_000;
/** A worker holds no run that has ended. */
const HELD: readonly RunState[] = ["scheduled", "pending", "running", "waiting", "paused", "cancelling"];

/** A page; `next` is the `before` of the following one, null when there is none. */
export interface RunPage { readonly runs: readonly RunRow[]; readonly next: string | null }

/** One page of the runs that meet every filter. @throws INVALID_DURATION for a `since` or `took` that is no time */
export async function listRuns(engine: RunEngine, query: ListQuery): Promise<RunPage> {
  const since = query.since === undefined ? undefined : sinceOf(query.since, await engine.store.now());
  const fits = filterOf(query, since), search = searchOf(query, since);
  if (query.sort === "longest") {
    const rows = await engine.store.findRuns({ ...search, limit: query.q === undefined && since === undefined
      && !needsScan(query) ? query.limit : MOST_LONGEST });
    return { runs: rows.filter(fits).slice(0, query.limit), next: null };
  }
  const size = query.q !== undefined || needsScan(query) ? BATCH : query.limit + 1;
  const plain = search.owner === undefined && search.codeVersion === undefined && search.tookMs === undefined
    && query.sort !== "oldest";
  const runs: RunRow[] = [];
  let last = query.before, scanned = 0;
  while (scanned < MAX_SCANNED) {
    const page = { ...search, ...placeAfter(query, last), limit: size };
    const rows = await (plain ? engine.list(page) : engine.store.findRuns(page));
    for (const row of rows) {
      if (since !== undefined && query.sort !== "oldest" && row.createdAt < since - CLOCKS_APART_MS) {
        return { runs, next: null };
      }
      if (fits(row)) {
        if (runs.length === query.limit) return { runs, next: runs.at(-1)?.runId ?? null };
        runs.push(row);
      }
      last = row.runId;
    }
    scanned += rows.length;
    if (rows.length < size) return { runs, next: null };
  }
  return { runs, next: last ?? null };
}

function placeAfter({ sort }: ListQuery, last: string | undefined): Pick<RunSearch, "before" | "after"> {
  return last === undefined ? {} : sort === "oldest" ? { after: last } : { before: last };
}

/** `parked` stands beside the states, so a list of both is filtered here. */
function needsScan({ state }: ListQuery): boolean { return state !== undefined && state.includes("parked")
  && state.length > 1 }

function searchOf(query: ListQuery, since: number | undefined): RunSearch {
  const { state, workflow, tag, worker, version, took, sort } = query;
  return {
    ...(workflow !== undefined && { workflow }), ...(tag !== undefined && { tag }),
    ...(worker !== undefined && { owner: worker, states: HELD }),
    ...(version !== undefined && { codeVersion: version }),
    ...(state !== undefined && !needsScan(query)
      && (state.includes("parked") ? { parked: true } : { states: state, parked: false })),
    ...(took !== undefined && { tookMs: msOf(took, "took") }), ...(sort !== undefined && { order: sort }),
    ...(since !== undefined && sort !== undefined && { after: idAt(since - CLOCKS_APART_MS) }),
  };
}

function filterOf({ state, q }: ListQuery, since: number | undefined): (row: RunRow) => boolean {
  const wanted = q?.toLowerCase();
  return (row) => (since === undefined || row.createdAt >= since)
    && (state === undefined || state.includes(row.parked === null ? row.state : "parked"))
    && (wanted === undefined || [row.runId, row.name, row.workflow, row.idempotencyKey ?? "", ...row.tags]
      .some((text) => text.toLowerCase().includes(wanted)));
}

/** The least id that a run of this instant can have: an id begins with its time, in base 32. */
export function idAt(at: number): string {
  const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  let text = "", left = Math.max(0, Math.floor(at));
  for (let i = 0; i < 10; i++) { text = DIGITS.charAt(left % 32) + text; left = Math.floor(left / 32) }
  return `${text}${"0".repeat(16)}`;
}

/** `24h` ago, an ISO date, or milliseconds since 1970. */
function sinceOf(text: string, now: number): number {
  if (/^\d{11,}$/.test(text)) return Number(text);
  const at = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? now - msOf(text, "since") : at;
}

/** @throws INVALID_DURATION */
function msOf(text: string, name: "since" | "took"): number {
  if (/^\d+$/.test(text)) throw new RepriseError("INVALID_DURATION", `${name} is ${text}`,
    name === "took" ? "Write 30s, 5m or 1h." : "Write 24h, an ISO date, or milliseconds since 1970.");
  return toMs(text as Duration, name); // toMs reads any text and throws for what is no duration
}

/** A run with more events is not counted: whoever opens it sees. */
const MOST_COUNTED = 5000;
interface Tally { events: number; done: number; failed: number; retries: number }
type Counted = Tally & Omit<LogCount, "runId">;

/** Tasks of runs, and serious lines of their logs, counted. */
export class Tallies {
  readonly #engine: RunEngine;
  readonly #counted: Grown<Tally>;
  constructor(engine: RunEngine) {
    this.#engine = engine;
    const begin = (): Tally => ({ events: 0, done: 0, failed: 0, retries: 0 });
    this.#counted = new Grown<Tally>(engine, begin, (tally, { type }) => {
      tally.events++;
      if (type === "TaskCompleted") tally.done++;
      else if (type === "TaskFailed") tally.failed++;
      else if (type === "RetryScheduled") tally.retries++;
    });
  }

  /** Each run's; null for one that is long, or not there. */
  async of(ids: readonly string[]): Promise<readonly (Counted | null)[]> {
    const { store } = this.#engine, logs = new Map((await store.countLogs(ids)).map((one) => [one.runId, one]));
    return Promise.all(ids.map(async (id) => {
      const row = await store.run(id), { warnings = 0, errors = 0 } = logs.get(id) ?? {};
      return row === undefined || row.asOf > MOST_COUNTED ? null
        : { ...await this.#counted.of(id), warnings, errors };
    }));
  }
}
