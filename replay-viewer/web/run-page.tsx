/** One run: its head, the strip, the transport, the drawing at the left, the inspector at the right, the sentence. */
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { count, duration, number, shortId, stamp, times } from "../model/format.ts";
import { holderOf, waitsFor } from "../model/plan.ts";
import type { Recording } from "../model/wire.ts";
import { useToken } from "./api.ts";
import { Icon } from "./icons.tsx";
import { Inspector } from "./inspector.tsx";
import { later } from "./later.tsx";
import { runLook, State } from "./looks.tsx";
import { Trouble } from "./notices.tsx";
import { Overview } from "./overview.tsx";
import { address, change, listAddress, param } from "./place.ts";
import { embedded, recorded } from "./recorded.tsx";
import { actionsOf } from "./run-actions.ts";
import { runKeyMap } from "./run-keys.ts";
import { Session, session } from "./session.ts";
import { Timeline } from "./timeline.tsx";
import { Hints, SchemeButton, Top } from "./top.tsx";
import { Transport } from "./transport.tsx";
import { sheetOpen, view, viewsOf, type View } from "./view.ts";
import { useKeys } from "./keys.ts";

const More = later(async () => (await import("./menu.tsx")).More);
const AskBand = later(async () => (await import("./ask-band.tsx")).AskBand);
const EventList = later(async () => (await import("./event-list.tsx")).EventList);
const SentenceBar = later(async () => (await import("./sentence-bar.tsx")).SentenceBar);
const Expected = later(async () => (await import("./expected.tsx")).Expected);
const TreeView = later(async () => (await import("./tree-view.tsx")).TreeView);
const Unmanned = later(async () => (await import("./unmanned.tsx")).Unmanned);
const GraphView = later(async () => (await import("./graph-view.tsx")).GraphView);

/** The page of a run. */
export function RunPage({ id, recording }: { id: string; recording: Recording | undefined }): JSX.Element {
  const run = useMemo(() => new Session(id, recording), [id, recording]);
  useEffect(() => {
    session.value = run;
    sheetOpen.value = param("tab") !== "";
    void run.open();
    return () => { run.close(); session.value = undefined };
  }, [run]);
  useKeys(() => runKeyMap(run), [run]);
  const row = run.row.value, problem = run.problem.value;
  useEffect(() => { document.title = row === undefined ? "Reprise" : `${row.name} · ${row.workflow}` }, [row]);
  if (session.value !== run) return <main class="page run" />;
  if (problem !== undefined) return <RunTrouble run={run} />;
  if (row === undefined) return <main class="page run"><p class="loading">Loading the run…</p></main>;
  return <main class="page run">
    <Head run={run} />
    {run.forms.value.length > 0 && !run.recorded && <AskBand run={run} />}
    <Overview run={run} />
    <Transport run={run} />
    <div class="split">
      <section class="left" aria-label="The run">
        <ViewTabs run={run} />
        <Drawing run={run} />
        <div class="sentence-place"><SentenceBar run={run} /></div>
      </section>
      <Inspector run={run} />
    </div>
    <Foot run={run} />
  </main>;
}

function RunTrouble({ run }: { run: Session }): JSX.Element {
  const problem = run.problem.value ?? { code: "", message: "" };
  return <main class="page run"><Top title="Run" />
    <Trouble problem={problem}>
      {problem.code === "TOKEN_REFUSED" && <form class="row" onSubmit={(event) => {
        event.preventDefault();
        const token = new FormData(event.currentTarget).get("token");
        if (typeof token === "string") { useToken(token); location.reload() }
      }}><label class="field"><span class="hidden">Token</span><input name="token" type="password"
        placeholder="Token" /></label>
        <button>Use this token</button></form>}
      {!embedded && <p><a href={address("/runs")}>All runs</a></p>}
    </Trouble></main>;
}

