/** The bars of the timeline: painting what is seen, and what the pointer does there. */
import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import { nextTry, titleOf, type Call } from "../model/calls.ts";
import { density } from "../model/density.ts";
import { clock, duration, offset, shortId } from "../model/format.ts";
import { errorLine } from "../model/payload.ts";
import { bandsOf, segmentsOf, type Segment } from "../model/timeline.ts";
import { usePainter, type Paint } from "./canvas.ts";
import { drawDensity, drawFolds, drawSegment, drawThread, drawTicks, instantAt, px, type Lens } from "./draw.ts";
import type { Session } from "./session.ts";
import { focusOn, hovered, pan, zoom, zoomBy, zoomTo } from "./view.ts";

/** Height of a row. */
export const ROW = 27;

interface Props { readonly run: Session; readonly box: RefObject<HTMLDivElement>; readonly first: number;
  readonly last: number; readonly top: number }

/** The pointer is down: where it went down, and the window then. */
interface Drag { readonly x: number; readonly from: readonly [number, number]; moved: boolean }

/** The canvas and its handlers. */
export function useBars({ run, box, first, last, top }: Props): { readonly canvas: RefObject<HTMLCanvasElement>;
  readonly handlers: object } {
  const canvas = usePainter((paint) => { paintBars(paint, run, first, last, top) }, [first, last, top]);
  const drag = useRef<Drag | undefined>(undefined);
  const inside = (event: PointerEvent | WheelEvent): { readonly x: number; readonly y: number; readonly width: number;
    readonly left: number } => {
    const rect = canvas.current?.getBoundingClientRect();
    return { x: event.clientX - (rect?.left ?? 0), y: event.clientY - (rect?.top ?? 0), width: rect?.width ?? 1,
      left: (canvas.current?.parentElement?.offsetLeft ?? 0) };
  };
  const lens = (width: number): Lens => ({ from: zoom.peek()[0], to: zoom.peek()[1], width, scale: run.scale.peek() });
  const under = (event: PointerEvent): Segment | undefined => {
    const { x, y, width } = inside(event);
    return segmentAt(run, lens(width), x, y + (box.current?.scrollTop ?? 0));
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      drag.current = { x: event.clientX, from: zoom.peek(), moved: false };
    },
    onPointerMove: (event: PointerEvent) => {
      if (drag.current !== undefined && event.buttons === 1) { dragBy(drag.current, event, inside(event).width);
        return }
      const segment = under(event), { x, y, left } = inside(event);
      hovered.value = segment && { x: left + x + 12, y: y + 46, text: segmentText(segment, run) };
    },
    onPointerLeave: () => { hovered.value = undefined },
    onPointerUp: (event: PointerEvent) => {
      const moved = drag.current?.moved === true;
      drag.current = undefined;
      if (moved) return;
      const { x, y, width } = inside(event), segment = under(event);
      if (segment !== undefined) { focusOn(segment.seq); return }
      focusRow(run, instantAt(lens(width), x), y + (box.current?.scrollTop ?? 0));
    },
    onWheel: (event: WheelEvent) => {
      const { x, width } = inside(event), [a, b] = zoom.peek();
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoomBy(Math.exp(event.deltaY / 240), a + x / width * (b - a));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        pan((event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX) / width);
      }
    },
  };
  return { canvas, handlers };
}

function dragBy(drag: Drag, event: PointerEvent, width: number): void {
  const dx = event.clientX - drag.x;
  if (Math.abs(dx) > 4) drag.moved = true;
  const [a, b] = drag.from, shift = Math.max(-(1 - b), Math.min(a, dx / width * (b - a)));
  if (drag.moved && b - a < 1) zoomTo(a - shift, b - shift);
}

/** A click beside the bars: the event of that row that is nearest in time. */
function focusRow(run: Session, at: number, y: number): void {
  const row = run.rows.peek()[Math.floor(y / ROW)];
  const seqs = row?.calls.flatMap((call) => run.history.seqsOf(call.key)) ?? [];
  if (seqs.length === 0) { focusOn(run.history.seqAt(at)); return }
  const far = (seq: number): number => Math.abs((run.history.event(seq)?.at ?? 0) - at);
  focusOn(seqs.reduce((best, seq) => far(seq) < far(best) ? seq : best));
}

/** Pixels beside a bar that still count as on it. */
const NEAR = 3;
const ON_TOP: ReadonlySet<Segment["kind"]> = new Set(["try", "child"]);
function segmentAt(run: Session, lens: Lens, x: number, y: number): Segment | undefined {
  const row = run.rows.peek()[Math.floor(y / ROW)];
  let best: Segment | undefined, far = NEAR + 1;
  for (const call of row?.calls ?? []) {
    for (const segment of segmentsOf(call, run.until.peek())) {
      const x0 = px(lens, segment.from), x1 = px(lens, segment.to);
      const away = x < x0 ? x0 - x : x > x1 ? x - x1 : 0;
      if (away < far || away === far && ON_TOP.has(segment.kind)) { best = segment; far = away }
    }
  }
  return best;
}

function waitText({ call, outcome }: Segment): string {
  const what = call.wait?.kind === "signal" ? `signal ${call.name}` : call.wait?.kind === "form"
    ? `an answer to ${titleOf(call)}` : "a condition";
  return outcome === "open" ? `waiting for ${what}` : outcome === "completed" ? `waited for ${what}`
    : `gave up waiting for ${what}`;
}

