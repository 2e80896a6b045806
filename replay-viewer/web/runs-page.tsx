/** The list of runs: filters in the address, pages by key, live. */
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ago, count, duration, number, shortId, stamp } from "../model/format.ts";
import { RUN_STATES, type RunRow, type RunState } from "../model/wire.ts";
import { useToken, type Tally } from "./api.ts";
import { Icon } from "./icons.tsx";
import { useKeys } from "./keys.ts";
import { connected } from "./live.ts";
import { runLook, State, stateLook } from "./looks.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { address, change, keepList, param, place, visit } from "./place.ts";
import { openFile } from "./recorded.tsx";
import { queryOf, RunList, tookMs } from "./run-list.ts";
import { chosenRow, compareWith, listKeyMap } from "./runs-keys.ts";
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
  useKeys(() => listKeyMap(() => list.rows.peek()), [list]);
  useEffect(() => { keepList(place.peek().query) }, [filters]);
  useEffect(() => { chosenRow.value = Math.min(chosenRow.peek(), rows.length - 1) }, [rows.length]);
  return <main class="page runs">
    <Top title="Runs"><a class="button" href={address("/workflows")}><Icon name="play" size={13} />Start a run</a></Top>
    <Filters rows={rows} />
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
  return <div class="runs-table" role="table" aria-label={`Runs, ${param("sort") || "newest"} first`}
    aria-rowcount={rows.length + 1}>
    <div role="rowgroup"><div class="runs-head" role="row">{HEADS.map(([word, look]) =>
      SORTS[word] === undefined ? <span key={word} role="columnheader" class={look}>{word}</span>
        : <SortHead key={word} word={word} look={look} />)}</div></div>
    <Windowed class="fill" label="Runs" role="rowgroup" count={rows.length} rowHeight={ROW} reveal={chosen}
      onEnd={() => { void list.next() }}
      row={(i) => { const row = rows[i]; return row && <Row key={row.runId} row={row} now={now} index={i}
        chosen={i === chosen} tally={list.tally(row)} /> }} />
  </div>;
}
const HEADS = [["State", ""], ["Run", ""], ["Workflow", ""], ["Started", ""], ["Took", "num"], ["Tasks, log", ""],
  ["Events", "num"], ["Worker", ""]] as const;
/** The orders that a column's head goes through, one after the other. */
const SORTS: { readonly [word: string]: readonly string[] | undefined } = { Started: ["newest", "oldest"],
  Took: ["longest", "newest"] };

function SortHead({ word, look }: { word: string; look: string }): JSX.Element {
  const now = param("sort") || "newest", [first = "newest", second = "newest"] = SORTS[word] ?? [];
  const mine = now === first || word === "Started" && now === "oldest", next = now === first ? second : first;
  return <span role="columnheader" class={look}
    aria-sort={!mine ? "none" : now === "oldest" ? "ascending" : "descending"}>
    <button class="quiet tiny" title={`Show the ${next} first`}
      onClick={() => { change({ sort: next === "newest" ? undefined : next }) }}>{word}
      {mine && <Icon name="down" size={11} class={now === "oldest" ? "up" : ""} />}</button></span>;
}

function Row({ row, now, index, chosen, tally }: { row: RunRow; now: number; index: number; chosen: boolean;
  tally: Tally | null | undefined }): JSX.Element {
  const took = tookMs(row, now), look = runLook(row);
  return <div class={`run-row${chosen ? " chosen" : ""}`} role="row" aria-rowindex={index + 2}>
    <span role="cell"><State look={look} /></span>
    <span role="cell" class="cut"><a class="strong over" href={address(`/runs/${row.runId}`)}
      onFocus={() => { chosenRow.value = index }}>{row.name}</a>{row.tags.map((tag) => <Only key={tag} name="tag"
        value={tag} word={tag} look="tag" chosen={chosen} />)}</span>
    <span role="cell" class="cut">{row.workflow} <Only name="version" value={row.codeVersion}
      word={shortId(row.codeVersion)} look="faint code" chosen={chosen} /></span>
    <span role="cell" title={stamp(row.createdAt)}>{ago(row.createdAt, now)}</span>
    <span role="cell" class="num">{took === undefined ? "" : duration(took)}</span>
    <span role="cell" class="tally">{tally && <TallyPart tally={tally} />}</span>
    <span role="cell" class="num">{number(Math.max(row.asOf, tally?.events ?? 0))}
      {row.crashes > 0 && <span class="tone-wait" title="times that its worker died">
      {" "}· {row.crashes} lost</span>}</span>
    <span role="cell" class="last"><span class="cut faint">{row.parked !== null ? row.parked : row.owner !== null
      && <><Only name="worker" value={row.owner} word={shortId(row.owner)} look="faint" chosen={chosen} />
        {row.ownerAlive ? "" : " (gone)"}</>}</span><CompareButton row={row} /></span>
  </div>;
}

