/** Two runs side by side: calls aligned by key, the first difference in the focus, what differs about it. */
import { computed, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { align, pairDifferences, runDifferences, type Alignment, type Pair } from "../model/align.ts";
import { count, duration, number, stamp } from "../model/format.ts";
import { Icon } from "./icons.tsx";
import { type KeyMap, useKeys } from "./keys.ts";
import { callLook, runLook, State } from "./looks.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { address, change, param } from "./place.ts";
import { Session } from "./session.ts";
import { Change } from "./tab-state.tsx";
import { SchemeButton } from "./top.tsx";
import { Windowed } from "./windowed.tsx";

const ROW = 32;
const onlyDifferent = signal(false);

function balanceOf({ different, same, onlyA, onlyB }: Alignment): string {
  return `${count(different, "call")} ${different === 1 ? "differs" : "differ"}, ${number(same)} the same, `
    + `${number(onlyA)} only in A, ${number(onlyB)} only in B`;
}

/** The page. */
export function ComparePage({ a, b }: { a: string; b: string }): JSX.Element {
  const [left, right] = useMemo(() => [new Session(a), new Session(b)] as const, [a, b]);
  const found = useMemo(() => computed(() => {
    void [left.version.value, right.version.value];
    return align(left.history, right.history);
  }), [left, right]);
  useEffect(() => {
    document.title = "Two runs · Reprise";
    void left.open();
    void right.open();
    return () => { left.close(); right.close() };
  }, [left, right]);
  const problem = left.problem.value ?? right.problem.value;
  const { pairs, first } = found.value, whole = left.progress.value.whole && right.progress.value.whole;
  const shown = onlyDifferent.value ? pairs.filter((pair) => pair.verdict !== "same") : pairs;
  const wanted = param("key"), chosen = shown.findIndex((pair) => pair.key === wanted);
  // or -1 -> 0
  const index = chosen >= 0 ? chosen : Math.max(0, shown.indexOf(pairs[first] ?? pairs[0] ?? shown[0] as Pair));
  useKeys(() => keysOf(shown, index), [shown, index]);
  const pair = shown[index];
  return <main class="page compare">
    <header class="run-head"><a class="brand" href={address("/runs")}><Icon name="again" size={17} />
      <span class="crumb">Runs</span></a><Icon name="right" size={11} class="faint" /><h1>Two runs</h1>
      <span class="grow" /><a class="button" href={address(`/runs/${b}/vs/${a}`)}><Icon name="swap"
        size={14} /> Swap</a>
      <SchemeButton /></header>
    {problem !== undefined ? <Trouble problem={problem} /> : <>
      <div class="pair-head"><Side run={left} name="A" /><Side run={right} name="B" /></div>
      <div class="row tools"><span role="status">{whole ? balanceOf(found.value) : "Loading…"}</span>
        <span class="grow" />
        <label class="check"><input type="checkbox" checked={onlyDifferent.value} onChange={(event) => {
          onlyDifferent.value = event.currentTarget.checked }} /> only what differs</label></div>
      <div class="split">
        <section class="left" aria-label="Calls">
          {shown.length === 0 ? <Empty title={pairs.length === 0 ? "No calls yet" : "Nothing differs"} />
            : <Windowed class="fill" label="Calls of both runs" count={shown.length} rowHeight={ROW} reveal={index}
              row={(i) => { const one = shown[i]; return one && <Line key={one.key} pair={one}
                chosen={i === index} />; }} />}
        </section>
        <aside class="inspector open" aria-label="What differs"><div class="panel" tabIndex={0}>
          {pair !== undefined && <PairPart pair={pair} a={a} b={b} />}
          <RunPart left={left} right={right} /></div></aside>
      </div></>}
  </main>;
}

function keysOf(pairs: readonly Pair[], index: number): KeyMap {
  const go = (to: number): void => { const pair = pairs[to];
    if (pair !== undefined) change({ key: pair.key }, "replace") };
  const other = (by: 1 | -1): void => {
    for (let i = index + by; i >= 0 && i < pairs.length; i += by) {
      if (pairs[i]?.verdict !== "same") { go(i); return }
    }
  };
  return { ArrowDown: () => { go(index + 1) }, ArrowUp: () => { go(index - 1) }, "]": () => { other(1) },
    "[": () => { other(-1) }, Home: () => { go(0) }, End: () => { go(pairs.length - 1) } };
}

function Side({ run, name }: { run: Session; name: string }): JSX.Element {
  const row = run.row.value;
  void run.version.value;
  return <section aria-label={`Run ${name}`}><span class="mark">{name}</span>
    {row === undefined ? <span class="loading">Loading…</span> : <><a class="strong"
      href={address(`/runs/${run.id}`)}>{row.name}</a>
      <span class="faint">{row.workflow}</span><State look={runLook(row)} small />
      <span class="faint">{duration(run.until.value - run.history.startAt)} · {count(run.history.head, "event")} ·
        {" "}{stamp(row.createdAt).slice(0, 19)}</span></>}</section>;
}

const WORDS: { readonly [V in Pair["verdict"]]: string } = { same: "same", "only in A": "only in A",
  "only in B": "only in B", input: "other arguments", error: "other error", result: "other result",
    state: "other end" };

function Line({ pair, chosen }: { pair: Pair; chosen: boolean }): JSX.Element {
  const longest = Math.max(1, pair.msA ?? 0, pair.msB ?? 0);
  const side = (call: Pair["a"], ms: number | undefined): JSX.Element => call === undefined ? <span class="half none" />
    : <span class="half"><State look={callLook(call.state)} small /><span
      class="num">{ms === undefined ? "" : duration(ms)}</span>
      <span class="meter" aria-hidden="true"><i
        style={{ width: `${Math.max(1, (ms ?? 0) / longest * 100)}%` }} /></span></span>;
  return <div class={`pair${chosen ? " focused" : ""} ${pair.verdict === "same" ? "same" : "other"}`} role="listitem"
    {...(chosen ? { "aria-current": "true" as const } : {})}>
    <button class="over cut" onClick={() => { change({ key: pair.key }) }}>{pair.title}</button>
    {side(pair.a, pair.msA)}{side(pair.b, pair.msB)}
    <span class={`verdict${pair.verdict === "same" ? " faint" : ""}`}>{pair.verdict !== "same"
      && <Icon name="note" size={12} />}{WORDS[pair.verdict]}</span></div>;
}

function PairPart({ pair, a, b }: { pair: Pair; a: string; b: string }): JSX.Element {
  const found = pairDifferences(pair);
  return <section><h2>{pair.title} <span class="faint">{WORDS[pair.verdict]}</span></h2>
    <p class="row">{pair.a !== undefined && <a
      href={address(`/runs/${a}`, { e: pair.a.endSeq ?? pair.a.seq })}>Show it in A</a>}
      {pair.b !== undefined && <a href={address(`/runs/${b}`, { e: pair.b.endSeq ?? pair.b.seq })}>Show it in B</a>}</p>
    {found.length === 0 ? <p class="faint">Nothing that is recorded about it differs{pair.msA !== pair.msB
      && pair.msA !== undefined && pair.msB !== undefined
        ? `, but the time: ${duration(pair.msA)} and ${duration(pair.msB)}`
      : ""}.</p> : <div class="changes"
        role="list">{found.slice(0, 100).map((one) => <Change key={one.path} one={one} />)}</div>}
    {found.length > 100 && <p class="faint">and {found.length - 100} more</p>}</section>;
}

function RunPart({ left, right }: { left: Session; right: Session }): JSX.Element {
  void [left.version.value, right.version.value];
  const found = runDifferences(left.history, right.history);
  return <section><h2>The runs themselves</h2>{found.length === 0 ? <p class="faint">Same input, same code,
    same end.</p>
    : <div class="changes"
      role="list">{found.slice(0, 60).map((one) => <Change key={one.path} one={one} />)}</div>}</section>;
}
