/** A cursor over the engine's own fold: the state of a run at any event, forwards and back in microseconds. */
import { openFold, type Fold, type RunView } from "../../engine/core/fold.ts";
import type { AttemptView, TaskView, TimerView } from "../../engine/core/view.ts";
import type { Event } from "../../engine/core/events.ts";
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

  /** The state after `seq`, of the run itself and of these keys only, as a copy that stays. */
  copy(seq: number, keys: ReadonlySet<string>): RunView {
    const view = this.at(seq);
    const some = <V>(map: ReadonlyMap<string, V>, clone: (value: V) => V): Map<string, V> => {
      const out = new Map<string, V>();
      for (const key of keys) {
        const value = map.get(key);
        if (value !== undefined) out.set(key, clone(value));
      }
      return out;
    };
    return { ...view, tasks: some(view.tasks, cloneTask), timers: some(view.timers, (one: TimerView) => ({ ...one })),
      values: some(view.values, (one) => one), notes: [...view.notes] };
  }
}

function cloneTask(task: TaskView): TaskView {
  return { ...task, attempts: task.attempts.map((one: AttemptView) => ({ ...one })) };
}

/** Keys that the events after `a` up to `b` speak of. */
export function touched(events: readonly Event[], a: number, b: number): Set<string> {
  const keys = new Set<string>();
  for (let seq = a + 1; seq <= b; seq++) {
    const event = events[seq - 1];
    if (event !== undefined) keys.add(keyOf(event));
  }
  return keys;
}