function Head({ run }: { run: Session }): JSX.Element {
  const row = run.row.value, { history } = run;
  void run.version.value;
  const actions = actionsOf(run);
  const took = run.until.value - history.startAt, over = run.over.value;
  if (row === undefined) return <header class="run-head" />;
  return <header class="run-head">
    {embedded ? <span class="brand"><Icon name="again" size={17} /><span class="hidden">Reprise recording</span></span>
      : <a class="brand" href={listAddress()} aria-label="All runs" onClick={() => { recorded.value = undefined }}>
        <Icon name="again" size={17} /><span class="crumb">Runs</span></a>}
    <Icon name="right" size={11} class="faint" />
    {row.parentId !== null && !embedded && <><a class="crumb" href={address(`/runs/${row.parentId}`)}>parent run</a>
      <Icon name="right" size={11} class="faint" /></>}
    <h1 class="cut">{row.name}</h1>
    <span class="faint cut workflow">{row.workflow}</span>
    <State look={runLook(row)} />
    <span class="facts-line faint"><span title={`began ${stamp(history.startAt)}`}>{duration(took)}</span>
      <span>{count(history.head, "event")}</span>
      <span class="code" title={`code version ${row.codeVersion}`}>{shortId(row.codeVersion)}</span>
      {row.tags.map((tag) => <span class="tag" key={tag}>{tag}</span>)}
      {history.forked !== undefined && !embedded && <a class="mark"
        href={address(`/runs/${history.forked.from}/vs/${run.id}`)}>{history.forked.why} of {shortId(
          history.forked.from)}</a>}
      {run.recorded && <span class="mark">recording</span>}</span>
    <span class="grow" />
    {!over && run.forms.value.length === 0 && <span class="waits cut"
      title="What the run waits for">{row.owner !== null && !row.ownerAlive
        ? "its worker does not answer" : waitsFor(history, run.until.value)}</span>}
    {!over && <Unmanned run={run} />}
    <div class="actions" role="group" aria-label="Actions">{actions.filter(({ rare }) => rare !== true).map((action) =>
      <button key={action.word} class={action.main ? "main" : ""} title={action.title} onClick={action.open}>
        <Icon name={action.icon} size={14} /><span class="word">{action.word}</span></button>)}
      <More actions={actions.filter(({ rare }) => rare === true)} /></div>
    <SchemeButton />
  </header>;
}

function ViewTabs({ run }: { run: Session }): JSX.Element {
  const current = view.value;
  return <div class="tabs" role="group" aria-label="View">
    {viewsOf(run).map(({ id, word }) => <button key={id} aria-pressed={id === current}
      onClick={() => { openView(id) }}>{word}</button>)}
    <span class="grow" />
    <Loading run={run} />
  </div>;
}
/** Shows a view. */
export function openView(id: View): void { change({ view: id === "timeline" ? undefined : id }) }

function Loading({ run }: { run: Session }): JSX.Element | null {
  const { here, head, whole } = run.progress.value;
  if (whole || head === 0) return null;
  return <label class="progress faint">{number(here)} of {number(head)} events
    <progress max={head} value={here} /></label>;
}

function Drawing({ run }: { run: Session }): JSX.Element {
  switch (view.value) {
    case "list": return <EventList run={run} />;
    case "tree": return run.recorded ? <Timeline run={run} key="timeline" /> : <TreeView run={run} key={run.id} />;
    case "graph": return <GraphView run={run} />;
    default: {
      const words = view.value === "table";
      return <><Timeline run={run} words={words} key={view.value} />
        {!run.recorded && !run.over.value && <Expected run={run} words={words} />}</>;
    }
  }
}

function Foot({ run }: { run: Session }): JSX.Element {
  const row = run.row.value, { history } = run;
  void run.version.value;
  const began = history.forked?.seq ?? 0; // what a fork shares was held by the workers of the other run
  const taken = Math.max(0, history.holds.filter((hold) => hold.seq > began).length - 1);
  return <footer class="foot">
    <Hints hints={[["← →", "event"], ["[ ]", "failure"], ["space", "play"], ["x", "mark"], [".", "copy link"]]} />
    <span class="grow" />
    <span class="faint">{run.over.value ? "ended" : holderOf(history)} · epoch {row?.epoch ?? 0}
      {taken > 0 ? ` · taken over ${times(taken)}` : ""}</span>
  </footer>;
}
