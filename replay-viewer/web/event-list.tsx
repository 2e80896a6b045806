/** Every event in order, with search and filters over all of them. */
import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { classOf, type Event, type EventClass } from "../../engine/core/events.ts";
import { titleOf } from "../model/calls.ts";
import { number, offset } from "../model/format.ts";
import { Search } from "../model/search.ts";
import { Icon } from "./icons.tsx";
import { gist } from "./gist.ts";
import { eventLook } from "./looks.tsx";
import { Empty } from "./notices.tsx";
import { change, param } from "./place.ts";
import { session, type Session } from "./session.ts";
import { focusOn } from "./view.ts";
import { Windowed } from "./windowed.tsx";

const ROW = 27;
const CLASSES: readonly EventClass[] = ["delivery", "decision", "observation"];

const searches = new WeakMap<Session, Search>();
function searchOf(run: Session): Search {
  const known = searches.get(run) ?? new Search(run.history);
  searches.set(run, known);
  return known;
}
const query = computed(() => param("find"));
const hiddenClasses = computed(() => param("hide").split(",").filter((one) => one !== ""));
/** seqs that are listed; `undefined` for all. */
export const found = computed((): readonly number[] | undefined => {
  const run = session.value;
  if (run === undefined) return undefined;
  void run.version.value;
  const hidden = hiddenClasses.value.map((one) => `-class:${one}`).join(" ");
  const text = `${query.value} ${hidden}`.trim();
  return text === "" ? undefined : searchOf(run).find(text);
});

/** The list of events. */
export function EventList({ run }: { run: Session }): JSX.Element {
  useEffect(() => warm(run), [run]);
  const seqs = found.value, total = run.history.head, shown = seqs?.length ?? total;
  void run.version.value;
  const focus = run.seq.value;
  const index = seqs === undefined ? focus - 1 : nearest(seqs, focus);
  return <div class="list">
    <search class="list-head">
      <label class="field search"><Icon name="search" /><span class="hidden">Search all events</span>
        <input id="search" type="search" value={query.value}
          placeholder="Search: charge 402 type:failed -class:decision"
          title={"Words that must be there; type: task: key: class: is:failure attempt: worker: "
            + "after: before:; - leaves out"}
          onInput={(event) => { change({ find: event.currentTarget.value }, "replace") }} /></label>
      <div class="choices" role="group" aria-label="Kinds of events">{CLASSES.map((one) => {
        const on = !hiddenClasses.value.includes(one);
        return <button key={one} aria-pressed={on} onClick={() => { change({ hide: (on ? [...hiddenClasses.value, one]
          : hiddenClasses.value.filter((each) => each !== one)).join(",") }) }}>{WORDS[one]}</button>;
      })}</div>
      <span class="faint" role="status">{seqs === undefined ? `${number(total)} events`
        : `${number(shown)} of ${number(total)}`}</span>
    </search>
    {shown === 0 ? <Empty title={total === 0 ? "No events yet" : "No event has that"}>
      {total > 0 && <p><button onClick={() => { change({ find: undefined, hide: undefined }) }}>Show all events</button>
      </p>}</Empty>
      : <Windowed class="fill" label="Events" role="list" count={shown} rowHeight={ROW} reveal={index}
        row={(i) => { const event = run.history.event(seqs === undefined ? i + 1 : seqs[i] ?? 0);
          return event && <Line key={event.seq} run={run} event={event} focused={event.seq === focus} />; }} />}
  </div>;
}
const WORDS = { delivery: "deliveries", decision: "decisions", observation: "observations" } as const;

function Line({ run, event, focused }: { run: Session; event: Event; focused: boolean }): JSX.Element {
  const look = eventLook(event), call = run.history.callOf(event);
  return <div class={`event-line${focused ? " focused" : ""} ${classOf(event.type) ?? ""}`} role="listitem"
    {...(focused ? { "aria-current": "true" as const } : {})}>
    <span class="num faint">{event.seq}</span>
    <span class="num faint">{offset(event.at - run.history.startAt)}</span>
    <Icon name={look.icon} size={13} class={`tone-${look.tone}`} />
    <button class="over" onClick={() => { focusOn(event.seq) }}>{look.word}</button>
    <span class="cut strong">{call === undefined ? "" : titleOf(call)}</span>
    <span class="cut code">{gist(event)}</span>
  </div>;
}

/** Index of the last listed seq that is not after the focus. */
function nearest(seqs: readonly number[], focus: number): number {
  let low = 0, high = seqs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((seqs[middle] ?? Infinity) <= focus) low = middle + 1; else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Makes the texts that a search needs while nothing else is to do. */
function warm(run: Session): () => void {
  const idle: (fn: () => void) => number = typeof requestIdleCallback === "function"
    ? (fn) => requestIdleCallback(fn) : (fn) => setTimeout(fn, 30);
  let over = false;
  const go = (): void => { if (!over && searchOf(run).warm(2000)) idle(go) };
  idle(go);
  return () => { over = true };
}
