/** Limits and rates of tasks and turns of workflows: how full they are, who holds what, who waits, as it is now. */
import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { count, duration, number, shortId, stamp } from "../model/format.ts";
import type { Problem } from "../model/wire.ts";
import { again } from "./again.ts";
import { limitsNow, slotsOf, turnsOf, type Limits } from "./api.ts";
import { Icon } from "./icons.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { address, param } from "./place.ts";
import { Top } from "./top.tsx";

/** One that can be chosen. `full`: nobody else may go on now. */
interface Choice { readonly kind: "limit" | "rate" | "turn"; readonly id: string; readonly max: number;
  readonly held: number; readonly waiting: number; readonly perMs: number; readonly nextAt: number | null }
/** A line of the table at the right. */
interface Member { readonly runId: string; readonly name: string; readonly holds: boolean; readonly at: number;
  readonly call: string; readonly worker: string | null }
interface Members { readonly of: string; readonly list: readonly Member[]; readonly more: boolean;
  readonly now: number }

/** The page. `limit` or `turn` in the address is the one that is chosen. */
export function LimitsPage(): JSX.Element {
  const limits = useSignal<Limits | undefined>(undefined), members = useSignal<Members | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const limit = param("limit"), turn = param("turn");
  useEffect(() => { document.title = "Limits · Reprise" }, []);
  useEffect(() => again(() => look(limits, members, limit, turn), problem), [limit, turn]);
  const found = limits.value;
  return <main class="page limits"><Top title="Limits" />
    {problem.value !== undefined && found === undefined ? <Trouble problem={problem.value} />
      : found === undefined ? <p class="loading">Loading the limits…</p>
        : <Body limits={found} members={members.value} wanted={turn !== "" ? `turn ${turn}` : limit} />}
  </main>;
}

async function look(limits: Signal<Limits | undefined>, members: Signal<Members | undefined>, limit: string,
  turn: string): Promise<void> {
  limits.value = await limitsNow();
  const chosen = chosenOf(choicesOf(limits.value), turn !== "" ? `turn ${turn}` : limit);
  if (chosen === undefined || chosen.kind === "rate") return;
  if (chosen.kind === "turn") {
    const { turns, more, now } = await turnsOf(chosen.id);
    members.value = { of: keyOf(chosen), more, now, list: turns.map(({ runId, name, held, at, state, worker }) =>
      ({ runId, name, holds: held, at, call: state, worker })) };
  } else {
    const { slots, more, now } = await slotsOf(chosen.id);
    members.value = { of: keyOf(chosen), more, now, list: slots.map(({ runId, name, granted, at, key, worker }) =>
      ({ runId, name: name ?? shortId(runId), holds: granted, at, call: key, worker })) };
  }
}

const keyOf = ({ kind, id }: Choice): string => kind === "turn" ? `turn ${id}` : id;
function choicesOf({ limits, turns }: Limits): readonly Choice[] {
  return [...limits.map(({ name, perMs, ...rest }): Choice => ({ ...rest, kind: perMs === null ? "limit" : "rate",
    id: name, perMs: perMs ?? 0 })).sort((a, b) => a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0),
  ...turns.map(({ key, max, held, waiting }): Choice => ({ kind: "turn", id: key, max, held, waiting, perMs: 0,
    nextAt: null }))];
}
/** The one in the address; else the one with the longest line, else the first. */
function chosenOf(choices: readonly Choice[], wanted: string): Choice | undefined {
  return wanted !== "" ? choices.find((one) => keyOf(one) === wanted)
    : choices.toSorted((a, b) => b.waiting - a.waiting)[0];
}

const GROUPS = [["limit", "Limits of tasks"], ["rate", "Rates of tasks"], ["turn", "Turns of workflows"]] as const;

function Body({ limits, members, wanted }: { limits: Limits; members: Members | undefined; wanted: string }):
  JSX.Element {
  const choices = choicesOf(limits), chosen = chosenOf(choices, wanted);
  if (choices.length === 0) return <NoneYet />;
  return <div class="master">
    <nav class="master-list" aria-label="Limits">{GROUPS.map(([kind, word]) => {
      const own = choices.filter((one) => one.kind === kind);
      return own.length === 0 ? null : <section key={kind}><h2>{word}</h2>{own.map((one) =>
        <Entry key={keyOf(one)} one={one} chosen={one === chosen} now={limits.now} />)}</section>;
    })}</nav>
    <section class="master-one" aria-label="Who is in it">{chosen === undefined
      ? <Empty title={`Nothing is called ${wanted.replace(/^turn /, "")} now`}>
        <p>A limit stands here from its first use on, the turns of a workflow while one of its runs has not ended.</p>
      </Empty> : <One one={chosen} members={members?.of === keyOf(chosen) ? members : undefined} now={limits.now} />}
    </section>
  </div>;
}

