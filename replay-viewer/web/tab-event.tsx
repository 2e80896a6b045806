/** The event in the focus, with the call that it belongs to: times, attempts, arguments, result, error. */
import type { ComponentChildren, JSX } from "preact";
import { classOf, type ErrorRecord, type Event, type Payload } from "../../engine/core/events.ts";
import { isTimeout, nextTry, titleOf, type Call, type Try } from "../model/calls.ts";
import { clock, day, duration, offset, shortId } from "../model/format.ts";
import { errorLine, shownError, shownPayload } from "../model/payload.ts";
import { parseSite } from "../model/source.ts";
import { timesUsual } from "../model/unusual.ts";
import { EventLink } from "./event-link.tsx";
import { Icon } from "./icons.tsx";
import { JsonTree } from "./json-tree.tsx";
import { callLook, eventLook, inWords, State } from "./looks.tsx";
import { address, place } from "./place.ts";
import { embedded } from "./recorded.tsx";
import { isEditable, openFork, openInject } from "./run-actions.ts";
import type { Session } from "./session.ts";
import { focusOn } from "./view.ts";

/** The tab. */
export function EventTab({ run }: { run: Session }): JSX.Element | null {
  void run.version.value;
  const seq = run.seq.value, event = run.history.event(seq);
  if (event === undefined) return null;
  const call = run.history.callOf(event), look = eventLook(event);
  return <>
    <header class="event-head"><State look={{ ...look, word: look.word }} />
      <span class="faint">{classOf(event.type)}</span><span class="grow" />
      <span class="num" title={`${day(event.at)} ${clock(event.at)}`}>{offset(event.at - run.history.startAt)}</span>
      <span class="faint num">{clock(event.at)}</span></header>
    {call === undefined ? <RunFacts run={run} event={event} /> : <CallFacts run={run} call={call} event={event} />}
    {call !== undefined && call.tries.length > 0 && <Attempts run={run} call={call} event={event} />}
    <Values run={run} event={event} call={call} />
  </>;
}

/** A link to a line of the source. */
export function SiteLink({ site }: { site: string }): JSX.Element {
  const { path, query } = place.value, parsed = parseSite(site);
  return <a class="code" href={address(path, { ...query, tab: "source" })}>{parsed === undefined ? site
    : `${parsed.file}:${parsed.line}`}</a>;
}
/** A fact: a word and what it is. */
export function Fact({ word, children }: { word: string; children: ComponentChildren }): JSX.Element {
  return <div class="fact"><dt>{word}</dt><dd>{children}</dd></div>;
}

const KINDS: { readonly [K in Call["kind"]]: string } = { task: "Task", timer: "Timer", value: "Value",
  wait: "Wait", child: "Child" };
const AWAITED = { signal: "a signal", form: "an answer from a person", condition: "a condition" } as const;

/** A link to another run; a recording has no other. */
export function RunLink({ id }: { id: string }): JSX.Element {
  return embedded ? <code>{id}</code> : <a class="code" href={address(`/runs/${id}`)}>{id}</a>;
}
function WaitFacts({ run, call }: { run: Session; call: Call }): JSX.Element | null {
  const { wait } = call;
  if (wait === undefined) return null;
  return <>
    <Fact word="Waits for">{AWAITED[wait.kind]}{wait.taken !== undefined && <>, which <EventLink seq={wait.taken}>had
      come before</EventLink></>}</Fact>
    {wait.description !== undefined && <Fact word="Asks">{wait.description}</Fact>}
    {wait.until !== undefined && <Fact word="Until">{offset(wait.until - run.history.startAt)}</Fact>}
  </>;
}

/** What a person can do with this call. */
function CallActions({ run, call }: { run: Session; call: Call }): JSX.Element | null {
  if (run.recorded) return null;
  if (isEditable(call)) return <p class="row"><button class="tiny" onClick={() => {
    openFork(run, call.endSeq ?? call.seq, call) }}><Icon name="fork" size={12} />
    Fork with another result</button></p>;
  return call.endSeq !== undefined || isTimeout(call) || run.over.value ? null : <p class="row"><button class="tiny"
    onClick={() => { openInject(run, call) }}><Icon name="note" size={12} /> Settle it by hand</button></p>;
}

