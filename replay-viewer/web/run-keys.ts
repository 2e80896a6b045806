/** Keys of the page of a run. */
import { sameCall } from "../model/focus.ts";
import { wholeText } from "../model/shown.ts";
import { openTab } from "./inspector.tsx";
import type { KeyMap } from "./keys.ts";
import { copy, say } from "./notices.tsx";
import { change, param, settle } from "./place.ts";
import type { Session } from "./session.ts";
import { focusedRow } from "./timeline.tsx";
import { goFailure, togglePlay } from "./transport.tsx";
import { focusOn, marked, pan, selected, sheetOpen, step, TABS, view, zoomBy, zoomTo } from "./view.ts";

/** The map of a run. */
export function runKeyMap(run: Session): KeyMap {
  const tabs = Object.fromEntries(TABS.map(({ id }, i) => [String(i + 1), () => { openTab(id) }]));
  return { ...tabs,
    ArrowLeft: () => { step(-1) }, ArrowRight: () => { step(1) },
    PageUp: () => { step(-20) }, PageDown: () => { step(20) },
    "Shift+ArrowLeft": () => { same(run, -1) }, "Shift+ArrowRight": () => { same(run, 1) },
    ArrowUp: () => { row(run, -1) }, ArrowDown: () => { row(run, 1) },
    Home: () => { focusOn(1) }, End: () => { focusOn(run.history.head) },
    "[": () => { goFailure(run, -1) }, "]": () => { goFailure(run, 1) },
    "{": () => { changeOfPath(run, -1) }, "}": () => { changeOfPath(run, 1) },
    " ": togglePlay,
    w: () => { zoomBy(1 / 1.6) }, s: () => { zoomBy(1.6) }, a: () => { pan(-0.25) }, d: () => { pan(0.25) },
    0: () => { zoomTo(0, 1) }, z: () => { fit(run) },
    l: () => { change({ e: "last" }) },
    "/": search, f: search,
    x: () => { mark(run) }, D: () => { diff(run) },
    ".": () => { settle(); void copy(location.href, "the address of this view") },
    y: () => { if (selected.value === undefined) say("Select a value first", true);
      else void copy(wholeText(selected.value), selected.path) },
    Escape: () => { if (sheetOpen.value) sheetOpen.value = false; else change({ sel: undefined }, "replace") },
  };
}

function same(run: Session, by: 1 | -1): void {
  const to = sameCall(run.history, run.seq.peek(), by);
  if (to === undefined) say(by === 1 ? "The last event of this call" : "The first event of this call");
  else focusOn(to, "replace");
}

/** To the call of the row above or below; in the list of events one event on. */
function row(run: Session, by: number): void {
  if (view.peek() === "list") { step(by); return }
  const rows = run.rows.peek(), to = Math.max(0, Math.min(rows.length - 1, focusedRow.peek() + by));
  const call = rows[to]?.calls[0];
  if (call !== undefined) focusOn(call.endSeq ?? run.history.seqsOf(call.key).at(-1) ?? call.seq, "replace");
}

function changeOfPath(run: Session, by: 1 | -1): void {
  const path = param("sel");
  if (!path.startsWith(".")) { say("Select a place in the state first", true); return }
  void import("./tab-state.tsx").then(({ nextChangeOf }) => {
    const to = nextChangeOf(run, path, by);
    if (to === undefined) say(by === 1 ? "It does not change any more" : "It had not changed before");
    else change({ e: to }, "replace");
  });
}

/** The window around the call of the focus. */
function fit(run: Session): void {
  const event = run.history.event(run.seq.peek()), call = event && run.history.callOf(event);
  if (call === undefined) { zoomTo(0, 1); return }
  const scale = run.scale.peek(), a = scale.x(call.at), b = scale.x(call.endAt ?? run.until.peek());
  const spare = Math.max(0.002, (b - a) * 0.15);
  zoomTo(a - spare, b + spare);
}

function search(): void {
  if (view.peek() !== "list") change({ view: "list" });
  focusSearch(FRAMES);
}
/** The list may still be on its way: frames that are waited for it. */
const FRAMES = 300;
function focusSearch(left: number): void {
  const field = document.getElementById("search");
  if (field !== null) field.focus(); else if (left > 0) requestAnimationFrame(() => { focusSearch(left - 1) });
}

/** The first x marks A; at another event it shows what changed since; at A itself it takes the mark away. */
function mark(run: Session): void {
  const seq = run.seq.peek();
  if (marked.peek() === seq) { change({ a: undefined, b: undefined }); say("The mark is gone") }
  else if (marked.peek() === 0) { change({ a: seq, b: undefined }); say(`Event ${seq} is A; press x at another event`) }
  else diff(run);
}
function diff(run: Session): void {
  if (marked.peek() === 0) change({ a: Math.max(0, run.seq.peek() - 1) });
  openTab("diff");
}
