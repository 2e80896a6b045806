/** Very many attempts on little room: how many ran at once in each column, by how they ended. */
import type { Call, Try } from "./calls.ts";

/** Attempts under way per column, on average; `most` is the highest sum of a column. */
export interface Density {
  readonly ok: Float64Array; readonly bad: Float64Array; readonly open: Float64Array; readonly other: Float64Array;
  readonly most: number;
}
/** An attempt that took no time still counts as this part of a column. */
const LEAST = 0.02;

/** The density of the calls' attempts in `columns` columns; `place` gives the column (with its part) of an instant. */
export function density(calls: readonly Call[], columns: number, place: (at: number) => number,
  until: number): Density {
  const make = (): Float64Array => new Float64Array(columns + 2);
  const parts = { ok: make(), bad: make(), open: make(), other: make() };
  for (const call of calls) {
    for (const one of call.tries) {
      const from = place(one.at), to = Math.max(from + LEAST, place(one.endAt ?? until));
      if (to > 0 && from < columns) cover(parts[kindOf(one)], Math.max(0, from), Math.min(columns, to));
    }
  }
  let most = 0;
  for (const list of Object.values(parts)) sumUp(list);
  for (let i = 0; i < columns; i++) {
    most = Math.max(most, (parts.ok[i] ?? 0) + (parts.bad[i] ?? 0) + (parts.open[i] ?? 0) + (parts.other[i] ?? 0));
  }
  return { ...parts, most };
}

function kindOf(one: Try): "ok" | "bad" | "open" | "other" {
  return one.outcome === "completed" ? "ok" : one.outcome === "failed" ? "bad" : one.outcome === "running" ? "open"
    : "other";
}

/** Adds [from, to) as differences, so that a long attempt costs as much as a short one. */
function cover(list: Float64Array, from: number, to: number): void {
  const first = Math.floor(from), last = Math.floor(to);
  const add = (i: number, n: number): void => { list[i] = (list[i] ?? 0) + n };
  if (first === last) { add(first, to - from); add(first + 1, from - to); return }
  const head = first + 1 - from, tail = to - last;
  add(first, head);
  add(first + 1, 1 - head);
  add(last, tail - 1);
  add(last + 1, -tail);
}
function sumUp(list: Float64Array): void {
  for (let i = 1; i < list.length; i++) list[i] = (list[i] ?? 0) + (list[i - 1] ?? 0);
}
