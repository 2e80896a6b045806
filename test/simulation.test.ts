/** Suite B: whatever the world does to the workers, every run ends as it should, and its history keeps the contract. */
import { describe, expect, test } from "vitest";
import { rehearse, type WorkflowSpec } from "../engine/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { checkHistory } from "./checker.ts";
import { familyOf } from "./conversing.ts";
import { specimens } from "./corpus/workflows.ts";
import { clientOf, inhabitants } from "./corpus/worlds.ts";
import { checkFamily } from "./family.ts";
import { simulate } from "./simulation.ts";

const NAMES = ["sequence", "all-nested", "race", "settle", "try-finally", "dynamic-fan-out", "sleep", "retries",
  "explicit-keys"];
const named = (name: string): WorkflowSpec => {
  const found = workflowSpec(name);
  if (found === undefined) throw new Error(`no workflow ${name}`);
  return found;
};
const workflows = NAMES.map((name) => named(`corpus-${name}`));
const wanted = new Map(specimens.map(({ run, result }) => [run.workflowName, result]));
const first = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9)),
  count = Number(process.env["SEEDS"] ?? 1000), talks = Math.ceil(count / 4);

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
  }, 600_000);
});

describe(`${talks} simulated worlds of runs that talk, from SEED=${first}`, () => {
  test("deliver each acknowledged signal once and in order, make each child once, and let every run end", async () => {
    const by = new Map(inhabitants.map((one) => [one.run.workflowName, one]));
    let runs = 0, signals = 0;
    for (let seed = first; seed < first + talks; seed++) {
      const what = `SEED=${seed}`;
      await simulate({
        seed, workers: 1 + seed % 4, workflows: [...by.keys()].map(named),
        others: ["world-worker", "world-hearing", "world-deep"].map(named),
        client: async (engine, runId, name, wait) => by.get(name)?.client?.(clientOf(engine, runId, wait)),
        look: async (store) => {
          const family = await familyOf(store);
          runs += family.size;
          checkFamily(family, what);
          for (const [runId, { row, events }] of family) {
            expect((await rehearse(runId, named(row.workflow), events)).diff, what).toBeUndefined();
            signals += events.filter(({ type }) => type === "SignalReceived").length;
            const wants = row.parentId === null ? by.get(row.workflow) : undefined, last = events.at(-1);
            if (wants === undefined || last?.type === "RunContinued") continue;
            const value = last?.type === "RunCompleted" && last.result && "p" in last.result ? last.result.p
              : undefined;
            expect([row.state, value], `${what} ${row.workflow}`).toEqual([wants.state, wants.value]);
          }
        },
      });
    }
    process.stderr.write(`${talks} worlds, ${runs} runs, ${signals} signals\n`);
  }, 600_000);
});
