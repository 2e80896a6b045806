/** The list of runs: filters and keyset pages, newest first. */
import { RepriseError, toMs, type Duration, type RunEngine, type RunFilter, type RunRow } from "../../engine/index.ts";
import type { ListQuery } from "./wire.ts";

/** Rows that one request looks at when the store cannot filter; the caller goes on from `next`. */
const MAX_SCANNED = 20_000;
const BATCH = 500;
/** Ids sort by the clock of whoever started the run, `createdAt` is the database's: they may differ by so much. */
const CLOCKS_APART_MS = 60_000;

/** A page; `next` is the `before` of the following one, null when there is none. */
export interface RunPage { readonly runs: readonly RunRow[]; readonly next: string | null }

/** One page of the runs that meet every filter. @throws INVALID_DURATION for a `since` that is no time */
export async function listRuns(engine: RunEngine, query: ListQuery): Promise<RunPage> {
  const since = query.since === undefined ? undefined : sinceOf(query.since, await engine.store.now());
  const fits = filterOf(query, since);
  const scans = query.q !== undefined || needsScan(query);
  const size = scans ? BATCH : query.limit + 1;
  const runs: RunRow[] = [];
  let before = query.before, scanned = 0;
  while (scanned < MAX_SCANNED) {
    const rows = await engine.list({ ...storeFilter(query), limit: size, ...(before !== undefined && { before }) });
    for (const row of rows) {
      if (since !== undefined && row.createdAt < since - CLOCKS_APART_MS) return { runs, next: null };
      if (fits(row)) {
        if (runs.length === query.limit) return { runs, next: runs.at(-1)?.runId ?? null };
        runs.push(row);
      }
      before = row.runId;
    }
    scanned += rows.length;
    if (rows.length < size) return { runs, next: null };
  }
  return { runs, next: before ?? null };
}

/** `parked` stands beside the states, so a list of both is filtered here. */
function needsScan({ state }: ListQuery): boolean { return state !== undefined && state.includes("parked")
  && state.length > 1 }

function storeFilter(query: ListQuery): RunFilter {
  const { state, workflow, tag } = query;
  return {
    ...(workflow !== undefined && { workflow }), ...(tag !== undefined && { tag }),
    ...(state !== undefined && !needsScan(query)
      && (state.includes("parked") ? { parked: true } : { states: state, parked: false })),
  };
}

function filterOf({ state, q }: ListQuery, since: number | undefined): (row: RunRow) => boolean {
  const wanted = q?.toLowerCase();
  return (row) => (since === undefined || row.createdAt >= since)
    && (state === undefined || state.includes(row.parked === null ? row.state : "parked"))
    && (wanted === undefined || [row.runId, row.name, row.workflow, row.idempotencyKey ?? "", ...row.tags]
      .some((text) => text.toLowerCase().includes(wanted)));
}

/** `24h` ago, an ISO date, or milliseconds since 1970. */
function sinceOf(text: string, now: number): number {
  if (/^\d{11,}$/.test(text)) return Number(text);
  const at = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(at)) return at;
  if (/^\d+$/.test(text)) throw new RepriseError("INVALID_DURATION", `since is ${text}`,
    "Write 24h, an ISO date, or milliseconds since 1970.");
  return now - toMs(text as Duration, "since"); // toMs reads any text and throws for what is no duration
}
