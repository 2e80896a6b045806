/** What this engine makes of the same database: tasks one after another, many runs at once, bytes, first task. */
import { openRunEngine, openStore, type RunEngine, type Store, type WorkflowSpec } from "reprise/engine";
import { task, workflow } from "reprise";
import { workflowNames, workflowSpec } from "../dist/sdk/registry.js";
import { median, ms } from "./numbers.ts";

const silent = { events: () => undefined, line: () => undefined,
  outage: (e: Error | undefined) => { if (e) process.stderr.write(`${e.message}\n`) } };
let firstTaskAt = 0;
const step = task("step", async (n: number) => { firstTaskAt ||= ms(); return n + 1 });
const chain = workflow("bench-chain", async (tasks: number) => {
  let n = 0;
  for (let i = 0; i < tasks; i++) n = await step(n);
  return n;
});

function spec(): WorkflowSpec {
  const found = workflowSpec(chain.workflowName);
  if (found === undefined) throw new Error("the bench's workflow is not defined");
  return found;
}

export async function benchEngine(database: string): Promise<{ engine: RunEngine; store: Store }> {
  const store = await openStore(database);
  const engine =
    await openRunEngine({ database, store, workflow: workflowSpec, workflows: workflowNames, observer: silent,
    claims: "all", concurrency: 10_000 });
  return { engine, store };
}

const start = async (engine: RunEngine, tasks: number): Promise<string> =>
  (await engine.start({ workflow: spec(), input: { p: tasks } })).runId;

/** Milliseconds of one task in a run of `tasks` tasks, one after another; start and end of the run included. */
export async function taskMs(engine: RunEngine, tasks: number): Promise<number> {
  const from = ms();
  const runId = await start(engine, tasks);
  await engine.result(runId);
  return (ms() - from) / tasks;
}

/** Tasks a second with `runs` runs of `tasks` tasks at once. */
export async function tasksPerSecond(engine: RunEngine, runs: number, tasks: number): Promise<number> {
  const from = ms();
  const ids = await Promise.all(Array.from({ length: runs }, () => start(engine, tasks)));
  await Promise.all(ids.map((id) => engine.result(id)));
  return runs * tasks / ((ms() - from) / 1000);
}

/** Milliseconds from start() to the first line of the first task. */
export async function firstTaskMs(engine: RunEngine, times: number): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    firstTaskAt = 0;
    const from = ms();
    await engine.result(await start(engine, 1));
    took.push(firstTaskAt - from);
  }
  return median(took);
}

/** Bytes on disk, all tables and indexes, and rows of history that one task leaves behind. */
export async function footprint(engine: RunEngine, store: Store, runs: number, tasks: number):
  Promise<{ bytesPerTask: number; rowsPerTask: number }> {
  const bytes = async (): Promise<number> => (await store.size()).bytes;
  const before = await bytes();
  const ids = await Promise.all(Array.from({ length: runs }, () => start(engine, tasks)));
  await Promise.all(ids.map((id) => engine.result(id)));
  const rows = await store.read(ids[0] ?? "", 1);
  return { bytesPerTask: (await bytes() - before) / (runs * tasks), rowsPerTask: rows.length / tasks };
}
