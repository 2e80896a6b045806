/** Runs in flight and the code that would go on with them: which would be set aside by it, where, and what to do. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { checkCommand, patchFor, saysOf, type CodeDifference, type CodeNow, type CodeSide, type CodeVersions,
  type CodeWorkflow, type SomeRuns, type Standing } from "../model/code.ts";
import { clock, count, number, shortId } from "../model/format.ts";
import { tokenLines } from "../model/source.ts";
import type { Problem } from "../model/wire.ts";
import { again } from "./again.ts";
import { act, asProblem, codeNow } from "./api.ts";
import { Tokens } from "./code-line.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { copy, Empty, say, Trouble } from "./notices.tsx";
import { address } from "./place.ts";
import { who } from "./settings.ts";
import { Top } from "./top.tsx";

/** The page. */
export function CodePage(): JSX.Element {
  const found = useSignal<CodeNow | undefined>(undefined), problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => { document.title = "Code · Reprise" }, []);
  useEffect(() => again(async () => { found.value = await codeNow() }, problem), []);
  const now = found.value;
  return <main class="page upgrade"><Top title="Code" />
    {now === undefined ? problem.value !== undefined ? <Trouble problem={problem.value} />
      : <p class="loading">Looking at the runs in flight…</p>
      : now.total === 0 && now.at !== null ? <NoneInFlight /> : <Body now={now} problem={problem.value} />}
  </main>;
}

const TONES: { readonly [T in ReturnType<typeof saysOf>["tone"]]: IconName } = { ok: "ok", bad: "park", wait: "wait",
  plain: "dot" };

function Body({ now, problem }: { now: CodeNow; problem: Problem | undefined }): JSX.Element {
  const { tone, text } = saysOf(now), { workflows } = now;
  return <div class="fill upgrade-all" tabIndex={0} role="region" aria-label="Runs and code">
    <header class="upgrade-says"><Icon name={TONES[tone]} size={20} class={`tone-${tone}`} />
      <div role="status"><h2>{text}</h2></div><span class="grow" /><Progress now={now} problem={problem} /></header>
    {now.code === "none" && <NoCode workflows={workflows} />}
    {now.code === "watched" && workflows.length > 0 && workflows.every(({ version }) => version === null)
      && <p class="lead">No workflow is loaded yet. Where a file does not compile, the terminal says so.</p>}
    {workflows.length > 0 && <VersionsTable now={now} />}
    {workflows.map((one) => <Parts key={one.name} of={one} now={now} />)}
  </div>;
}

function Progress({ now, problem }: { now: CodeNow; problem: Problem | undefined }): JSX.Element {
  if (problem !== undefined) return <span class="tone-wait">{problem.code === "SERVER_GONE"
    ? "The server starts again; this is how it was" : problem.message}</span>;
  return <span class="faint num">{now.checked < now.total || now.at === null
    ? <progress max={now.total || 1} value={now.checked} aria-label="Runs looked at" />
    : `as of ${clock(now.at).slice(0, 8)}`}{now.more && `, the newest ${number(now.total)}`}</span>;
}

const STANDINGS: readonly (readonly [Standing, IconName, string, string, string?])[] = [
  ["fits", "ok", "ok", "go on", "goes on"], ["differs", "park", "bad", "would be set aside"],
  ["pinned", "wait", "wait", "pinned to old code"], ["missing", "off", "off", "not loaded here"],
  ["broken", "note", "bad", "unreadable"], ["long", "note", "wait", "too long"]];

function VersionsTable({ now: { workflows, code } }: { now: CodeNow }): JSX.Element {
  const disk = code === "watched" ? "on disk" : "loaded";
  return <div class="shown-table"><table><thead><tr><th scope="col">Workflow</th><th scope="col">Began with</th>
    <th scope="col">Last run with</th><th scope="col" class="num">Runs</th>
    {code !== "none" && <th scope="col">With the code {disk}</th>}</tr></thead>
  <tbody>{workflows.map((of) => of.versions.map((one, i) => <tr key={`${of.name} ${one.began} ${one.last}`}
    class={i === 0 ? "first" : ""}>
    {i === 0 && <th scope="rowgroup" rowSpan={of.versions.length}><a class="strong" href={runsOf(of)}>{of.name}</a>
      {of.file !== null && <code class="faint cut">{of.file}</code>}</th>}
    <td><Version of={of} version={one.began} disk={disk} link /></td>
    <td>{one.last === one.began ? <span class="faint">the same</span>
      : <Version of={of} version={one.last} disk={disk} />}</td>
    <td class="num">{number(one.runs)}</td>
    {code !== "none" && <td><Standings one={one} /></td>}</tr>))}</tbody></table></div>;
}

