/** Loads the workflow of a run that is to be replayed, for its definition alone. */
import { pathToFileURL } from "node:url";
import { RepriseError, type WorkflowSpec } from "../../engine/index.ts";
import { loadDefinitions } from "../loading.ts";
import { defineOnly, workflowSpec } from "../registry.ts";
import type { ReplayedRun } from "./protocol.ts";

/** Imports the files; a top-level call in them is refused, and what stands above it is kept.
 *  @throws WORKFLOW_NOT_LOADED, and what the files throw */
export async function loadWorkflow({ files, workflow }: Pick<ReplayedRun, "files" | "workflow">):
  Promise<WorkflowSpec> {
  defineOnly();
  for (const file of files) {
    await loadDefinitions(() => import(pathToFileURL(file).href), file);
  }
  const spec = workflowSpec(workflow);
  if (spec !== undefined) return spec;
  throw new RepriseError("WORKFLOW_NOT_LOADED",
    `no file that was loaded defines the workflow '${workflow}' (${files.join(", ") || "none was named"})`,
    "Name its file on the command line.");
}
