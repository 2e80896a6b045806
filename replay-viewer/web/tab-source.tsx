/** The source of the version that ran: the line of the focus, and the lines that made calls up to it. */
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { count } from "../model/format.ts";
import { lineFacts, siteOf, throwSite, tokenLines, type LineFact, type Token } from "../model/source.ts";
import { Tokens } from "./code-line.tsx";
import { Icon } from "./icons.tsx";
import { LocalsPanel } from "./locals-panel.tsx";
import { Empty, Trouble } from "./notices.tsx";
import { change, param } from "./place.ts";
import type { Session } from "./session.ts";
import { focusOn } from "./view.ts";
import { Windowed } from "./windowed.tsx";

const ROW = 20;

/** The tab. */
export function SourceTab({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  useEffect(() => { run.wantSources() }, []);
  const sources = run.sources.value, seq = run.seq.value;
  const files = sources.state === "here" ? Object.keys(sources.value.files).sort() : [];
  const site = siteOf(run.history, seq), event = run.history.event(seq);
  const thrown = event !== undefined && "error" in event ? throwSite(event.error, files) : undefined;
  const wanted = param("file");
  const file = files.includes(wanted) ? wanted : files.find((one) => one === (thrown ?? site)?.file) ?? files[0] ?? "";
  const text = sources.state === "here" ? sources.value.files[file] ?? "" : "";
  const lines = useMemo(() => tokenLines(text), [text]);
  if (sources.state === "failed") return <Trouble problem={sources.problem} />;
  if (sources.state === "loading") return <p class="loading">Loading the sources…</p>;
  if (files.length === 0) return <Empty title="No sources were kept for this version" />;
  const facts = lineFacts(run.history, file, seq);
  const here = site?.file === file ? site.line : 0, threw = thrown?.file === file ? thrown.line : 0;
  return <div class="fill-panel">
    <div class="row tools"><label class="field grow"><span class="hidden">File</span><select value={file}
      onChange={(change_) => { change({ file: change_.currentTarget.value }) }}>{files.map((one) =>
        <option key={one} value={one}>{one}</option>)}</select></label>
      <span class="faint" title={sources.value.codeVersion}>code {sources.value.codeVersion.slice(0, 7)},
        as it ran</span>
    </div>
    <Windowed class="fill source" label={`Source of ${file}`} count={lines.length} rowHeight={ROW}
      reveal={(threw || here) - 1} row={(i) => <Line key={i} n={i + 1} tokens={lines[i] ?? []} fact={facts.get(i + 1)}
        here={i + 1 === here} threw={i + 1 === threw} />} />
    <p class="faint lead">{here === 0
      ? `The focus is not in this file${site === undefined ? "" : `, but in ${site.file}`}.`
      : `The focus is at line ${here}${threw > 0 ? `; the error was thrown at line ${threw}` : ""}.`}
      {" "}{count(facts.size, "line")} made calls up to it.</p>
    <LocalsPanel run={run} />
  </div>;
}

function Line({ n, tokens, fact, here, threw }: { n: number; tokens: readonly Token[]; fact: LineFact | undefined;
  here: boolean; threw: boolean }): JSX.Element {
  const look =
    `${fact === undefined ? "" : fact.failed ? " failed" : " ran"}${here ? " here" : ""}${threw ? " threw" : ""}`;
  return <div class={`code-line${look}`} role="listitem" {...(here ? { "aria-current": "true" as const } : {})}>
    <span class="gutter">{fact !== undefined ? <button class="line-fact"
      title={`${count(fact.calls, "call")} here; go to the last`}
      aria-label={`Line ${n}: ${count(fact.calls, "call")}; go to the last`} onClick={() => { focusOn(fact.last.seq) }}>
      {fact.calls > 1 ? fact.calls : <Icon name={fact.failed ? "bad" : "ok"} size={11} />}</button> : null}</span>
    <span class="num faint">{n}</span>
    <code>{threw && <span class="hidden">thrown here: </span>}<Tokens tokens={tokens} /></code>
  </div>;
}
