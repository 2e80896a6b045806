/**
 * Time to place and back, with idle gaps folded: a retry three days later must not flatten the chart. Places are 0 at
 * the run's first event and 1 at its last (or now); within a piece they are linear.
 */
import type { History } from "./history.ts";
import { clock, day, duration, offset, roundStep } from "./format.ts";

/** A stretch of time and the places it takes. */
export interface Piece {
  readonly from: number; readonly to: number; readonly x0: number; readonly x1: number; readonly folded: boolean;
}
export interface Scale {
  readonly pieces: readonly Piece[];
  readonly from: number;
  readonly to: number;
  /** Place of an instant; below 0 or above 1 never. */
  x(at: number): number;
  /** Instant of a place. */
  at(x: number): number;
}
/** A stretch in which nothing ran and nothing was recorded. */
export interface Gap { readonly from: number; readonly to: number }

/** Stretches without an attempt or a child run under way and without an event, in order; `until` is now for a run that
 *  goes on. */
export function idleStretches(history: History, until: number): Gap[] {
  const gaps: Gap[] = [];
  const running = new Set<string>(), children = new Set<string>();
  let before = history.startAt;
  const quiet = (to: number): void => {
    if (running.size + children.size === 0 && to > before) gaps.push({ from: before, to });
  };
  for (const event of history.events) {
    quiet(event.at);
    before = event.at;
    switch (event.type) {
      case "AttemptStarted": running.add(event.key); break;
      case "AttemptFailed": case "TaskCompleted": case "TaskFailed": case "TaskCancelled": case "TaskCancelRequested":
        running.delete(event.key);
        children.delete(event.key); // a task's call in a pool that nobody began
        break;
      case "ChildStarted": children.add(event.key); break;
      case "ChildCompleted": case "ChildFailed": case "ChildCancelled": case "ChildCancelRequested":
        children.delete(event.key);
        break;
      case "ResultInjected": running.delete(event.key); children.delete(event.key); break;
      case "RunForked": running.clear(); children.clear(); break;
      case "RunLost": case "RunClaimed": case "RunReleased": case "RunParked":
      case "RunCompleted": case "RunFailed": case "RunCancelled": case "RunContinued": running.clear(); break;
      default: break;
    }
  }
  quiet(until);
  return withLosses(gaps, history);
}

/** From the last sign of a lost owner to its end nothing ran that anybody knows of. */
function withLosses(gaps: readonly Gap[], history: History): Gap[] {
  const lost = history.holds.filter((hold) => hold.end === "lost" && hold.endAt !== undefined
    && hold.endAt > hold.lastAt).map((hold): Gap => ({ from: hold.lastAt, to: hold.endAt ?? hold.lastAt }));
  if (lost.length === 0) return [...gaps];
  const merged: Gap[] = [];
  for (const gap of [...gaps, ...lost].sort((a, b) => a.from - b.from || b.to - a.to)) {
    const last = merged.at(-1);
    if (last !== undefined && gap.from < last.to) merged[merged.length - 1] = { from: last.from,
      to: Math.max(last.to, gap.to) };
    else merged.push(gap);
  }
  return merged;
}

/** Idle stretches below this are never folded. */
const LEAST_MS = 1000;
/** A stretch is folded when it is so many times as long as all that is shown at full length, shorter gaps included. */
const TIMES = 1;
/** What one folded gap takes of the width, and all of them together at most. */
const ONE = 0.07, ALL = 0.35;

/** Which of the idle stretches are folded; neighbours are one. */
export function foldedGaps(gaps: readonly Gap[], span: number): Gap[] {
  const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  let shown = Math.max(0, span - idle);
  const folded = new Set<Gap>();
  for (const gap of [...gaps].sort((a, b) => (a.to - a.from) - (b.to - b.from))) {
    const length = gap.to - gap.from;
    if (length >= LEAST_MS && length > TIMES * shown) folded.add(gap); else shown += length;
  }
  if (shown === 0) return []; // nothing would be left; linear time says it well enough
  const joined: Gap[] = [];
  for (const gap of gaps) {
    const last = joined.at(-1);
    if (!folded.has(gap)) continue;
    if (last?.to === gap.from) joined[joined.length - 1] = { from: last.from, to: gap.to }; else joined.push(gap);
  }
  return joined;
}