function Standings({ one }: { one: CodeVersions }): JSX.Element {
  return <span class="standings">{STANDINGS.map(([name, icon, tone, word, ofOne = word]) => one[name] > 0
    && <span key={name} class={`tone-${tone}`}><Icon name={icon} size={13} />{number(one[name])}{" "}
      {one[name] === 1 ? ofOne : word}</span>)}
  {one.parked > 0 && <span class="faint">{number(one.parked)} set aside now</span>}</span>;
}

/** In flight, and of one version if one is named. */
const IN_FLIGHT = "running,waiting,pending,scheduled,paused,cancelling,parked";
function runsOf({ name }: CodeWorkflow, version?: string): string {
  return address("/runs", { workflow: name, state: IN_FLIGHT, version });
}

function Version({ of, version, disk, link = false }: { of: CodeWorkflow; version: string; disk: string;
  link?: boolean }): JSX.Element {
  if (version === "") return <span class="faint">unknown</span>;
  return <>{link ? <a class="code" href={runsOf(of, version)} title={version}>{shortId(version)}</a>
    : <code title={version}>{shortId(version)}</code>}
  {version === of.version && <span class="tag">{disk}</span>}</>;
}

function Parts({ of, now }: { of: CodeWorkflow; now: CodeNow }): JSX.Element {
  return <>
    {of.differences.map((one) => <Parting key={`${one.kind} ${one.recorded?.site} ${one.issued?.site}`} one={one}
      of={of} />)}
    {of.aside.runs > 0 && <Aside of={of} />}
    <Part icon="wait" tone="wait" runs={of.pinned} of={of} says="waiting for the code that began with them">
      <p>The workflow says <code>evolve: "pin"</code>. Run a worker with that version, or take the option away: then
        they go on where the code fits.</p></Part>
    {now.code !== "none" && <Part icon="off" tone="off" runs={of.missing} of={of} says="not loaded here">
      <Command text={checkCommand([of])} /></Part>}
    <Part icon="note" tone="wait" runs={of.long} of={of} says="too long to be replayed beside other answers">
      <Command text={checkCommand([of])} /></Part>
    {of.broken.map((one) => <Part key={one.why} icon="note" tone="bad" runs={one} of={of} says="unreadable">
      <pre>{one.why}</pre></Part>)}
  </>;
}

/** Nothing where there are no such runs. */
function Part({ icon, tone, runs, of, says, children }: { icon: IconName; tone: string; runs: SomeRuns;
  of: CodeWorkflow; says: string; children: ComponentChildren }): JSX.Element | null {
  if (runs.runs === 0) return null;
  return <section class="part">
    <h3><Icon name={icon} size={15} class={`tone-${tone}`} /> <b>{count(runs.runs, "run")} of {of.name}</b>, {says}</h3>
    <Names runs={runs} />{children}</section>;
}

/** Runs by name, each a link; at an event if one is told. */
function Names({ runs: { runs, named }, e }: { runs: SomeRuns; e?: number }): JSX.Element {
  return <p class="names">{named.map(({ runId, name, parked }) => <span key={runId}>
    <a href={address(`/runs/${runId}`, { e })}>{name}</a>{parked && <span class="faint"> set aside</span>}</span>)}
  {runs > named.length && <span class="faint">and {number(runs - named.length)} more</span>}</p>;
}

function Parting({ one, of }: { one: CodeDifference; of: CodeWorkflow }): JSX.Element {
  const { after, recorded, issued } = one, [first] = one.named;
  const asks = useMemo(() => patchFor(one, `${of.name}-2`), [one]);
  return <Part icon="park" tone="bad" runs={one} of={of} says={one.cause}>
    <div class="sides">
      <Side word="History" side={recorded} look="gone" version={one.began.length === 1 ? one.began[0] : undefined} />
      <Side word="Code now" side={issued} look="came" version={of.version ?? undefined} /></div>
    <details open><summary>What to do next</summary><ul class="ways">
      <li><b>Keep both ways.</b> Runs that had passed this line go on as they began, new ones take the new way:
        <Command text={asks} /></li>
      <li><b>Let them end on their own code:</b> run a worker with the version that began them. With
        {" "}<code>evolve: "pin"</code> runs never change their code; with <code>"append"</code>, the default, they do
        where it only adds.</li>
      {first !== undefined && <li><b>Take one over.</b> <a href={address(`/runs/${first.runId}`, { e: after.seq })}>Fork
        {" "}{first.name} at event {number(after.seq)}</a>, the last on which both agree: the fork takes the new way
        from there. Then cancel the old run.</li>}
      <li><b>Undo the edit.</b> They go on at once.</li></ul></details>
  </Part>;
}