function segmentText(segment: Segment, run: Session): string {
  const title = titleOf(segment.call), long = duration(segment.to - segment.from);
  const at = offset(segment.from - run.history.startAt);
  const one = segment.call.tries.find((each) => each.attempt === segment.attempt);
  switch (segment.kind) {
    case "try": {
      const how = segment.outcome === "open" ? "running for" : `${segment.outcome} after`;
      return `${title}, attempt ${segment.attempt}: ${how} ${long} · ${at}`
        + (one?.worker === undefined ? "" : ` · ${shortId(one.worker)}`)
        + (one?.error === undefined ? "" : ` · ${errorLine(one.error).slice(0, 90)}`);
    }
    case "queued": return `${title}: waited ${long} to begin · ${at}`;
    case "backoff": {
      const next = segment.outcome === "open" && nextTry(segment.call);
      return next ? `${title}: attempt ${next.attempt} at ${clock(next.dueAt)}, waits for ${long} · ${at}`
        : `${title}: ${long} until the next attempt · ${at}`;
    }
    case "gone": return `${title}: its worker was lost, nobody had it for ${long} · ${at}`;
    case "sleep": return `${title}: ${long} · ${at}`;
    case "limit": return `time limit: ${segment.outcome === "cancelled" ? "lifted" : "ran out"} after ${long} · ${at}`;
    case "limited": return `${title}: waited ${long} for limit ${segment.limit ?? ""} · ${at}`;
    case "wait": return `${waitText(segment)} for ${long} · ${at}`;
    case "child": return `child ${title}: ${segment.outcome === "open" ? "under way for"
      : `${segment.outcome} after`} ${long} · ${at}`;
    case "mark": return `${title} recorded · ${at}`;
  }
}

function paintBars({ g, width, height, colours }: Paint, run: Session, first: number, last: number, top: number): void {
  const [from, to] = zoom.value, rows = run.rows.value, until = run.until.value, critical = run.criticalKeys.value;
  const lens: Lens = { from, to, width, scale: run.scale.value };
  drawFolds(g, colours, lens, height);
  for (const band of bandsOf(run.history, until)) {
    if (band.kind === "held") continue;
    const x0 = px(lens, band.from), x1 = Math.max(px(lens, band.to), x0 + 1);
    if (band.kind === "waiting") continue;
    const colour = band.kind === "lost" ? "bad" : band.kind === "paused" ? "off" : "wait";
    g.fillStyle = colours[`${colour}-bar`];
    g.globalAlpha = 0.09;
    g.fillRect(x0, 0, x1 - x0, height);
    g.globalAlpha = 0.55;
    g.fillRect(x0 - 0.5, 0, 1.5, height);
    g.globalAlpha = 1;
    if (x1 - x0 < 110) continue;
    g.fillStyle = colours[colour];
    g.font = "11px ui-sans-serif, system-ui, sans-serif";
    g.textBaseline = "alphabetic";
    g.fillText(`${BAND[band.kind]} · ${duration(band.to - band.from)}`,
      Math.max(x0, 0) + 7, height - 9);
  }
  for (let i = first; i < last; i++) {
    const row = rows[i];
    if (row === undefined) continue;
    const y = i * ROW - top + ROW / 2;
    if (row.calls.length === 1) {
      for (const call of row.calls) {
        paintCall(g, colours, lens, call, until, y, critical.has(call.key));
        drawTicks(g, colours, lens, run.written.value.get(call.key) ?? [], y);
      }
    } else paintMany(g, colours, lens, row.calls, until, y);
  }
}

const BAND = { lost: "worker lost", parked: "parked", paused: "paused" } as const;

function paintCall(g: CanvasRenderingContext2D, colours: Paint["colours"], lens: Lens, call: Call, until: number,
  y: number, bold: boolean): void {
  const numbered = call.tries.length > 1;
  for (const segment of segmentsOf(call, until)) {
    drawSegment(g, colours, lens, segment, { y, numbered, thin: false });
  }
  if (bold) drawThread(g, colours, lens, call.at, call.endAt ?? until, y);
}

/** Many calls on one row: bars where there is room for them, else how many ran at once. */
function paintMany(g: CanvasRenderingContext2D, colours: Paint["colours"], lens: Lens, calls: readonly Call[],
  until: number, y: number): void {
  const seen = calls.filter((call) => px(lens, call.endAt ?? until) >= 0 && px(lens, call.at) <= lens.width);
  if (seen.length * PIXELS_EACH > lens.width) {
    const found = density(seen, Math.ceil(lens.width), (at) => px(lens, at), until);
    drawDensity(g, colours, found, y + ROW / 2 - 4, ROW - 8);
    return;
  }
  g.globalAlpha = 0.8;
  for (const call of seen) {
    for (const segment of segmentsOf(call, until)) {
      if (["try", "sleep", "wait", "child"].includes(segment.kind)) drawSegment(g, colours, lens, segment,
        { y, numbered: false, thin: true });
    }
  }
  g.globalAlpha = 1;
}
/** A bar needs about so many pixels to be told from its neighbours. */
const PIXELS_EACH = 5;
