/** The list of runs: filters in the address, pages by key, live. */
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ago, duration, number, shortId, stamp } from "../model/format.ts";
import { RUN_STATES, type RunRow, type RunState } from "../model/wire.ts";
import { useToken } from "./api.ts";
import { Icon } from "./icons.tsx";
import { connected } from "./live.ts";
import { runLook, State, stateLook } from "./looks.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { address, change, param, place, visit } from "./place.ts";
import { openFile } from "./recorded.tsx";
import { queryOf, RunList, tookMs } from "./run-list.ts";
import { chosenRow, compareWith, runKeys } from "./runs-keys.ts";
import { Hints, Top } from "./top.tsx";
import { Windowed } from "./windowed.tsx";

const ROW = 40;

/** The list of runs. */
export function RunsPage(): JSX.Element {
  const filters = JSON.stringify(queryOf(place.value.query));
  const before = useRef<RunList | undefined>(undefined);
  const list = useMemo(() => before.current = new RunList(queryOf(place.peek().query), before.current?.rows.peek()),
    [filters]);
  const now = useSignal(Date.now());
  useEffect(() => {
    document.title = "Runs · Reprise";
    void list.open();
    const timer = setInterval(() => { now.value = Date.now() }, 1000);
    return () => { clearInterval(timer); list.close() };
  }, [list]);
  const rows = list.rows.value;
  useEffect(() => runKeys(() => list.rows.peek()), [list]);
  useEffect(() => { chosenRow.value = Math.min(chosenRow.peek(), rows.length - 1) }, [rows.length]);
  return <main class="page runs">
    <Top title="Runs"><a class="button" href={address("/workflows")}><Icon name="play" size={13} />Start a run</a></Top>
    <Filters workflows={[...new Set(rows.map((row) => row.workflow))]} />
    <Body list={list} now={now.value} filtered={filters !== "{}"} />
    <footer class="foot"><Count list={list} /><span class="grow" />
      <Hints hints={[["↑ ↓", "choose"], ["↵", "open"], ["/", "search"], ["x", "compare"]]} />
    </footer>
  </main>;
}

function Body({ list, now, filtered }: { list: RunList; now: number; filtered: boolean }): JSX.Element {
  const rows = list.rows.value, problem = list.problem.value;
  const chosen = useComputed(() => chosenRow.value).value;
  if (problem !== undefined && rows.length === 0) {
    return <div class="fill"><Trouble problem={problem}>{problem.code === "TOKEN_REFUSED" && <TokenForm list={list} />}
    </Trouble></div>;
  }
  if (rows.length === 0) {
    return <div class="fill">{list.loading.value ? <p class="loading">Loading the runs…</p>
      : filtered ? <NoMatch /> : <NoRuns />}</div>;
  }
  return <div class="runs-table" role="table" aria-label="Runs, newest first" aria-rowcount={rows.length + 1}>
    <div role="rowgroup"><div class="runs-head" role="row">{HEADS.map(([word, look]) =>
      <span key={word} role="columnheader" class={look}>{word}</span>)}</div></div>
    <Windowed class="fill" label="Runs" role="rowgroup" count={rows.length} rowHeight={ROW} reveal={chosen}
      onEnd={() => { void list.next() }}
      row={(i) => { const row = rows[i]; return row && <Row key={row.runId} row={row} now={now} index={i}
        chosen={i === chosen} /> }} />
  </div>;
}
const HEADS = [["State", ""], ["Run", ""], ["Workflow", ""], ["Started", ""], ["Took", "num"], ["Events", "num"],
  ["Worker", ""]] as const;

function Row({ row, now, index, chosen }: { row: RunRow; now: number; index: number; chosen: boolean }): JSX.Element {
  const took = tookMs(row, now), look = runLook(row);
  return <div class={`run-row${chosen ? " chosen" : ""}`} role="row" aria-rowindex={index + 2}>
    <span role="cell"><State look={look} /></span>
    <span role="cell" class="cut"><a class="strong over" href={address(`/runs/${row.runId}`)}
      onFocus={() => { chosenRow.value = index }}>{row.name}</a>{row.tags.map((tag) => <span class="tag"
        key={tag}>{tag}</span>)}</span>
    <span role="cell" class="cut">{row.workflow}<span class="faint code"> {shortId(row.codeVersion)}</span></span>
    <span role="cell" title={stamp(row.createdAt)}>{ago(row.createdAt, now)}</span>
    <span role="cell" class="num">{took === undefined ? "" : duration(took)}</span>
    <span role="cell" class="num">{number(row.asOf)}{row.crashes > 0 && <span class="tone-wait"
      title="times that its worker died">
      {" "}· {row.crashes} lost</span>}</span>
    <span role="cell" class="last"><span class="cut faint">{row.parked ?? (row.owner === null ? "" : shortId(row.owner)
      + (row.ownerAlive ? "" : " (gone)"))}</span><CompareButton row={row} /></span>
  </div>;
}

