/** The code of a run for commands that compare the two: a file that does not load is said as such. */
import { isA, loadFailure, RepriseError, type RunRow, type WorkflowSpec } from "../../engine/index.ts";
import { Redactor } from "../../replay-viewer/server/redact.ts";
import { codeOf, loadFile } from "./open.ts";

const redactor = new Redactor();
/** A text without what looks like a secret in it. */
export function secretless(text: string): string { return redactor.text(text) }

/** The code of a run, from the files that were named, or its own. @throws CODE_NOT_LOADED, WORKFLOW_NOT_LOADED */
export async function codeFor(row: RunRow, files: readonly string[]): Promise<WorkflowSpec> {
  for (const file of files) await loading(file, () => loadFile(file));
  return loading(row.file ?? "its file", () => codeOf(row));
}

async function loading<T>(file: string, load: () => Promise<T>): Promise<T> {
  try { return await load() } catch (error) {
    if (isA(error, RepriseError)) throw error;
    throw notLoaded(loadFailure(file, error));
  }
}

/** What ends a command that found a file which does not load. `why` says which, and the reason. */
export function notLoaded(why: string): RepriseError {
  return new RepriseError("CODE_NOT_LOADED", why, "Repair the file, so that its workflows can be compared.");
}