/** A value that the list can be narrowed to. Tab comes to it in the row that is chosen. */
function Only({ name, value, word, look, chosen }: { name: "tag" | "version" | "worker"; value: string; word: string;
  look: string; chosen: boolean }): JSX.Element {
  return <button class={`only ${look}`} tabIndex={chosen ? 0 : -1} title={`Only runs of this ${name}`}
    onClick={() => { change({ [name]: value }) }}>{word}</button>;
}

function TallyPart({ tally: { done, failed, retries, warnings, errors } }: { tally: Tally }): JSX.Element {
  const serious = (n: number, tone: string, word: string): JSX.Element | false => n > 0 && <span class={`tone-${tone}`}
    title={`${count(n, word)} in the log`}><Icon name="note" size={12} />{number(n)}
    <span class="hidden"> {n === 1 ? word : `${word}s`}</span></span>;
  return <>
    {done > 0 && <span class="faint" title={count(done, "task done", "tasks done")}><Icon name="ok" size={12} />
      {number(done)}<span class="hidden"> done</span></span>}
    {failed > 0 && <span class="tone-bad" title={count(failed, "task failed", "tasks failed")}><Icon name="bad"
      size={12} />{number(failed)}<span class="hidden"> failed</span></span>}
    {retries > 0 && <span class="tone-wait" title={count(retries, "retry", "retries")}><Icon name="again" size={12} />
      {number(retries)}<span class="hidden"> {retries === 1 ? "retry" : "retries"}</span></span>}
    {serious(warnings, "wait", "warning")}{serious(errors, "bad", "error")}</>;
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
    {list.query.sort === "longest" && <span class="faint">the longest of the 20,000 newest that fit</span>}
    {up !== undefined && <span class={up ? "tone-ok" : "tone-wait"}><Icon name="dot" size={12} />
      {up ? "live" : "connecting again"}</span>}
    {list.loading.value && n > 0 && <span class="faint">loading more…</span>}</>;
}

const SINCE = [["", "any time"], ["1h", "last hour"], ["24h", "last day"], ["7d", "last week"],
  ["30d", "last 30 days"]];
const TOOK = [["", "any duration"], ["1s", "over 1 s"], ["10s", "over 10 s"], ["1m", "over 1 min"],
  ["10m", "over 10 min"], ["1h", "over 1 h"], ["1d", "over 1 day"]];
const SHOWN: readonly RunState[] = ["running", "waiting", "failed", "completed", "parked", "cancelled"];

function Filters({ rows }: { rows: readonly RunRow[] }): JSX.Element {
  const { state = "", q = "" } = place.value.query;
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
    <Choose name="workflow" word="Workflow" all="every workflow" found={rows.map((row) => [row.workflow])} />
    <Choose name="worker" word="Worker" all="every worker"
      found={rows.flatMap(({ owner }) => owner === null ? [] : [[owner, shortId(owner)]])} />
    <Choose name="since" word="Time" found={SINCE} />
    <Choose name="took" word="Duration" found={TOOK} />
    {(["tag", "version"] as const).map((name) => param(name) !== "" && <button key={name} class="tag on"
      onClick={() => { change({ [name]: undefined }) }}>{name} {name === "version" ? shortId(param(name)) : param(name)}
      <Icon name="close" size={12} /><span class="hidden">Remove the filter</span></button>)}
  </search>;
}

/** A filter with its choices: what the rows have, and what the address says. */
function Choose({ name, word, all, found }: { name: string; word: string; all?: string;
  found: readonly (readonly string[])[] }): JSX.Element {
  const value = param(name), known = new Map(found.map(([one = "", says = one]) => [one, says]));
  if (value !== "" && !known.has(value)) known.set(value, all === undefined ? value : shortId(value));
  const choices = all === undefined ? [...known]
    : [["", all] as const, ...[...known].sort(([a], [b]) => a < b ? -1 : 1)];
  return <label class={`field${value === "" ? "" : " on"}`}><span class="hidden">{word}</span><select value={value}
    onChange={(event) => { change({ [name]: event.currentTarget.value }) }}>
    {choices.map(([one, says]) => <option key={one} value={one}>{says}</option>)}</select></label>;
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