/** Marks a run as A; on the rows of the others it then opens the comparison with it. */
function CompareButton({ row }: { row: RunRow }): JSX.Element {
  const first = param("compare"), mine = first === row.runId;
  return <button class={`quiet tiny compare-with${mine ? " on" : ""}`} aria-pressed={mine}
    title={mine ? "This is A; choose another run to compare it with" : first === "" ? "Compare this run with another"
      : "Compare A with this run"} onClick={() => { compareWith(row.runId) }}>
    <Icon name="swap" size={13} />{mine ? "A" : first === "" ? "compare" : "with A"}
    <span class="hidden"> {row.name}</span></button>;
}

function Count({ list }: { list: RunList }): JSX.Element {
  const n = list.rows.value.length, up = connected.value;
  return <><span>{n}{list.more.value ? "+" : ""} {n === 1 ? "run" : "runs"}</span>
    {up !== undefined && <span class={up ? "tone-ok" : "tone-wait"}><Icon name="dot" size={12} />
      {up ? "live" : "connecting again"}</span>}
    {list.loading.value && n > 0 && <span class="faint">loading more…</span>}</>;
}

const SINCE = [["", "any time"], ["1h", "last hour"], ["24h", "last day"], ["7d", "last week"],
  ["30d", "last 30 days"]];
const SHOWN: readonly RunState[] = ["running", "waiting", "failed", "completed", "parked", "cancelled"];

function Filters({ workflows }: { workflows: readonly string[] }): JSX.Element {
  const { state = "", workflow = "", q = "", since = "", tag = "" } = place.value.query;
  const states = state === "" ? [] : state.split(",");
  const toggle = (one: string): void => {
    const next = states.includes(one) ? states.filter((each) => each !== one) : [...states, one];
    change({ state: RUN_STATES.filter((each) => next.includes(each)).join(",") });
  };
  return <search class="filters">
    <label class="field search"><Icon name="search" /><span class="hidden">Search runs</span>
      <input id="search" type="search" placeholder="Name, workflow, tag or id" value={q}
        onInput={(event) => { change({ q: event.currentTarget.value }, "replace") }} /></label>
    <div class="choices" role="group" aria-label="States">{[...new Set([...SHOWN, ...states])].map((one) => {
      const look = stateLook(one as RunState); // the address may say anything: an unknown word has no look
      return look === undefined ? null : <button key={one} aria-pressed={states.includes(one)}
        onClick={() => { toggle(one) }}><State look={look} small /></button>;
    })}</div>
    <label class="field"><span class="hidden">Workflow</span><select value={workflow}
      onChange={(event) => { change({ workflow: event.currentTarget.value }) }}>
      <option value="">every workflow</option>
      {[...new Set([...workflows, ...(workflow === "" ? [] : [workflow])])].sort().map((one) =>
        <option key={one} value={one}>{one}</option>)}</select></label>
    <label class="field"><span class="hidden">Time</span><select value={since}
      onChange={(event) => { change({ since: event.currentTarget.value }) }}>
      {SINCE.map(([value, word]) => <option key={value} value={value}>{word}</option>)}</select></label>
    {tag !== "" && <button class="tag on" onClick={() => { change({ tag: undefined }) }}>tag {tag}
      <Icon name="close" size={12} /><span class="hidden">Remove the filter</span></button>}
  </search>;
}

function NoMatch(): JSX.Element {
  return <Empty title="No run meets these filters">
    <p><button onClick={() => { visit("/runs") }}>Show all runs</button></p></Empty>;
}

function NoRuns(): JSX.Element {
  return <Empty title="No runs yet">
    <p>Wrap an ordinary function in <code>workflow()</code>, and what must not run twice in <code>task()</code>:</p>
    <pre>{`import { task, workflow } from "reprise";

const fetchOrder = task("fetch-order",
  async (id: number) => ({ id, total: 59.85 }));

export const order = workflow("order", async (id: number) => {
  const { total } = await fetchOrder(id);
  return total;
});

console.log(await order(7));`}</pre>
    <p>Run it, and it appears here at once:</p>
    <pre>npx reprise run order.ts</pre>
    <p class="faint">You were sent a recording? Drop it on this page, or <label class="link">choose the file
      <input class="hidden" type="file" accept=".json,.html" onChange={(event) => {
        const file = event.currentTarget.files?.[0];
        if (file !== undefined) void openFile(file);
      }} /></label>.</p>
  </Empty>;
}

function TokenForm({ list }: { list: RunList }): JSX.Element {
  return <form class="row" onSubmit={(event) => {
    event.preventDefault();
    const text = new FormData(event.currentTarget).get("token");
    if (typeof text === "string" && text !== "") { useToken(text); void list.open() }
  }}><label class="field"><span class="hidden">Token</span><input name="token" type="password" autocomplete="off"
      placeholder="Token" /></label><button>Use this token</button></form>;
}