function Side({ word, side, look, version }: { word: string; side: CodeSide | null; look: string;
  version: string | undefined }): JSX.Element {
  const lines = useMemo(() => tokenLines(side?.code?.lines.join("\n") ?? ""), [side?.code]);
  return <figure class={`side ${look}`}><figcaption><b>{word}</b>
    {version !== undefined && version !== "" && <code class="faint" title={version}>{shortId(version)}</code>}
    <span class="grow" />{side !== null && <code class="cut" title={side.site}>{side.site?.split(" ")[0] ?? ""}</code>}
  </figcaption>
  {side === null ? <p class="faint lead">Nothing is decided here.</p> : <>
    <p class="lead cut">{side.type} <code>{side.key}</code></p>
    {side.code === undefined ? <p class="faint lead">{side.site === undefined ? "The place in the code is not known."
      : "The sources of that version were not kept."}</p>
      : <div class="source" tabIndex={0} role="region"
        aria-label={`${word}: ${side.code.file}, line ${side.code.line}`}>
        {lines.map((tokens, i) => {
          const n = (side.code?.from ?? 1) + i, here = n === side.code?.line;
          return <div key={n} class={`code-line${here ? " meant" : ""}`}><span class="num faint">{n}</span>
            <code><Tokens tokens={tokens} /></code></div>;
        })}</div>}</>}
  </figure>;
}

/** Set aside once, though the code fits now: somebody has mended it. */
function Aside({ of }: { of: CodeWorkflow }): JSX.Element {
  const busy = useSignal(false), { aside } = of;
  const resume = async (): Promise<void> => {
    busy.value = true;
    const by = who.peek().trim();
    try {
      for (const { runId } of aside.named) await act(runId, "resume", by === "" ? {} : { by });
      say(`${count(aside.named.length, "run goes", "runs go")} on where there is a worker for ${of.name}`);
    } catch (error) { say(asProblem(error).message, true) }
    busy.value = false;
  };
  return <Part icon="play" tone="ok" runs={aside} of={of} says="set aside, and the code fits now">
    <p><button class="main" disabled={busy.value} onClick={() => { void resume() }}><Icon name="play" size={13} />
      {busy.value ? "Asking…" : `Let ${count(aside.named.length, "run")} go on`}</button></p></Part>;
}

function Command({ text }: { text: string }): JSX.Element {
  return <div class="command"><pre>{text}</pre><button class="quiet square tiny" title="Copy"
    aria-label={`Copy ${text}`} onClick={() => { void copy(text, "it") }}><Icon name="copy" size={13} /></button></div>;
}

function NoCode({ workflows }: { workflows: readonly CodeWorkflow[] }): JSX.Element {
  return <section class="part"><h3><Icon name="off" size={15} class="tone-off" /> <b>This server has none of your
    code</b>, so it cannot say which of them would go on</h3>
  <p>Where your files are, the terminal says it, and ends with 3 if one would be set aside:</p>
  <Command text={checkCommand(workflows)} />
  <p>Named when the server starts, they are compared here, at every save:</p>
  <Command text={checkCommand(workflows).replace("check", "server start")} /></section>;
}

function NoneInFlight(): JSX.Element {
  return <div class="fill"><Empty title="No run is in flight">
    <p>A run that waits for days meets new code. It goes on if the code decides what its history says; else it is set
      aside, untouched. This page says before that, at every save, which runs would be, and at which line.</p>
    <p>A change that they do not fit is asked about, and the answer is recorded:</p>
    <pre>{`const sent = patched("letter")
  ? await letter(name)   // runs from now on
  : await email(name);   // those that had passed this line`}</pre>
    <p>Before a deploy:</p><pre>npx reprise check order.ts</pre></Empty></div>;
}
