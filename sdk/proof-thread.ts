/** Replays one ended run with a module graph of its own; see proof.ts. */
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { rehearse } from "../engine/index.ts";
import { loadDefinitions } from "./loading.ts";
import type { ProofData, Verdict } from "./proof.ts";
import { defineOnly, workflowSpec } from "./registry.ts";
import { loadUserModules } from "./user-modules.ts";

const { file, workflow, runId, events, userModules } = workerData as ProofData; // given by proof.ts

async function verdict(): Promise<Verdict> {
  if (userModules) loadUserModules();
  defineOnly();
  await loadDefinitions(() => import(pathToFileURL(file).href), file).catch(() => undefined);
  const spec = workflowSpec(workflow);
  if (spec === undefined) return { diff: undefined };
  return { diff: (await rehearse(runId, spec, events)).diff };
}

void verdict().then((found) => parentPort?.postMessage(found));
