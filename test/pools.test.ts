/** The option `pool` of tasks, in one process: what the caller sees is what a task made in place gives. */
import { afterEach, describe, expect, test } from "vitest";
import { Cancelled, context, limit, logger, NonRetryable, saga, scope, sleep, task, taskContext, TaskError, TimedOut,
  withTimeout, workflow, type Task } from "../sdk/index.ts";
import { openRunEngine, openStore, rehearse, type RunEngine, type Store } from "../engine/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { explore, testEngine, type TestEngine } from "../sdk/testing.ts";
import { history } from "./histories.ts";

let t: TestEngine;
afterEach(async () => { await t.close() });

type Fn<A extends unknown[], R> = Task<(...args: A) => Promise<R>>;
/** The same task, in place and in the pool. */
function both<A extends unknown[], R>(made: Fn<A, R>): readonly Fn<A, R>[] { return [made, made.with({ pool: "gpu" })] }
let names = 0;
/** A store in memory for several engines at once: none ends it, and none takes it over when it opens. */
function shared(store: Store): Store {
  const kept: { readonly [name: string]: () => Promise<void> } = { close: async () => undefined,
    recover: async () => undefined };
  return new Proxy(store, { get: (target, name) => {
    const value: unknown = kept[String(name)] ?? Reflect.get(target, name, target);
    return typeof value === "function" ? value.bind(target) as unknown : value; // the same, with its `this`
  } });
}
/** What a workflow that uses the task comes to, with the task in place and in the pool. */
async function eachOf<A extends unknown[], R>(made: Fn<A, R>, code: (one: Fn<A, R>) => Promise<unknown>):
  Promise<readonly [unknown, unknown]> {
  const [here, there] = await Promise.all(both(made).map(async (one) => {
    const run = await t.start(workflow(`pooled-${names++}`, async () => code(one)));
    return run.result().catch((error: Error) => ({ failed: error.cause }));
  }));
  return [here, there];
}

class Odd extends Error { name = "Odd"; constructor(readonly code: string) { super("odd") } }
const add = task("add", async (a: number, b = 1) => a + b);
const rich = task("rich", async (at: Date, of: Map<string, bigint>) => ({ at, of, more: [undefined, NaN] }));
const fails = task("fails", { retries: 2, retryDelay: "1s" }, async (how: string) => {
  if (how === "odd") throw new Odd("E_ODD");
  if (how === "never") throw new NonRetryable("never again", { left: 3 });
  throw Object.assign(new Error(`attempt ${taskContext().attempt}`), { status: 503 });
});
const patient = task("patient", async (ms: number) => { await sleep(ms); return ms });

