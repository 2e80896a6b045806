/** What tests ask of a run's history through its handle. */
import { expect } from "vitest";
import { rehearse } from "../engine/index.ts";
import type { Event } from "../sdk/index.ts";
import { recordingFrom } from "../sdk/recording.ts";
import { workflowSpec } from "../sdk/registry.ts";

interface Handle { readonly id: string; history(): AsyncIterable<Event>; export(): Promise<string> }

/** Every event that is recorded by now. */
export async function history(handle: Pick<Handle, "history">): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of handle.history()) events.push(event);
  return events;
}
/** Resolves when the run has recorded so many events of a type. */
export async function until(handle: Pick<Handle, "history">, type: Event["type"], count = 1): Promise<void> {
  while ((await history(handle)).filter((event) => event.type === type).length < count) {
    await new Promise((resolve) => { setTimeout(resolve, 2) });
  }
}
/** Replays the run's history with the code that is loaded: it must decide the same. */
export async function replayed(handle: Handle): Promise<Event[]> {
  const { run, events } = recordingFrom(await handle.export(), "the export"), spec = workflowSpec(run.workflow);
  if (spec === undefined) throw new Error("the workflow is not defined");
  expect((await rehearse(handle.id, spec, events)).diff).toBeUndefined();
  return history(handle);
}
/** Its result, once its history has been replayed. */
export async function ended<Out>(handle: Handle & { result(): Promise<Out> }): Promise<Out> {
  const result = await handle.result();
  await replayed(handle);
  return result;
}
