/** The corpus, seventh part: what befalls a run from outside: its worker dies, its code changes under it. */
import { encodeRecorded, openRunEngine, withFaults, type RunEngine, type Store, type WorkflowSpec }
  from "../../engine/index.ts";
import { signal, task, workflow, z } from "../../sdk/index.ts";
import { workflowNames, workflowSpec } from "../../sdk/registry.ts";
import { keptOpen } from "../conversing.ts";

const echo = task("accident-echo", async (n: number) => n);
const another = task("accident-another", async (n: number) => n);
const go = signal("accident-go", z.number());
const flow = workflow("accident", async () => [await echo(1), await go.wait(), await echo(2)]);
/** Code with another call where the run stands, and code that asks otherwise what is answered. */
const renamed = async (): Promise<unknown> => [await another(1), await go.wait(), await echo(2)];
const otherInput = async (): Promise<unknown> => [await echo(5), await go.wait(), await echo(2)];

function specOf(fn?: WorkflowSpec["fn"]): WorkflowSpec {
  const spec = workflowSpec(flow.workflowName);
  if (spec === undefined) throw new Error("the accident is not defined");
  return fn === undefined ? spec : { ...spec, fn, codeVersion: "changed" };
}
function engineOn(store: Store, fn?: WorkflowSpec["fn"]): Promise<RunEngine> {
  return openRunEngine({ database: "", store: keptOpen(store), workflows: workflowNames, claims: "all",
    workflow: (name) => name === flow.workflowName ? specOf(fn) : workflowSpec(name),
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
}
async function until(done: () => Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => { setTimeout(resolve, 2) });
}
/** A run that waits for its signal. */
async function waiting(engine: RunEngine): Promise<string> {
  const { runId } = await engine.start({ workflow: specOf(), input: undefined });
  await until(async () => (await engine.history(runId)).some(({ type }) => type === "WaitOpened"));
  return runId;
}
const send = (engine: RunEngine, runId: string): Promise<void> =>
  engine.operator.signal(runId, "accident-go", encodeRecorded(7, "go"));

/** An accident, its run, which ends with [1, 7, 2], and the store that it happens on. */
export interface Accident { readonly name: string; readonly happen: (store: Store) => Promise<string> }
export const accidents: readonly Accident[] = [
  { name: "worker-lost", happen: async (store) => {
    let dead = false;
    const first = await engineOn(withFaults(store, () => dead ? "die-before" : "none")), runId = await waiting(first);
    dead = true;
    const second = await engineOn(store);
    await send(second, runId);
    await second.result(runId);
    await second.close(0);
    return runId;
  } },
  { name: "parked-and-resumed", happen: async (store) => {
    const first = await engineOn(store), runId = await waiting(first);
    await first.close(0);
    const changed = await engineOn(store, renamed);
    await send(changed, runId);
    await until(async () => (await changed.row(runId)).parked !== null);
    await changed.close(0);
    const last = await engineOn(store);
    await last.resume(runId, specOf());
    await last.result(runId);
    await last.close(0);
    return runId;
  } },
  { name: "change-tolerated", happen: async (store) => {
    const first = await engineOn(store), runId = await waiting(first);
    await first.close(0);
    const changed = await engineOn(store, otherInput);
    await send(changed, runId);
    await changed.result(runId);
    await changed.close(0);
    return runId;
  } },
];
