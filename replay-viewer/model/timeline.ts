/** The lanes of the timeline: a row per call (or per name), and the segments that a row is drawn with. */
import type { Call, Hold } from "./calls.ts";
import { titleOf } from "./calls.ts";
import type { History } from "./history.ts";

export type SegmentKind =
  /** An attempt under way. */
  | "try"
  /** Called, and not begun yet: no worker, no slot. */
  | "queued"
  /** Between a failed attempt and the next. */
  | "backoff"
  /** Its worker was lost; nobody works on it. */
  | "gone"
  /** A durable sleep. */
  | "sleep"
  /** A limit that runs beside other calls. */
  | "limit"
  /** A recorded value: an instant. */
  | "mark";
export type Outcome = "open" | "completed" | "failed" | "cancelled" | "lost";

/** One piece of a row. Instants are milliseconds since 1970. */
export interface Segment {
  readonly kind: SegmentKind;
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome;
  /** From 1, for a try; 0 otherwise. */
  readonly attempt: number;
  /** The event to focus when it is clicked. */
  readonly seq: number;
  readonly call: Call;
}
/** One row. A row of a name holds all calls of that name. */
export interface Row { readonly id: string; readonly title: string; readonly calls: readonly Call[] }

export type Grouping = "call" | "name";

/** The rows in the order of calling. Timers that only limit other calls have none of their own when grouped by name. */
export function rowsOf(history: History, grouping: Grouping): Row[] {
  if (grouping === "call") {
    return history.calls.map((call) => ({ id: call.key, title: titleOf(call), calls: [call] }));
  }
  const rows = new Map<string, { id: string; title: string; calls: Call[] }>();
  for (const call of history.calls) {
    const id = `${call.kind}:${call.name}`, row = rows.get(id);
    if (row === undefined) rows.set(id, { id, title: call.name, calls: [call] }); else row.calls.push(call);
  }
  return [...rows.values()];
}

/** What a call is drawn with, in order of time. `now`: how far an open one reaches. */
export function segmentsOf(call: Call, now: number): Segment[] {
  if (call.kind === "value") return [segment(call, "mark", call.at, call.at, "completed", 0, call.seq)];
  if (call.kind === "timer") return [timerSegment(call, now)];
  const out: Segment[] = [];
  const end = call.endAt ?? now;
  let at = call.at;
  let wait: SegmentKind = "queued", waitSeq = call.seq;
  for (const one of call.tries) {
    if (one.at > at) out.push(segment(call, wait, at, one.at, "open", 0, waitSeq));
    const to = one.endAt ?? end;
    const outcome: Outcome = one.outcome === "running" ? "open" : one.outcome;
    out.push(segment(call, "try", one.at, to, outcome, one.attempt, one.endSeq ?? one.seq));
    at = to;
    wait = one.outcome === "lost" ? "gone" : "backoff";
    waitSeq = call.retries.find((retry) => retry.attempt === one.attempt + 1)?.seq ?? one.endSeq ?? one.seq;
  }
  const last = call.tries.at(-1);
  if (end > at && last?.outcome !== "completed") {
    const outcome = call.state === "cancelled" ? "cancelled" : "open";
    if (last === undefined || last.outcome !== "running") out.push(segment(call, wait, at, end, outcome, 0, waitSeq));
  }
  return out;
}

function timerSegment(call: Call, now: number): Segment {
  const outcome: Outcome = call.state === "fired" ? "completed" : call.state === "cancelled" ? "cancelled" : "open";
  return segment(call, call.name === "timeout" ? "limit" : "sleep", call.at, call.endAt ?? Math.max(now, call.at),
    outcome, 0, call.endSeq ?? call.seq);
}

function segment(call: Call, kind: SegmentKind, from: number, to: number, outcome: Outcome, attempt: number,
  seq: number): Segment {
  return { kind, from, to, outcome, attempt, seq, call };
}

/** A stretch of the run seen as a whole: who had it, or why nobody had. */
export interface Band {
  readonly from: number; readonly to: number; readonly kind: "held" | "lost" | "waiting" | "parked";
  /** The owner, for `held`; who was lost, for `lost`. */
  readonly worker: string; readonly seq: number;
}

/** The bands of a run, in order, without the moments in which it changes hands at once. */
export function bandsOf(history: History, now: number): Band[] {
  const bands: Band[] = [];
  const until = history.over ? history.lastAt : Math.max(now, history.lastAt);
  for (const [i, hold] of history.holds.entries()) {
    const next = history.holds[i + 1]?.at ?? until;
    const alive = hold.end === "lost" ? hold.lastAt : hold.endAt ?? until;
    bands.push({ from: hold.at, to: alive, kind: "held", worker: hold.worker, seq: hold.seq });
    if (hold.end === "held" || hold.end === "ended" || next <= alive) continue;
    bands.push({ from: alive, to: next, kind: after(hold), worker: hold.worker, seq: hold.endSeq ?? hold.seq });
  }
  return bands;
}
function after(hold: Hold): Band["kind"] {
  return hold.end === "lost" ? "lost" : hold.end === "parked" ? "parked" : "waiting";
}

/** Lanes for the overview: calls packed into as few lanes as they need. A lane (from 0) per call, and how many lanes
 *  there are; `undefined` when they would be more than `most`. */
export function packLanes(calls: readonly Call[], now: number, most: number): { readonly lanes: Int32Array;
  readonly count: number } | undefined {
  const lanes = new Int32Array(calls.length);
  const free: number[] = [];
  const ends: { readonly at: number; readonly lane: number }[] = [];
  let count = 0;
  for (const [i, call] of calls.entries()) {
    while ((ends[0]?.at ?? Infinity) <= call.at) {
      const done = ends.shift();
      if (done !== undefined) free.push(done.lane);
    }
    free.sort((a, b) => b - a);
    const lane = free.pop() ?? count++;
    if (count > most) return undefined;
    lanes[i] = lane;
    insert(ends, { at: call.endAt ?? now, lane });
  }
  return { lanes, count };
}
function insert(ends: { readonly at: number; readonly lane: number }[], one: { readonly at: number;
  readonly lane: number }): void {
  let low = 0, high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle]?.at ?? Infinity) <= one.at) low = middle + 1; else high = middle;
  }
  ends.splice(low, 0, one);
}

/** The legend: every mark of the drawing with what it says. */
export const LEGEND: readonly { readonly kind: SegmentKind | "band" | "critical" | "log"; readonly says: string }[] = [
  { kind: "try", says: "an attempt under way; its number where there were several" },
  { kind: "queued", says: "called, not begun yet" },
  { kind: "backoff", says: "waiting before the next attempt" },
  { kind: "gone", says: "its worker was lost; nobody works on it" },
  { kind: "sleep", says: "a durable sleep" },
  { kind: "limit", says: "a time limit around other calls" },
  { kind: "mark", says: "a recorded value" },
  { kind: "critical", says: "on the critical path: this decided when the run ended" },
  { kind: "band", says: "no worker had the run" },
  { kind: "log", says: "a line of the log" },
];
