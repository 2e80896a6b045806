/** Limits in memory, by the rules of 006-limits.sql. */
import { TERMINAL_STATES, type LimitInfo, type RunRow, type SlotInfo, type SlotRequest, type TurnKey } from "./port.ts";

interface Slot extends SlotRequest { readonly ticket: number; granted: boolean; at: number; worker: string }
interface Limit { max: number; perMs: number | undefined; nextAt: number | undefined }

/** The limits of one memory store. */
export class MemorySlots {
  readonly #now: () => number;
  readonly #alive: (worker: string) => boolean;
  readonly #wake: (runId: string) => void;
  readonly #limits = new Map<string, Limit>();
  #slots: Slot[] = [];
  #ticket = 0;
  constructor(now: () => number, alive: (worker: string) => boolean, wake: (runId: string) => void) {
    this.#now = now;
    this.#alive = alive;
    this.#wake = wake;
  }

  take(request: SlotRequest): boolean {
    const limit = this.#limits.get(request.limit);
    if (limit === undefined) this.#limits.set(request.limit, { max: request.max, perMs: undefined, nextAt: undefined });
    else limit.max = request.max;
    const known = this.#slots.find((slot) => slot.limit === request.limit && same(slot, request));
    if (known === undefined) {
      this.#slots.push({ ...request, ticket: this.#ticket++, granted: false, at: this.#now() });
    } else known.worker = request.worker;
    this.#grant(request.limit, request.runId);
    return this.#slots.some((slot) => slot.limit === request.limit && same(slot, request) && slot.granted);
  }
  free(call: { readonly runId: string; readonly key: string }): void {
    const names = this.#slots.filter((slot) => same(slot, call)).map(({ limit }) => limit);
    this.#slots = this.#slots.filter((slot) => !same(slot, call));
    for (const name of names) this.#grant(name, "");
  }
  granted(worker: string): readonly { readonly limit: string; readonly runId: string; readonly key: string }[] {
    return this.#slots.filter((slot) => slot.granted && slot.worker === worker);
  }
  reserve(name: string, max: number, perMs: number): number {
    const now = this.#now(), limit = this.#limits.get(name) ?? { max, perMs, nextAt: now };
    const fullAt = Math.max(limit.nextAt ?? now, now) + perMs / max;
    this.#limits.set(name, { max, perMs, nextAt: fullAt });
    return Math.max(fullAt - perMs, now);
  }
  list(name: string | undefined): readonly SlotInfo[] {
    return this.#slots.filter(({ limit }) => name === undefined || limit === name).sort((a, b) =>
      a.limit < b.limit ? -1 : a.limit > b.limit ? 1 : Number(b.granted) - Number(a.granted) || this.#order(a, b));
  }
  limits(): readonly LimitInfo[] {
    return [...this.#limits].sort().map(([name, { max, perMs, nextAt }]) => ({ name, max, perMs, nextAt,
      held: this.#slots.filter((slot) => slot.limit === name && slot.granted).length,
      waiting: this.#slots.filter((slot) => slot.limit === name && !slot.granted).length }));
  }
  clear(): void { this.#slots = []; this.#limits.clear() }

  #grant(name: string, asker: string): void {
    this.#slots = this.#slots.filter((slot) => slot.limit !== name || this.#alive(slot.worker));
    const mine = this.#slots.filter((slot) => slot.limit === name);
    const free = (this.#limits.get(name)?.max ?? 0) - mine.filter(({ granted }) => granted).length;
    const next = mine.filter(({ granted }) => !granted).sort((a, b) => this.#order(a, b)).slice(0, Math.max(0, free));
    for (const slot of next) {
      slot.granted = true;
      slot.at = this.#now();
      if (slot.runId !== asker) this.#wake(slot.runId);
    }
  }
  #order(a: Slot, b: Slot): number {
    const worth = (slot: Slot): number => slot.priority + Math.floor((this.#now() - slot.at) / 60_000);
    return worth(b) - worth(a) || a.ticket - b.ticket;
  }
}

/** A run, as far as turns go. */
export interface TurnTaker { row: Omit<RunRow, "ownerAlive"> }

/** Gives the free turns of a slot key, by the rules of grant_turns in SQL. Returns the runs that got one. */
export function grantTurns(runs: Iterable<TurnTaker>, key: string, now: number): readonly string[] {
  const all = [...runs].filter(({ row }) => row.slotKey === key);
  const max = all.toSorted((a, b) => a.row.runId < b.row.runId ? 1 : -1)[0]?.row.slotMax ?? 0;
  const line = all.filter(({ row }) => !row.slotHeld && row.owner === null && row.state !== "paused"
    && !TERMINAL_STATES.includes(row.state) && (row.readyAt === null ? row.parked === null : row.readyAt <= now));
  const worth = ({ row }: TurnTaker): number => row.priority + Math.floor((now - row.createdAt) / 60_000);
  const free = Math.max(0, max - all.filter(({ row }) => row.slotHeld).length);
  const next = line.toSorted((a, b) => worth(b) - worth(a) || (a.row.runId < b.row.runId ? -1 : 1)).slice(0, free);
  for (const run of next) run.row = { ...run.row, slotHeld: true, readyAt: now };
  for (const run of line) if (!run.row.slotHeld && run.row.parked === null) run.row = { ...run.row, readyAt: null };
  return next.map(({ row }) => row.runId);
}

/** Slot keys of runs that have not ended, as turn-keys.sql tells them. */
export function countTurns(rows: readonly Omit<RunRow, "ownerAlive">[]): readonly TurnKey[] {
  const keys = new Map<string, TurnKey>();
  for (const row of rows.toSorted((a, b) => a.runId < b.runId ? 1 : -1)) {
    const { slotKey, workflow, slotMax, slotHeld, state } = row;
    if (slotKey === null || TERMINAL_STATES.includes(state)) continue;
    const { max, held, waiting } = keys.get(slotKey) ?? { max: slotMax ?? 0, held: 0, waiting: 0 };
    keys.set(slotKey, { slotKey, workflow, max, held: held + Number(slotHeld), waiting: waiting + Number(!slotHeld) });
  }
  return [...keys.values()].sort((a, b) => a.slotKey < b.slotKey ? -1 : 1).slice(0, 1000);
}

function same(a: { readonly runId: string; readonly key: string }, b: { readonly runId: string;
  readonly key: string }): boolean { return a.runId === b.runId && a.key === b.key }
