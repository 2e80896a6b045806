/** What the run's code wrote, pinned to its events: lines after the focus are pale. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { count, offset } from "../model/format.ts";
import { eventOfLine, filterLogs, linesUpTo, logText } from "../model/logs.ts";
import { LOG_LEVELS, type LogLevel, type LogLine } from "../model/wire.ts";
import { Icon } from "./icons.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { change, param } from "./place.ts";
import { download } from "./files.ts";
import type { Session } from "./session.ts";
import { focusOn } from "./view.ts";
import { Windowed } from "./windowed.tsx";

const ROW = 23;

/** The tab. */
export function LogsTab({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  useEffect(() => { run.wantLogs() }, [run.version.value]);
  const words = useSignal("");
  const logs = run.logs.value, wanted = param("level");
  if (logs.state === "failed") return <Trouble problem={logs.problem} />;
  if (logs.state === "loading") return <p class="loading">Loading the log…</p>;
  const least = LOG_LEVELS.find((level) => level === wanted) ?? "debug";
  const event = run.history.event(run.seq.value), call = event && run.history.callOf(event);
  const mine = param("logs") === "task" && call !== undefined ? { key: call.key } : {};
  const lines = filterLogs(logs.value, { least, words: words.value, ...mine });
  const until = linesUpTo(lines, run.history, run.seq.value);
  return <div class="fill-panel">
    <div class="row tools">
      <label class="field search small"><Icon name="search" size={13} /><span class="hidden">Search the log</span>
        <input type="search" placeholder="Search" value={words.value}
          onInput={(event) => { words.value = event.currentTarget.value }} /></label>
      <label class="field"><span class="hidden">Least level</span><select value={least}
        onChange={(event) => { change({ level: event.currentTarget.value === "debug" ? undefined
          : event.currentTarget.value }) }}>{LOG_LEVELS.map((level) => <option key={level} value={level}>{LEVELS[level]}
        </option>)}</select></label>
      {call !== undefined && <label class="check"><input type="checkbox" checked={param("logs") === "task"}
        onChange={(event) =>
          { change({ logs: event.currentTarget.checked ? "task" : undefined }) }} /> this call</label>}
      <span class="grow" />
      <button class="quiet square" title="Download the lines shown" aria-label="Download the lines shown"
        onClick={() => { download(`${run.id}.log`, logText(lines), "text/plain") }}><Icon name="down2" /></button>
    </div>
    {lines.length === 0 ? <Empty title={logs.value.length === 0 ? "This run has written nothing" : "No line has that"}>
      {logs.value.length === 0 && <p>What a workflow or a task writes with <code>console.log()</code> stands
        here, beside the event at which it was written.</p>}</Empty>
      : <Windowed class="fill logs" label="Log" count={lines.length} rowHeight={ROW} reveal={until - 1}
        row={(i) => { const line = lines[i]; return line && <Line key={i} run={run} line={line}
          late={i >= until} />; }} />}
    <p class="faint lead">{count(until, "line")} of {lines.length} up to this event</p>
  </div>;
}
const LEVELS: { readonly [L in LogLevel]: string } = { debug: "all levels", info: "info and above",
  warn: "warnings and above", error: "errors and above", critical: "critical only" };

function Line({ run, line, late }: { run: Session; line: LogLine; late: boolean }): JSX.Element {
  return <div class={`log-line level-${line.level}${late ? " late" : ""}`} role="listitem">
    <span class="num faint">{offset(line.at - run.history.startAt)}</span>
    <span class="level">{line.level}</span>
    <button class="over cut" title={line.message} onClick={() => { focusOn(eventOfLine(line, run.history)) }}>
      {line.message}{line.data !== undefined && <span class="faint"> {line.data}</span>}</button>
  </div>;
}
