/** A run as one JSON document: what `handle.export()` and `reprise runs export` write, and `replay()` reads. */
import { existsSync, readFileSync } from "node:fs";
import { RepriseError, type Event, type RunRow } from "../engine/index.ts";

const FORMAT = "reprise/history/1";
/** A run with its history, large values included. */
export interface Recording { readonly run: RunRow; readonly events: readonly Event[] }

/** The document, to be made a text of. */
export function recordingOf({ run, events }: Recording): object { return { format: FORMAT, run, events } }

/** The run of a document, given as its text. `what` names it in the error. @throws USAGE */
export function recordingFrom(text: string, what: string): Recording {
  let document: Partial<Recording> & { readonly format?: string };
  try { document = Object(JSON.parse(text)) as typeof document } catch (error) { // each field is looked at below
    throw new RepriseError("USAGE", `${what} is not JSON: ${String(error)}`, "Give what `reprise runs export` wrote.");
  }
  const { format, run, events } = document;
  if (format === FORMAT && run !== undefined && events !== undefined) return { run, events };
  throw new RepriseError("USAGE", `${what} is not an exported history`, "Give what `reprise runs export` wrote.");
}

/** The same from a file, or, where no file has that name, from the text itself. @throws USAGE */
export function recordingAt(pathOrText: string): Recording {
  return existsSync(pathOrText) ? recordingFrom(readFileSync(pathOrText, "utf8"), pathOrText)
    : recordingFrom(pathOrText, "the history");
}
