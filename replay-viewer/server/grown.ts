/** What is gathered from histories, row by row. A history only grows: what was read of it once is not read again. */
import { RepriseError, type RunEngine } from "../../engine/index.ts";

/** Runs of which something is kept. */
const MOST_KEPT = 5000;

/** One event as it is stored, not yet looked at. */
export type StoredEvent = { readonly [field: string]: unknown };

/** Something about each run, made from its events. */
export class Grown<T> {
  readonly #engine: RunEngine;
  readonly #begin: () => T;
  readonly #take: (kept: T, event: StoredEvent) => void;
  readonly #kept = new Map<string, { head: number; readonly value: T }>();

  constructor(engine: RunEngine, begin: () => T, take: (kept: T, event: StoredEvent) => void) {
    this.#engine = engine;
    this.#begin = begin;
    this.#take = take;
  }

  /** What the run's events give, up to its last by now. `mark`: rows without it tell nothing. */
  async of(runId: string, mark = /(?:)/): Promise<T> {
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    const kept = this.#kept.get(runId) ?? { head: 0, value: this.#begin() };
    this.#kept.set(runId, kept);
    for (const { firstSeq, count, events } of await this.#engine.rows(runId, kept.head + 1)) {
      if (firstSeq !== kept.head + 1) continue; // another reading was faster
      kept.head += count;
      if (mark.test(events)) for (const event of eventsIn(runId, events)) this.#take(kept.value, event);
    }
    return kept.value;
  }
}

function eventsIn(runId: string, text: string): readonly StoredEvent[] {
  let events: unknown;
  try { events = JSON.parse(text) } catch { /* said below */ }
  if (!Array.isArray(events)) throw new RepriseError("HISTORY_CORRUPT", `run ${runId}: a row is no list of events`,
    "Restore the run from a backup; see reprise db verify.");
  const list: readonly unknown[] = events;
  return list.filter((event): event is StoredEvent => typeof event === "object" && event !== null);
}
