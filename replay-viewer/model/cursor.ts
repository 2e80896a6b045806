/** A cursor over the engine's own fold: the state of a run at any event, forwards and back in microseconds. */
import { openFold, type Fold, type RunView } from "../../engine/core/fold.ts";
import type { TaskView } from "../../engine/core/view.ts";
import type { History } from "./history.ts";
import { keyOf } from "./history.ts";

/** Moves over one history. The view that it hands out is the fold's own draft: read it before moving on. */
export class Cursor {
  readonly history: History;
  readonly #fold: Fold = openFold();
  constructor(history: History) { this.history = history }

  /** The state after event `seq` (0 = before the first; beyond the end = the last). */
  at(seq: number): RunView {
    this.#fold.seek(Math.max(0, seq), this.history.events);
    return this.#fold.view;
  }

  /** The state after `seq`, of the run itself and of these places only, as a copy that stays. */
  copy(seq: number, { keys, signals, shown, streams }: Touched): RunView {
    const view = this.at(seq);
    return { ...view, tasks: some(view.tasks, keys, cloneTask), timers: some(view.timers, keys, flat),
      values: some(view.values, keys, (one) => one), waits: some(view.waits, keys, flat),
      children: some(view.children, keys, flat), updates: some(view.updates, keys, flat, "update:"),
      signals: some(view.signals, signals, flat), shown: some(view.shown, shown, flat),
      streams: some(view.streams, streams, (items) => [...items]), notes: [...view.notes],
      patches: new Set(view.patches) };
  }
}

/** Copies of the values with these keys; `prefix`: what the keys have before those of the map. */
function some<K extends string | number, V>(map: ReadonlyMap<K, V>, keys: ReadonlySet<K>, clone: (value: V) => V,
  prefix = ""): Map<K, V> {
  const out = new Map<K, V>();
  for (const one of keys) {
    // Only keys that are texts have a prefix, and a part of a text is one.
    const key = typeof one === "string" && prefix !== "" ? one.slice(prefix.length) as K : one;
    const value = map.get(key);
    if (value !== undefined) out.set(key, clone(value));
  }
  return out;
}
function flat<V extends object>(value: V): V { return { ...value } }
function cloneTask(task: TaskView): TaskView { return { ...task, attempts: task.attempts.map(flat) } }

/** Places of the state that events speak of. */
export interface Touched {
  readonly keys: ReadonlySet<string>; readonly signals: ReadonlySet<number>; readonly shown: ReadonlySet<string>;
  readonly streams: ReadonlySet<string>;
}
/** The places that the events after `a` up to `b` speak of. */
export function touched(history: History, a: number, b: number): Touched {
  const keys = new Set<string>(), signals = new Set<number>(), shown = new Set<string>(), streams = new Set<string>();
  for (let seq = a + 1; seq <= b; seq++) {
    const event = history.event(seq);
    if (event === undefined) continue;
    keys.add(keyOf(event));
    const call = history.callOf(event);
    if (call !== undefined) keys.add(call.key);
    if (event.type === "SignalReceived") signals.add(seq);
    if (event.type === "WaitOpened" && event.taken !== undefined) signals.add(event.taken);
    if (event.type !== "Published" && event.type !== "Reported") continue;
    if (event.kind === "stream") streams.add(event.name); else shown.add(`${event.kind}:${event.name}`);
  }
  return { keys, signals, shown, streams };
}
