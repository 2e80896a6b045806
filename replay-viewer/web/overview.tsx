/** The strip above everything: the whole run at a glance. Drag to zoom, click to go there. */
import { computed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { isTimeout, type Call } from "../model/calls.ts";
import { density } from "../model/density.ts";
import { duration } from "../model/format.ts";
import { bandsOf, packLanes, segmentsOf } from "../model/timeline.ts";
import { usePainter, type Paint } from "./canvas.ts";
import { barColour, drawDensity, drawFolds, px, type Lens } from "./draw.ts";
import { session, type Session } from "./session.ts";
import { focusOn, zoom, zoomTo } from "./view.ts";

const LANE = 11, MOST_LANES = 9, TOP = 7;

const folds = computed(() => session.value?.scale.value.pieces.filter((piece) => piece.folded) ?? []);

/** The overview strip. */
export function Overview({ run }: { run: Session }): JSX.Element {
  const canvas = usePainter((paint) => { paintRun(paint, run) });
  const drag = useSignal<readonly [number, number] | undefined>(undefined);
  const [a, b] = zoom.value, zoomed = b - a < 1;
  const scale = run.scale.value, event = run.history.event(run.seq.value);
  const at = event === undefined ? 0 : scale.x(event.at);
  const place = (pointer: PointerEvent): number => {
    const box = pointer.currentTarget instanceof Element ? pointer.currentTarget.getBoundingClientRect() : undefined;
    return box === undefined ? 0 : Math.min(1, Math.max(0, (pointer.clientX - box.left) / box.width));
  };
  const brush = drag.value;
  return <div class="overview" onDblClick={() => { zoomTo(0, 1, "push") }}
    onPointerDown={(pointer) => {
      if (pointer.button !== 0) return;
      pointer.currentTarget.setPointerCapture(pointer.pointerId);
      drag.value = [place(pointer), place(pointer)];
    }}
    onPointerMove={(pointer) => { if (drag.value !== undefined) drag.value = [drag.value[0], place(pointer)] }}
    onPointerUp={(pointer) => {
      const from = drag.value?.[0], to = place(pointer);
      drag.value = undefined;
      if (from === undefined) return;
      if (Math.abs(to - from) * pointer.currentTarget.clientWidth < 5) focusOn(run.history.seqAt(scale.at(to)));
      else zoomTo(Math.min(from, to), Math.max(from, to), "push");
    }}>
    <canvas ref={canvas} aria-hidden="true" />
    {folds.value.map((piece) => piece.x1 - piece.x0 < 0.03 ? null : <span key={piece.from} class="fold-label"
      style={{ left: `${(piece.x0 + piece.x1) * 50}%` }}>{duration(piece.to - piece.from)}</span>)}
    {zoomed && <><i class="veil" style={{ left: 0, width: `${a * 100}%` }} />
      <i class="veil" style={{ left: `${b * 100}%`, right: 0 }} />
      <i class="lens" style={{ left: `${a * 100}%`, width: `${(b - a) * 100}%` }} /></>}
    {brush !== undefined && Math.abs(brush[1] - brush[0]) > 0.002 && <i class="lens brush" style={{
      left: `${Math.min(...brush) * 100}%`, width: `${Math.abs(brush[1] - brush[0]) * 100}%` }} />}
    <i class="playhead" style={{ left: `${at * 100}%` }} />
  </div>;
}

function paintRun({ g, width, height, colours }: Paint, run: Session): void {
  const scale = run.scale.value, until = run.until.value, { history } = run;
  const lens: Lens = { from: 0, to: 1, width, scale };
  drawFolds(g, colours, lens, height);
  for (const band of bandsOf(history, until)) {
    const x0 = px(lens, band.from), x1 = px(lens, band.to);
    g.fillStyle = band.kind === "held" ? colours.line : band.kind === "lost" ? colours["bad-bar"]
      : band.kind === "paused" ? colours["off-bar"] : colours["wait-bar"];
    if (band.kind !== "waiting") g.fillRect(x0, height - 2.5, Math.max(1, x1 - x0), 2.5);
  }
  const calls = history.calls.filter((call) => call.kind !== "value" && !isTimeout(call));
  const packed = packLanes(calls, until, MOST_LANES);
  if (packed === undefined) {
    drawDensity(g, colours, density(calls, Math.ceil(width), (at) => px(lens, at), until), height - 4, height - 10);
  } else paintLanes({ g, width, height, colours }, calls, packed, lens, until);
}

function paintLanes({ g, height, colours }: Paint, calls: readonly Call[], packed: { readonly lanes: Int32Array;
  readonly count: number }, lens: Lens, until: number): void {
  const lane = Math.min(LANE, (height - TOP - 6) / Math.max(1, packed.count));
  const bar = Math.min(6, Math.max(1.5, lane - 1.5));
  for (const [i, call] of calls.entries()) {
    const y = TOP + (packed.lanes[i] ?? 0) * lane;
    if (call.kind === "timer" || call.kind === "wait") {
      g.fillStyle = call.kind === "wait" && call.endSeq === undefined ? colours["wait-bar"] : colours["off-bar"];
      g.fillRect(px(lens, call.at), y + bar / 2 - 0.5, px(lens, call.endAt ?? until) - px(lens, call.at), 1);
    }
    g.globalAlpha = call.shared ? 0.4 : 1;
    if (call.kind === "child") for (const one of segmentsOf(call, until)) {
      const x0 = px(lens, one.from);
      g.fillStyle = barColour(colours, one.outcome);
      g.fillRect(x0, y, Math.max(1.25, px(lens, one.to) - x0), bar);
    }
    for (const one of call.tries) {
      const x0 = px(lens, one.at);
      g.fillStyle = barColour(colours, one.outcome === "running" ? "open" : one.outcome);
      g.fillRect(x0, y, Math.max(1.25, px(lens, one.endAt ?? until) - x0), bar);
    }
    g.globalAlpha = 1;
  }
}
