/** The forms that a run waits for, above everything else: drawn from the JSON schema of the answer. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Json } from "../../engine/core/events.ts";
import { answerOf, fieldsOf, refusalsOf, type Problems } from "../model/form.ts";
import { ago } from "../model/format.ts";
import type { Problem } from "../model/wire.ts";
import { act, asProblem, waitsOf, type OpenWait } from "./api.ts";
import { FieldPart, WhoField } from "./form-fields.tsx";
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
