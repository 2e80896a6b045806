/** The fields of a form, from the JSON schema of its answer; and the answer, from what was typed into them. */
import type { Json } from "../../engine/core/events.ts";

export type FieldKind = "text" | "number" | "boolean" | "choice" | "date" | "instant" | "json";
type Schema = { readonly [keyword: string]: Json };

/** One field. Lists, objects inside, and whatever a schema does not say plainly, are typed as JSON. */
export interface Field {
  /** Its name in the answer; empty when the answer is no object and this is all of it. */
  readonly name: string;
  readonly label: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  /** Left empty it is `null`. */
  readonly nullable: boolean;
  readonly description: string | undefined;
  readonly choices: readonly Json[];
  /** What stands in it at first. */
  readonly first: string;
  readonly schema: Schema;
}

/** The fields for this schema, in its order; one for an answer that is no object. `name` labels that one. */
export function fieldsOf(schema: Json | undefined, name: string): readonly Field[] {
  if (!isRecord(schema)) return [fieldOf("", name, {}, true)];
  const { properties, required, type } = schema;
  if (type !== "object" || !isRecord(properties)) return [fieldOf("", name, schema, true)];
  const needed = isList(required) ? required : [];
  return Object.entries(properties).map(([key, inner]) => fieldOf(key, "", isRecord(inner) ? inner : {},
    needed.includes(key)));
}

function fieldOf(name: string, label: string, whole: Schema, required: boolean): Field {
  const { schema, nullable } = withoutNull(whole);
  const { title, description, default: preset } = whole, choices = choicesOf(schema), kind = kindOf(schema, choices);
  const said = typeof title === "string" ? title : label === "" ? spaced(name) : label;
  return { name, label: said, kind, choices, nullable,
    required: required && preset === undefined, schema,
    description: typeof description === "string" ? description : undefined, first: preset === undefined ? ""
      : textOf(preset, kind) };
}

/** The texts of fields that show this value; a field that the value has nothing for is left out. */
export function textsOf(fields: readonly Field[], value: Json): { readonly [name: string]: string } {
  return Object.fromEntries(fields.flatMap(({ name, kind }) => {
    const own = name === "" ? value : isRecord(value) ? value[name] : undefined;
    return own === undefined || own === null ? [] : [[name, textOf(own, kind)]];
  }));
}

/** A value as its field shows it. */
function textOf(value: Json, kind: FieldKind): string {
  return typeof value === "string" && kind !== "json" && kind !== "choice" ? value : JSON.stringify(value);
}
/** `null` or something: the something. */
function withoutNull(schema: Schema): { readonly schema: Schema; readonly nullable: boolean } {
  const ways = schema["anyOf"] ?? schema["oneOf"] ?? null, { type } = schema;
  if (isList(ways)) {
    const others = ways.filter((one) => !(isRecord(one) && one["type"] === "null")), [only] = others;
    if (others.length === 1 && others.length < ways.length && isRecord(only)) return { schema: only, nullable: true };
  }
  if (type !== undefined && isList(type)) {
    const others = type.filter((one) => one !== "null"), [only] = others;
    if (others.length === 1 && only !== undefined) return { schema: { ...schema, type: only },
      nullable: others.length < type.length };
  }
  return { schema, nullable: false };
}
/** The values that an enum, or a choice between constants, lets through. */
function choicesOf(schema: Schema): readonly Json[] {
  const { enum: list, const: one } = schema, ways = schema["anyOf"] ?? schema["oneOf"] ?? null;
  if (list !== undefined && isList(list)) return list;
  if (one !== undefined) return [one];
  if (!isList(ways)) return [];
  const found = ways.flatMap((way) => isRecord(way) && way["const"] !== undefined ? [way["const"]] : []);
  return found.length === ways.length ? found : [];
}
function kindOf({ type, format }: Schema, choices: readonly Json[]): FieldKind {
  if (choices.length > 0) return "choice";
  if (type === "boolean") return "boolean";
  if (type === "number" || type === "integer") return "number";
  if (type === "string") return format === "date" ? "date" : format === "date-time" ? "instant" : "text";
  return "json";
}

/** A value, nothing, or what is wrong with it. */
export type Read = { readonly value: Json | undefined } | { readonly problem: string };

