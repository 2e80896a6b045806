/** Calls that a run has not made and an earlier run of the same code has: below its own, pale, on that run's time. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { titleOf } from "../model/calls.ts";
import { expectedCalls, type Earlier, type EarlierCall } from "../model/expected.ts";
import { count, duration, offset } from "../model/format.ts";
import { earlierOf } from "./api.ts";
import { Icon } from "./icons.tsx";
import { address, change, param } from "./place.ts";
import type { Session } from "./session.ts";

/** Rows that are drawn; of more the number is told. */
const DRAWN = 100;

/** The rows below the timeline, or with `words` below its table; nothing where nothing is expected. */
export function Expected({ run, words }: { run: Session; words: boolean }): JSX.Element | null {
  const earlier = useSignal<Earlier | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    earlierOf(run.id).then((found) => { if (!gone) earlier.value = found.earlier ?? undefined }, () => {
      /* a courtesy: the run is drawn without it */ });
    return () => { gone = true };
  }, [run.id]);
  void run.version.value;
  const found = earlier.value;
  if (found === undefined || !run.progress.value.whole) return null;
  const calls = expectedCalls(run.history, found), open = param("expected") !== "0";
  if (calls.length === 0) return null;
  return <section class={`expected${words ? " words" : ""}`} aria-label="Expected">
    <header class="row"><h2>Expected</h2>
      <p class="faint cut" title="The newest run of the same code that has completed. The code decides what is called.">
        from run <a href={address(`/runs/${found.runId}`)}>{found.name}</a>: {count(calls.length, "call")}{found.more
          ? " and more" : ""} not made yet, as they were in its {duration(found.ms)}</p>
      <button class="quiet tiny" aria-expanded={open} onClick={() => { change({ expected: open ? "0" : undefined }) }}>
        {open ? "hide" : "show"}</button></header>
    {open && <Rows calls={calls} earlier={found} words={words} />}
  </section>;
}

function Rows({ calls, earlier, words }: { calls: readonly EarlierCall[]; earlier: Earlier; words: boolean }):
  JSX.Element {
  return <div class="expected-rows" tabIndex={0} role="table"
    aria-label={`Calls expected, from run ${earlier.name}`} aria-rowcount={calls.length + 1}>
    <div role="rowgroup" class="hidden"><div role="row">{["Call", "State", "Began there", "Took there",
      "Attempts there"].map((word) => <span key={word} role="columnheader">{word}</span>)}</div></div>
    <div role="rowgroup">{calls.slice(0, DRAWN).map((call) => <Row key={call.key} call={call} earlier={earlier}
      words={words} />)}</div>
    {calls.length > DRAWN && <p class="faint">and {calls.length - DRAWN} more</p>}
  </div>;
}

function Row({ call, earlier, words }: { call: EarlierCall; earlier: Earlier; words: boolean }): JSX.Element {
  const took = call.ms === null ? "" : duration(call.ms), part = (ms: number): string =>
    `${Math.min(100, ms / Math.max(1, earlier.ms) * 100)}%`;
  const cell = words ? "cell" : "hidden", number = `${cell} num`;
  return <div class="lane" role="row">
    <span role="cell" class="lane-label"><Icon name="wait" size={13} class="tone-plain" />
      <a class="lane-name faint" href={address(`/runs/${earlier.runId}`, { e: call.seq })}
        title={`${titleOf(call)}, in run ${earlier.name}`}>{titleOf(call)}</a></span>
    <span role="cell" class={cell}>expected</span>
    <span role="cell" class={number}>{offset(call.at)}</span>
    <span role="cell" class={number}>{took}</span>
    <span role="cell" class={number}>{call.attempts > 0 && count(call.attempts, "attempt")}</span>
    {!words && <span class="expected-bar" aria-hidden="true" title={`took ${took} in run ${earlier.name}`}>
      <i style={{ left: part(call.at), width: part(call.ms ?? earlier.ms - call.at) }} />
      <span style={{ left: part(call.at + (call.ms ?? 0)) }}>{took}</span></span>}
  </div>;
}
