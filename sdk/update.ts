/** Reading a run's state and changing it with a reply: queries and updates. */
import { RepriseError } from "../engine/index.ts";
import { workflowFrame } from "./frame.ts";
import { checkName } from "./registry.ts";
import { checked, type OutputOf, type Schema } from "./schema.ts";

/** Something of a run's state that others may read by name. */
export interface QueryDef<R> { readonly queryName: string; readonly _result?: R }
/** Defines a query. @throws INVALID_NAME */
export function query<R>(name: string): QueryDef<R> { checkName("query", name); return { queryName: name } }

/** In a workflow: lets others read. The function looks at variables only; it is run for every question, at any event of
 *  the past, too. @throws NOT_IN_RUN */
export function expose<R>(def: QueryDef<R>, read: () => R): void;
export function expose(reads: Record<string, () => unknown>): void;
export function expose(def: QueryDef<unknown> | Record<string, () => unknown>, read?: () => unknown): void {
  const { messages } = workflowFrame("expose()").execution;
  // The overloads: one definition with its function, or a table of functions.
  if (read !== undefined) { messages.expose((def as QueryDef<unknown>).queryName, read); return }
  for (const [name, fn] of Object.entries(def as Record<string, () => unknown>)) messages.expose(name, fn);
}

/** A request that a run answers: checked before it is accepted, recorded, and replied to. */
export interface UpdateDef<I, R> {
  readonly updateName: string;
  /** In a workflow: answers updates of this name, those first that came before. `validate` throws to refuse; it may not
   *  make durable calls, the handler may. */
  handle(handler: (value: I) => R | Promise<R>, options?: { validate?: (value: I) => void }): void;
}
const schemas = new WeakMap<object, Schema>();

/** Defines an update. @throws INVALID_NAME */
export function update<S extends Schema, R>(name: string, schema: S): UpdateDef<OutputOf<S>, R>;
export function update<S extends Schema, O extends Schema>(name: string, schema: S, output: O):
  UpdateDef<OutputOf<S>, OutputOf<O>>;
export function update(name: string, schema: Schema, output?: Schema): UpdateDef<unknown, unknown> {
  checkName("update", name);
  if (!("~standard" in schema)) throw new RepriseError("INVALID_OPTION", `update '${name}' has no schema`,
    "Give a zod schema of what it takes, such as z.object({ ... }).");
  const def: UpdateDef<unknown, unknown> = {
    updateName: name,
    // Who asks may have another schema of this name, or, as the command line, none: it is the run's own that counts.
    handle: (handler, { validate } = {}) => {
      const what = `update '${name}'`;
      workflowFrame(`the handler of ${what}`).execution.messages.handle(name, {
        validate: (value) => {
          const asked = checked(schema, value, what);
          if (asked instanceof Promise) asked.catch(() => undefined); // told to the sender by `run`
          validate?.(asked instanceof Promise ? value : asked);
        },
        run: async (value) => {
          const asked = checked(schema, value, what); // no await where none is needed: the handler begins in this turn
          const reply = await handler(asked instanceof Promise ? await asked : asked);
          return output === undefined ? reply : checked(output, reply, `reply to ${what}`);
        },
      });
    },
  };
  schemas.set(def, schema);
  return def;
}
/** What an update takes; undefined for a definition by name only. */
export function schemaOfUpdate(def: object): Schema | undefined { return schemas.get(def) }
