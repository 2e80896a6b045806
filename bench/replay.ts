/** How long a long history takes to be read, decoded and replayed to its end. */
import { rehearse, type Event } from "reprise/engine";
import { workflowSpec } from "../dist/sdk/registry.js";
import { benchEngine } from "./engine.ts";
import { ms } from "./numbers.ts";

/** Milliseconds to read a run of about `events` events from the database and to replay its code to the end. */
export async function replayMs(database: string, events: number): Promise<{ readMs: number; replayMs: number;
  events: number }> {
  const { engine } = await benchEngine(database);
  const workflow = workflowSpec("bench-chain");
  if (workflow === undefined) throw new Error("the bench's workflow is not defined");
  const { runId } = await engine.start({ workflow, input: { p: Math.round(events / 3) } }); // three events a task
  await engine.result(runId);
  await engine.history(runId); // once, to have the code warm and the pages in memory
  const from = ms();
  const history: readonly Event[] = await engine.history(runId);
  const read = ms() - from;
  const found = await rehearse(runId, workflow, history);
  if (!found.ok) throw new Error("the bench's history does not replay");
  const total = ms() - from;
  await engine.close(0);
  return { readMs: read, replayMs: total, events: history.length };
}

