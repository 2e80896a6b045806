/**
 * Histories in pages. A landed row never changes, so rows are kept as text for a while: paging through a long run and
 * following it live read each row from the database once.
 */
import { RepriseError, type RunEngine } from "../../engine/index.ts";
import type { WireEvent } from "./wire.ts";

/** Text of histories that is kept, in UTF-16 units. */
const MAX_KEPT = 64 * 1024 * 1024;
/** A page ends early at this much text, whatever the limit; the caller asks for the next. */
const PAGE_TEXT = 4 * 1024 * 1024;

interface Row { readonly firstSeq: number; readonly count: number; readonly events: string }
interface Kept { rows: Row[]; head: number; size: number; reading: Promise<void> }
/** Events after a given one, and the seq of the run's last. */
export interface EventPage { readonly events: readonly WireEvent[]; readonly head: number }

/** The histories of a store's runs. */
export class Histories {
  readonly #engine: RunEngine;
  readonly #maxKept: number;
  /** In the order of use, the least recent first. */
  readonly #kept = new Map<string, Kept>();

  constructor(engine: RunEngine, maxKept: number = MAX_KEPT) { this.#engine = engine; this.#maxKept = maxKept }

  /** The seq of the last event that is recorded by now. */
  async head(runId: string): Promise<number> { return (await this.#read(runId)).head }

  /** At most `limit` events with a seq above `after`, in order; fewer when they are long, at least one if there is one.
   *  Large values stand as references. `known`: what was read before will do, if it goes beyond `after`. */
  async page(runId: string, after: number, limit: number, options: { readonly maxText?: number;
    readonly known?: boolean } = {}): Promise<EventPage> {
    const { maxText = PAGE_TEXT, known = false } = options, kept = this.#kept.get(runId);
    const { rows, head } = known && kept !== undefined && kept.head > after ? kept : await this.#read(runId);
    const events: WireEvent[] = [];
    let text = 0;
    for (let i = rowAfter(rows, after); i < rows.length && events.length < limit; i++) {
      const row = rows[i];
      if (row === undefined || (events.length > 0 && text + row.events.length > maxText)) break;
      const all = parsed(runId, row), own = row.events.length / row.count;
      for (const event of all) {
        if (event.seq <= after || events.length >= limit || (events.length > 0 && text > maxText)) continue;
        text += own;
        events.push(event);
      }
    }
    return { events, head };
  }

  /** One reading of a run at a time, and each begins after it was asked for, so that nobody misses what he has done. */
  async #read(runId: string): Promise<Kept> {
    const kept = this.#kept.get(runId) ?? { rows: [], head: 0, size: 0, reading: Promise.resolve() };
    this.#kept.delete(runId);
    this.#kept.set(runId, kept);
    const mine = kept.reading.catch(() => undefined).then(() => this.#extend(runId, kept));
    kept.reading = mine;
    await mine;
    this.#forget(runId);
    return kept;
  }

  async #extend(runId: string, kept: Kept): Promise<void> {
    for (const { firstSeq, count, events } of await this.#engine.rows(runId, kept.head + 1)) {
      if (firstSeq !== kept.head + 1) throw corrupt(runId, firstSeq, `the row before ends at ${kept.head}`);
      kept.rows.push({ firstSeq, count, events });
      kept.head = firstSeq + count - 1;
      kept.size += events.length;
    }
  }

  /** Lets go of the runs that were not asked for longest. */
  #forget(inUse: string): void {
    let size = 0;
    for (const kept of this.#kept.values()) size += kept.size;
    for (const [runId, kept] of this.#kept) {
      if (size <= this.#maxKept && this.#kept.size <= 1000) return;
      if (runId === inUse) continue;
      this.#kept.delete(runId);
      size -= kept.size;
    }
  }
}

/** Index of the first row with an event above `after`. */
function rowAfter(rows: readonly Row[], after: number): number {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1, row = rows[middle];
    if (row !== undefined && row.firstSeq + row.count - 1 <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

function parsed(runId: string, row: Row): readonly WireEvent[] {
  let events: unknown;
  try { events = JSON.parse(row.events) } catch { throw corrupt(runId, row.firstSeq, "the row is not JSON") }
  if (!Array.isArray(events) || events.length !== row.count) throw corrupt(runId, row.firstSeq,
    `the row does not hold ${row.count} events`);
  const list: readonly unknown[] = events;
  return list.map((event, i) => {
    if (!isStored(event)) throw corrupt(runId, row.firstSeq + i, "the event has no type or no time");
    return { ...event, seq: row.firstSeq + i };
  });
}

function isStored(event: unknown): event is Omit<WireEvent, "seq"> & { readonly type: string; readonly at: number } {
  return typeof event === "object" && event !== null && "type" in event && typeof event.type === "string"
    && "at" in event && typeof event.at === "number";
}

function corrupt(runId: string, seq: number, why: string): RepriseError {
  return new RepriseError("HISTORY_CORRUPT", `run ${runId} at event ${seq}: ${why}`,
    "Restore the run from a backup; see reprise db verify.");
}
