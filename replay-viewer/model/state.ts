/** The state of a run as a shown tree, and what changed in it between two events. */
import type { RunView } from "../../engine/core/fold.ts";
import type { AttemptView, ChildView, ShownView, SignalView, TaskView, TimerView, UpdateView,
  WaitView } from "../../engine/core/view.ts";
import { type Cursor, touched } from "./cursor.ts";
import { shownError, shownPayload } from "./payload.ts";
import { branch, lazily, leaf, placed, record, text, type Part, type Shown } from "./shown.ts";

/** The state as a tree; `all`: what there is nothing of is shown as empty. It reads the view when a part is
 *  opened: read it before the cursor moves. */
export function shownState(view: RunView, all = false): Shown {
  return record({
    state: text(view.state), workflow: text(view.workflow), name: text(view.name), worker: maybeText(view.worker),
    epoch: leaf("number", String(view.epoch)), input: view.input && shownPayload(view.input),
    result: view.result && shownPayload(view.result), error: view.error && shownError(view.error),
    reason: maybeText(view.reason), startedAt: instant(view.startedAt), endedAt: maybeInstant(view.endedAt),
    parked: view.parked && record({ code: text(view.parked.code), message: text(view.parked.message),
      hint: maybeText(view.parked.hint) }),
    tags: branch("array", "", view.tags.length, () => view.tags.map((tag, i) => placed(i, text(tag))), view.tags),
    codeVersion: maybeText(view.codeVersion),
    tasks: keyed(view.tasks, shownTask), timers: keyed(view.timers, shownTimer),
    values: keyed(view.values, (value) => shownPayload(value)),
    ...said(view, all),
    notes: branch("array", "", view.notes.length, () => view.notes.map((note, i) => placed(i,
      record({ seq: leaf("number", String(note.seq)), code: text(note.code), message: text(note.message) })))),
  });
}

/** What a run says to others and to people. */
function said(view: RunView, all: boolean): { readonly [part: string]: Shown | undefined } {
  const used = <K extends string | number, V>(map: ReadonlyMap<K, V>, shown: (value: V) => Shown): Shown | undefined =>
    map.size === 0 && !all ? undefined : branch("object", "", map.size, () => Array.from(map, ([key, value]): Part =>
      lazily(String(key), () => shown(value))));
  return { waits: used(view.waits, shownWait), children: used(view.children, shownChild),
    signals: used(view.signals, shownSignal), updates: used(view.updates, shownUpdate),
    shown: used(view.shown, shownPublished),
    streams: used(view.streams, (items) => branch("array", "", items.length, () =>
      items.map((one, i) => placed(i, shownPayload(one.value))))),
    patches: view.patches.size === 0 && !all ? undefined : branch("set", `Set(${view.patches.size})`,
      view.patches.size, () => [...view.patches].map((id, i) => placed(i, text(id)))),
    continuedAs: maybeText(view.continuedAs),
    forkedFrom: view.forkedFrom && record({ run: text(view.forkedFrom.run),
      seqs: leaf("number", String(view.forkedFrom.seqs)) }) };
}
function shownWait(wait: WaitView): Shown {
  return record({ state: text(wait.state), kind: text(wait.kind), name: text(wait.name),
    openedAt: instant(wait.openedAt), endedAt: maybeInstant(wait.endedAt),
    value: wait.value && shownPayload(wait.value), until: maybeInstant(wait.until),
    description: maybeText(wait.description),
    schema: wait.schema && shownPayload(wait.schema), by: leaf("number", String(wait.by)),
    site: maybeText(wait.site) });
}
function shownChild(child: ChildView): Shown {
  return record({ state: text(child.state), childId: text(child.childId), workflow: text(child.workflow),
    input: child.input && shownPayload(child.input), result: child.result && shownPayload(child.result),
    error: child.error && shownError(child.error), onClose: text(child.onClose), startedAt: instant(child.startedAt),
    endedAt: maybeInstant(child.endedAt), by: leaf("number", String(child.by)), site: maybeText(child.site) });
}
function shownSignal(signal: SignalView): Shown {
  return record({ name: text(signal.name), value: signal.value && shownPayload(signal.value),
    unread: leaf("boolean", String(signal.unread)) });
}
function shownUpdate(update: UpdateView): Shown {
  return record({ state: text(update.state), name: text(update.name), input: update.input && shownPayload(update.input),
    result: update.result && shownPayload(update.result), error: update.error && shownError(update.error),
    receivedAt: instant(update.receivedAt) });
}
function shownPublished(one: ShownView): Shown {
  return record({ value: one.value && shownPayload(one.value), at: instant(one.at) });
}

