/** The dialogs of the actions. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import type { Json } from "../../engine/core/events.ts";
import { titleOf } from "../model/calls.ts";
import { count, duration } from "../model/format.ts";
import { forkPlan, namedCalls, retryPlan, type Plan } from "../model/plan.ts";
import { PACKED_FROM, recordingPage, recordingText } from "../model/recording.ts";
import type { Problem } from "../model/wire.ts";
import { act, asProblem, type Verb } from "./api.ts";
import { Sheet, shut } from "./dialogs.tsx";
import { download, pack } from "./files.ts";
import { Icon } from "./icons.tsx";
import { say, Trouble } from "./notices.tsx";
import { visit } from "./place.ts";
import { embedded } from "./recorded.tsx";
import type { Session } from "./session.ts";

/** Asks the server, shows what it refuses, and says what was done. */
function useAction(run: Session, verb: Verb): { readonly busy: boolean; readonly problem: Problem | undefined;
  readonly go: (body: Json, done: string) => void } {
  const busy = useSignal(false), problem = useSignal<Problem | undefined>(undefined);
  return { busy: busy.value, problem: problem.value, go(body, done) {
    busy.value = true;
    problem.value = undefined;
    act(run.id, verb, body).then(({ run: made }) => {
      shut();
      say(done);
      if (made !== undefined && made !== run.id) visit(`/runs/${verb === "fork" ? `${run.id}/vs/` : ""}${made}`);
      else if (verb === "retry" || verb === "resume") location.reload();
    }, (error: unknown) => { problem.value = asProblem(error); busy.value = false });
  } };
}

function Buttons({ word, busy, danger = false }: { word: string; busy: boolean; danger?: boolean }): JSX.Element {
  return <div class="row buttons-row"><span class="grow" /><button type="button" class="quiet"
    onClick={shut}>Leave it</button>
    <button class={danger ? "main danger" : "main"} disabled={busy}>{busy ? "Asking…" : word}</button></div>;
}
function Form({ title, send, children }: { title: string; send: (data: FormData) => void;
  children: ComponentChildren }): JSX.Element {
  return <Sheet title={title}><form onSubmit={(event) => { event.preventDefault();
    send(new FormData(event.currentTarget)) }}>{children}</form></Sheet>;
}
const textOf = (data: FormData, name: string): string => {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
};

const SAYS: { readonly [V in "cancel" | "pause" | "resume" | "retry"]: string } = {
  cancel: "The run is asked to stop: what is under way is aborted, its cleanup runs, and it ends as cancelled.",
  pause: "What is under way ends; nothing new is decided or begun until you resume the run.",
  resume: "The run goes on where it stands. Nothing that is recorded runs again.",
  retry: "The run is opened again and goes on from the call that failed.",
};
const DONE: { readonly [V in "cancel" | "pause" | "resume" | "retry"]: string } = { cancel: "Asked the run to stop",
  pause: "Asked the run to pause", resume: "The run goes on", retry: "The run is tried again" };

/** Cancel, pause, resume, retry. */
export function AskDialog({ run, verb, word }: { run: Session; verb: keyof typeof SAYS; word: string }): JSX.Element {
  const { busy, problem, go } = useAction(run, verb);
  return <Form title={`${word} ${run.row.value?.name ?? "the run"}?`} send={(data) => {
    const reason = textOf(data, "reason");
    go(reason === "" ? {} : { reason }, DONE[verb]);
  }}>
    <p>{SAYS[verb]}</p>
    {verb === "retry" && <PlanPart plan={retryPlan(run.history)} />}
    {verb === "cancel" && <label class="field block">Reason, for the history<input name="reason"
      autocomplete="off" /></label>}
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word={word} busy={busy} danger={verb === "cancel"} />
  </Form>;
}

/** What is kept, what runs again, what is decided anew. */
function PlanPart({ plan }: { plan: Plan }): JSX.Element {
  const rows = [["Kept", plan.kept, `${duration(plan.savedMs)} of work that does not run again`],
    ["Runs again", plan.again, "under way or failed at that point"],
    ["Decided anew", plan.anew, "called later: the code goes its own way"]] as const;
  return <dl class="plan">{rows.map(([word, calls, why]) => calls.length === 0 ? null : <div key={word}>
    <dt>{word} <span class="faint">{count(calls.length, "task")}</span></dt>
    <dd>{namedCalls(calls)} <span class="faint">· {why}</span></dd></div>)}</dl>;
}

