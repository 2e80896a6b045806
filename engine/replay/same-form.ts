/** Do two JSON schemas ask a person for the same? */
import type { Payload } from "../core/events.ts";

/** What only explains, where it is text; a field may have such a name, too, and is no text then. */
const EXPLAINS: ReadonlySet<string> = new Set(["title", "description", "$comment", "$schema"]);

/** The order of fields and the words that explain them do not count. */
export function sameForm(one: Payload | undefined, other: Payload | undefined): boolean {
  return JSON.stringify(essence(one)) === JSON.stringify(essence(other));
}

function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(essence);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name, field]) => !(EXPLAINS.has(name) && typeof field === "string"))
    .map(([name, field]): [string, unknown] => [name, name === "required" && Array.isArray(field) ? field.toSorted()
      : essence(field)]);
  return Object.fromEntries(fields.sort(([a], [b]) => a < b ? -1 : 1));
}
