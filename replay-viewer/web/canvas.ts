/** Painting: a canvas that is as sharp as the screen, and the colours of the style sheet for it. */
import { useEffect, useRef } from "preact/hooks";
import type { RefObject } from "preact";
import { effect } from "@preact/signals";
import { repaint } from "./settings.ts";

const NAMES = ["paper", "card", "ink", "soft", "faint", "line", "accent", "ok", "bad", "run", "wait", "off", "ok-bar",
  "bad-bar", "run-bar", "wait-bar", "off-bar", "hatch"] as const;
export type ColourName = (typeof NAMES)[number];
export type Colours = { readonly [N in ColourName]: string };

let known: { readonly at: number; readonly colours: Colours } | undefined;
/** The colours as they are now. light-dark() is resolved by asking for the colour of an element. */
export function colours(): Colours {
  if (known !== undefined && known.at === repaint.peek()) return known.colours;
  const probe = document.createElement("i");
  document.body.append(probe);
  const read = (name: ColourName): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  // Every name is read, so the record has them all.
  const found = Object.fromEntries(NAMES.map((name) => [name, read(name)])) as Colours;
  probe.remove();
  known = { at: repaint.peek(), colours: found };
  return found;
}

/** What a painter gets: a cleared canvas of `width` by `height` CSS pixels. */
export interface Paint { readonly g: CanvasRenderingContext2D; readonly width: number; readonly height: number;
  readonly colours: Colours }

/** Paints a canvas in its parent's size, again whenever a signal that `painter` reads changes, once a frame at most. */
export function usePainter(painter: (paint: Paint) => void, extra: readonly unknown[] = []):
  RefObject<HTMLCanvasElement> {
  const ref = useRef<HTMLCanvasElement>(null);
  const latest = useRef(painter);
  latest.current = painter;
  const ask = useRef<() => void>(() => undefined);
  useEffect(() => {
    const canvas = ref.current, parent = canvas?.parentElement;
    if (canvas === null || parent === null || parent === undefined) return undefined;
    let frame = 0, stop = (): void => undefined;
    const draw = (): void => {
      frame = 0;
      stop();
      let painted = false;
      stop = effect(() => {
        if (painted) { later(); return } // something that the painting had read has changed
        painted = true;
        void repaint.value;
        paintOnce(canvas, latest.current);
      });
    };
    const later = (): void => { if (frame === 0) frame = requestAnimationFrame(draw) };
    ask.current = later;
    draw();
    const sizes = new ResizeObserver(later);
    sizes.observe(parent);
    return () => { stop(); cancelAnimationFrame(frame); sizes.disconnect() };
  }, []);
  useEffect(() => { ask.current() }, extra);
  return ref;
}

function paintOnce(canvas: HTMLCanvasElement, painter: (paint: Paint) => void): void {
  const parent = canvas.parentElement, g = canvas.getContext("2d");
  if (parent === null || g === null) return;
  const width = parent.clientWidth, height = parent.clientHeight, sharp = devicePixelRatio || 1;
  const w = Math.round(width * sharp), h = Math.round(height * sharp);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  g.setTransform(sharp, 0, 0, sharp, 0, 0);
  g.clearRect(0, 0, width, height);
  painter({ g, width, height, colours: colours() });
}

const hatches = new Map<string, CanvasPattern>();
/** A pale hatch in a colour. */
export function hatch(g: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
  const kept = hatches.get(colour);
  if (kept !== undefined) return kept;
  const tile = document.createElement("canvas"), size = 6;
  tile.width = tile.height = size;
  const t = tile.getContext("2d");
  if (t === null) return colour;
  t.strokeStyle = colour;
  t.lineWidth = 1;
  t.beginPath();
  for (const x of [-size, 0, size]) { t.moveTo(x, size); t.lineTo(x + size, 0) }
  t.stroke();
  const made = g.createPattern(tile, "repeat");
  if (made === null) return colour;
  hatches.set(colour, made);
  return made;
}
