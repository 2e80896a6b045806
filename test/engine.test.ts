import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRunEngine, openStore, type RunEngine } from "../engine/index.ts";
import { context, openEngine, record, RunError, signal, sleep, task, TaskError, TimedOut, withTimeout, workflow,
  type Engine } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: "memory:" }) });
afterEach(async () => { await engine.close() });

const add = task("add", (a: number, b: number) => a + b);

describe("what Ctrl-C leaves unfinished", () => {
  test("are the runs in this process's hands and those that it waits for, wherever they are", async () => {
    const store = await openStore("memory:"), quiet = { events: () => undefined, line: () => undefined,
      outage: () => undefined };
    const open = (claims: "all" | "none"): Promise<RunEngine> => openRunEngine({ database: "memory:", store, claims,
      workflow: workflowSpec, workflows: workflowNames, observer: quiet });
    const working = await open("all"), watching = await open("none");
    const held = workflow("held", () => signal("go").wait());
    const spec = workflowSpec(held.workflowName);
    if (spec === undefined) throw new Error("the workflow is not defined");
    const { runId } = await working.start({ workflow: spec });
    expect([working.unfinished, watching.unfinished]).toEqual([1, 0]);
    const results = Promise.allSettled([watching.result(runId), watching.result(runId)]);
    expect(watching.unfinished).toBe(1);
    await working.cancel(runId, {});
    await results;
    expect([working.unfinished, watching.unfinished]).toEqual([0, 0]);
    await working.close(0);
  });
});

describe("a workflow", () => {
  test("decides more in one turn than a row of history holds", async () => {
    const many = workflow("many-at-once", async () => {
      const sums = await Promise.all(Array.from({ length: 3000 }, (_, i) => add(i, 1)));
      return sums.reduce((a, b) => a + b, 0);
    });
    expect(await many()).toBe(3000 * 3001 / 2);
  });

  test("returns what its function returns, and records each task once", async () => {
    const sum = workflow("sum", async (upTo: number) => {
      let total = 0;
      for (let i = 1; i <= upTo; i++) total = await add(total, i);
      return total;
    });
    const run = await sum.start(4);
    expect(await run.result()).toBe(10);
    const types: string[] = [];
    for await (const event of run.history()) types.push(event.type);
    expect(types.filter((type) => type === "TaskCompleted")).toHaveLength(4);
    expect(types[0]).toBe("RunStarted");
    expect(types.at(-1)).toBe("RunCompleted");
  });

  test("fails as its function throws, with the cause", async () => {
    const boom = task("boom", () => { throw new RangeError("too far") });
    const failing = workflow("failing", async () => { await boom() });
    const error: unknown = await failing().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RunError);
    expect((error as RunError).cause).toBeInstanceOf(TaskError);
    const thrown = ((error as RunError).cause as TaskError).cause as Error;
    expect(thrown).toBeInstanceOf(RangeError);
    expect(thrown.stack).toContain("test/engine.test.ts");
    expect([(error as RunError).stack, thrown.stack].join()).not.toMatch(/engine\/runtime|sdk\/|node:/);
  });

  test("is not started once its file has given its name to another: a run would execute the other", async () => {
    const first = workflow("same-name", async () => 1), second = workflow("same-name", async () => 2);
    await expect(first()).rejects.toMatchObject({ code: "DUPLICATE_WORKFLOW" });
    await expect(workflow("calls-the-first", async () => { await first() })()).rejects.toMatchObject({
      cause: { code: "DUPLICATE_WORKFLOW" } });
    expect(await second()).toBe(2);
  });

  test("waits durably, races, and times out", async () => {
    const timed = workflow("timed", async () => {
      const winner = await Promise.race([add(1, 2), sleep("1h").then(() => "late")]);
      const late = await withTimeout(20, () => sleep("1h")).catch((error: unknown) => error instanceof TimedOut);
      return { winner, late };
    });
    expect(await timed()).toEqual({ winner: 3, late: true });
  });

  test("sees the same clock and chance in every turn, live as in replay", async () => {
    const fixed = workflow("fixed", async () => {
      const before = [Date.now(), Math.random(), crypto.randomUUID()];
      const pid = record("pid", () => process.pid);
      await add(1, 1);
      return { before, pid, in: context().in };
    });
    const result = await fixed();
    expect(result.pid).toBe(process.pid);
    expect(result.in).toBe("workflow");
  });

  test("is refused an effect, naming it", async () => {
    const outside = workflow("outside", async () => { await fetch("http://127.0.0.1:1/") });
    await expect(outside()).rejects.toMatchObject({ cause: { code: "EFFECT_IN_WORKFLOW" } });
  });
});

describe("a task", () => {
  test("is tried again until it works, as often as its retries allow", async () => {
    let tries = 0;
    const flaky = task("flaky", { retries: 3, retryDelay: 1 },
      () => { if (++tries < 3) throw new Error("not yet"); return tries });
    const patient = workflow("patient", async () => flaky());
    expect(await patient()).toBe(3);
  });

  test("keeps the order of the items it is mapped over, within a bounded concurrency", async () => {
    let open = 0, most = 0;
    const double = task("double", async (n: number) => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => { setTimeout(resolve, 1) });
      open--;
      return n * 2;
    });
    const mapped = workflow("mapped", async () => double.map([1, 2, 3, 4, 5, 6, 7], { concurrency: 3 }));
    expect(await mapped()).toEqual([2, 4, 6, 8, 10, 12, 14]);
    expect(most).toBeLessThanOrEqual(3);
  });
});
