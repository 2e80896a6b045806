/** The lanes of the timeline: a row per call (or per name), and the segments that a row is drawn with. */
import type { Call, Hold } from "./calls.ts";
import { titleOf } from "./calls.ts";
import type { History } from "./history.ts";

export type SegmentKind =
  /** An attempt under way. */
  | "try"
  /** Called, and not begun yet: no worker, no slot. */
  | "queued"
  /** Waits for a limit: a slot, or its rate. */
  | "limited"
  /** Between a failed attempt and the next. */
  | "backoff"
  /** Its worker was lost; nobody works on it. */
  | "gone"
  /** A durable sleep. */
  | "sleep"
  /** A limit that runs beside other calls. */
  | "limit"
  /** A recorded value: an instant. */
  | "mark"
  /** Waits for a message, a person or a condition. */
  | "wait"
  /** A run that this run started. */
  | "child";
export type Outcome = "open" | "completed" | "failed" | "cancelled" | "lost" | "left";

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
  /** It was another run's, whose history this one shares: drawn hollow. */
  readonly shared: boolean;
  /** The limit that it waits for. */
  readonly limit?: string;
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
  if (call.kind === "wait" || call.kind === "child") return [longSegment(call, call.kind, now)];
  const out: Segment[] = [];
  const end = call.endAt ?? now;
  let at = call.at;
  let wait: SegmentKind = "queued", waitSeq = call.seq;
  for (const one of call.tries) {
    if (one.at > at) pushWait(out, call, { kind: wait, from: at, to: one.at, seq: waitSeq, outcome: "open" });
    const to = one.endAt ?? end;
    const outcome: Outcome = one.outcome === "running" ? "open" : one.outcome;
    out.push({ ...segment(call, "try", one.at, to, outcome, one.attempt, one.endSeq ?? one.seq), shared: one.shared });
    at = to;
    wait = one.outcome === "lost" ? "gone" : one.outcome === "left" ? "queued" : "backoff";
    waitSeq = call.retries.find((retry) => retry.attempt === one.attempt + 1)?.seq ?? one.endSeq ?? one.seq;
  }
  const last = call.tries.at(-1);
  if (call.state === "cached") return [...out, segment(call, wait, at, end, "open", 0, waitSeq),
    segment(call, "mark", end, end, "completed", 0, call.endSeq ?? call.seq)];
  if (end > at && last?.outcome !== "completed") {
    const outcome = call.state === "cancelled" ? "cancelled" : "open";
    if (last === undefined || last.outcome !== "running") {
      pushWait(out, call, { kind: wait, from: at, to: end, seq: waitSeq, outcome });
    }
  }
  return out;
}

/** A wait between attempts; from where it waited for a limit on, it is that. */
function pushWait(out: Segment[], call: Call, wait: Pick<Segment, "kind" | "from" | "to" | "seq" | "outcome">): void {
  const queue = call.queues.find((one) => one.at >= wait.from && one.at <= wait.to);
  const until = queue?.at ?? wait.to;
  if (until > wait.from) out.push(segment(call, wait.kind, wait.from, until, wait.outcome, 0, wait.seq));
  if (queue !== undefined && wait.to > queue.at) {
    out.push({ ...segment(call, "limited", queue.at, wait.to, wait.outcome, 0, queue.seq), limit: queue.limit });
  }
}

const OUTCOMES: { readonly [S in Call["state"]]?: Outcome } = { completed: "completed", met: "completed",
  failed: "failed", cancelled: "cancelled", closed: "cancelled" };
function longSegment(call: Call, kind: "wait" | "child", now: number): Segment {
  return segment(call, kind, call.at, call.endAt ?? Math.max(now, call.at), OUTCOMES[call.state] ?? "open", 0,
    call.endSeq ?? call.seq);
}

function timerSegment(call: Call, now: number): Segment {
  const outcome: Outcome = call.state === "fired" ? "completed" : call.state === "cancelled" ? "cancelled" : "open";
  return segment(call, call.name === "timeout" ? "limit" : "sleep", call.at, call.endAt ?? Math.max(now, call.at),
    outcome, 0, call.endSeq ?? call.seq);
}

function segment(call: Call, kind: SegmentKind, from: number, to: number, outcome: Outcome, attempt: number,
  seq: number): Segment {
  return { kind, from, to, outcome, attempt, seq, call, shared: call.shared };
}

/** A stretch of the run seen as a whole: who had it, or why nobody had. */
export interface Band {
  readonly from: number; readonly to: number; readonly kind: "held" | "lost" | "waiting" | "parked" | "paused";
  /** The owner, for `held`; who was lost, for `lost`; who paused it, where that is known. */
  readonly worker: string; readonly seq: number;
}

/** The bands of a run, in order, without the moments in which it changes hands at once; then its pauses. */
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
  for (const pause of history.pauses) bands.push({ from: pause.at, to: pause.endAt ?? until, kind: "paused",
    worker: pause.who ?? "", seq: pause.seq });
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
export const LEGEND: readonly { readonly kind: SegmentKind | "band" | "critical" | "log"
  | "shared" | "paused"; readonly says: string }[] = [
  { kind: "try", says: "an attempt under way; its number where there were several" },
  { kind: "queued", says: "called, not begun yet" },
  { kind: "limited", says: "waits for a limit: all its slots are taken, or its rate is used up" },
  { kind: "child", says: "a child run, under way" },
  { kind: "wait", says: "waits for a signal, a person or a condition" },
  { kind: "shared", says: "hollow: it ran in the run that this one is a fork of" },
  { kind: "backoff", says: "waiting before the next attempt" },
  { kind: "gone", says: "its worker was lost; nobody works on it" },
  { kind: "sleep", says: "a durable sleep" },
  { kind: "limit", says: "a time limit around other calls" },
  { kind: "mark", says: "a recorded value" },
  { kind: "critical", says: "on the critical path: this decided when the run ended" },
  { kind: "band", says: "no worker had the run" },
  { kind: "paused", says: "the run was paused" },
  { kind: "log", says: "a line of the log" },
];
