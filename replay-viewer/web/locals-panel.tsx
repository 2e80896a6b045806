/** Variables at the focus: the functions on the stack, what they hold, watches and log points. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { count } from "../model/format.ts";
import { parseLogPoint, shownFrame, shownSeen, taskInside, type Hit, type Locals,
  type Watched } from "../model/locals.ts";
import { parseSite } from "../model/source.ts";
import { Icon } from "./icons.tsx";
import { JsonTree, Value } from "./json-tree.tsx";
import { localsOf, type RunLocals } from "./locals.ts";
import { say, Trouble } from "./notices.tsx";
import { change, param } from "./place.ts";
import type { Session } from "./session.ts";
import { focusOn } from "./view.ts";

/** The panel below the source. Nothing for a recording: there is nobody who could run the code. */
export function LocalsPanel({ run }: { run: Session }): JSX.Element | null {
  return run.recorded ? null : <Panel run={run} />;
}

function Panel({ run }: { run: Session }): JSX.Element {
  const held = localsOf(run.id), seq = run.seq.value, watches = held.watches.value;
  const answer = useMemo(() => held.at(seq), [held, seq, watches]);
  const off = held.off.value;
  if (off !== undefined) return <section class="locals" aria-label="Variables"><p class="faint lead">Variables are not
    shown: {off.problem.message}. {off.problem.hint}</p></section>;
  const found = answer.value, event = run.history.event(seq), inside = event && taskInside(event);
  return <section class="locals" aria-label="Variables">
    {inside !== undefined && <p class="lead"><Icon name="note" size={13} /> This happened inside <code>{inside}</code>.
      Only the code of the workflow is replayed: the variables of the task’s own code are not kept. Those below are
      the workflow’s, where it waits for the task.</p>}
    {found.state === "failed" ? <Trouble problem={found.problem} />
      : found.state === "loading" ? <p class="loading">Replaying…</p> : <Frames held={held} locals={found.value} />}
    <Watches held={held} />
    <LogPoints held={held} run={run} />
  </section>;
}

const STANDING = { here: "at this event", waiting: "waits, at event", before: "was last at event" } as const;

function Frames({ held, locals }: { held: RunLocals; locals: Locals }): JSX.Element {
  const { frames, moment, standing, previous, next, watches = [], at } = locals;
  const index = Math.min(Number(param("frame")) || 0, frames.length - 1), frame = frames[index];
  void held.version.value;
  const openings = held.openings(at, index);
  return <>
    <div class="row tools"><h2>Variables</h2><span class="faint">the code {STANDING[standing]}
      {standing === "here" ? "" : ` ${moment}`}</span><span class="grow" />
      <button class="quiet tiny" disabled={previous === undefined} onClick={() => { if (previous) focusOn(previous) }}>
        ◂ step back</button>
      <button class="quiet tiny" disabled={next === undefined} onClick={() => { if (next) focusOn(next) }}>
        step on ▸</button></div>
    {locals.otherVersion && <p class="faint lead">The code on disk is another version than the one that ran. The history
      fits both; these are its lines and names of today.</p>}
    {frame === undefined ? <p class="faint lead">None of your functions was on the stack.</p> : <>
      <div class="frames" role="group" aria-label="Functions on the stack">{frames.map(({ site, asOf, workflow }, i) =>
        <button key={i} class="quiet tiny" aria-pressed={i === index} onClick={() => {
          change({ frame: i === 0 ? undefined : i, file: parseSite(site)?.file }, "replace");
        }}>{parseSite(site)?.fn || workflow || "(function)"} <span class="faint">:{parseSite(site)?.line}</span>
          {asOf !== undefined && <span class="faint"> as of {asOf}</span>}</button>)}</div>
      {frame.code !== undefined && <code class="frame-line">{frame.code}</code>}
      <JsonTree key={index} id={`locals ${index}`} base="local" root={shownFrame(frame, openings)} /></>}
    {watches.map((one) => <Watch key={one.expression} one={one} held={held} />)}
  </>;
}

const CLOSED = { known: () => undefined, ask: () => { say("Watch a smaller part of it to see more") } };
function Watch({ one: { expression, value, refused }, held }: { one: Watched; held: RunLocals }): JSX.Element {
  return <div class="row watch"><code>{expression}</code> =&nbsp;
    {value === undefined ? <span class="tone-bad">{refused ?? "nothing"}</span>
      : <Value value={shownSeen(value, { name: "", path: [], from: 0 }, CLOSED)} />}
    <span class="grow" /><button class="quiet square tiny" aria-label={`Stop watching ${expression}`}
      onClick={() => { held.toggleWatch(expression) }}><Icon name="close" size={12} /></button></div>;
}

function Watches({ held }: { held: RunLocals }): JSX.Element {
  return <Line label="Watch an expression" example="order.items.length" done={(text) => { held.toggleWatch(text) }} />;
}

function LogPoints({ held, run }: { held: RunLocals; run: Session }): JSX.Element {
  const hits = held.hits.value;
  return <>
    <Line label="Print at a line, through the whole run" example="shop.ts:17=sent" done={(text) => {
      const point = parseLogPoint(text);
      if (point === undefined) say("Write it as file.ts:12=expression", true); else void held.printAt(point);
    }} />
    {hits?.state === "loading" && <p class="loading">Replaying…</p>}
    {hits?.state === "failed" && <Trouble problem={hits.problem} />}
    {hits?.state === "here" && <div class="hits"><p class="faint lead">{count(hits.value.length, "pass", "passes")}</p>
      {hits.value.slice(0, 200).map((hit, i) => <HitLine key={i} hit={hit} current={run.seq.value} />)}</div>}
  </>;
}
function HitLine({ hit: { after, site, watched: { value, refused } }, current }: { hit: Hit; current: number }):
  JSX.Element {
  return <div class={`row watch${after === current ? " chosen" : ""}`}><button class="link"
    onClick={() => { focusOn(after) }} title={site}>after {after}</button>&nbsp;
    {value === undefined ? <span class="tone-bad">{refused}</span>
      : <Value value={shownSeen(value, { name: "", path: [], from: 0 }, CLOSED)} />}</div>;
}

/** One line to type into. */
function Line({ label, example, done }: { label: string; example: string; done: (text: string) => void }):
  JSX.Element {
  const text = useSignal("");
  return <form class="row" onSubmit={(event) => {
    event.preventDefault();
    if (text.value.trim() !== "") done(text.value.trim());
    text.value = "";
  }}><label class="field small grow"><span class="hidden">{label}</span><input value={text.value}
    placeholder={`${label}: ${example}`} spellcheck={false}
      onInput={(event) => { text.value = event.currentTarget.value }} /></label></form>;
}
