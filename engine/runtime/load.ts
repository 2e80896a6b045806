/** From stored rows to a history that code can be replayed against. */
import { RepriseError } from "../core/errors.ts";
import type { ChildStarted, Event, Payload, RunStarted } from "../core/events.ts";
import { isDecision } from "../core/events.ts";
import { decodeEvents } from "../codec/rows.ts";
import type { HistoryRow, Store } from "../store/port.ts";
import { isForkRow, resolveFork } from "./fork.ts";

export interface History {
  readonly events: readonly Event[];
  /** first_seq of the last row: the next append names it. */
  readonly lastFirstSeq: number;
  /** The history may end within the decisions of one turn. */
  readonly partial: boolean;
}

/** Rows hold at most this many events; a longer turn leaves in several. */
export const ROW_EVENTS = 1000;

/** Reads a run's whole history, large values included. @throws HISTORY_CORRUPT */
export async function loadHistory(store: Store, runId: string): Promise<History> {
  const stored = await store.read(runId, 1);
  const rows = await resolved(store, stored), last = rows.at(-1);
  if (last === undefined) throw new RepriseError("RUN_NOT_FOUND", `no run has the id ${runId}`,
    "List them: reprise runs ls");
  return {
    events: await withLargeValues(store, decodeRows(rows)),
    lastFirstSeq: last.firstSeq,
    partial: endsInsideTurn(rows, stored[0] !== undefined && isForkRow(stored[0])),
  };
}

/** Events of a run from `fromSeq` (1 = all) on, large values included; only the rows that hold them are read.
 *  @throws HISTORY_CORRUPT */
export async function loadEvents(store: Store, runId: string, fromSeq: number): Promise<readonly Event[]> {
  const events = decodeRows(await readRows(store, runId, fromSeq), fromSeq);
  return withLargeValues(store, events.filter(({ seq }) => seq >= fromSeq));
}

/** Rows of a run from the one that holds `fromSeq`, those of a fork with the events that it shares. */
export async function readRows(store: Store, runId: string, fromSeq: number): Promise<readonly HistoryRow[]> {
  return resolved(store, await store.read(runId, fromSeq));
}
function resolved(store: Store, rows: readonly HistoryRow[]): Promise<readonly HistoryRow[]> {
  return Promise.all(rows.map((row) => isForkRow(row)
    ? resolveFork(row, async (source) => decodeRows(await readRows(store, source, 1))) : row));
}

/** Events of rows that follow each other, the first of which holds `fromSeq`. */
function decodeRows(rows: readonly HistoryRow[], fromSeq = 1): Event[] {
  const events: Event[] = [];
  let next = Math.min(rows[0]?.firstSeq ?? 1, fromSeq);
  for (const row of rows) {
    if (row.firstSeq !== next) {
      throw new RepriseError("HISTORY_CORRUPT", `run ${row.runId}: a row begins at event ${row.firstSeq}, ` +
        `but the row before ends at ${next - 1}`, "Restore the run from a backup; see reprise db verify.");
    }
    const decoded = decodeEvents(row.firstSeq, row.events);
    if (decoded.length !== row.count) {
      throw new RepriseError("HISTORY_CORRUPT", `run ${row.runId}: the row at event ${row.firstSeq} holds ` +
        `${decoded.length} events and says ${row.count}`, "Restore the run from a backup; see reprise db verify.");
    }
    for (const event of decoded) events.push(event);
    next += row.count;
  }
  return events;
}

/** A full row that ends in a decision may have been cut inside a turn; later rows of decisions say it was not. */
function endsInsideTurn(rows: readonly HistoryRow[], forked: boolean): boolean {
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i];
    if (row === undefined) continue;
    if (i === 0 && forked) return true; // the shared part ends with a delivery, or anywhere
    const last = decodeEvents(row.firstSeq, row.events).at(-1);
    if (last !== undefined && isDecision(last)) return row.count >= ROW_EVENTS;
    if (row.count > 1) return false;
  }
  return false;
}

/** Puts values that are kept apart back into their events. */
async function withLargeValues(store: Store, events: readonly Event[]): Promise<readonly Event[]> {
  const hashes = new Set<string>();
  for (const event of events) for (const field of FIELDS) {
    const payload = payloadOf(event, field);
    if (payload !== undefined && "ref" in payload) hashes.add(payload.ref);
  }
  if (hashes.size === 0) return events;
  const texts = new Map((await store.getPayloads([...hashes])).map(({ hash, text }) => [hash, text]));
  return events.map((event) => {
    let whole = event;
    for (const field of FIELDS) {
      const payload = payloadOf(event, field);
      if (payload === undefined || !("ref" in payload)) continue;
      const text = texts.get(payload.ref);
      if (text === undefined) {
        throw new RepriseError("HISTORY_CORRUPT", `event ${event.seq}: its value ${payload.ref} is missing`,
          "Restore the payloads table from a backup; see reprise db verify.");
      }
      whole = { ...whole, [field]: JSON.parse(text) };
    }
    return whole;
  });
}

/** The fields of events that hold values. */
export const FIELDS = ["input", "result", "value"] as const;

/** The value that an event carries in a field, if it does. */
export function payloadOf(event: object, field: (typeof FIELDS)[number]): Payload | undefined {
  // Every event type declares these three fields as Payload or not at all.
  return (event as { readonly [key: string]: Payload | undefined })[field];
}

/** The first event of a history. @throws HISTORY_CORRUPT */
export function startOf(events: readonly Event[]): RunStarted {
  const first = events[0];
  if (first?.type === "RunStarted") return first;
  throw new RepriseError("HISTORY_CORRUPT", `a history begins with ${first?.type ?? "nothing"}, not RunStarted`,
    "Restore the run from a backup; see reprise db verify.");
}

const PARKING: ReadonlySet<string> = new Set(["RunParked", "RunUnparked", "RunForked"]);
const PAUSING: ReadonlySet<string> = new Set(["RunPaused", "RunUnpaused", "RunForked"]);

/** Was the run parked when it was claimed? */
export function parkedIn(events: readonly Event[]): boolean {
  return events.findLast((event) => PARKING.has(event.type))?.type === "RunParked";
}
/** Was it paused? */
export function pausedIn(events: readonly Event[]): boolean {
  return events.findLast((event) => PAUSING.has(event.type))?.type === "RunPaused";
}
/** Children that a fork has from the run that it comes from. */
export function inheritedChildren(events: readonly Event[]): readonly ChildStarted[] {
  const forked = events.findLast((event) => event.type === "RunForked");
  return forked === undefined ? []
    : events.flatMap((event) => event.type === "ChildStarted" && event.seq < forked.seq ? [event] : []);
}
