/** What tests import from "reprise/testing". */
export { explore, type Explored, type ExploreOptions, type Failure } from "./explore.ts";
export { testEngine, type TestEngine, type TestEngineOptions } from "./test-engine.ts";
import { decodeValue, inputHash, rehearse, RepriseError, type Payload } from "../engine/index.ts";
import { recordingAt } from "./recording.ts";
import { loadDefinitions } from "./loading.ts";
import { readableJson } from "./readable-json.ts";
import { workflowSpec } from "./registry.ts";

/** Does the code that is loaded decide what it decided in a recorded run, and end as it did? No task runs.
 *  @param history what `handle.export()` or `reprise runs export` wrote: its path, or its text
 *  @param load imports the file that defines the workflow; calls at its top level start nothing
 *  @throws WORKFLOW_NOT_LOADED; USAGE for what is no export; HISTORY_CORRUPT, RECORDING_BROKEN for a damaged one */
export async function replay(history: string, load?: () => Promise<unknown>):
  Promise<{ readonly ok: boolean; readonly diff: string | undefined }> {
  const { run, events } = recordingAt(history);
  if (load !== undefined) await loadDefinitions(load);
  const workflow = workflowSpec(run.workflow);
  if (workflow === undefined) throw new RepriseError("WORKFLOW_NOT_LOADED",
    `the recorded run is of workflow '${run.workflow}', which no imported file defines`,
    "Import the file that defines it, in the second argument of replay().");
  const last = events.at(-1), whole = await rehearse(run.runId, workflow, events);
  if (!endedByCode(last)) return shown(whole.diff);
  const { diff, decisions } = await rehearse(run.runId, workflow, events.slice(0, -1), { partial: true });
  const end = decisions.find(endedByCode);
  if (diff !== undefined || end === undefined) return shown(whole.diff ?? diff);
  // Ends are compared here, by their canonical values.
  return shown(endsDiffer(last, end) ?? (whole.divergence?.recorded?.key === last.key ? undefined : whole.diff));
}

function shown(diff: string | undefined): { readonly ok: boolean; readonly diff: string | undefined } {
  return { ok: diff === undefined, diff };
}

type End = { readonly type: "RunCompleted"; readonly key: string; readonly result?: Payload }
  | { readonly type: "RunFailed"; readonly key: string;
    readonly error: { readonly name: string; readonly message: string; readonly code?: string } };
/** What the engine made of a run is nothing that the code can decide again. */
const ENGINES: ReadonlySet<string | undefined> = new Set(["FOREIGN_AWAIT", "STUCK_OUTSIDE_ENGINE"]);
function endedByCode<E extends { readonly type: string }>(event: E | undefined): event is E & End {
  const end = event as End | undefined; // the two types have the fields of End
  return end?.type === "RunCompleted" || (end?.type === "RunFailed" && !ENGINES.has(end.error.code));
}

function endsDiffer(then: End, now: End): string | undefined {
  const same = then.type === "RunCompleted" && now.type === "RunCompleted"
    ? inputHash(then.result) === inputHash(now.result)
    : then.type === "RunFailed" && now.type === "RunFailed"
      && then.error.name === now.error.name && then.error.message === now.error.message;
  return same ? undefined : `  - recorded: ${said(then)}\n  + code now: ${said(now)}`;
}
function said(end: End): string {
  if (end.type === "RunFailed") return `fails with ${end.error.name}: ${end.error.message}`;
  const value: unknown = decodeValue(end.result);
  return `returns ${readableJson(value, "undefined")}`;
}

