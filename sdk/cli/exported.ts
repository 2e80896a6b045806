/** What `reprise runs export` wrote, read back. */
import { readFileSync } from "node:fs";
import { RepriseError, type Event, type RunRow } from "../../engine/index.ts";

/** A run with its history, from a file. @throws USAGE */
export function readExport(path: string): { readonly run: RunRow; readonly events: readonly Event[] } {
  let document: { readonly format?: string; readonly run?: RunRow; readonly events?: readonly Event[] };
  try { document = JSON.parse(readFileSync(path, "utf8")) } catch (error) {
    throw new RepriseError("USAGE", `${path} is not JSON: ${String(error)}`, "Give what `reprise runs export` wrote.");
  }
  const { format, run, events } = document;
  if (format === "reprise/history/1" && run !== undefined && events !== undefined) return { run, events };
  throw new RepriseError("USAGE", `${path} is not an exported history`, "Give what `reprise runs export` wrote.");
}
