/** The cache of the store in memory: the rules of migration 003-cache.sql. */
import type { CacheAnswer, CacheEntry, CachePlace, Store } from "./port.ts";

interface Entry { readonly result: string | null; readonly runId: string; readonly call: string;
  readonly at: number; readonly expiresAt: number | null }
interface Slot { readonly task: string; readonly key: string; entry: Entry | undefined;
  flight: { readonly runId: string; readonly call: string; readonly epoch: number } | undefined }

const ROOM = 100;
/** Entries and flights by task and key. */
export class MemoryCache {
  readonly #now: () => number;
  /** Is the run owned in this epoch by a worker with a live lease? */
  readonly #flies: (runId: string, epoch: number) => boolean;
  readonly #slots = new Map<string, Slot>();
  /** With more keys than this they are collected: twice as many as were left the last time. */
  #room = ROOM;
  constructor(now: () => number, flies: (runId: string, epoch: number) => boolean) {
    this.#now = now;
    this.#flies = flies;
  }

  take(place: Parameters<Store["cacheTake"]>[0]): CacheAnswer {
    const slot = this.#slot(place), { entry, flight } = slot;
    if (entry !== undefined && !this.#expired(entry)) {
      return { state: "hit", runId: entry.runId, call: entry.call, at: entry.at, result: entry.result };
    }
    if (!place.single) return { state: "mine" };
    const another = flight !== undefined
      && (flight.runId !== place.runId || flight.call !== place.call || flight.epoch > place.epoch);
    if (another && this.#flies(flight.runId, flight.epoch)) {
      return { state: "busy", runId: flight.runId, call: flight.call };
    }
    slot.flight = { runId: place.runId, call: place.call, epoch: place.epoch };
    return { state: "mine" };
  }

  /** Deletes keys that have no entry, or one that expired more than a day ago, and that nobody is making. */
  collect(): void {
    const old = this.#now() - 86_400_000;
    for (const [place, { entry, flight }] of this.#slots) {
      const needed = entry !== undefined && (entry.expiresAt === null || entry.expiresAt >= old);
      const made = flight !== undefined && this.#flies(flight.runId, flight.epoch);
      if (!needed && !made) this.#slots.delete(place);
    }
    this.#room = Math.max(ROOM, 2 * this.#slots.size);
  }

  put(entry: Parameters<Store["cachePut"]>[0]): void {
    if (this.#slots.size > this.#room) this.collect();
    const slot = this.#slot(entry), at = this.#now();
    slot.entry = { result: entry.result, runId: entry.runId, call: entry.call, at,
      expiresAt: entry.ttlMs === undefined ? null : at + entry.ttlMs };
    slot.flight = undefined;
  }

  free(place: CachePlace & { readonly epoch: number }): void {
    const slot = this.#slot(place), { flight } = slot;
    if (flight?.runId === place.runId && flight.call === place.call && flight.epoch === place.epoch) {
      slot.flight = undefined;
    }
  }

  list(filter: { readonly task?: string; readonly limit?: number }): readonly CacheEntry[] {
    return [...this.#slots.values()].flatMap(({ task, key, entry }) => entry === undefined || !named(task, filter.task)
      ? [] : [{ task, key, runId: entry.runId, call: entry.call, size: entry.result?.length ?? 0, createdAt: entry.at,
        expiresAt: entry.expiresAt, expired: this.#expired(entry) }])
      .sort((a, b) => b.createdAt - a.createdAt).slice(0, Math.min(1000, filter.limit ?? 100));
  }

  remove(filter: { readonly task?: string; readonly key?: string; readonly expired?: boolean }): number {
    let removed = 0;
    for (const [place, { task, key, entry }] of this.#slots) {
      if (!named(task, filter.task) || (filter.key !== undefined && key !== filter.key)) continue;
      if (filter.expired && (entry === undefined || !this.#expired(entry))) continue;
      this.#slots.delete(place);
      if (entry !== undefined) removed++;
    }
    return removed;
  }

  #slot({ task, key }: { readonly task: string; readonly key: string }): Slot {
    const place = `${task}\0${key}`, known = this.#slots.get(place);
    if (known !== undefined) return known;
    const made: Slot = { task, key, entry: undefined, flight: undefined };
    this.#slots.set(place, made);
    return made;
  }
  #expired(entry: Entry): boolean { return entry.expiresAt !== null && entry.expiresAt <= this.#now() }
}

/** Is this the task that a person named: `file#name`, or `name`? */
function named(task: string, wanted: string | undefined): boolean {
  return wanted === undefined || task === wanted || task.split("#")[1] === wanted;
}
