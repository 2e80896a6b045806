/** Painting the timeline: segments, bands, folds, the overview. 30,000 bars take about 40 ms, what is seen far less. */
import type { Segment } from "../model/timeline.ts";
import type { Piece, Scale } from "../model/scale.ts";
import type { Density } from "../model/density.ts";
import { duration } from "../model/format.ts";
import { hatch, type Colours } from "./canvas.ts";

/** Places to pixels: the window [from, to] over `width` pixels. */
export interface Lens { readonly from: number; readonly to: number; readonly width: number; readonly scale: Scale }
/** Pixel of an instant. */
export function px(lens: Lens, at: number): number {
  return (lens.scale.x(at) - lens.from) / (lens.to - lens.from) * lens.width;
}
/** Instant of a pixel. */
export function instantAt(lens: Lens, x: number): number {
  return lens.scale.at(lens.from + x / lens.width * (lens.to - lens.from));
}

const BAR = 12;
/** The colour of an attempt. */
export function barColour(colours: Colours, outcome: Segment["outcome"]): string {
  switch (outcome) {
    case "completed": return colours["ok-bar"];
    case "failed": return colours["bad-bar"];
    case "open": return colours["run-bar"];
    case "lost": return colours["wait-bar"];
    default: return colours["off-bar"];
  }
}

/** How one row is drawn. */
export interface RowLook {
  /** Middle of the row. */
  readonly y: number;
  /** Number the attempts. */
  readonly numbered: boolean;
  /** Thinner, for rows that hold many calls. */
  readonly thin: boolean;
}

/** Draws one segment; answers the pixel up to which it reaches, so that bars below a pixel can be passed over. */
export function drawSegment(g: CanvasRenderingContext2D, colours: Colours, lens: Lens, segment: Segment,
  look: RowLook): void {
  const x0 = px(lens, segment.from), x1 = px(lens, segment.to);
  if (x1 < -2 || x0 > lens.width + 2) return;
  const left = Math.max(-4, x0), right = Math.min(lens.width + 4, x1);
  switch (segment.kind) {
    case "try": drawTry(g, colours, segment, look, left, Math.max(right, left + 2)); return;
    case "child": drawTry(g, colours, segment, look, left, Math.max(right, left + 2)); return;
    case "limited": drawHatch(g, colours["wait-bar"], look.y, left, right); return;
    case "wait": drawWave(g, segment.outcome === "open" ? colours.wait : segment.shared ? colours.faint : colours.soft,
      look.y, left, Math.max(right, left + 2)); return;
    case "queued": drawHatch(g, colours.hatch, look.y, left, right); return;
    case "backoff": drawDashes(g, colours.faint, look.y, left, right, [4, 3]); return;
    case "gone": drawDashes(g, colours.wait, look.y, left, right, [8, 5]); return;
    case "sleep": drawSleep(g, colours, segment, look.y, left, right); return;
    case "limit":
      drawDashes(g, colours.faint, look.y, left, right, [1, 5]);
      drawTick(g, colours.faint, right, look.y, 4);
      return;
    case "mark": drawMark(g, colours.ink, left, look.y); return;
  }
}

