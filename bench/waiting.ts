/** Memory of runs that wait in this process: a child process, so that nothing else of the bench is counted. */
import { openRunEngine, openStore } from "reprise/engine";
import { sleep, workflow } from "reprise";
import { workflowNames, workflowSpec } from "../dist/sdk/registry.js";

const sleeper = workflow("bench-sleeper", async (n: number) => { await sleep("1h"); return n });
const RUNS = 5000;

const store = await openStore(process.argv[2] ?? "memory:");
const engine =
  await openRunEngine({ database: "", store, workflow: workflowSpec, workflows: workflowNames, claims: "all",
  concurrency: 100_000, observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
const workflowOf = workflowSpec(sleeper.workflowName);
if (workflowOf === undefined) throw new Error("the bench's workflow is not defined");
const begin = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 500) {
    await Promise.all(Array.from({ length: Math.min(500, count - i) },
      (_, j) => engine.start({ workflow: workflowOf, input: { p: i + j } })));
  }
};
const heap = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) { await new Promise((resolve) => { setTimeout(resolve, 100) }); globalThis.gc?.() }
  return process.memoryUsage().heapUsed;
};
await begin(200); // code compiled, connections open
const { unfinished } = engine, before = await heap();
await begin(RUNS);
const after = await heap();
process.stdout.write(
  `${JSON.stringify({ bytes: (after - before) / (engine.unfinished - unfinished) })}\n`);
process.exit(0);
