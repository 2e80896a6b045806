/** What the run shows at the focus: attributes, progress, artifacts, streams, and the updates that it was asked for. */
import type { JSX } from "preact";
import type { Json, Payload } from "../../engine/core/events.ts";
import type { ShownView, UpdateView } from "../../engine/core/view.ts";
import { count, duration, number, offset } from "../model/format.ts";
import { errorLine, shownPayload } from "../model/payload.ts";
import { preview } from "../model/shown.ts";
import { EventLink } from "./event-link.tsx";
import { JsonTree, Value } from "./json-tree.tsx";
import { Empty } from "./notices.tsx";
import type { Session } from "./session.ts";
import { Fact } from "./tab-event.tsx";
import { cursorOf } from "./tab-state.tsx";

/** Rows of a table and items of a stream that are drawn; the rest is counted. */
const MOST = 200;

/** The tab. */
export function ShownTab({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  const view = cursorOf(run).at(run.seq.value); // read at once: the cursor may move for another part of the page
  const shown = [...view.shown.values()], updates = [...view.updates.values()];
  const attributes = shown.filter((one) => one.kind === "attribute");
  if (shown.length + view.streams.size + updates.length === 0) return <Empty title="Nothing is shown up to here">
    <p>What code shows with <code>attributes()</code>, <code>progress()</code>, <code>artifact.table()</code> or a
      stream stands here as it was at this event; and so do the updates that others asked for.</p></Empty>;
  return <>
    {attributes.length > 0 && <section><h2>Attributes</h2><dl class="facts">{attributes.map((one) =>
      <Fact key={one.name} word={one.name}><Value value={shownPayload(one.value)} /></Fact>)}</dl></section>}
    {shown.filter((one) => one.kind !== "attribute").map((one) => <section key={`${one.kind} ${one.name}`}>
      <h2>{one.kind === "progress" && one.name === "run" ? "the run" : one.name}
        {" "}<span class="faint">{one.kind}, <EventLink seq={one.seq}>{
          offset(one.at - run.history.startAt)}</EventLink></span></h2>
      <Artifact one={one} /></section>)}
    {Array.from(view.streams, ([name, items]) => <Stream key={name} name={name} items={[...items]} />)}
    {updates.length > 0 && <section><h2>Updates <span class="faint">{count(updates.length, "update")}</span></h2>
      <ol class="attempts">{updates.slice(-MOST).map((one) => <Update key={one.id} run={run} one={one} />)}</ol>
    </section>}
  </>;
}

/** A payload as plain JSON; undefined where it is none. */
function plain(value: Payload | undefined): Json | undefined {
  return value !== undefined && "p" in value ? value.p : undefined;
}
function Artifact({ one }: { one: ShownView }): JSX.Element {
  const json = plain(one.value);
  const rest = <JsonTree id={`shown ${one.kind} ${one.name}`} root={shownPayload(one.value)} base={one.name} />;
  switch (one.kind) {
    case "progress": return <Progress json={json} /> ;
    case "table": return Array.isArray(json) ? <Table rows={json} name={one.name} /> : rest;
    // As text: what a run writes never becomes a part of the page.
    case "markdown": return typeof json === "string" ? <pre class="shown-text" tabIndex={0}>{json}</pre> : rest;
    case "link": return typeof json === "string" ? <Link to={json} /> : rest;
    case "image": return typeof json === "string" && /^(data:image\/|\/)/i.test(json)
      ? <img class="shown-image" src={json} alt={one.name} /> : typeof json === "string" ? <Link to={json} /> : rest;
    default: return rest;
  }
}
function Link({ to }: { to: string }): JSX.Element {
  return /^(https?:\/\/|\/(?!\/))/i.test(to) ? <p><a href={to} target="_blank" rel="noopener noreferrer">{to}</a></p>
    : <p><code>{to}</code></p>;
}
function Progress({ json }: { json: Json | undefined }): JSX.Element {
  const part = (name: string): number | undefined => {
    const value: unknown = typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
    return typeof value === "number" ? value : undefined;
  };
  const done = part("done") ?? 0, of = part("of");
  return <label class="field block">{of === undefined || of === 1 ? `${number(Math.round(done * 100))} %`
    : `${number(done)} of ${number(of)}`}<progress class="shown-bar" max={of ?? 1} value={done} /></label>;
}
function Table({ rows, name }: { rows: readonly Json[]; name: string }): JSX.Element {
  const records = rows.slice(0, MOST).map((row) => typeof row === "object" && row !== null && !Array.isArray(row)
    ? new Map<string, Json>(Object.entries(row)) : new Map<string, Json>([["value", row]]));
  const names = [...new Set(records.flatMap((row) => [...row.keys()]))];
  return <><div class="shown-table" tabIndex={0} role="region" aria-label={`Table ${name}`}><table>
    <thead><tr>{names.map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
    <tbody>{records.map((row, i) => <tr key={i}>{names.map((one) => <td key={one}>{cell(row.get(one))}</td>)}</tr>)}
    </tbody></table></div>
  {rows.length > MOST && <p class="faint">and {number(rows.length - MOST)} more rows</p>}</>;
}
function cell(value: Json | undefined): string {
  return value === undefined ? "" : typeof value === "string" ? value : preview(shownPayload({ p: value }), 60);
}
function Stream({ name, items }: { name: string; items: readonly ShownView[] }): JSX.Element {
  const shown = items.slice(-MOST), before = items.length - shown.length;
  return <section><h2>{name} <span class="faint">stream, {count(items.length, "item")}</span></h2>
    {before > 0 && <p class="faint">{number(before)} earlier items left out</p>}
    <ol class="chain">{shown.map((one, i) => <li key={one.seq}><span class="num faint">{before + i} </span>
      <EventLink seq={one.seq}>{preview(shownPayload(one.value), 90)}</EventLink></li>)}</ol></section>;
}
function Update({ run, one }: { run: Session; one: UpdateView }): JSX.Element {
  const seq = run.history.seqsOf(`update:${one.id}`)[0];
  return <li><p><b>{one.name}</b> {preview(shownPayload(one.input), 60)} <span class="faint">{seq === undefined ? ""
    : <EventLink seq={seq}>{offset(one.receivedAt - run.history.startAt)}</EventLink>}</span></p>
    <p class="why">{one.state === "open" ? `not answered yet, after ${duration(run.until.value - one.receivedAt)}`
      : one.error !== undefined ? errorLine(one.error) : `replied ${preview(shownPayload(one.result), 60)}`}</p></li>;
}