/** A message to the run. */
export function SignalDialog({ run }: { run: Session }): JSX.Element {
  const { busy, problem, go } = useAction(run, "signal");
  const bad = useSignal("");
  return <Form title="Send a signal" send={(data) => {
    const text = textOf(data, "value"), value = parsed(text);
    if (text !== "" && value === undefined) { bad.value = "The value is not JSON."; return }
    go(value === undefined ? { name: textOf(data, "name") } : { name: textOf(data, "name"), value },
      "The signal is sent");
  }}>
    <label class="field block">Name<input name="name" required autocomplete="off" /></label>
    <label class="field block">Value, as JSON<textarea name="value" rows={6} spellcheck={false}
      placeholder="true" /></label>
    {bad.value !== "" && <p class="tone-bad" role="alert">{bad.value}</p>}
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word="Send" busy={busy} />
  </Form>;
}
function parsed(text: string): Json | undefined {
  // what JSON.parse gives is JSON
  try { return text === "" ? undefined : JSON.parse(text) as Json } catch { return undefined }
}

/** A new run from the focus on, with the result at the focus put in another way if wanted. */
export function ForkDialog({ run, at }: { run: Session; at: number }): JSX.Element {
  const { busy, problem, go } = useAction(run, "fork");
  const event = run.history.event(at), bad = useSignal("");
  const call = event?.type === "TaskCompleted" ? run.history.callOf(event) : undefined;
  const plain = call?.result !== undefined && "p" in call.result ? call.result.p : undefined;
  const before = plain === undefined ? "" : JSON.stringify(plain, null, 2);
  return <Form title={`Fork from event ${at}`} send={(data) => {
    const text = textOf(data, "edit"), value = parsed(text);
    if (text !== "" && value === undefined) { bad.value = "The result is not JSON."; return }
    const edited = call !== undefined && text !== before && value !== undefined;
    go(edited ? { at, edit: { [call.key]: value } } : { at }, "The fork has begun");
  }}>
    <p>A new run begins that shares the history up to event {at}. This run stays as it is.</p>
    <PlanPart plan={forkPlan(run.history, at)} />
    {call !== undefined && <label class="field block">Result of {titleOf(call)} in the fork, as JSON
      <textarea name="edit" rows={8} spellcheck={false} defaultValue={before} /></label>}
    {bad.value !== "" && <p class="tone-bad" role="alert">{bad.value}</p>}
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word="Fork" busy={busy} />
  </Form>;
}

/** The run as one file. */
export function ExportDialog({ run }: { run: Session }): JSX.Element {
  const bad = useSignal<Problem | undefined>(undefined);
  const give = (kind: "json" | "html"): void => {
    const made = async (): Promise<void> => {
      const recording = await run.record();
      const name = `${recording.run.name}-${run.id.slice(-6).toLowerCase()}.${kind}`;
      if (kind === "json") download(name, recordingText(recording), "application/json");
      else {
        const page = await fetch("/recording.html");
        if (!page.ok) throw new Error("The server has no page for recordings; export it as JSON.");
        const text = recordingText(recording), packed = text.length > PACKED_FROM ? await pack(text) : undefined;
        download(name, recordingPage(await page.text(), recording, packed), "text/html");
      }
      shut();
    };
    made().catch((error: unknown) => { bad.value = asProblem(error) });
  };
  return <Sheet title="Export this run">
    <p>The file holds the whole history, the log and the sources. Anyone who has it can go through the run as you do
      here, without a server.</p>
    <div class="choice-list">
      {!embedded && <button onClick={() => { give("html") }}><Icon name="play" /><span><b>One page</b>
        <span class="faint">.html, opens in any browser, offline</span></span></button>}
      <button onClick={() => { give("json") }}><Icon name="copy" /><span><b>The data</b>
        <span class="faint">.json, to drop on this page or to read with a program</span></span></button>
    </div>
    {bad.value !== undefined && <Trouble problem={bad.value} />}
    <p class="faint">Values that the server hides are hidden in the file as well.</p>
  </Sheet>;
}
