/** What crosses the wire about variables of past runs; see wire.ts. */
import { z } from "zod";

const expression = z.string().min(1).max(2000);

type SeenKind =
  | "null" | "undefined" | "boolean" | "number" | "string" | "bigint" | "symbol" | "date" | "regexp" | "url" | "bytes"
  | "function" | "promise" | "proxy" | "accessor" | "hole" | "array" | "object" | "map" | "set" | "error" | "redacted";
/** One value, copied within bounds. A container without `parts` lies deeper than the copy goes. */
export interface Seen {
  readonly kind: SeenKind; readonly text: string; readonly size?: number; readonly parts?: readonly SeenPart[];
  readonly from?: number;
}
export type SeenPart = readonly [name: string, value: Seen];
/** Written as plain JSON: the tree's own schema would be endless in openapi.json. */
const seen = z.custom<Seen>((value) => typeof value === "object" && value !== null).meta({ type: "object",
  description: "kind, text; of containers size and parts, pairs of a name and such a value" });
const part = z.custom<SeenPart>((value) => Array.isArray(value)).meta({ type: "array",
  description: "a name and a value" });
const watched = z.object({ expression: z.string(), value: seen.exactOptional(), refused: z.string().exactOptional() });
export type Watched = z.output<typeof watched>;

/** Which event, and what more to evaluate there. `open`: a value further down, by the places of its parts from 0. */
export const localsBody = z.strictObject({
  at: z.int().min(1),
  watches: z.array(expression).max(20).optional(),
  open: z.strictObject({ frame: z.int().min(0).max(200), name: z.string().min(1).max(200),
    path: z.array(z.int().min(0)).max(100), from: z.int().min(0).exactOptional() }).optional(),
});
export type LocalsQuery = z.output<typeof localsBody>;
const kind = z.enum(["block", "local", "catch", "closure", "module", "this"]);
const scope = z.object({ kind, variables: z.array(part).readonly() });
const frame = z.object({ site: z.string(), code: z.string().exactOptional(),
  workflow: z.string().exactOptional(), asOf: z.int().exactOptional(), scopes: z.array(scope).readonly() });
/** `moment`: the event whose moment is shown. `standing`: "here" the code was at the event, "waiting" it waits at its
 *  call, "before" it was there last. `previous` and `next`: the moments to step to. */
export const localsAnswer = z.object({
  at: z.int(), moment: z.int(), standing: z.enum(["here", "waiting", "before"]), otherVersion: z.boolean(),
  previous: z.int().exactOptional(), next: z.int().exactOptional(), frames: z.array(frame).readonly(),
  watches: z.array(watched).readonly().exactOptional(),
  opened: z.object({ names: z.array(z.string()).readonly(), value: seen }).exactOptional(),
});
export type Locals = z.output<typeof localsAnswer>;

const logPoint = z.strictObject({ file: z.string().min(1).max(500), line: z.int().min(1), expression });
export type LogPoint = z.output<typeof logPoint>;
export const logPointsBody = z.strictObject({ points: z.array(logPoint).min(1).max(20) });
/** `after`: the event that the code was answering. `diverged`: the replay went no further than there. */
export const logPointsAnswer = z.object({
  hits: z.array(z.object({ after: z.int(), site: z.string(), watched })).readonly(),
  diverged: z.object({ at: z.int(), diff: z.string() }).exactOptional(),
});
export type LogPointHits = z.output<typeof logPointsAnswer>;
