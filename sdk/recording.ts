/** A run as one JSON document: what `handle.export()` and `reprise runs export` write, and `replay()` reads. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { checkHistory, RepriseError, type Event, type RunRow } from "../engine/index.ts";

const FORMAT = "reprise/history/1";
/** A run with its history, large values included. */
export interface Recording { readonly run: RunRow; readonly events: readonly Event[] }

/** The document, to be made a text of. */
export function recordingOf({ run, events }: Recording): object { return { format: FORMAT, run, events } }

/** What a reader needs of a run's row. */
const row = z.looseObject({ runId: z.string(), name: z.string(), workflow: z.string(), file: z.string().nullable(),
  codeVersion: z.string(), state: z.string(), asOf: z.int() });

/** The run of a document, given as its text. `what` names it in the error.
 *  @throws USAGE for what is none; RECORDING_BROKEN, HISTORY_CORRUPT for one that is damaged */
export function recordingFrom(text: string, what: string): Recording {
  let document: { readonly format?: unknown; readonly run?: unknown; readonly events?: unknown };
  try { document = Object(JSON.parse(text)) as typeof document } catch (error) { // each field is looked at below
    throw new RepriseError("USAGE", `${what} is not JSON: ${String(error)}`, "Give what `reprise runs export` wrote.");
  }
  if (document.format !== FORMAT) throw new RepriseError("USAGE", `${what} is not an exported history`,
    "Give what `reprise runs export` wrote.");
  const recording = checked(document, what), { run, events } = recording;
  if (run.asOf <= events.length) return recording;
  throw new RepriseError("HISTORY_CORRUPT", `${what} cannot be read at event ${events.length + 1}: it is missing; ` +
    `the run had ${run.asOf} events when its row was read`, "Export the run again.");
}

/** The row and the history of a document, each looked at. `newer`: types of events that this version does not know.
 *  @throws RECORDING_BROKEN, HISTORY_CORRUPT, naming the document and the place */
export function checked({ run, events }: { readonly run?: unknown; readonly events?: unknown }, what: string,
  newer: "refused" | "kept" = "refused"): Recording {
  const { error } = row.safeParse(run), [issue] = error?.issues ?? [];
  if (issue !== undefined) throw broken(what, ["run", ...issue.path].join("."), issue.message);
  if (!Array.isArray(events)) throw broken(what, "events", "they are no list");
  checkHistory(events, what, newer);
  return { run: run as RunRow, events }; // the schema looked at every field that is read
}

function broken(what: string, place: string, why: string): RepriseError {
  return new RepriseError("RECORDING_BROKEN", `${what} is damaged at ${place}: ${why}`, "Export the run again.");
}

/** The same from a file, or, where no file has that name, from the text itself. @throws as recordingFrom */
export function recordingAt(pathOrText: string): Recording {
  return existsSync(pathOrText) ? recordingFrom(readFileSync(pathOrText, "utf8"), pathOrText)
    : recordingFrom(pathOrText, "the history");
}