/** What a field's text stands for. */
export function readField(field: Field, text: string): Read {
  if (text.trim() === "" && (field.nullable || !(field.kind === "text" && field.required))) {
    if (field.nullable) return { value: null };
    return field.required ? { problem: field.kind === "boolean" ? "Choose one." : "This is needed." }
      : { value: undefined };
  }
  switch (field.kind) {
    case "text": return checkText(field.schema, text);
    case "number": return checkNumber(field.schema, Number(text.trim()));
    case "boolean": return { value: text === "true" };
    case "date": return { value: text };
    case "instant": {
      const at = Date.parse(text);
      return Number.isNaN(at) ? { problem: "This is no date with a time." } : { value: new Date(at).toISOString() };
    }
    case "choice": case "json": return parsed(text);
  }
}
function parsed(text: string): Read {
  // what JSON.parse gives is JSON
  try { return { value: JSON.parse(text) as Json } } catch { return { problem: "This is not JSON." } }
}
function checkText({ minLength, maxLength, pattern }: Schema, text: string): Read {
  if (typeof minLength === "number" && text.length < minLength) return { problem: minLength === 1 ? "This is needed."
    : `At least ${minLength} characters are needed.` };
  if (typeof maxLength === "number" && text.length > maxLength) return { problem: `At most ${maxLength} characters.` };
  return typeof pattern === "string" && !matches(pattern, text) ? { problem: "It has not the form that is asked for." }
    : { value: text };
}
/** A pattern that this browser cannot read is left to the server. */
function matches(pattern: string, text: string): boolean {
  try { return new RegExp(pattern, "u").test(text) } catch { return true }
}
function checkNumber(schema: Schema, value: number): Read {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (!Number.isFinite(value)) return { problem: "This is no number." };
  if (type === "integer" && !Number.isInteger(value)) return { problem: "A whole number is needed." };
  if (typeof minimum === "number" && value < minimum) return { problem: `At least ${minimum}.` };
  if (typeof maximum === "number" && value > maximum) return { problem: `At most ${maximum}.` };
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) return {
    problem: `More than ${exclusiveMinimum}.` };
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) return {
    problem: `Less than ${exclusiveMaximum}.` };
  return { value };
}

/** What is wrong, by the name of the field. */
export type Problems = { readonly [name: string]: string };
/** The whole answer, or what is wrong with it. */
export function answerOf(fields: readonly Field[], texts: { readonly [name: string]: string }):
  { readonly value: Json | undefined } | { readonly problems: Problems } {
  const problems: { [name: string]: string } = {}, answer: { [name: string]: Json } = {};
  let single: Json | undefined;
  for (const field of fields) {
    const read = readField(field, texts[field.name] ?? field.first);
    if ("problem" in read) problems[field.name] = read.problem;
    else if (field.name === "") single = read.value;
    else if (read.value !== undefined) answer[field.name] = read.value;
  }
  if (Object.keys(problems).length > 0) return { problems };
  return { value: fields[0]?.name === "" ? single : answer };
}

/** The lines of a refusal, each at its field; `rest` is what belongs to none. */
export function refusalsOf(message: string, fields: readonly Field[]): { readonly problems: Problems;
  readonly rest: string } {
  const problems: { [name: string]: string } = {}, rest: string[] = [];
  for (const line of message.split("\n").slice(1)) {
    const [, path = "", what = ""] = /^\s*([^:]+): (.*)$/.exec(line) ?? [];
    const name = path === "(input)" ? "" : path.split(".")[0] ?? "";
    if (fields.some((field) => field.name === name)) problems[name] ??= path.includes(".") ? `${path}: ${what}` : what;
    else rest.push(line.trim());
  }
  return { problems, rest: Object.keys(problems).length === 0 ? message : rest.join(" ") };
}

/** `amountInCents` -> `amount in cents`. */
function spaced(name: string): string {
  return name.replace(/[_-]+/g, " ").replace(/(?<=[a-z\d])[A-Z](?=[a-z])/g, (one) => ` ${one.toLowerCase()}`);
}
function isRecord(json: Json | undefined): json is Schema {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
function isList(json: Json | undefined): json is readonly Json[] { return Array.isArray(json) }
