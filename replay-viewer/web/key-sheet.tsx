/** The sheet of keys, and what the marks of the drawing say. */
import type { JSX } from "preact";
import { LEGEND } from "../model/timeline.ts";
import { Sheet } from "./dialogs.tsx";

const KEYS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ["Events", [["← →", "event before, next event"], ["shift ← →", "event before, next event of the same call"],
    ["↑ ↓", "call above, call below"], ["[ ]", "failure before, next failure"], ["Home End", "first, last event"],
    ["space", "play and pause"], ["l", "follow the newest event"]]],
  ["Timeline", [["w s", "zoom in, zoom out"], ["a d", "move to the left, to the right"],
    ["z", "fit the call of the focus"],
    ["0", "fit the whole run"], ["ctrl wheel", "zoom at the pointer"], ["drag the axis", "zoom to that stretch"]]],
  ["Looking", [["1 … 8", "tabs of the inspector"], ["/", "search all events"], ["ctrl k", "go anywhere"],
    ["{ }", "change before, next change of the selected place"],
      ["x", "mark an event as A; then show what changed since"],
    ["D", "show what changed"], ["y", "copy the selected value"], [".", "copy the address of this view"],
    ["Esc", "leave a field, close, unselect"]]],
  ["The list of runs", [["↑ ↓", "choose a run"], ["Enter", "open it"], ["x", "compare it with another"],
    ["/", "search all runs"], ["n", "start a run"]]],
];

/** The sheet. */
export function KeySheet(): JSX.Element {
  return <Sheet title="Keys and marks" wide>
    <div class="columns">{KEYS.map(([title, keys]) => <section key={title}><h3>{title}</h3>
      <dl class="keys">{keys.map(([key, says]) => <div key={key}><dt>{key.split(" ").map((one) =>
        <kbd key={one}>{one}</kbd>)}</dt><dd>{says}</dd></div>)}</dl></section>)}
    <section><h3>Marks</h3><dl class="keys legend">{LEGEND.map(({ kind, says }) => <div key={kind}>
      <dt><i class={`mark-${kind}`} aria-hidden="true" /></dt><dd>{says}</dd></div>)}</dl></section></div>
    <p class="faint">No key works inside a field. Everything can be done with the mouse as well.</p>
  </Sheet>;
}
