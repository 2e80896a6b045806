/** Suite B: whatever the world does to the workers, every run ends as it should, and its history keeps the contract. */
import { describe, expect, test } from "vitest";
import { rehearse, type WorkflowSpec } from "../engine/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { checkHistory } from "./checker.ts";
import { specimens } from "./corpus/workflows.ts";
import { simulate } from "./simulation.ts";

const NAMES = ["sequence", "all-nested", "race", "settle", "try-finally", "dynamic-fan-out", "sleep", "retries",
  "explicit-keys"];
const workflows = NAMES.map((name): WorkflowSpec => {
  const found = workflowSpec(`corpus-${name}`);
  if (found === undefined) throw new Error(`no specimen ${name}`);
  return found;
});
const wanted = new Map(specimens.map(({ run, result }) => [run.workflowName, result]));
const first = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9)),
  count = Number(process.env["SEEDS"] ?? 1000);

describe(`${count} simulated worlds from SEED=${first}`, () => {
  test("lose nothing, repeat no recorded task, and let every run end", async () => {
    for (let seed = first; seed < first + count; seed++) {
      for (const { runId, workflow, events, state } of await simulate({ seed, workers: 1 + seed % 4, workflows })) {
        const what = `SEED=${seed} ${workflow}`;
        expect(state, what).toBe("completed");
        checkHistory(events, what);
        const last = events.at(-1), spec = workflowSpec(workflow);
        const result = last?.type === "RunCompleted" && last.result !== undefined && "p" in last.result ? last.result.p
          : undefined;
        expect(result, what).toEqual(wanted.get(workflow));
        if (spec !== undefined) expect((await rehearse(runId, spec, events)).diff, what).toBeUndefined();
      }
    }
  }, 300_000);
});
