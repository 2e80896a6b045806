/** Why the event came about, what came of it, and the chain of calls that decided when the run ended. */
import type { JSX } from "preact";
import { titleOf } from "../model/calls.ts";
import { causesOf, effectsOf } from "../model/cause.ts";
import { duration, number, offset } from "../model/format.ts";
import { Icon } from "./icons.tsx";
import { gist } from "./gist.ts";
import { eventLook } from "./looks.tsx";
import type { Session } from "./session.ts";
import { EventLink } from "./event-link.tsx";
import { focusOn } from "./view.ts";

const MOST = 60;

/** The tab. */
export function CauseTab({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  const seq = run.seq.value, { history } = run;
  const chain = causesOf(history, seq), { effects, more } = effectsOf(history, seq, MOST);
  const shown = chain.length > MOST ? chain.slice(-MOST) : chain;
  const outside = history.causeOf(seq) === 0 && seq !== 1;
  return <>
    <section><h2>What led to it</h2>
      {outside && <p class="faint">It came from outside: nothing in this history brought it about.</p>}
      {chain.length > shown.length && <p
        class="faint">{number(chain.length - shown.length)} earlier events left out.</p>}
      <ol class="chain">{shown.map((one) => <Line key={one} run={run} seq={one} depth={0}
        focused={one === seq} />)}</ol>
    </section>
    <section><h2>What came of it</h2>
      {effects.length === 0 ? <p class="faint">{seq === history.head && run.over.value ? "The run ended with it."
        : "Nothing followed from it."}</p>
        : <ol class="chain after">{effects.map((one) => <Line key={one.seq} run={run} seq={one.seq}
          depth={one.depth - 1} focused={false} />)}</ol>}
      {more > 0 && <p class="faint">and {number(more)} more</p>}
    </section>
    <Critical run={run} />
  </>;
}

function Line({ run, seq, depth, focused }: { run: Session; seq: number; depth: number; focused: boolean }):
  JSX.Element | null {
  const event = run.history.event(seq);
  if (event === undefined) return null;
  const look = eventLook(event), call = run.history.callOf(event);
  return <li class={focused ? "focused" : ""} style={{ paddingLeft: `${depth * 14}px` }}>
    <button class="line" onClick={() => { focusOn(seq) }} {...(focused ? { "aria-current": "true" as const } : {})}>
      <span class="num faint">{seq}</span><Icon name={look.icon} size={13} class={`tone-${look.tone}`} />
      <span class="cut"><b>{call === undefined ? "" : `${titleOf(call)} `}</b>{look.word}
        <span class="faint"> {gist(event)}</span></span>
      <span class="num faint">{offset(event.at - run.history.startAt)}</span></button></li>;
}

function Critical({ run }: { run: Session }): JSX.Element | null {
  const path = run.critical.value;
  const all = Math.max(1, run.until.value - run.history.startAt);
  if (path.length === 0) return null;
  return <section><h2>Critical path <span
    class="faint">{path.length} of {number(run.history.calls.length)} calls</span></h2>
    <p class="faint">Each of these began when the one above had ended: together they are why the run took {duration(
      all)}.</p>
    <ol class="critical">{path.slice(-MOST).map((link) => <li key={link.seq}>
      <EventLink seq={link.seq}>{titleOf(link.call)}</EventLink>
      <span class="num">{duration(link.to - link.from)}</span>
      <span class="meter" aria-hidden="true"><i
        style={{ width: `${Math.max(0.5, (link.to - link.from) / all * 100)}%` }} />
      </span></li>)}</ol></section>;
}
