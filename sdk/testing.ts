/** What tests import from "reprise/testing". */
import { existsSync, readFileSync } from "node:fs";
import { decodeValue, inputHash, rehearse, RepriseError, type Event, type Payload, type RunRow }
  from "../engine/index.ts";
import { isLoading, setLoading, workflowSpec } from "./registry.ts";

/** What `reprise runs export` writes. */
interface Exported { readonly run: RunRow; readonly events: readonly Event[] }

/** Does the code that is loaded decide what it decided in a recorded run, and end as it did? No task runs.
 *  @param history what `reprise runs export` wrote: its path, or its text
 *  @param load imports the file that defines the workflow; calls at its top level start nothing
 *  @throws WORKFLOW_NOT_LOADED, USAGE for what is no export */
export async function replay(history: string, load?: () => Promise<unknown>):
  Promise<{ readonly ok: boolean; readonly diff: string | undefined }> {
  const { run, events } = exported(history);
  if (load !== undefined) await loaded(load);
  const workflow = workflowSpec(run.workflow);
  if (workflow === undefined) throw new RepriseError("WORKFLOW_NOT_LOADED",
    `the recorded run is of workflow '${run.workflow}', which no imported file defines`,
    "Import the file that defines it, in the second argument of replay().");
  const last = events.at(-1), before = endedByCode(last) ? events.slice(0, -1) : events;
  const { diff, decisions } = await rehearse(run.runId, workflow, before);
  if (diff !== undefined || !endedByCode(last)) return { ok: diff === undefined, diff };
  const end = decisions.find(endedByCode), difference = endsDiffer(last, end, decisions.map(({ key }) => key));
  return { ok: difference === undefined, diff: difference };
}

type End = { readonly type: "RunCompleted"; readonly result?: Payload }
  | { readonly type: "RunFailed"; readonly error: { readonly name: string; readonly message: string;
    readonly code?: string } };
/** What the engine made of a run is nothing that the code can decide again. */
const ENGINES: ReadonlySet<string | undefined> = new Set(["FOREIGN_AWAIT", "STUCK_OUTSIDE_ENGINE"]);
function endedByCode<E extends { readonly type: string }>(event: E | undefined): event is E & End {
  const end = event as End | undefined; // the two types have the fields of End
  return end?.type === "RunCompleted" || (end?.type === "RunFailed" && !ENGINES.has(end.error.code));
}

function endsDiffer(then: End, now: End | undefined, keys: readonly string[]): string | undefined {
  const differ = (next: string): string => `  - recorded: ${said(then)}\n  + code now: ${next}`;
  if (now === undefined) return differ(keys.length === 0 ? "goes on" : `goes on with ${keys.join(", ")}`);
  const same = then.type === "RunCompleted" && now.type === "RunCompleted"
    ? inputHash(then.result) === inputHash(now.result)
    : then.type === "RunFailed" && now.type === "RunFailed"
      && then.error.name === now.error.name && then.error.message === now.error.message;
  return same ? undefined : differ(said(now));
}
function said(end: End): string {
  if (end.type === "RunFailed") return `fails with ${end.error.name}: ${end.error.message}`;
  const value: unknown = decodeValue(end.result);
  return `returns ${JSON.stringify(value, (_key, one: unknown) => typeof one === "bigint" ? `${one}n` : one)}`;
}

/** Imports for the definitions; a call at the top level is refused, and what stands above it is kept. */
async function loaded(load: () => Promise<unknown>): Promise<void> {
  const before = isLoading();
  setLoading(true);
  try { await load() } catch (error) {
    if (!(error instanceof RepriseError && error.code === "RUN_WHILE_LOADING")) throw error;
  } finally { setLoading(before) }
}

/** @throws USAGE */
function exported(history: string): Exported {
  const text = existsSync(history) ? readFileSync(history, "utf8") : history;
  let document: Partial<Exported> & { readonly format?: string };
  try { document = JSON.parse(text) } catch (error) {
    throw new RepriseError("USAGE", `the history is neither a file nor JSON: ${String(error)}`,
      "Give what `reprise runs export` wrote.");
  }
  const { format, run, events } = document;
  if (format === "reprise/history/1" && run !== undefined && events !== undefined) return { run, events };
  throw new RepriseError("USAGE", "the document is not an exported history", "Give what `reprise runs export` wrote.");
}
