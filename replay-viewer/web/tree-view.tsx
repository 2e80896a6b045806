/** The family of a run: who started it and whom it started, with their states, as they are now. */
import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { familyLines, type Family, type FamilyLine, type Relative } from "../model/family.ts";
import { count, duration } from "../model/format.ts";
import { isOver, type Problem, type RunRow } from "../model/wire.ts";
import { asProblem, familyOf } from "./api.ts";
import { Icon } from "./icons.tsx";
import { listen } from "./live.ts";
import { State, stateLook } from "./looks.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { address, visit } from "./place.ts";
import type { Session } from "./session.ts";

const SETTLE_MS = 300;

/** The tree, in the place of the timeline. */
export function TreeView({ run }: { run: Session }): JSX.Element {
  const family = useSignal<Family | undefined>(undefined), problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => follow(run.id, family, problem), [run.id]);
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { now.value = Date.now() }, 1000);
    return () => { clearInterval(timer) };
  }, []);
  const { value } = family;
  if (value === undefined) return problem.value === undefined ? <p class="loading">Looking for its family…</p>
    : <Trouble problem={problem.value} />;
  if (value.above.length === 0 && value.runs.length < 2) return <Alone />;
  return <Tree family={value} self={run.id} now={now.value} />;
}

function Alone(): JSX.Element {
  return <Empty title="No run started this one, and it started none">
    <p>A workflow that is called by another becomes a run of its own. It stands here with its state, and goes on by
      itself after a crash:</p>
    <pre>{`export const order = workflow("order", async (id: number) => {
  const parcel = await pack(id);   // pack is a workflow too
  return ship(parcel);
});`}</pre></Empty>;
}

/** Loads the family, and again when one of its runs changes or has a child. */
function follow(id: string, to: Signal<Family | undefined>, problem: Signal<Problem | undefined>): () => void {
  let over = false, timer: ReturnType<typeof setTimeout> | undefined;
  const load = (): void => {
    timer = undefined;
    familyOf(id).then((found) => { if (!over) { to.value = found; problem.value = undefined } },
      (error: unknown) => { if (!over) problem.value = asProblem(error) });
  };
  load();
  const stop = listen({ asks: () => [{ runs: true }], onRows: (rows) => {
    if (timer === undefined && touches(to.peek(), rows)) timer = setTimeout(load, SETTLE_MS);
  } });
  return () => { over = true; clearTimeout(timer); stop() };
}
/** Do these rows tell anything new of the family? */
function touches(family: Family | undefined, rows: readonly RunRow[]): boolean {
  if (family === undefined) return false;
  const known = new Map([...family.above, ...family.runs].map((one) => [one.runId, one]));
  return rows.some(({ runId, parentId, parked, state }) => {
    const one = known.get(runId);
    return one === undefined ? parentId !== null && known.has(parentId)
      : one.state !== (parked === null ? state : "parked");
  });
}

function Tree({ family, self, now }: { family: Family; self: string; now: number }): JSX.Element {
  const closed = useSignal<ReadonlySet<string>>(new Set()), focus = useSignal(self);
  const box = useRef<HTMLUListElement>(null);
  const shown = familyLines(family, closed.value);
  const at = Math.max(0, shown.findIndex(({ run }) => run.runId === focus.value));
  const toggle = (id: string, open?: boolean): void => {
    const next = new Set(closed.peek());
    if (open ?? next.has(id)) next.delete(id); else next.add(id);
    closed.value = next;
  };
  const goTo = (index: number): void => {
    const line = shown[Math.max(0, Math.min(shown.length - 1, index))];
    if (line === undefined) return;
    focus.value = line.run.runId;
    box.current?.querySelector<HTMLElement>(`[data-run="${line.run.runId}"]`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const action = keyOf(event, shown, at, { goTo, toggle });
    if (action === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const runs = family.runs.length - 1;
  return <div class="family">
    <p class="lead faint">{runs === 0 ? "It started no run."
      : `${count(runs, "run")} below this one: ${summary(family)}.`}
      {family.more && " The tree is larger; these are the first of it."}</p>
    <ul role="tree" aria-label="Family of the run" ref={box} onKeyDown={onKeyDown}>{shown.map((line, i) =>
      <Line key={line.run.runId} line={line} self={self} now={now} focused={i === at}
        toggle={() => { focus.value = line.run.runId; toggle(line.run.runId) }} />)}</ul>
  </div>;
}

/** What a key does in a tree, as trees do it everywhere. */
function keyOf(event: KeyboardEvent, lines: readonly FamilyLine[], at: number, { goTo, toggle }: {
  readonly goTo: (index: number) => void; readonly toggle: (id: string, open?: boolean) => void }):
  (() => void) | undefined {
  const line = lines[at];
  if (line === undefined || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const { run: { runId }, depth, children, open } = line;
  switch (event.key) {
    case "ArrowDown": return () => { goTo(at + 1) };
    case "ArrowUp": return () => { goTo(at - 1) };
    case "Home": return () => { goTo(0) };
    case "End": return () => { goTo(lines.length - 1) };
    case "ArrowRight": return () => { if (open) goTo(at + 1); else if (children > 0) toggle(runId, true) };
    case "ArrowLeft": return () => {
      if (open) toggle(runId, false); else goTo(lines.findLastIndex((one, i) => i < at && one.depth < depth));
    };
    case "Enter": return () => { visit(`/runs/${runId}`, { view: "tree" }) };
    case " ": return () => { if (children > 0) toggle(runId) };
    default: return undefined;
  }
}

function Line({ line, self, now, focused, toggle }: { line: FamilyLine; self: string; now: number; focused: boolean;
  toggle: () => void }): JSX.Element {
  const { run, depth, children, open, place, size, below } = line, mine = run.runId === self;
  return <li role="treeitem" data-run={run.runId} tabIndex={focused ? 0 : -1} class={`kin${mine ? " self" : ""}`}
    aria-level={depth + 1} aria-posinset={place} aria-setsize={size}
    {...(mine ? { "aria-current": "true" as const } : {})}
    {...(children > 0 ? { "aria-expanded": open } : {})} style={{ paddingLeft: `${depth * 20 + 10}px` }}>
    {children > 0 ? <i class="twisty" aria-hidden="true" onClick={toggle}><Icon name={open ? "down" : "right"}
      size={12} /></i> : <i class="twisty" />}
    <State look={stateLook(run.state)} />
    {mine ? <b class="cut">{run.name}</b> : <a class="strong cut" tabIndex={-1}
      href={address(`/runs/${run.runId}`, { view: "tree" })}>{run.name}</a>}
    <span class="faint cut">{run.workflow}</span>
    {mine && <span class="mark">this run</span>}
    {below.length > 0 && <span class="faint">{below.map(([state, n]) => `${n} ${state}`).join(", ")} below</span>}
    <span class="grow" /><span class="num faint">{took(run, now)}</span>
  </li>;
}

function took({ state, createdAt, endedAt }: Relative, now: number): string {
  if (endedAt !== null) return duration(endedAt - createdAt);
  return isOver(state) ? "" : `${duration(now - createdAt)} so far`;
}
function summary({ runs }: Family): string {
  const counts = new Map<string, number>();
  for (const { state } of runs.slice(1)) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, n]) => `${n} ${state}`).join(", ");
}
