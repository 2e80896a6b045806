/** Fields of a form that is drawn from a JSON schema, each with what is wrong with it; and the reader's name. */
import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { Field } from "../model/form.ts";
import { who } from "./settings.ts";

/** The reader's name, kept in this browser. */
export function WhoField({ required = false }: { required?: boolean }): JSX.Element {
  return <label class="field"><span class="faint">by</span><input aria-label="Your name, for the history" name="by"
    placeholder="your name" autocomplete="name" required={required} value={who.value}
    onInput={(event) => { who.value = event.currentTarget.value }} /></label>;
}

interface Part { readonly field: Field; readonly texts: Signal<{ readonly [name: string]: string }>;
  readonly problem: string | undefined }
/** One field, with its description or what is wrong with it. */
export function FieldPart({ field, texts, problem }: Part): JSX.Element {
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
