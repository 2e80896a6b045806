/** What a workflow says of its runs as wholes: deadlines, further tries, code that may change under them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeRecorded, openRunEngine, type RunEngine, type Store, type WorkflowSpec } from "../engine/index.ts";
import { openMemoryStore } from "../engine/store/memory.ts";
import { openEngine, shield, signal, sleep, task, waitFor, workflow, z, type Engine,
  type RunHandle } from "../sdk/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { allEnded, engineOn, familyOf, keptOpen, outcome } from "./conversing.ts";
import { history, until } from "./histories.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: process.env["LANGUAGE_DB"] ?? "memory:" }) });
afterEach(async () => { await engine.close() });

/** One worker with this code and no other; a run is started by the first that is asked. */
function worker(store: Store, spec: WorkflowSpec): Promise<RunEngine> {
  return openRunEngine({ database: "", store, workflow: () => spec, workflows: () => [spec.name], claims: "all",
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
}

describe("a deadline", () => {
  test("ends the calls of the run with TimedOut; a shielded cleanup still runs; the run has failed", async () => {
    const cleaned: string[] = [];
    const clean = task("clean", async () => { cleaned.push("yes") });
    const flow = workflow("late", { deadline: 30 }, async () => {
      try { await sleep("1h") } finally { await shield(() => clean()) }
    });
    await expect((await engine.start(flow)).result()).rejects.toMatchObject({ state: "failed",
      cause: expect.objectContaining({ code: "TIMED_OUT" }) });
    expect(cleaned).toEqual(["yes"]);
  });
  test("of the parent is the child's too", async () => {
    const child = workflow("late-child", async () => { await sleep("1h") });
    const parent = workflow("late-parent", { deadline: 40 }, async () => child());
    const run = await engine.start(parent);
    await expect(run.result()).rejects.toMatchObject({ state: "failed" });
    const started = (await history(run)).find((event) => event.type === "ChildStarted");
    const inner = engine.get(started?.type === "ChildStarted" ? started.childId : "");
    await expect(inner.result()).rejects.toBeDefined();
    const [first, own] = [(await history(run))[0], (await history(inner))[0]];
    expect(own).toMatchObject({ deadlineAt: first?.type === "RunStarted" ? first.deadlineAt : 0 });
  });
  test("that passed while nobody worked is what the parent hears first, though its child's end waits in the mail",
    async () => {
    const store = openMemoryStore(), inner = workflow("asleep", async () => { await sleep("1h") });
    const outer = workflow("late-parent-of-a-late-child", { deadline: 2000 }, async () => inner());
    const before = await engineOn(keptOpen(store));
    const { runId } = await before.start({ workflow: workflowSpec(outer.workflowName)!, input: undefined });
    await expect.poll(async () => (await familyOf(store)).size).toBe(2);
    await before.close(0);
    await new Promise((resolve) => { setTimeout(resolve, 2000) });
    const childOnly = await worker(keptOpen(store), workflowSpec(inner.workflowName)!);
    await expect.poll(async () => (await store.run(runId))?.mailHead).toBe(1);
    await childOnly.close(0);
    const after = await engineOn(keptOpen(store));
    expect(await outcome(after, runId)).toEqual({
      error: "TimedOut: workflow 'late-parent-of-a-late-child' took longer than 2000 ms" });
    const ends = [...(await familyOf(store)).values()].flatMap(({ events }) => events.slice(-1));
    expect(ends).toContainEqual(expect.objectContaining({ error: expect.objectContaining({
      message: "workflow 'asleep' took longer than the deadline of the run that started it allows" }) }));
    await after.close(0);
  });
  test("that is not reached changes nothing", async () => {
    const flow = workflow("in-time", { deadline: "1h" }, async () => { await sleep(1); return 5 });
    expect(await (await engine.start(flow)).result()).toBe(5);
  });
});

test("sleeps that fell due while nobody worked end in the order of their instants, not of their making", async () => {
  const store = openMemoryStore(), race = workflow("late-sleepers", async () => Promise.race([
    sleep(1500).then(() => "late"), sleep(1000).then(() => "early")]));
  const before = await engineOn(keptOpen(store));
  const { runId } = await before.start({ workflow: workflowSpec(race.workflowName)!, input: undefined });
  await before.close(0);
  await new Promise((resolve) => { setTimeout(resolve, 1600) });
  const after = await engineOn(keptOpen(store));
  expect(await outcome(after, runId)).toEqual({ value: "early" });
  const fired = (await after.history(runId)).flatMap((event) => event.type === "TimerFired" ? [event.key] : []);
  expect(fired).toEqual([expect.stringContaining("#1"), expect.stringContaining("#0")]);
  await after.close(0);
});

describe("retries of a run", () => {
  test("go on from the call that failed, after the delay, until one succeeds; the result is the last try's",
    async () => {
    const ran: string[] = [];
    const first = task("first", async () => { ran.push("first"); return 1 });
    const second =
      task("second", async () => { ran.push("second"); if (ran.length < 4) throw new Error("not yet"); return 2 });
    const flow = workflow("tries", { retries: 3, retryDelay: 5 }, async () => (await first()) + (await second()));
    const run = await engine.start(flow);
    expect(await run.result()).toBe(3);
    expect(ran).toEqual(["first", "second", "second", "second"]);
    const end = (await history(run)).at(-1);
    expect(end).toMatchObject({ type: "RunFailed", retriedAs: expect.any(String) });
  });
  test("that are used up end as the last failure", async () => {
    const fails = task("fails", async () => { throw new Error("never") });
    const flow = workflow("tries-in-vain", { retries: 1 }, async () => fails());
    await expect((await engine.start(flow)).result()).rejects.toThrow("never");
  });
  test("of a child are its own affair: the parent gets the result of the last try", async () => {
    let n = 0;
    const shaky = task("shaky", async () => { if (++n < 3) throw new Error("again"); return n });
    const child = workflow("tries-child", { retries: 5 }, async () => shaky());
    const parent = workflow("tries-parent", async () => child());
    expect(await (await engine.start(parent)).result()).toBe(3);
  });
});

describe("between two tries", () => {
  const go = signal("between-tries-go", z.string());
  const down = task("between-tries-down", async () => { throw new Error("down") });
  const waiting = workflow("between-tries-waiting", { retries: 3, retryDelay: "1h" }, async () => down());
  /** The run of the try after the one that failed. */
  async function nextTry(of: Pick<RunHandle<unknown>, "history">): Promise<RunHandle<unknown>> {
    await until(of, "RunFailed");
    const end = (await history(of)).at(-1);
    return engine.get(end?.type === "RunFailed" ? end.retriedAs ?? "" : "");
  }
  async function cancelled(run: RunHandle<unknown>, attempts: number): Promise<void> {
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    const events = await history(run);
    expect(events.filter(({ type }) => type === "AttemptStarted")).toHaveLength(attempts);
    expect(events.at(-1)).toMatchObject({ type: "RunCancelled" });
  }

  test("a parent's cancellation reaches the child's next try, which begins nothing", async () => {
    const parent = await engine.start(workflow("between-tries-parent", async () => waiting()));
    await until(parent, "ChildStarted");
    const started = (await history(parent)).find((event) => event.type === "ChildStarted");
    const next = await nextTry(engine.get(started?.type === "ChildStarted" ? started.childId : ""));
    await parent.cancel({ reason: "enough" });
    await cancelled(parent, 0);
    await cancelled(next, 1); // shared with the first try
  });
  test("so does that of whoever started the run", async () => {
    const run = await engine.start(waiting), next = await nextTry(run);
    await run.cancel();
    await cancelled(next, 1);
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
  });
  test("a signal waits for the next try, and does not hasten it", async () => {
    let tries = 0;
    const shaky = task("between-tries-shaky", async () => { if (++tries < 2) throw new Error("again") });
    const flow = workflow("between-tries-flow", { retries: 1, retryDelay: 300 }, async () => {
      await shaky();
      return go.wait();
    });
    const run = await engine.start(flow), next = await nextTry(run);
    await run.signal(go, "said between");
    expect(await run.result()).toBe("said between");
    const failed = (await history(run)).at(-1);
    const claimed = (await history(next)).findLast(({ type }) => type === "RunClaimed");
    expect((claimed?.at ?? 0) - (failed?.at ?? 0)).toBeGreaterThanOrEqual(300);
  });
  test("a run that was cancelled, or whose time is over, is not tried again", async () => {
    const rude = workflow("between-tries-rude", { retries: 9 }, async () => {
      await sleep("1h").catch(() => { throw new Error("I will not be told") });
    });
    const run = await engine.start(rude);
    await until(run, "TimerStarted");
    await run.cancel();
    await expect(run.result()).rejects.toThrow("I will not be told");
    const late = await engine.start(workflow("between-tries-late", { retries: 9, deadline: 20 },
      async () => sleep("1h")));
    await expect(late.result()).rejects.toMatchObject({ cause: expect.objectContaining({ code: "TIMED_OUT" }) });
    for (const one of [run, late]) expect((await history(one)).at(-1)).not.toHaveProperty("retriedAs");
  });
});

describe("code that changes under a run", () => {
  const go = signal("evolve-go");
  const specOf = (codeVersion: string, evolve: "strict" | "append" | "pin", name: string): WorkflowSpec => ({
    name: "evolving", dangling: "cancel", codeVersion, evolve,
    fn: async () => { await task("named", async () => name).with({})(); await go.wait(); return name },
  });
  async function parkedCode(evolve: "strict" | "append" | "pin"): Promise<string | null> {
    const store = openMemoryStore();
    const first = await worker(store, specOf("v1", evolve, "one"));
    const { runId } = await first.start({ workflow: specOf("v1", evolve, "one"), input: undefined });
    while (!(await first.history(runId)).some((event) => event.type === "WaitOpened")) await new Promise((r) =>
      { setTimeout(r, 1) });
    await first.close(0);
    const second = await worker(store, specOf("v2", evolve, "two"));
    await second.operator.signal(runId, "evolve-go", undefined);
    const outcome = await second.result(runId).then(() => null, (error: { code: string }) => error.code);
    await second.close(0);
    return outcome;
  }
  /** What becomes of a run that waits at a form with this schema, where the code of a new worker has that one. */
  async function upgraded(before: z.ZodType, after: z.ZodType, answered = false): Promise<string | null> {
    let form = before;
    const spec = (codeVersion: string): WorkflowSpec => ({ name: "asking", dangling: "cancel", codeVersion,
      evolve: "append", fn: async () => { await waitFor(form, { name: "money" }); if (answered) await go.wait() } });
    const store = openMemoryStore(), first = await worker(store, spec("v1"));
    const { runId } = await first.start({ workflow: spec("v1"), input: undefined });
    const opened = async (count: number): Promise<void> => {
      while ((await first.history(runId)).filter(({ type }) => type === "WaitOpened").length < count) {
        await new Promise((resolve) => { setTimeout(resolve, 1) });
      }
    };
    await opened(1);
    const answer = encodeRecorded({ amount: 5, note: "for ada" }, "answer");
    if (answered) { await first.operator.answer(runId, "money", answer); await opened(2) }
    await first.close(0);
    form = after;
    const second = await worker(store, spec("v2"));
    if (answered) await second.operator.signal(runId, "evolve-go", undefined);
    else await second.operator.answer(runId, "money", answer).catch(() => undefined);
    const outcome = await second.result(runId).then(() => null, (error: { code: string }) => error.code);
    await second.close(0);
    return outcome;
  }
  const money = z.object({ amount: z.number(), note: z.string() });
  test("a form that asks for something else parks the runs that wait at it, and no others", async () => {
    expect(await upgraded(money, money.extend({ by: z.string() }))).toBe("REPLAY_DIVERGED");
    expect(await upgraded(money, z.object({ amount: z.string(), note: z.string() }))).toBe("REPLAY_DIVERGED");
    expect(await upgraded(money, money.extend({ by: z.string() }), true), "it has its answer").toBeNull();
  });
  test("a form that asks for the same in other words, or another order, goes on", async () => {
    expect(await upgraded(money, z.object({ note: z.string().describe("what for"), amount: z.number().meta({
      title: "Euro" }) }))).toBeNull();
  });
  test("append: a run goes on where its history still matches",
    async () => { expect(await parkedCode("append")).toBeNull() });
  test("pin: it never goes on with other code", async () => { expect(await parkedCode("pin")).toBe("CODE_PINNED") });
});