/** The scale of a run. `until`: now for a run that goes on. */
export function makeScale(history: History, until: number, fold: boolean): Scale {
  const from = history.startAt, to = Math.max(from + 1, history.lastAt, until);
  const gaps = fold ? foldedGaps(idleStretches(history, to), to - from) : [];
  const foldedMs = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const shown = to - from - foldedMs;
  const each = gaps.length === 0 ? 0 : Math.min(ONE, ALL / gaps.length);
  const perMs = (1 - each * gaps.length) / Math.max(1, shown);
  const pieces: Piece[] = [];
  let at = from, x = 0;
  const piece = (end: number, width: number, folded: boolean): void => {
    if (end <= at) return;
    pieces.push({ from: at, to: end, x0: x, x1: x + width, folded });
    at = end;
    x += width;
  };
  for (const gap of gaps) {
    piece(gap.from, (gap.from - at) * perMs, false);
    piece(gap.to, each, true);
  }
  piece(to, (to - at) * perMs, false);
  return scaleOf(pieces, from, to);
}

function scaleOf(pieces: readonly Piece[], from: number, to: number): Scale {
  const find = (value: number, end: (piece: Piece) => number): Piece | undefined => {
    let low = 0, high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1, piece = pieces[middle];
      if (piece !== undefined && end(piece) < value) low = middle + 1; else high = middle;
    }
    return pieces[low];
  };
  const clamp = (n: number): number => Math.min(1, Math.max(0, n));
  return {
    pieces, from, to,
    x(at) {
      const piece = find(at, (one) => one.to);
      if (piece === undefined) return 0;
      return clamp(piece.x0 + (at - piece.from) / (piece.to - piece.from) * (piece.x1 - piece.x0));
    },
    at(x) {
      const piece = find(x, (one) => one.x1);
      if (piece === undefined) return from;
      const part = (x - piece.x0) / Math.max(1e-12, piece.x1 - piece.x0);
      return Math.min(to, Math.max(from, piece.from + part * (piece.to - piece.from)));
    },
  };
}

/** A word of the axis: an instant of the day, a distance, or the length of a fold (`x` is its middle). */
export interface Tick { readonly x: number; readonly label: string; readonly kind: "main" | "step" | "fold" }

/** Words for the window [x0, x1] drawn `width` pixels wide, none over another: folds come first, then instants of the
 *  day, then distances, about one in `apart` pixels. After a fold, distances count from its end. */
export function ticks(scale: Scale, x0: number, x1: number, width: number, apart = 92): Tick[] {
  const found: Tick[] = [];
  const perX = width / Math.max(1e-9, x1 - x0);
  let first = true;
  for (const piece of scale.pieces) {
    const seen = piece.x1 >= x0 && piece.x0 <= x1;
    if (piece.folded) {
      if (seen) found.push({ x: (piece.x0 + piece.x1) / 2, label: duration(piece.to - piece.from), kind: "fold" });
      continue;
    }
    if (seen) {
      const pxPerMs = (piece.x1 - piece.x0) * perX / (piece.to - piece.from);
      if (!first && piece.x0 >= x0) found.push({ x: piece.x0, label: clock(piece.from).slice(0, 8), kind: "main" });
      found.push(...stepsOf(piece, first ? scale.from : piece.from, roundStep(apart / pxPerMs), scale, [x0, x1]));
    }
    first = false;
  }
  return apartFrom(found, x0, perX, width);
}

function stepsOf(piece: Piece, base: number, step: number, scale: Scale, [x0, x1]: readonly [number, number]): Tick[] {
  const out: Tick[] = [];
  const from = Math.max(piece.from, scale.at(Math.max(x0, piece.x0)));
  const to = Math.min(piece.to, scale.at(Math.min(x1, piece.x1)));
  for (let n = Math.ceil((from - base) / step); base + n * step <= to && out.length < 60; n++) {
    if (n === 0 && base !== scale.from) continue;
    out.push({ x: scale.x(base + n * step), label: n === 0 ? "0" : offset(n * step), kind: "step" });
  }
  return out;
}

/** Pixels that a character takes, about. */
const LETTER = 6.4;
const RANKS = ["fold", "main", "step"] as const;
function apartFrom(found: readonly Tick[], x0: number, perX: number, width: number): Tick[] {
  const taken: { readonly from: number; readonly to: number }[] = [];
  const kept = new Set<Tick>();
  for (const kind of RANKS) {
    for (const tick of found) {
      if (tick.kind !== kind) continue;
      const at = (tick.x - x0) * perX, wide = tick.label.length * LETTER + 8;
      const from = kind === "fold" ? at - wide / 2 : at, to = from + wide;
      if (from < -1 || to > width || taken.some((one) => from < one.to + 6 && to > one.from - 6)) continue;
      taken.push({ from, to });
      kept.add(tick);
    }
  }
  return found.filter((tick) => kept.has(tick));
}

/** How a scale's start is named: day and time. */
export function startLabel(scale: Scale): string { return `${day(scale.from)} ${clock(scale.from).slice(0, 8)}` }