function Entry({ one, chosen, now }: { one: Choice; chosen: boolean; now: number }): JSX.Element {
  return <a href={address("/limits", one.kind === "turn" ? { turn: one.id } : { limit: one.id })}
    aria-current={chosen ? "page" : undefined}>
    <span class="row"><b class="cut">{one.id}</b><span class="grow" />
      <span class={`num ${one.waiting > 0 ? "tone-wait" : "faint"}`}>{one.kind === "rate" ? rateOf(one)
        : `${number(one.held)} of ${number(one.max)}`}</span></span>
    {one.kind === "rate" ? <span class="faint">{nextOf(one, now)}</span>
      : <><span class="meter" aria-hidden="true"><i class={one.waiting > 0 ? "full" : ""}
        style={{ width: `${Math.min(1, one.held / Math.max(1, one.max)) * 100}%` }} /></span>
      {one.waiting > 0 && <span class="tone-wait">{count(one.waiting, "waits", "wait")}</span>}</>}
  </a>;
}
const rateOf = ({ max, perMs }: Choice): string => `${number(max)} per ${duration(perMs)}`;
const nextOf = ({ nextAt }: Choice, now: number): string => nextAt === null || nextAt <= now ? "the next may begin now"
  : `the next may begin in ${duration(nextAt - now)}`;

function saysOf(one: Choice, now: number): string {
  if (one.kind === "rate") return `${rateOf(one)}; ${nextOf(one, now)}`;
  return one.kind === "turn" ? `${count(one.max, "run")} at once` : `${count(one.max, "slot")} over all workers`;
}

function One({ one, members, now }: { one: Choice; members: Members | undefined; now: number }): JSX.Element {
  const turn = one.kind === "turn";
  return <div class="limit">
    <header><h2 class="cut">{one.id}</h2><span class="faint">{saysOf(one, now)}</span></header>
    {one.kind === "rate" ? <p class="lead">Nobody holds a rate: each attempt is told its instant when it asks, and
      begins then. In the history of its run it stands as queued until then.</p>
      : members === undefined ? <p class="loading">Looking who is in it…</p>
        : members.list.length === 0 ? <p class="lead">{turn ? "No run has its turn or waits for it now."
          : "Nobody holds a slot of it or waits for one now."}</p>
          : <MembersTable members={members} turn={turn} />}
  </div>;
}

function MembersTable({ members: { list, more, now }, turn }: { members: Members; turn: boolean }): JSX.Element {
  const line = list.findIndex(({ holds }) => !holds);
  return <><div class="shown-table"><table><thead><tr><th scope="col">{turn ? "Turn" : "Slot"}</th>
    <th scope="col">Run</th><th scope="col">{turn ? "State" : "Call"}</th><th scope="col">Worker</th>
    <th scope="col" class="num">For</th></tr></thead>
  <tbody>{list.map((one, i) => <tr key={`${one.runId} ${one.call}`}>
    <td>{one.holds ? <span class="state tone-run"><Icon name="run" size={13} />{turn ? "has it" : "holds"}</span>
      : <span class="state tone-wait"><Icon name="wait" size={13} />waits, no. {i - line + 1}</span>}</td>
    <td><a class="strong" href={address(`/runs/${one.runId}`, turn ? {} : { e: one.call })}>{one.name}</a></td>
    <td class={turn ? "" : "code"}>{one.call}</td>
    <td class="faint">{one.worker === null ? "" : shortId(one.worker)}</td>
    <td class="num" title={`since ${stamp(one.at)}`}>{duration(now - one.at)}</td></tr>)}</tbody></table></div>
  {more && <p class="faint">There are more; these are the first.</p>}</>;
}

function NoneYet(): JSX.Element {
  return <div class="fill"><Empty title="No limit is in use">
    <p>Slots and rates are shared by the tasks of all workers, turns by the runs of a workflow:</p>
    <pre>{`const database = limit("database", 5);
const api = rate("api", { max: 10, per: "1s" });

const query = task("query", { limits: [database, api] }, ...);
const sync = workflow("sync", { concurrency: { max: 1 } }, ...);`}</pre>
    <p>Who holds them and who waits stands here from their first use on.</p></Empty></div>;
}