function CallFacts({ run, call, event }: { run: Session; call: Call; event: Event }): JSX.Element {
  const { history } = run, began = call.tries[0]?.at, unusual = timesUsual(history, call), next = nextTry(call);
  const all = call.endAt === undefined ? run.until.value - call.at : call.endAt - call.at;
  return <section><h2>{call.pool === undefined ? KINDS[call.kind] : "Task"} <b>{titleOf(call)}</b>
    <State look={callLook(call.state)} small />{call.shared && <span class="mark">shared</span>}</h2>
    <dl class="facts">
      {call.label !== undefined && <Fact word="Task">{call.name}</Fact>}
      {call.pool !== undefined && <Fact word="Pool">{call.pool}</Fact>}
      {call.childId !== undefined && <Fact word="Child run"><RunLink id={call.childId} /></Fact>}
      {call.wait !== undefined && <WaitFacts run={run} call={call} />}
      <Fact word="Called"><EventLink seq={call.seq}>{offset(call.at - history.startAt)}</EventLink>
        {call.by > 0 && <> by <EventLink seq={call.by} /></>}
        {call.site !== undefined && <> at <SiteLink site={call.site} /></>}</Fact>
      {began !== undefined && began - call.at >= 1 && <Fact word="Waited to begin">{duration(began - call.at)}</Fact>}
      {call.queues.map((queue) => <Fact key={queue.seq} word="Limit">
        <EventLink seq={queue.seq}>{queue.limit}</EventLink>
        {call.allowed > 1 && <> before attempt {queue.attempt}</>}</Fact>)}
      {call.dueAt !== undefined && <Fact word="Due">{offset(call.dueAt - history.startAt)}, for {duration(
        call.dueAt - call.at)}</Fact>}
      {call.kind !== "value" && <Fact word={call.endSeq === undefined ? "So far" : "In all"}>{duration(all)}
        {unusual !== undefined && <span class="faint"> · {unusual.times}× the median of {unusual.of}</span>}
        {run.criticalKeys.value.has(call.key) && <span class="mark">critical path</span>}</Fact>}
      {next !== undefined && <Fact word="Next attempt">#{next.attempt} at {clock(next.dueAt)}
        {next.dueAt > run.until.value && <>, in {duration(next.dueAt - run.until.value)}</>}</Fact>}
      {call.endSeq !== undefined && call.endSeq !== event.seq && call.kind !== "value" && <Fact word="Ended">
        <EventLink seq={call.endSeq}>{offset((call.endAt ?? 0) - history.startAt)}</EventLink></Fact>}
      {call.reason !== undefined && <Fact word="Reason">{call.reason}</Fact>}
      <Fact word="Key"><code>{call.key}</code></Fact>
    </dl><CallActions run={run} call={call} /></section>;
}

/** Fields that have a place of their own in the tab. */
const APART: ReadonlySet<string> = new Set(["type", "seq", "at", "input", "result", "error", "value", "seed",
  "engineFlags", "message", "hint"]);
/** Fields that hold the id of another run. */
const RUN_IDS: ReadonlySet<string> = new Set(["from", "to", "nextId", "childId", "retriedAs"]);
function RunFacts({ run, event }: { run: Session; event: Event }): JSX.Element {
  const facts = Object.entries(event).filter(([name, value]) => !APART.has(name) && typeof value !== "object");
  return <section><h2>Run <b>{run.history.events[0]?.type === "RunStarted" ? run.history.events[0].name
    : run.id}</b></h2>
    {"message" in event && <p class="said">{event.message}.{"hint" in event && event.hint !== undefined
      && <> {event.hint}</>}</p>}
    <dl class="facts">{facts.map(([name, value]) => <Fact key={name} word={inWords(name).replace(/^./, (first) =>
      first.toUpperCase())}>{name === "by" ? <EventLink seq={Number(value)} /> : name === "site"
        ? <SiteLink site={String(value)} /> : RUN_IDS.has(name) ? <RunLink id={String(value)} />
          : name.endsWith("Ms") ? duration(Number(value)) : <span class={
          /worker|Version|key|file|code/i.test(name) ? "code" : ""}>{String(value)}</span>}</Fact>)}</dl></section>;
}