describe("a task with a pool gives its caller what one in place does", () => {
  test("a result, whatever its type; submit, map with a limit, settle", async () => {
    t = await testEngine();
    const [here, there] = await eachOf(add, async (one) => {
      const future = one.submit(1, 2), before = future.state;
      return [await one(1), before, await future, future.state, future.key,
        await one.map([1, 2, 3], { concurrency: 2 }), await one.settle(4), await one(5) + await one(6),
        await one.map([7], { args: [3], key: (n) => `n${n}` })];
    });
    expect(here).toEqual([2, "running", 3, "completed", "task:add#0", [2, 3, 4],
      { ok: true, value: 5, state: "completed" }, 13, [10]]);
    expect(there).toEqual(here);
    const values = await eachOf(rich, async (one) => one(new Date(7), new Map([["a", 1n]])));
    expect(values[1]).toEqual(values[0]);
  });

  test("a failure: TaskError with its attempts, the cause with its class, code and data", async () => {
    t = await testEngine();
    const seen = async (one: typeof fails): Promise<unknown> => {
      const outcomes = [];
      for (const how of ["odd", "never", "last"]) outcomes.push(await one(how).catch((error: unknown) => {
        if (!(error instanceof TaskError)) throw error;
        const { name, code, message, task: of, attempts, data, cause } = error;
        const { stack: _stack, ...rest } = Object(cause);
        return [name, code, message, of, attempts, data, cause instanceof NonRetryable, String(cause), rest];
      }));
      const settled = await one.settle("odd");
      return [outcomes, settled.ok, settled.state];
    };
    const [here, there] = await eachOf(fails, seen);
    expect(here).toEqual([[
      ["TaskError", "TASK_FAILED", "odd", "fails", 3, undefined, false, "Odd: odd", { code: "E_ODD" }],
      ["TaskError", "TASK_FAILED", "never again", "fails", 1, { left: 3 }, true, "NonRetryable: never again",
        { data: { left: 3 } }],
      ["TaskError", "TASK_FAILED", "attempt 3", "fails", 3, { status: 503 }, false, "Error: attempt 3",
        { status: 503 }]], false, "failed"]);
    expect(there).toEqual(here);
  });

  test("an error that nobody catches fails the run as one in place does", async () => {
    t = await testEngine();
    const [here, there] = await eachOf(fails, async (one) => one("never"));
    expect(Object(there).failed).toBeInstanceOf(TaskError);
    expect(String(Object(there).failed)).toBe(String(Object(here).failed));
  });

  test("giving up: cancel() of a future, withTimeout, the losers of a race in a scope", async () => {
    t = await testEngine();
    const [here, there] = await eachOf(patient, async (one) => {
      const future = one.submit(60_000);
      future.cancel("changed my mind");
      const cancelled = await future.result().catch((error: unknown) => error instanceof Cancelled && error.reason);
      const late = await withTimeout("1s", () => one(60_000)).catch((error: unknown) => error instanceof TimedOut);
      const won = await scope(() => Promise.race([one(60_000), one(5)]));
      return [cancelled, future.state, late, won];
    });
    expect(here).toEqual(["changed my mind", "cancelled", true, 5]);
    expect(there).toEqual(here);
  });

  test("undo in a saga, last in first out", async () => {
    t = await testEngine();
    const undone: string[] = [];
    const book = task("book", { undo: (id: string, what: string) => { undone.push(`${id} of ${what}`) } },
      async (what: string) => what.toUpperCase());
    for (const one of both(book)) {
      undone.length = 0;
      const run = await t.start(workflow(`pooled-${names++}`, async () => saga(async () => {
        await one("car");
        await one("room");
        throw new Error("sold out");
      }).catch((error: Error) => error.message)));
      expect([await run.result(), undone]).toEqual(["sold out", ["ROOM of room", "CAR of car"]]);
    }
  });

  test("the options of its definition and of with(): retries, timeout, deadline, limits, cache", async () => {
    t = await testEngine();
    limit("pooled-two", 2);
    const tries: number[] = [];
    const flaky = task("flaky", { retries: 1, retryDelay: "1s" }, async (works: number) => {
      tries.push(taskContext().attempt);
      if (taskContext().attempt < works) throw new Error("not yet");
      return taskContext().attempt;
    });
    const [here, there] = await eachOf(flaky, async (one) => [await one(2), (await one.settle(3)).ok,
      await one.with({ retries: 2, retryDelay: ["1s", "2s"], limits: ["pooled-two"] })(3)]);
    expect(here).toEqual([2, false, 3]);
    expect(there).toEqual(here);
    const slow = await eachOf(patient, async (one) => {
      const told = async (limited: typeof patient): Promise<unknown> => limited(60_000).catch((error: Error) =>
        [error instanceof TaskError, error.cause instanceof TimedOut, error.message]);
      return [await told(one.with({ timeout: "2s" })), await told(one.with({ deadline: "3s" }))];
    });
    expect(slow[0]).toEqual([[true, true, "attempt 1 of task 'patient' took longer than 2000 ms"],
      [true, true, expect.stringContaining("took longer than 3000 ms")]]);
    expect(slow[1]).toEqual(slow[0]);
    let made = 0;
    const kept = task("kept", async () => ++made);
    for (const [i, one] of both(kept).entries()) {
      const stored = one.with({ cache: "1h", version: `v${i}` });
      const run = await t.start(workflow(`pooled-${names++}`,
        async () => [await stored.settle(), await stored.settle()]));
      expect(await run.result()).toEqual([{ ok: true, value: i + 1, state: "completed" },
        { ok: true, value: i + 1, state: "cached" }]);
    }
  });

  test("inside: the caller's run, call and idempotency key; its lines; the runs that it starts", async () => {
    t = await testEngine();
    const leaf = workflow(`pooled-leaf-${names++}`, async () => "leaf");
    const who = task("who", async () => {
      const { run, task: { name, key }, attempt, idempotencyKey } = taskContext();
      logger().info("a line");
      const started = await leaf.start(), { parentId, tags, workflow: of } = run;
      return { in: context().in, id: run.id, of: of.slice(0, 7), startedAt: run.startedAt, parentId, tags, name, key,
        attempt, idempotencyKey, leaf: await started.result(), again: (await leaf.start()).id !== started.id };
    });
    for (const one of both(who)) {
      const run = await t.start(workflow(`pooled-${names++}`, { tags: ["night"] }, async () => {
        await one();
        return [await one(), context().run.startedAt];
      }));
      const [told, startedAt] = await run.result();
      expect(told).toEqual({ in: "task", id: run.id, of: "pooled-", startedAt, parentId: undefined, tags: ["night"],
        name: "who", key: "task:who#1", attempt: 1, idempotencyKey: `${run.id}/task:who#1`, leaf: "leaf",
        again: true });
      const lines = [];
      for await (const { text } of run.logs()) lines.push(text);
      expect(lines).toEqual(["a line", "a line"]);
    }
  });

  test("keys: the history names the call as one in place, and its pool", async () => {
    t = await testEngine();
    const run = await t.start(workflow(`pooled-${names++}`, async () => add.with({ pool: "gpu", key: "sum" })(1)));
    await run.result();
    expect(await history(run)).toContainEqual(expect.objectContaining({ type: "ChildStarted", key: "task:sum",
      pool: "gpu", task: { name: "add" } }));
  });

  test("in tests and pictures: mocks, explore() and visualize() take it as one in place", async () => {
    t = await testEngine();
    const moon = add.with({ pool: "moon" });
    const flow = workflow(`pooled-${names++}`, async () => {
      const first = await moon(1, 2);
      return first > 2 ? moon(first) : 0;
    });
    expect(await flow.visualize({ values: { add: 3 } })).toMatch(/n1\["add"\]\n {2}n2\["add"\]/);
    const mock = t.mock(moon, async (a: number) => a * 100);
    expect(await (await t.start(flow)).result()).toBe(10_000);
    expect(mock.calls).toEqual([[1, 2], [100]]);
    const { failures } = await explore(flow, { input: undefined, orders: 5, crashes: 10 });
    expect(failures).toEqual([]);
  });

  test("called outside any run, it is a run of one task", async () => {
    t = await testEngine();
    expect(await add.with({ pool: "gpu" })(1)).toBe(2);
  });
});

