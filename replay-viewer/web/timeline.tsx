/**
 * The timeline: a row per call. Labels are rows of a table in the page, bars are painted over them; the same rows with
 * their words shown are the table view, so what is drawn can also be read.
 */
import { computed, useSignal } from "@preact/signals";
import type { JSX, RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { tellingArguments } from "../model/arguments.ts";
import { nextTry, type Call } from "../model/calls.ts";
import { clock, count, duration, offset } from "../model/format.ts";
import { startLabel, ticks } from "../model/scale.ts";
import type { Row } from "../model/timeline.ts";
import { Icon } from "./icons.tsx";
import { callLook, State } from "./looks.tsx";
import { Empty } from "./notices.tsx";
import { change, param } from "./place.ts";
import { grouping, session, type Session } from "./session.ts";
import { ROW, useBars } from "./timeline-bars.ts";
import { focusOn, hovered, zoom, zoomTo } from "./view.ts";
import { useReveal, useWindow } from "./windowed.tsx";

/** Index of the row that the focus is in; -1 for an event of the run itself. */
export const focusedRow = computed(() => {
  const run = session.value;
  if (run === undefined) return -1;
  const event = run.history.event(run.seq.value), call = event && run.history.callOf(event);
  if (call === undefined) return -1;
  return grouping() === "call" ? call.row : run.rows.value.findIndex((row) => row.calls.includes(call));
});

/** The timeline, or with `words` its table. */
export function Timeline({ run, words = false }: { run: Session; words?: boolean }): JSX.Element {
  if (run.rows.value.length > 0) return <Lanes run={run} words={words} />;
  return <Empty title={run.history.head === 0 ? "No events yet"
    : run.over.value ? "This run made no calls" : "No calls yet"}>
    <p>Each call of a task, each sleep and each recorded value gets a row here as soon as the code decides it. What
      the code does beside them is not recorded.</p>
  </Empty>;
}

function Lanes({ run, words }: { run: Session; words: boolean }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const rows = run.rows.value, focused = focusedRow.value;
  const seen = useWindow(box, rows.length, ROW);
  useReveal(box, focused, ROW, 8);
  const list: JSX.Element[] = [];
  for (let i = seen.first; i < seen.last; i++) {
    const row = rows[i];
    if (row !== undefined) list.push(<RowLine key={row.id} run={run} row={row} index={i} focused={i === focused}
      words={words} />);
  }
  return <div class={`timeline${words ? " words" : ""}`} role="table" aria-label="Calls of the run"
    aria-rowcount={rows.length + 1} style={{ "--rows": rows.length }}>
    <Head run={run} words={words} />
    <div class="lanes" ref={box} role="rowgroup" tabIndex={0} aria-label="Calls">
      <div class="lanes-all" style={{ height: `${rows.length * ROW + 8}px` }} role="presentation">
        {!words && <Bars run={run} box={box} first={seen.first} last={seen.last} top={seen.top} />}
        <div class="lanes-seen" style={{ transform: `translateY(${seen.first * ROW}px)` }} role="presentation">{list}
        </div>
      </div>
    </div>
    {!words && <Tip />}
  </div>;
}

function Tip(): JSX.Element | null {
  const said = hovered.value;
  return said === undefined ? null : <p class="tip" aria-hidden="true"
    style={{ left: `${said.x}px`, top: `${said.y}px` }}>{said.text}</p>;
}

function Head({ run, words }: { run: Session; words: boolean }): JSX.Element {
  const byName = grouping() === "name";
  return <div class="lanes-head" role="rowgroup"><div role="row">
    <span role="columnheader" class="lane-label">
      <button class="quiet tiny" aria-pressed={byName} title="One row per call, or one per name"
        onClick={() => { change({ group: byName ? undefined : "name" }) }}>{byName ? "by name" : "by call"}
        <Icon name="expand" size={12} /></button>
      {!words && run.scale.value.pieces.some((piece) => piece.folded) || param("fold") === "0" ? <FoldButton /> : null}
    </span>
    {["State", "Began", "Took", "Attempts"].map((word) => <span key={word} role="columnheader"
      class={words ? "cell" : "hidden"}>{word}</span>)}
    {!words && <Axis run={run} />}
  </div></div>;
}
function FoldButton(): JSX.Element {
  const open = param("fold") === "0";
  return <button class="quiet tiny" aria-pressed={!open} title="Fold times in which nothing happened"
    onClick={() => { change({ fold: open ? undefined : "0" }) }}>{open ? "idle shown" : "idle folded"}</button>;
}

/** The width of an element in pixels, as it is now. */
function useWidth(box: RefObject<HTMLElement>): number {
  const [width, set] = useState(900);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = (): void => { set(element.clientWidth) };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    return () => { sizes.disconnect() };
  }, []);
  return width;
}

