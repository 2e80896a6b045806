/** The command with which a person moves a waiting run on, ready to be edited and sent. */
import { decodeValue, type Payload } from "../engine/index.ts";

/** A wait, as its run recorded it. */
interface Waited {
  readonly kind: "signal" | "form" | "condition"; readonly name: string; readonly schema?: Payload | undefined;
}

/** The command that ends the wait; undefined for a condition, which the run's own variables end. */
export function nextCommand(runId: string, { kind, name, schema }: Waited): string | undefined {
  if (kind === "condition") return undefined;
  const called = /^[\w.:/-]+$/.test(name) ? name : quoted(name);
  if (kind === "signal") return `npx reprise runs signal ${runId} ${called} '<json>'`;
  return `npx reprise runs answer ${runId} ${called} ${quoted(JSON.stringify(sampleOf(decodeValue(schema))))}`;
}

/** For a POSIX shell. */
function quoted(text: string): string { return `'${text.replaceAll("'", "'\\''")}'` }

/** A value that a JSON schema accepts, as far as types and choices say: something to edit, not to send blindly. */
export function sampleOf(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return "<json>";
  // JSON schema: what is not of these shapes is passed over.
  const { type, properties, required, items, anyOf, ...rest } = schema as { readonly [keyword: string]: unknown };
  if ("const" in rest) return rest["const"];
  if ("default" in rest) return rest["default"];
  if (Array.isArray(rest["enum"])) return rest["enum"][0];
  if (Array.isArray(anyOf)) return sampleOf(anyOf[0]);
  switch (Array.isArray(type) ? type[0] : type) {
    case "object": {
      const wanted = Array.isArray(required) ? required : [];
      const fields = Object.entries(typeof properties === "object" && properties !== null ? properties : {});
      return Object.fromEntries(fields.filter(([name]) => wanted.includes(name))
        .map(([name, field]) => [name, sampleOf(field)]));
    }
    case "array": return items === undefined ? [] : [sampleOf(items)];
    case "boolean": return true;
    case "number": case "integer": return typeof rest["minimum"] === "number" ? rest["minimum"] : 0;
    case "null": return null;
    default: return "...";
  }
}
