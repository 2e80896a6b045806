/** Schemas by their standard interface, so that a second copy of zod, or zod 3, does not break a user. */
import { z } from "zod";
import { RepriseError } from "../engine/index.ts";

export interface Schema<In = unknown, Out = In> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown, ...rest: never[]) => unknown;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}
export type InputOf<S> =
  S extends { readonly "~standard": { readonly types?: { readonly input: infer I } | undefined } } ? I : never;
export type OutputOf<S> =
  S extends { readonly "~standard": { readonly types?: { readonly output: infer O } | undefined } } ? O : never;

interface Issue { readonly message: string; readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] }

/** The value as the schema gives it back, defaults filled in. @throws INPUT_INVALID naming each field */
export async function validated(schema: Schema, value: unknown, what: string): Promise<unknown> {
  return checked(schema, value, what);
}

/** The same, at once where the schema needs no promise: what follows stays in the turn and at the line of its
 *  caller. */
export function checked(schema: Schema, value: unknown, what: string): unknown {
  // The standard interface promises this shape, or a promise of it.
  const answer = schema["~standard"].validate(value) as Answer | Promise<Answer>;
  return answer instanceof Promise ? answer.then((one) => accepted(one, what)) : accepted(answer, what);
}
interface Answer { readonly value?: unknown; readonly issues?: readonly Issue[] }

function accepted(answer: Answer, what: string): unknown {
  if (answer.issues === undefined) return answer.value;
  const lines = answer.issues.map((issue) => {
    const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
    return `${path === "" ? "(input)" : path}: ${issue.message}`;
  });
  throw new RepriseError("INPUT_INVALID", `the input of ${what} is not valid:\n  ${lines.join("\n  ")}`,
    "Correct the fields named above; nothing was started.");
}

/** The schema as JSON Schema, for forms; undefined where its library does not say. */
export function jsonSchemaOf(schema: Schema): unknown {
  // zod's own; what is not a zod schema makes it throw.
  try { return z.toJSONSchema(schema as unknown as z.ZodType, { io: "input", unrepresentable: "any" }) } catch {
    return undefined }
}