/** The axis; drag on it to zoom. */
function Axis({ run }: { run: Session }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const drag = useSignal<readonly [number, number] | undefined>(undefined);
  const [a, b] = zoom.value, scale = run.scale.value, width = useWidth(box);
  const left = (x: number): string => `${(x - a) / (b - a) * 100}%`;
  const place = (event: PointerEvent): number => {
    const rect = box.current?.getBoundingClientRect();
    return rect === undefined ? 0 : Math.min(1, Math.max(0, (event.clientX - rect.left) / rect.width));
  };
  const brush = drag.value;
  return <div class="axis" ref={box} aria-hidden="true" title={`from ${startLabel(scale)}; drag to zoom`}
    onPointerDown={(event) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.value = [place(event), place(event)];
    }}
    onPointerMove={(event) => { if (drag.value !== undefined) drag.value = [drag.value[0], place(event)] }}
    onPointerUp={(event) => {
      const from = drag.value?.[0], to = place(event);
      drag.value = undefined;
      if (from === undefined) return;
      if (Math.abs(to - from) < 0.005) focusOn(run.history.seqAt(scale.at(a + to * (b - a))));
      else zoomTo(a + Math.min(from, to) * (b - a), a + Math.max(from, to) * (b - a), "push");
    }}>
    {ticks(scale, a, b, width).map((tick) => <span key={`${tick.kind}${tick.x}`} class={`tick ${tick.kind}`}
      style={{ left: left(tick.x) }}>{tick.label}</span>)}
    <Playhead run={run} head />
    {brush !== undefined && <i class="lens brush" style={{ left: `${Math.min(...brush) * 100}%`,
      width: `${Math.abs(brush[1] - brush[0]) * 100}%` }} />}
  </div>;
}

function Bars(props: { run: Session; box: RefObject<HTMLDivElement>; first: number; last: number; top: number }):
  JSX.Element {
  const { canvas, handlers } = useBars(props);
  return <div class="bars" aria-hidden="true" {...handlers} onDblClick={() => { zoomTo(0, 1, "push") }}>
    <canvas ref={canvas} /><Playhead run={props.run} /></div>;
}

function Playhead({ run, head = false }: { run: Session; head?: boolean }): JSX.Element | null {
  const [a, b] = zoom.value, event = run.history.event(run.seq.value);
  if (event === undefined) return null;
  const x = (run.scale.value.x(event.at) - a) / (b - a);
  return x < -0.001 || x > 1.001 ? null : <i class={head ? "playhead-head" : "playhead"}
    style={{ left: `${x * 100}%` }} />;
}

function RowLine({ run, row, index, focused, words }: { run: Session; row: Row; index: number; focused: boolean;
  words: boolean }): JSX.Element {
  void run.version.value;
  const [first] = row.calls;
  if (first === undefined) return <div class="lane" role="row" />;
  const several = row.calls.length > 1;
  const critical = row.calls.some((call) => run.criticalKeys.value.has(call.key));
  const state = rowState(row.calls), next = nextTry(first);
  return <div class={`lane${focused ? " focused" : ""}`} role="row" aria-rowindex={index + 2}
    {...(focused ? { "aria-current": "true" as const } : {})}>
    <span role="cell" class="lane-label" onClick={() => { focusOn(first.endSeq ?? first.seq) }}>
      <Icon name={callLook(state).icon} size={13} class={`tone-${callLook(state).tone}`} />
      <button class={`lane-name${critical ? " bold" : ""}`} title={row.title}>{first.label === undefined ? first.name
        : row.title}
        {several ? <span class="faint"> × {row.calls.length}</span>
          : first.label === undefined && first.nth !== "" && <span class="faint"> {first.nth}</span>}</button>
      {!several && <span class="args faint">{next === undefined ? tellingArguments(first, run.history.namesake(first))
        : `again at ${clock(next.dueAt)}`}</span>}
    </span>
    <span role="cell" class={words ? "cell" : "hidden"}>{words ? <State look={callLook(state)} small />
      : callLook(state).word}</span>
    <span role="cell" class={words ? "cell num" : "hidden"}>{offset(first.at - run.history.startAt)}</span>
    <span role="cell" class={words ? "cell num" : "hidden"}>{tookOf(row.calls, run)}</span>
    <span role="cell" class={words ? "cell num" : "hidden"}>{triesOf(row.calls)}</span>
  </div>;
}

/** The state to show for several: the worst that is there. */
function rowState(calls: readonly Call[]): Call["state"] {
  for (const state of ["failed", "interrupted", "running", "waiting", "retrying", "scheduled", "sleeping"] as const) {
    if (calls.some((call) => call.state === state)) return state;
  }
  return calls.at(-1)?.state ?? "completed";
}
function tookOf(calls: readonly Call[], run: Session): string {
  const from = calls[0]?.at ?? 0;
  let to = 0;
  for (const call of calls) to = Math.max(to, call.endAt ?? run.until.value);
  return duration(to - from);
}
function triesOf(calls: readonly Call[]): string {
  const tries = calls.reduce((n, call) => n + call.tries.length, 0);
  return tries === 0 ? "" : count(tries, "attempt");
}
