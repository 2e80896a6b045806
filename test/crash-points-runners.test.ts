/** Suite A for attempts in threads and processes: the engine dies at any call to the store, a fresh one goes on. */
import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { openRunEngine, openStore, rehearse, withFaults, type Fault, type RunEngine, type Store } from "reprise/engine";
// The copy of the package that threads and processes load, too: their tasks are known to it alone.
import { workflowNames, workflowSpec } from "../dist/sdk/registry.js";
import { checkHistory } from "./checker.ts";
import { elsewhere } from "./corpus/elsewhere.ts";

const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
const engineOn = (store: Store): Promise<RunEngine> => openRunEngine({ database: "", store, workflow: workflowSpec,
  workflows: workflowNames, observer: silent, claims: "all" });
let points = 0;
afterAll(() => { process.stderr.write(`${points} crash points of attempts elsewhere\n`) });

/** Runs a workflow until its engine dies at call `at`, then to its end on a fresh engine. False: it ended before. */
async function crashed({ run, value }: (typeof elsewhere)[number], at: number, fault: Fault): Promise<boolean> {
  const what = `${run.workflowName}: ${fault} at call ${at}`, id = randomUUID(), store = await openStore("memory:");
  const workflow = workflowSpec(run.workflowName);
  if (workflow === undefined) throw new Error(`no workflow ${run.workflowName}`);
  let opened = 0;
  const faulty = withFaults(store, (call) => opened > 0 && call - opened === at ? fault : "none");
  const first = await engineOn(faulty);
  opened = faulty.calls;
  let watch: NodeJS.Timeout | undefined;
  const died = new Promise<undefined>((resolve) => { watch = setInterval(() => { if (faulty.dead) resolve(undefined) },
    1) });
  await Promise.race([died, first.start({ workflow, input: undefined, id }).then(({ runId }) => first.result(runId))]);
  clearInterval(watch);
  const engine = await engineOn(store), { runId } = await engine.start({ workflow, input: undefined, id });
  expect(await engine.result(runId), what).toEqual(value);
  const events = await engine.history(runId);
  checkHistory(events, what);
  for (let k = 1; k <= events.length; k++) {
    const { diff } = await rehearse(runId, workflow, events.slice(0, k), { partial: true });
    expect(diff, `${what}, first ${k} events`).toBeUndefined();
  }
  await engine.close(0);
  points++;
  return faulty.calls - opened >= at;
}

describe("in memory, a run with attempts elsewhere whose engine dies at any call to the store", () => {
  for (const one of elsewhere) {
    test(`goes on to the same end: ${one.run.workflowName}`, async () => {
      for (const fault of ["die-before", "die-after"] as const) {
        for (let at = 1; at <= 60 && await crashed(one, at, fault); at++);
      }
    });
  }
});
