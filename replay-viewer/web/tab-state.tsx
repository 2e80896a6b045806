/** The state of the run at the focus, rebuilt by the engine's own fold; and what changed between two events. */
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Cursor } from "../model/cursor.ts";
import { count } from "../model/format.ts";
import { at, preview } from "../model/shown.ts";
import { changesBetween, nextChange, shownState, type Difference } from "../model/state.ts";
import { Icon } from "./icons.tsx";
import { JsonTree, Value } from "./json-tree.tsx";
import { change, param } from "./place.ts";
import type { Session } from "./session.ts";
import { EventLink } from "./event-link.tsx";
import { marked } from "./view.ts";
import { Windowed } from "./windowed.tsx";

const ROW = 44;
const cursors = new WeakMap<Session, Cursor>();
/** The cursor of a run's state. Read what it hands out at once. */
export function cursorOf(run: Session): Cursor {
  const known = cursors.get(run) ?? new Cursor(run.history);
  cursors.set(run, known);
  return known;
}
/** The next event (or with -1 the one before) at which the state at this path changes. */
export function nextChangeOf(run: Session, path: string, by: 1 | -1): number | undefined {
  return nextChange(cursorOf(run), run.seq.peek(), path, by, at);
}

/** The state after the focused event. */
export function StateTab({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  const seq = run.seq.value;
  const changes = changesBetween(cursorOf(run), seq - 1, seq);
  const root = shownState(cursorOf(run).at(seq)); // read at once: the cursor may move for another part of the page
  return <div class="fill-panel">
    <p class="lead">After event {seq}{changes.length === 0 ? ", which changed nothing." : `, which changed ${
      count(changes.filter((one) => one.path !== ".head").length, "place")}.`}</p>
    <JsonTree id="state" root={root} base="" fill open={[".tasks"]} changed={new Set(changes.map((one) => one.path))} />
  </div>;
}

/** What changed from A to the focus. */
export function DiffTab({ run }: { run: Session }): JSX.Element {
  const from = useComputed(() => marked.value > 0 ? marked.value : Math.max(0, run.seq.value - 1)).value;
  const to = Number(param("b")) || run.seq.value;
  const all = useSignal(false);
  void run.version.value;
  const changes = changesBetween(cursorOf(run), from, to).filter((one) => all.value || !QUIET.test(one.path));
  return <div class="fill-panel">
    <p class="lead">From {from === 0 ? "the beginning" : <EventLink seq={from} />} to <EventLink seq={to} />
      {marked.value > 0 && <> <span class="mark">A</span></>}: {count(changes.length, "change")}.</p>
    <div class="row tools">
      {marked.value > 0 ? <button class="quiet"
        onClick={() => { change({ a: undefined, b: undefined }) }}>Compare with the event before</button>
        : <button class="quiet"
          onClick={() => { change({ a: run.seq.peek() }) }}>Mark this event as A <kbd>x</kbd></button>}
      {marked.value > 0 && <button class="quiet" onClick={() => { change({ a: to, b: from }) }}>
        <Icon name="swap" size={13} /> Swap</button>}
      <label class="check"><input type="checkbox" checked={all.value}
        onChange={(event) => { all.value = event.currentTarget.checked }} /> counters too</label>
    </div>
    {changes.length === 0 ? <p class="faint lead">Nothing in the state differs.</p>
      : <Windowed class="fill" label="Changes" count={changes.length} rowHeight={ROW}
        row={(i) => { const one = changes[i]; return one && <Change key={one.path} one={one} />; }} />}
  </div>;
}
/** What moves with every event. */
const QUIET = /^\.(head|mailRead)$/;

/** One difference in two lines: where, and from what to what. */
export function Change({ one }: { one: Difference }): JSX.Element {
  const kind = one.before === undefined ? "added" : one.after === undefined ? "removed" : "changed";
  return <div class={`change ${kind}`} role="listitem">
    <p class="cut" title={one.path}><span class="kind">{kind}</span> <code>{one.path}</code></p>
    <p class="cut">{one.before !== undefined && <del title={preview(one.before, 400)}><Value
      value={one.before} /></del>}
      {one.before !== undefined && one.after !== undefined && <Icon name="right" size={11} />}
      {one.after !== undefined && <ins title={preview(one.after, 400)}><Value value={one.after} /></ins>}</p>
  </div>;
}