describe("while no worker is there, a task with a pool", () => {
  let engine: RunEngine, store: Store;
  const open = (pools: readonly string[]): Promise<RunEngine> => openRunEngine({ database: "", store: shared(store),
    workflow: workflowSpec, workflows: workflowNames, pools, claims: "all",
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
  const ran: string[] = [];
  const far = task("far", { pool: "nowhere" }, async (what: string) => { ran.push(what); return what });
  async function started(code: () => Promise<unknown>): Promise<string> {
    const name = `pooled-${names++}`;
    workflow(name, code);
    store = await openStore("memory:");
    engine = await open(["default"]);
    const spec = workflowSpec(name);
    if (spec === undefined) throw new Error("just defined");
    return (await engine.start({ workflow: spec, input: undefined })).runId;
  }
  const limited = (one: typeof far): Promise<unknown> => one("late").catch((error: unknown) =>
    error instanceof TaskError && error.cause instanceof TimedOut ? [error.attempts, error.message] : error);

  test("fails by queueTimeout and deadline, also when another engine has its run by then", async () => {
    t = await testEngine(); // for afterEach; the engines here are plain ones
    const runId = await started(async () => [await limited(far.with({ queueTimeout: 60 })),
      await limited(far.with({ deadline: 1500 }))]);
    await expect.poll(async () => (await engine.history(runId)).filter(({ type }) => type === "ChildStarted").length)
      .toBe(2);
    await engine.close(0);
    engine = await open(["default"]);
    expect(await engine.result(runId)).toEqual([[0, "the wait of task 'far' to begin took longer than 60 ms"],
      [0, "task 'far' with all its attempts took longer than 1500 ms"]]);
    const spec = workflowSpec((await engine.row(runId)).workflow), events = await engine.history(runId);
    expect(spec && (await rehearse(runId, spec, events)).diff, "it replays").toBeUndefined();
    const worker = await open(["nowhere"]);
    await expect.poll(async () => (await store.listRuns({ limit: 9, states: ["pending"] })).length).toBe(0);
    expect(ran, "a worker that comes makes none of them").toEqual([]);
    await worker.close(0);
    await engine.close(0);
  });

  test("waits for one, without a limit; with one, it is the worker's when it has begun", async () => {
    t = await testEngine();
    const runId = await started(async () => [await far("in time"), await far.with({ queueTimeout: 5_000 })("soon")]);
    await expect.poll(async () => (await engine.history(runId)).some(({ type }) => type === "ChildStarted")).toBe(true);
    const worker = await open(["nowhere"]);
    expect(await engine.result(runId)).toEqual(["in time", "soon"]);
    expect((await engine.history(runId)).filter(({ type }) => type === "TimerFired" || type === "TaskFailed"))
      .toEqual([]);
    await worker.close(0);
    await engine.close(0);
  });
});

describe("a task with a pool refuses", () => {
  test("what is no pool, and functions that cannot reach its workers", async () => {
    t = await testEngine();
    expect(() => task("x", { pool: "" }, async () => 1)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(() => add.with({ pool: "gpu", retryIf: () => true })).toThrow(/retryIf was given by with\(\)/);
    expect(() => add.with({ pool: "gpu", cache: { key: () => "k" } })).toThrow(/cache.key was given/);
  });
  test("to be called inside another task, where it would be made in place", async () => {
    t = await testEngine();
    const outer = task("outer", async () => add.with({ pool: "gpu" })(1));
    const run = await t.start(workflow(`pooled-${names++}`, async () => outer()));
    await expect(run.result()).rejects.toMatchObject({ cause: { cause: { code: "TASK_IN_TASK" } } });
  });
});