function keyed<V>(map: ReadonlyMap<string, V>, shown: (value: V) => Shown): Shown {
  return branch("object", "", map.size, () => Array.from(map, ([key, value]): Part => lazily(key, () => shown(value))));
}
function shownTask(task: TaskView): Shown {
  return record({ state: text(task.state), name: text(task.name), input: task.input && shownPayload(task.input),
    result: task.result && shownPayload(task.result), error: task.error && shownError(task.error),
    attempts: branch("array", "", task.attempts.length, () =>
      task.attempts.map((one, i) => placed(i, shownAttempt(one)))),
    queued: task.queued && record({ limit: text(task.queued.limit), since: instant(task.queued.since),
      dueAt: maybeInstant(task.queued.dueAt) }),
    retries: leaf("number", String(task.retries)), scheduledAt: instant(task.scheduledAt),
    endedAt: maybeInstant(task.endedAt), retryAt: maybeInstant(task.retryAt), by: leaf("number", String(task.by)),
    site: maybeText(task.site) });
}
function shownAttempt(one: AttemptView): Shown {
  return record({ attempt: leaf("number", String(one.attempt)), worker: maybeText(one.worker),
    startedAt: instant(one.startedAt), endedAt: maybeInstant(one.endedAt),
    error: one.error && shownError(one.error) });
}
function shownTimer(timer: TimerView): Shown {
  return record({ state: text(timer.state), purpose: text(timer.purpose), startedAt: instant(timer.startedAt),
    dueAt: instant(timer.dueAt), by: leaf("number", String(timer.by)), site: maybeText(timer.site) });
}
function instant(at: number): Shown { return leaf("date", new Date(at).toISOString()) }
function maybeInstant(at: number | undefined): Shown | undefined { return at === undefined ? undefined : instant(at) }
function maybeText(value: string | undefined): Shown | undefined {
  return value === undefined ? undefined : text(value);
}

/** One difference. `before` is absent for what was added, `after` for what was taken away. */
export interface Difference {
  readonly path: string; readonly before: Shown | undefined; readonly after: Shown | undefined;
}

/** More differences than this are not listed. */
const MOST = 2000;

/** What differs between two trees, in the order of the first. Added and removed containers count as one difference. */
export function differences(before: Shown, after: Shown, path = ""): Difference[] {
  const found: Difference[] = [];
  compare(before, after, path, found);
  return found;
}

function compare(before: Shown, after: Shown, path: string, found: Difference[]): void {
  if (found.length >= MOST) return;
  if (before.source !== undefined && before.source === after.source) return;
  const both = before.parts !== undefined && after.parts !== undefined && before.kind === after.kind;
  if (!both) {
    const same = before.parts === undefined && after.parts === undefined && before.kind === after.kind
      && before.text === after.text && before.ref?.hash === after.ref?.hash;
    if (!same) found.push({ path, before, after });
    return;
  }
  const late = new Map((after.parts?.() ?? []).map((part) => [part.step, part]));
  for (const part of before.parts?.() ?? []) {
    const other = late.get(part.step);
    late.delete(part.step);
    if (other === undefined) found.push({ path: path + part.step, before: part.value, after: undefined });
    else compare(part.value, other.value, path + part.step, found);
  }
  for (const part of late.values()) {
    if (found.length < MOST) found.push({ path: path + part.step, before: undefined, after: part.value });
  }
}

/** What changed in the state after event `a` up to event `b`; a > b shows the way back. */
export function changesBetween(cursor: Cursor, a: number, b: number): Difference[] {
  const keys = touched(cursor.history, Math.min(a, b), Math.max(a, b));
  const before = cursor.copy(a, keys), after = cursor.copy(b, keys);
  return differences(shownState(before, true), shownState(after, true));
}

/** The next event from `seq` on (or back, with step -1) at which the state at `path` changes. */
export function nextChange(cursor: Cursor, seq: number, path: string, step: 1 | -1,
  look: (root: Shown, path: string) => Shown | undefined): number | undefined {
  const { history } = cursor;
  const said = (at: number): string => {
    const node = look(shownState(cursor.at(at)), path);
    return node === undefined ? "" : deepText(node, 0);
  };
  let before = said(step === 1 ? seq : seq - 1);
  for (let at = step === 1 ? seq + 1 : seq - 1; at >= 1 && at <= history.head; at += step) {
    const now = said(step === 1 ? at : at - 1);
    if (now !== before) return at;
    before = now;
  }
  return undefined;
}
function deepText(node: Shown, depth: number): string {
  if (node.parts === undefined || depth > 4) return `${node.kind}${node.text}${node.size}`;
  return `${node.kind}${node.text}{${node.parts().map((part) => part.step + deepText(part.value, depth + 1)).join()}}`;
}
