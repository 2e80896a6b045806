/** The forms that a run waits for, above everything else: drawn from the JSON schema of the answer. */
import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId } from "preact/hooks";
import type { Json } from "../../engine/core/events.ts";
import { answerOf, fieldsOf, refusalsOf, type Field, type Problems } from "../model/form.ts";
import { ago } from "../model/format.ts";
import type { Problem } from "../model/wire.ts";
import { act, asProblem, waitsOf, type OpenWait } from "./api.ts";
import { Icon } from "./icons.tsx";
import { say, Trouble } from "./notices.tsx";
import type { Session } from "./session.ts";
import { who } from "./settings.ts";

/** All open forms of a run; the first one is open. */
export function AskBand({ run }: { run: Session }): JSX.Element | null {
  const waits = useSignal<readonly OpenWait[]>([]), open = run.forms.value.map((call) => call.key).join("\n");
  useEffect(() => {
    let over = false;
    waitsOf(run.id).then((found) => { if (!over) waits.value = found.waits.filter((wait) => wait.kind === "form") },
      () => { /* the run's own page says what is wrong */ });
    return () => { over = true };
  }, [open]);
  const shown = waits.value.filter((wait) => run.forms.value.some((call) => call.key === wait.key));
  if (shown.length === 0) return null;
  return <section class="asks" aria-label="Waiting for an answer">{shown.map((wait, i) => <details key={wait.key}
    open={i === 0}><summary><Icon name="signal" size={14} class="tone-wait" /> <b>{wait.description ?? wait.name}</b>
      <span class="faint"> {wait.description === null ? "" : `${wait.name}, `}asked {ago(wait.since, run.until.value)}
        {wait.until !== null && <>, until {ago(wait.until, run.until.value)}</>}</span></summary>
    <AskForm run={run} wait={wait} /></details>)}</section>;
}

function AskForm({ run, wait }: { run: Session; wait: OpenWait }): JSX.Element {
  const fields = fieldsOf(wait.schema ?? undefined, wait.name), busy = useSignal(false);
  const texts = useSignal<{ readonly [name: string]: string }>({}), problems = useSignal<Problems>({});
  const trouble = useSignal<Problem | undefined>(undefined);
  const send = (): void => {
    const answer = answerOf(fields, texts.value);
    trouble.value = undefined;
    problems.value = "problems" in answer ? answer.problems : {};
    if ("problems" in answer) return;
    busy.value = true;
    act(run.id, "answer", bodyOf(wait.key, answer.value)).then(({ pending }) => {
      say(pending === true ? "The answer is left for the run; it is checked when a worker reads it"
        : "The run took the answer");
      busy.value = pending === true;
    }, (error: unknown) => {
      const found = asProblem(error), { problems: at, rest } = refusalsOf(found.message, fields);
      problems.value = at;
      trouble.value = rest === "" ? undefined : { ...found, message: rest };
      busy.value = false;
    });
  };
  return <form class="ask" noValidate onSubmit={(event) => { event.preventDefault(); send() }}>
    <div class="ask-fields">{fields.map((field) => <FieldPart key={field.name} field={field} texts={texts}
      problem={problems.value[field.name]} />)}</div>
    {trouble.value !== undefined && <Trouble problem={trouble.value} />}
    <div class="row"><WhoField /><span class="grow" />
      <button class="main" disabled={busy.value}>{busy.value ? "Asking…" : "Answer"}</button></div>
  </form>;
}
function bodyOf(name: string, value: Json | undefined): Json {
  return { name, ...(value !== undefined && { value }), ...(who.value.trim() !== "" && { by: who.value.trim() }) };
}

/** The reader's name, kept in this browser. */
export function WhoField({ required = false }: { required?: boolean }): JSX.Element {
  return <label class="field"><span class="faint">by</span><input aria-label="Your name, for the history" name="by"
    placeholder="your name" autocomplete="name" required={required} value={who.value}
    onInput={(event) => { who.value = event.currentTarget.value }} /></label>;
}

interface Part { readonly field: Field; readonly texts: Signal<{ readonly [name: string]: string }>;
  readonly problem: string | undefined }
function FieldPart({ field, texts, problem }: Part): JSX.Element {
  const id = useId(), said = `${id}-said`, { name, kind } = field, value = texts.value[name] ?? field.first;
  const set = (text: string): void => { texts.value = { ...texts.value, [name]: text } };
  const common = { id, name, value, "aria-invalid": problem !== undefined, "aria-describedby": said,
    onInput: (event: JSX.TargetedEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) => {
      set(event.currentTarget.value) } };
  return <div class={`ask-field kind-${kind}`} {...(kind === "boolean" ? { role: "radiogroup",
    "aria-labelledby": `${id}-label`, "aria-describedby": said } : {})}>
    {kind === "boolean" ? <span id={`${id}-label`} class="label">{labelOf(field)}</span>
      : <label for={id}>{labelOf(field)}</label>}
    {kind === "boolean" ? <span class="row">{["true", "false"].map((one) => <label class="check" key={one}>
      <input type="radio" name={`${id}-${name}`} checked={value === one} onChange={() => { set(one) }} />
      {one === "true" ? "yes" : "no"}</label>)}</span>
      : kind === "choice" ? <select {...common}><option value="">choose…</option>{field.choices.map((choice) =>
        <option key={JSON.stringify(choice)} value={JSON.stringify(choice)}>{typeof choice === "string" ? choice
          : JSON.stringify(choice)}</option>)}</select>
      : kind === "json" ? <textarea rows={3} spellcheck={false} placeholder="JSON" {...common} />
      : <input type={TYPES[kind]} {...(kind === "number" ? { step: "any", inputMode: "decimal" as const } : {})}
        autocomplete="off" {...common} />}
    <p id={said} class={problem === undefined ? "faint" : "tone-bad"}>{problem ?? field.description ?? ""}</p>
  </div>;
}
const TYPES = { text: "text", number: "text", date: "date", instant: "datetime-local" } as const;
function labelOf(field: Field): string { return field.required ? field.label : `${field.label}, if any` }
