/** The dialogs of the actions. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Json, Payload } from "../../engine/core/events.ts";
import { isTimeout, titleOf, type Call } from "../model/calls.ts";
import { count, duration, number } from "../model/format.ts";
import { shownPayload } from "../model/payload.ts";
import { forkPlan, namedCalls } from "../model/plan.ts";
import { preview } from "../model/shown.ts";
import type { Problem } from "../model/wire.ts";
import { act, asProblem, payloadOf, type ForkPlace, type Verb } from "./api.ts";
import { Sheet, shut } from "./dialogs.tsx";
import { WhoField } from "./form-fields.tsx";
import { say, Trouble } from "./notices.tsx";
import { visit } from "./place.ts";
import type { Session } from "./session.ts";
import { who } from "./settings.ts";

/** Asks the server, shows what it refuses, and says what was done. */
function useAction(run: Session, verb: Verb): { readonly busy: boolean; readonly problem: Problem | undefined;
  readonly go: (body: Json, done: string) => void } {
  const busy = useSignal(false), problem = useSignal<Problem | undefined>(undefined);
  return { busy: busy.value, problem: problem.value, go(body, done) {
    busy.value = true;
    problem.value = undefined;
    act(run.id, verb, body).then(({ run: made, pending, error, reply }) => {
      if (error !== undefined) {
        problem.value = { code: "UPDATE_FAILED", message: error };
        busy.value = false;
        return;
      }
      shut();
      say(pending === true ? "It is left for the run, until a worker reads it" : reply === undefined ? done
        : `${done}: ${preview(shownPayload(reply), 120)}`);
      if (made !== undefined && made !== run.id) visit(`/runs/${verb === "fork" ? `${run.id}/vs/` : ""}${made}`);
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
const byWhom = (): { readonly by?: string } => who.value.trim() === "" ? {} : { by: who.value.trim() };

const SAYS: { readonly [V in "cancel" | "pause" | "resume" | "retry"]: string } = {
  cancel: "The run is asked to stop: what is under way is aborted, its cleanup runs, and it ends as cancelled.",
  pause: "What is under way ends; nothing new is decided or begun until you resume the run.",
  resume: "The run goes on where it stands. Nothing that is recorded runs again.",
  retry: "A new run begins with this one's past and goes on from the call that failed. This run stays as it is.",
};
const DONE: { readonly [V in "cancel" | "pause" | "resume" | "retry"]: string } = { cancel: "Asked the run to stop",
  pause: "Asked the run to pause", resume: "The run goes on", retry: "The run is tried again" };

/** Cancel, pause, resume, retry. */
export function AskDialog({ run, verb, word }: { run: Session; verb: keyof typeof SAYS; word: string }): JSX.Element {
  const { busy, problem, go } = useAction(run, verb);
  const place = usePlace(run, verb === "retry" ? { verb, body: {} } : undefined);
  return <Form title={`${word} ${run.row.value?.name ?? "the run"}?`} send={(data) => {
    const reason = textOf(data, "reason");
    go(verb === "cancel" ? reason === "" ? {} : { reason } : byWhom(), DONE[verb]);
  }}>
    <p>{SAYS[verb]}</p>
    {verb === "retry" && <PlanPart run={run} place={place} />}
    {verb === "cancel" ? <label class="field block">Reason, for the history<input name="reason"
      autocomplete="off" /></label> : <p class="row"><WhoField /></p>}
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word={word} busy={busy} danger={verb === "cancel"} />
  </Form>;
}

/** What the server says of a retry or a fork before it is made. */
interface Place { readonly plan: ForkPlace | undefined; readonly problem: Problem | undefined }
const SETTLE_MS = 250;
function usePlace(run: Session, asked: { readonly verb: "retry" | "fork"; readonly body: { readonly [name: string]: Json
}; } | undefined): Place {
  const found = useSignal<Place>({ plan: undefined, problem: undefined }), text = JSON.stringify(asked);
  useEffect(() => {
    if (asked === undefined) return undefined;
    let over = false;
    const timer = setTimeout(() => {
      act(run.id, asked.verb, { ...asked.body, dryRun: true }).then(({ plan }) => {
        if (!over) found.value = { plan, problem: undefined };
      }, (error: unknown) => { if (!over) found.value = { plan: undefined, problem: asProblem(error) } });
    }, found.peek().plan === undefined ? 0 : SETTLE_MS);
    return () => { over = true; clearTimeout(timer) };
  }, [text]);
  return found.value;
}

/** What is kept, what runs again, what is decided anew. */
function PlanPart({ run, place }: { run: Session; place: Place }): JSX.Element {
  const { plan, problem } = place;
  if (problem !== undefined) return <Trouble problem={problem} />;
  if (plan === undefined) return <p class="faint" role="status">Asking what would be kept…</p>;
  const { kept, again, anew, savedMs } = forkPlan(run.history, plan.seqs), { replaced, injected } = plan;
  const other = new Set([...replaced, ...injected]);
  const rows = [["Kept", kept.filter((call) => !other.has(call.key)),
    `${duration(savedMs)} of work that does not run again`],
  ["Done anew", again.filter((call) => !other.has(call.key)), "under way or failed at that point"],
  ["Decided anew", anew, "called later: the code goes its own way"]] as const;
  return <section aria-label="What will happen" role="status"><p>Events 1 to {number(plan.seqs)} are shared: nothing of
    them runs again.</p><dl class="plan">
    {other.size > 0 && <div><dt>Replaced <span class="faint">{count(other.size, "result")}</span></dt>
      <dd><code>{[...other].join(", ")}</code></dd></div>}
    {rows.map(([word, calls, why]) => calls.length === 0 ? null : <div key={word}>
      <dt>{word} <span class="faint">{count(calls.length, "call")}</span></dt>
      <dd>{namedCalls(calls)} <span class="faint">· {why}</span></dd></div>)}</dl></section>;
}

function parsed(text: string): Json | undefined {
  // what JSON.parse gives is JSON
  try { return text === "" ? undefined : JSON.parse(text) as Json } catch { return undefined }
}
const NO_JSON = "The value is not JSON. Texts have quotes: \"yes\"";
/** A value as JSON; `wrong` is said below it. */
function ValueField({ word, wrong, rows = 6 }: { word: string; wrong: boolean; rows?: number }): JSX.Element {
  return <><label class="field block">{word}, as JSON<textarea name="value" rows={rows} spellcheck={false}
    aria-invalid={wrong} /></label>{wrong && <p class="tone-bad" role="alert">{NO_JSON}</p>}</>;
}

/** A signal or an update. */
export function SendDialog({ run, verb }: { run: Session; verb: "signal" | "update" }): JSX.Element {
  const { busy, problem, go } = useAction(run, verb), wrong = useSignal(false);
  const awaited = verb === "update" ? [] : [...new Set([...run.history.open].filter((call) =>
    call.wait?.kind === "signal").map((call) => call.name))];
  return <Form title={verb === "signal" ? "Send a signal" : "Ask for an update"} send={(data) => {
    const text = textOf(data, "value"), value = parsed(text);
    wrong.value = text !== "" && value === undefined;
    if (!wrong.value) go({ name: textOf(data, "name"), ...(value !== undefined && { value }) },
      verb === "signal" ? "The signal is sent" : "The run did it");
  }}>
    <p>{verb === "signal" ? "The oldest wait for its name gets it; where nothing waits it is kept until the code asks."
      : "The run's handler of this name checks it, does it and replies."}</p>
    <label class="field block">Name<input name="name" required autocomplete="off" list="awaited"
      defaultValue={awaited[0] ?? ""} /></label>
    <datalist id="awaited">{awaited.map((name) => <option key={name} value={name} />)}</datalist>
    <ValueField word="Value" wrong={wrong.value} />
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word={verb === "signal" ? "Send" : "Ask"} busy={busy} />
  </Form>;
}

/** An open call, settled by a person. */
export function InjectDialog({ run, call }: { run: Session; call?: Call | undefined }): JSX.Element {
  const { busy, problem, go } = useAction(run, "inject"), wrong = useSignal(false);
  const open = [...run.history.open].filter((one) => !isTimeout(one)).slice(0, MOST_OPEN);
  return <Form title="Settle an open call" send={(data) => {
    const text = textOf(data, "value"), value = parsed(text);
    wrong.value = text !== "" && value === undefined;
    if (!wrong.value) go({ key: textOf(data, "key"), ...(value !== undefined && { value }), by: textOf(data, "by"),
      reason: textOf(data, "reason") }, "The call is settled");
  }}>
    <p>The code goes on as if the call had given this value. The history keeps who did it and why.</p>
    <label class="field block">Call<select name="key" required defaultValue={call?.key ?? open[0]?.key ?? ""}>
      {open.map((one) => <option key={one.key} value={one.key}>{one.key}</option>)}</select></label>
    <ValueField word="Value" wrong={wrong.value} rows={4} />
    <label class="field block">Why<input name="reason" required autocomplete="off" /></label>
    <p class="row"><WhoField required /></p>
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word="Settle it" busy={busy} danger />
  </Form>;
}
const MOST_OPEN = 200;

/** A new run from an event on; with a call, its result put in another way. */
export function ForkDialog({ run, at, call }: { run: Session; at: number; call?: Call | undefined }): JSX.Element {
  const { busy, problem, go } = useAction(run, "fork");
  const before = useSignal<string | undefined>(call === undefined ? "" : recordedText(call.result));
  const text = useSignal(before.value ?? "");
  const ref = call?.result !== undefined && "ref" in call.result ? call.result.ref : undefined;
  useEffect(() => {
    if (ref === undefined) return;
    payloadOf(ref).then((payload) => { before.value = text.value = recordedText(payload) ?? "" },
      () => { /* the field stays empty */ });
  }, [ref]);
  const value = parsed(text.value), edited = call !== undefined && text.value.trim() !== (before.value ?? "").trim();
  const wrong = edited && text.value.trim() !== "" && value === undefined;
  const body = edited && value !== undefined ? { edit: { [call.key]: value } } : { at };
  const place = usePlace(run, { verb: "fork", body });
  return <Form title={call === undefined ? `Fork from event ${at}` : `Fork with another result of ${titleOf(call)}`}
    send={() => { if (!wrong) go({ ...body, ...byWhom() }, "The fork has begun") }}>
    <p>A new run begins that shares this one's past. This run stays as it is.</p>
    {call !== undefined && <><label class="field block">Result of {titleOf(call)} in the fork, as JSON
      <textarea name="edit" rows={8} spellcheck={false} aria-invalid={wrong} value={text.value}
        onInput={(event) => { text.value = event.currentTarget.value }} /></label>
      {wrong && <p class="tone-bad" role="alert">{NO_JSON}</p>}
      {before.value === undefined && ref === undefined && <p class="faint">What is recorded cannot be said in JSON
        (a Date, a Map); what you write here takes its place.</p>}
      {text.value.includes("[redacted]") && <p class="tone-wait">The server hides parts of this value. What stays
        “[redacted]” becomes that very text in the fork.</p>}</>}
    <PlanPart run={run} place={place} />
    <p class="row"><WhoField /></p>
    {problem !== undefined && <Trouble problem={problem} />}
    <Buttons word="Fork" busy={busy || wrong} />
  </Form>;
}
/** A payload as JSON to edit; undefined where JSON cannot say it. */
function recordedText(payload: Payload | undefined): string | undefined {
  if (payload === undefined) return "";
  return "p" in payload ? JSON.stringify(payload.p, null, 2) : undefined;
}