function Attempts({ run, call, event }: { run: Session; call: Call; event: Event }): JSX.Element {
  return <section><h2>Attempts <span class="faint">{call.tries.length}{call.allowed > 1 ? ` of ${Math.max(call.allowed,
    call.tries.length)}` : ""}</span></h2>
    <ol class="attempts">{call.tries.map((one) => {
      const retry = call.retries.find((each) => each.attempt === one.attempt + 1);
      return <li key={one.seq} class={one.seq === event.seq || one.endSeq === event.seq ? "focused" : ""}>
        <button class="line" onClick={() => { focusOn(one.endSeq ?? one.seq) }}>
          <span class="num faint">#{one.attempt}</span><State look={tryLook(one)} small />
          <span class="num">{one.outcome === "lost" ? "unknown"
            : duration((one.endAt ?? run.until.value) - one.at)}</span>
          <span class="faint num">{offset(one.at - run.history.startAt)}</span>
          <span class="faint code">{one.worker === undefined ? "" : shortId(one.worker)}</span></button>
        {one.error !== undefined && <p class="why">{errorLine(one.error)}</p>}
        {retry !== undefined && <p class="why faint">next after {duration(retry.dueAt - retry.at)}</p>}
      </li>;
    })}</ol></section>;
}
function tryLook(one: Try): ReturnType<typeof callLook> {
  if (one.outcome === "left") return { icon: "fork", tone: "off", word: "left behind" };
  return one.outcome === "lost" ? { icon: "note", tone: "wait", word: "lost" } : callLook(one.outcome);
}

function Values({ run, event, call }: { run: Session; event: Event; call: Call | undefined }): JSX.Element {
  const started = event.type === "RunStarted" || event.type === "RunContinued" ? event.input : undefined;
  const result = call?.result ?? (event.type === "RunCompleted" ? event.result : undefined);
  const sent = call === undefined && "value" in event ? event.value : undefined;
  const error = "error" in event ? event.error : call?.error;
  return <>
    {error !== undefined && <ErrorPart error={error} />}
    {call?.input !== undefined && <ValuePart id="input" title="Arguments" base="input" payload={call.input} />}
    {started !== undefined && <ValuePart id="input" title="Input" base="input" payload={started} />}
    {sent !== undefined && <ValuePart id="sent" title="Value" base="value" payload={sent} />}
    {result !== undefined && <ValuePart id="result" title={call?.kind === "value" ? "Value" : call?.kind === "wait"
      ? "What came" : "Result"} base="result"
      payload={result} />}
    {result === undefined && (call?.state === "completed" || call?.state === "cached")
      && <section><h2>Result</h2><p class="faint value-line">
      undefined</p></section>}
    {event.type === "RunStarted" && run.row.value?.tags.length ? <section><h2>Tags</h2>
      <p>{run.row.value.tags.map((tag) => <span class="tag" key={tag}>{tag}</span>)}</p></section> : null}
  </>;
}

function ValuePart({ id, title, base, payload }: { id: string; title: string; base: string; payload: Payload }):
  JSX.Element {
  return <section><h2>{title}</h2><JsonTree id={id} root={shownPayload(payload)} base={base}
    open={["[0]"]} /></section>;
}

/** An error with its causes; the stack is folded away. */
export function ErrorPart({ error }: { error: ErrorRecord }): JSX.Element {
  const causes: ErrorRecord[] = [];
  for (let one = error.cause; one !== undefined && causes.length < 10; one = one.cause) causes.push(one);
  return <section class="error"><h2>Error</h2>
    <p class="error-line"><b>{error.name}</b> {error.message}{error.code !== undefined
      && <code> {error.code}</code>}</p>
    {causes.map((cause, i) => <p key={i} class="error-line cause"><span class="faint">because</span> <b>{cause.name}</b>
      {" "}{cause.message}{cause.code !== undefined && <code> {cause.code}</code>}</p>)}
    {error.data !== undefined && <JsonTree id="error-data" root={shownPayload(error.data)} base="error.data" />}
    {error.stack !== undefined && <details><summary>Stack</summary><pre tabIndex={0}>{error.stack}</pre></details>}
    {error.errors !== undefined && <JsonTree id="error-parts" root={shownError(error)} base="error" />}
  </section>;
}
