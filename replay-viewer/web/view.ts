/** What the parts of the run page share: the focus, the window of the timeline, the mark for a comparison. */
import { computed, signal } from "@preact/signals";
import type { Shown } from "../model/shown.ts";
import { change, param } from "./place.ts";
import { session } from "./session.ts";

export type View = "timeline" | "table" | "list" | "graph" | "tree";
export type Tab = "event" | "state" | "diff" | "source" | "logs" | "cause" | "raw" | "shown";
export const VIEWS: readonly { readonly id: View; readonly word: string }[] = [
  { id: "timeline", word: "Timeline" }, { id: "table", word: "Table" }, { id: "list", word: "Events" },
  { id: "graph", word: "Graph" }, { id: "tree", word: "Tree" }];
export const TABS: readonly { readonly id: Tab; readonly word: string }[] = [
  { id: "event", word: "Event" }, { id: "state", word: "State" }, { id: "diff", word: "Diff" },
  { id: "source", word: "Source" }, { id: "logs", word: "Logs" }, { id: "cause", word: "Cause" },
  { id: "raw", word: "Raw" }, { id: "shown", word: "Shown" }];

/** The views that a run has: a recording knows no other runs. */
export function viewsOf(run: { readonly recorded: boolean }): typeof VIEWS {
  return run.recorded ? VIEWS.filter(({ id }) => id !== "tree") : VIEWS;
}

/** What is drawn at the left. */
export const view = computed((): View => VIEWS.find(({ id }) => id === param("view"))?.id ?? "timeline");
/** The inspector's tab; `view=state` and the like name it too, and a state diff (`a` and `b`) shows the diff. */
export const tab = computed((): Tab => TABS.find(({ id }) => id === param("tab"))?.id
  ?? TABS.find(({ id }) => id === param("view"))?.id ?? (param("a") !== "" && param("b") !== "" ? "diff" : "event"));

/** The window of the timeline, in places of the scale; [0, 1] is the whole run. */
export const zoom = computed((): readonly [number, number] => {
  const [a = NaN, b = NaN] = param("z").split("~").map(Number);
  return a >= 0 && b <= 1 && b - a > 1e-7 ? [a, b] : [0, 1];
});
/** Narrowest window. */
const NARROW = 1e-5;
/** Shows this window, cut to the run. */
export function zoomTo(a: number, b: number, how: "push" | "replace" = "replace"): void {
  const width = Math.min(1, Math.max(NARROW, b - a));
  const from = Math.min(1 - width, Math.max(0, a));
  const text = (n: number): string => String(Number(n.toPrecision(6)));
  change({ z: width >= 1 - 1e-6 ? undefined : `${text(from)}~${text(from + width)}` }, how);
}
/** Makes the window `factor` times as wide around a place. */
export function zoomBy(factor: number, around?: number): void {
  const [a, b] = zoom.peek(), current = session.peek();
  const focused = current?.scale.peek().x(current.history.event(current.seq.peek())?.at ?? 0) ?? 0.5;
  const at = around ?? (focused >= a && focused <= b ? focused : (a + b) / 2);
  zoomTo(at - (at - a) * factor, at + (b - at) * factor);
}
/** Moves the window by a part of its width. */
export function pan(part: number): void {
  const [a, b] = zoom.peek(), by = (b - a) * part;
  const shift = Math.max(-a, Math.min(1 - b, by));
  zoomTo(a + shift, b + shift);
}

/** Focuses an event. Scrubbing replaces the address, a click makes a new entry. */
export function focusOn(seq: number, how: "push" | "replace" = "push"): void {
  change({ e: String(seq), sel: undefined }, how);
  reveal(seq);
}
/** Moves the timeline's window so that the event is in it. */
function reveal(seq: number): void {
  const [a, b] = zoom.peek(), current = session.peek(), event = current?.history.event(seq);
  if (current === undefined || event === undefined || b - a >= 1) return;
  const x = current.scale.peek().x(event.at);
  if (x < a || x > b) zoomTo(x - (b - a) / 2, x + (b - a) / 2);
}
/** One step of the focus, cut to the history. */
export function step(by: number): void {
  const current = session.peek();
  if (current === undefined) return;
  focusOn(Math.max(1, Math.min(current.history.head, current.seq.peek() + by)), "replace");
}

/** The event that is marked as A, 0 for none. It lives in the address as `a`. */
export const marked = computed(() => Number(param("a")) || 0);
/** The selected value, for the key that copies it. */
export const selected: { path: string; value: Shown | undefined } = { path: "", value: undefined };
/** Is the sheet with the inspector open on a narrow page? */
export const sheetOpen = signal(false);
/** Is a play under way? */
export const playing = signal(false);
/** Times real time. */
export const speed = signal(1);
/** What the pointer is over in the timeline. */
export const hovered = signal<{ readonly x: number; readonly y: number; readonly text: string } | undefined>(undefined);