function drawTry(g: CanvasRenderingContext2D, colours: Colours, segment: Segment, look: RowLook, left: number,
  right: number): void {
  const height = look.thin ? 8 : BAR, top = look.y - height / 2, width = right - left;
  const colour = barColour(colours, segment.outcome);
  if (segment.shared) {
    g.strokeStyle = colour;
    g.lineWidth = 1.5;
    box(g, left + 0.75, top + 0.75, Math.max(1, width - 1.5), height - 1.5, width > 5 ? 3 : 0);
    g.stroke();
    return;
  }
  g.fillStyle = colour;
  if (segment.outcome === "open" && width > 12) {
    const fade = g.createLinearGradient(right - Math.min(40, width), 0, right, 0);
    fade.addColorStop(0, colour);
    fade.addColorStop(1, colours.paper);
    g.fillStyle = fade;
  }
  box(g, left, top, width, height, width > 5 ? 3 : 0);
  g.fill();
  if (segment.outcome === "lost") {
    g.fillStyle = hatch(g, colours.paper);
    box(g, left, top, width, height, width > 5 ? 3 : 0);
    g.fill();
  }
  if (look.numbered && width >= 16 && !look.thin) {
    g.fillStyle = colours.card;
    g.font = "600 10px ui-sans-serif, system-ui, sans-serif";
    g.textBaseline = "middle";
    g.fillText(`#${segment.attempt}`, Math.max(left, 0) + (width < 20 ? 2 : 4), look.y + 0.5);
  }
}
function box(g: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, radius: number): void {
  g.beginPath();
  if (radius > 0) g.roundRect(x, y, width, height, radius); else g.rect(x, y, width, height);
}
function drawHatch(g: CanvasRenderingContext2D, colour: string, y: number, left: number, right: number): void {
  if (right - left < 1) return;
  g.fillStyle = hatch(g, colour);
  g.fillRect(left, y - 4, right - left, 8);
}
/** A wave: something has to come from outside. */
function drawWave(g: CanvasRenderingContext2D, colour: string, y: number, left: number, right: number): void {
  const LONG = 10, HIGH = 3;
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.beginPath();
  g.moveTo(left, y);
  for (let x = left; x < right; x += LONG / 2) {
    const up = Math.round((x - left) / (LONG / 2)) % 2 === 0 ? -HIGH : HIGH;
    g.quadraticCurveTo(Math.min(right, x + LONG / 4), y + up, Math.min(right, x + LONG / 2), y);
  }
  g.stroke();
  drawTick(g, colour, right, y, 4);
}
function drawDashes(g: CanvasRenderingContext2D, colour: string, y: number, left: number, right: number,
  dashes: number[]): void {
  if (right - left < 1) return;
  g.strokeStyle = colour;
  g.lineWidth = 1.25;
  g.setLineDash(dashes);
  g.beginPath();
  g.moveTo(left, y);
  g.lineTo(right, y);
  g.stroke();
  g.setLineDash([]);
}
function drawTick(g: CanvasRenderingContext2D, colour: string, x: number, y: number, half: number): void {
  g.fillStyle = colour;
  g.fillRect(x - 0.5, y - half, 1, half * 2);
}
function drawMark(g: CanvasRenderingContext2D, colour: string, x: number, y: number): void {
  g.fillStyle = colour;
  g.beginPath();
  g.moveTo(x, y - 4);
  g.lineTo(x + 4, y);
  g.lineTo(x, y + 4);
  g.lineTo(x - 4, y);
  g.fill();
}
function drawSleep(g: CanvasRenderingContext2D, colours: Colours, segment: Segment, y: number, left: number,
  right: number): void {
  const text = duration(segment.to - segment.from);
  g.font = "10.5px ui-sans-serif, system-ui, sans-serif";
  const width = g.measureText(text).width + 10, room = right - left;
  const colour = segment.outcome === "open" ? colours.run : colours.faint;
  const middle = (Math.max(left, 0) + right) / 2;
  const gap = room > width + 24 ? width : 0;
  drawDashes(g, colour, y, left, gap > 0 ? middle - gap / 2 : right, [1.5, 3]);
  if (gap > 0) {
    drawDashes(g, colour, y, middle + gap / 2, right, [1.5, 3]);
    g.fillStyle = colours.soft;
    g.textBaseline = "middle";
    g.fillText(text, middle - gap / 2 + 5, y + 0.5);
  }
  drawTick(g, colour, left, y, 3);
  drawTick(g, colour, right, y, 3);
}

/** The thread of the critical path: a thin line below the bars of a call, from its being called to its end. */
export function drawThread(g: CanvasRenderingContext2D, colours: Colours, lens: Lens, from: number, to: number,
  y: number): void {
  const left = Math.max(-4, px(lens, from)), right = Math.min(lens.width + 4, px(lens, to));
  if (right < 0 || left > lens.width) return;
  g.fillStyle = colours.soft;
  g.fillRect(left, y + BAR / 2 + 2.5, Math.max(2, right - left), 1.5);
}

/** Lines of the log: small ticks above the bars, one a pixel at most. */
export function drawTicks(g: CanvasRenderingContext2D, colours: Colours, lens: Lens, instants: readonly number[],
  y: number): void {
  g.fillStyle = colours.faint;
  let last = -9;
  for (const at of instants) {
    const x = Math.round(px(lens, at));
    if (x <= last + 1 || x < 0 || x > lens.width) continue;
    last = x;
    g.fillRect(x, y - BAR / 2 - 4, 1.5, 3);
  }
}

/** Columns of a density: what failed stands at the foot, so that the share of it can be seen. */
export function drawDensity(g: CanvasRenderingContext2D, colours: Colours, found: Density, foot: number,
  height: number): void {
  const layers = [["bad-bar", found.bad], ["off-bar", found.other], ["run-bar", found.open],
    ["ok-bar", found.ok]] as const;
  const scale = height / Math.sqrt(Math.max(1, found.most));
  for (let x = 0; x < found.ok.length - 2; x++) {
    const sum = layers.reduce((n, [, list]) => n + (list[x] ?? 0), 0);
    if (sum < 1e-3) continue;
    const tall = Math.max(1.5, Math.sqrt(sum) * scale);
    let y = foot;
    for (const [name, list] of layers) {
      const part = (list[x] ?? 0) / sum * tall;
      if (part < 0.05) continue;
      const shown = name === "bad-bar" ? Math.max(1, part) : part;
      g.fillStyle = colours[name];
      g.fillRect(x, y - shown, 1, shown);
      y -= shown;
    }
  }
}

/** The folds of the window: a band with its length, where there is room. */
export function drawFolds(g: CanvasRenderingContext2D, colours: Colours, lens: Lens, height: number): void {
  for (const piece of lens.scale.pieces) {
    if (!piece.folded) continue;
    const [left, right] = ends(lens, piece);
    if (right < 0 || left > lens.width) continue;
    g.fillStyle = colours.line;
    g.globalAlpha = 0.35;
    g.fillRect(left, 0, right - left, height);
    g.globalAlpha = 1;
    g.fillRect(left, 0, 1, height);
    g.fillRect(right - 1, 0, 1, height);
  }
}
/** Left and right pixel of a piece. */
export function ends(lens: Lens, piece: Piece): [number, number] {
  const at = (x: number): number => (x - lens.from) / (lens.to - lens.from) * lens.width;
  return [at(piece.x0), at(piece.x1)];
}
