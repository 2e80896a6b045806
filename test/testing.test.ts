/** What users test their workflows with: virtual time, mocks, crashes, explored orders. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, describe, expect, inject, test, vi } from "vitest";
import {
  condition, context, RunError, scope, signal, sleep, task, taskContext, TimedOut, waitFor, workflow, z,
} from "../sdk/index.ts";
import { explore, replay, testEngine, type TestEngine } from "../sdk/testing.ts";
import { history, until } from "./histories.ts";
import { freshDatabase } from "./postgres-server.ts";
import { clear, project } from "./talking.ts";

let t: TestEngine;
afterEach(async () => { await t.close() });
afterAll(clear);

const go = signal("go", z.number());
const charge = task("test-charge", { retries: 3, retryDelay: "1h", timeout: "30s" },
  async (cents: number): Promise<string> => { throw new Error(`no bank for ${cents}`) });
const note = task("test-note", async (text: string) => text);

describe("virtual time", () => {
  test("jumps over sleeps of any length, and comes to each in its order", async () => {
    t = await testEngine();
    const began = t.now().getTime();
    const long = workflow("test-long", async () => {
      const seen: string[] = [];
      const after = async (wait: "30d" | "2h" | "10s"): Promise<void> => { await sleep(wait); seen.push(wait) };
      await Promise.all([after("30d"), after("2h"), after("10s")]);
      await sleep("52w");
      return seen;
    });
    expect(await long()).toEqual(["10s", "2h", "30d"]);
    const passed = t.now().getTime() - began, day = 86_400_000;
    expect(passed).toBeGreaterThanOrEqual((30 + 364) * day);
    expect(passed).toBeLessThan((30 + 365) * day);
  });
  test("stands in the history: delays between attempts are as long as they are", async () => {
    t = await testEngine();
    const run = await t.start(workflow("test-retries", () => charge(5)));
    await expect(run.result()).rejects.toBeInstanceOf(RunError);
    const started = (await history(run)).filter(({ type }) => type === "AttemptStarted").map(({ at }) => at.getTime());
    const hours = started.slice(1).map((at, i) => Math.round((at - (started[i] ?? 0)) / 60_000));
    expect(hours).toEqual([60, 60, 60]);
  });
  test("does not pass while a task is at work, and passes while it sleeps", async () => {
    t = await testEngine();
    const real = task("test-real", { timeout: "1s" }, async () => {
      await new Promise((resolve) => { setTimeout(resolve, 60) });
      return "in time";
    });
    const sleepy = task("test-sleepy", async () => { await sleep("3h"); return "slept" });
    const before = t.now().getTime();
    expect(await workflow("test-work", async () => [await real(), await sleepy()])()).toEqual(["in time", "slept"]);
    expect(t.now().getTime() - before).toBeGreaterThanOrEqual(3 * 3_600_000);
  });
  test("lets a mock that never answers run into its timeout", async () => {
    t = await testEngine();
    const mock = t.mock(charge, () => new Promise<string>(() => undefined));
    const run = await t.start(workflow("test-silent", () => charge(1)));
    const failed: unknown = await run.result().catch((error: RunError) => error.cause);
    expect(failed).toMatchObject({ code: "TASK_FAILED", cause: expect.any(TimedOut) });
    expect(mock.calls).toEqual([[1], [1], [1], [1]]);
  });
  test("jumps, too, where nobody awaits a result and nothing else happens", async () => {
    t = await testEngine();
    const run = await t.start(workflow("test-alone", async () => { await sleep("1d") }));
    await until(run, "RunCompleted");
    expect(await run.state()).toMatchObject({ state: "completed" });
  });
  test("passes for a run that waits for another in a task, for children, and for runs that begin later", async () => {
    t = await testEngine();
    const child = workflow("test-child", async (hours: number) => { await sleep(`${hours}h`); return hours });
    const inTask = task("test-starts", async () => child(2));
    const parent = workflow("test-parent", async () => [await child(1), await inTask()]);
    const began = t.now().getTime(), run = await parent.start(undefined, { at: "1d" });
    expect((await run.state()).state).toBe("scheduled");
    expect(await run.result()).toEqual([1, 2]);
    expect(t.now().getTime() - began).toBeGreaterThanOrEqual(27 * 3_600_000);
  });
});

describe("manual time", () => {
  test("waits for advance(), which comes to each timer on its way", async () => {
    t = await testEngine({ clock: "manual" });
    const seen: string[] = [];
    const run = await t.start(workflow("test-manual", async () => {
      for (const hour of ["first", "second"]) { await sleep("1h"); seen.push(await note(hour)) }
    }));
    await until(run, "TimerStarted");
    await t.advance("59m");
    expect(seen).toEqual([]);
    await t.advance("1m");
    expect(seen).toEqual(["first"]);
    await t.advance("2h");
    expect(seen).toEqual(["first", "second"]);
    expect(await run.state()).toMatchObject({ state: "completed" });
  });
  test("takes signals, answers, questions while it stands still", async () => {
    t = await testEngine({ clock: "manual" });
    const run = await t.start(workflow("test-talk", async () => [await go.wait({ timeout: "1h" }),
      await waitFor(z.object({ ok: z.boolean() }), { timeout: "1h", else: "late" })]));
    await run.signal(go, 7);
    await until(run, "WaitOpened", 2);
    await run.answer("form", { ok: true });
    expect(await run.result()).toEqual([7, { ok: true }]);
    const late = await t.start(workflow("test-late", async () => go.wait({ timeout: "1h", else: "late" })));
    await t.advance("1h");
    expect(await late.result()).toBe("late");
    expect((await late.state()).state).toBe("completed");
  });
});

describe("a mock", () => {
  test("stands in for the task in workflows, in tasks and alone, until the engine is closed", async () => {
    t = await testEngine();
    let failures = 2;
    const { calls } = t.mock(charge, async (cents) => {
      if (failures-- > 0) throw new Error("not yet");
      return `${taskContext().attempt}: paid ${cents}`;
    });
    const noted = t.mock(note, (text) => `mocked ${text}`);
    const inside = task("test-inside", async () => note("inside"));
    const mocked = workflow("test-mocked", async () =>
      [await charge(45), await inside(), await note.with({ retries: 1 })("x")]);
    expect(await mocked()).toEqual(["3: paid 45", "mocked inside", "mocked x"]);
    expect(calls).toEqual([[45], [45], [45]]);
    expect(await note("alone")).toBe("mocked alone");
    expect(noted.calls).toEqual([["inside"], ["x"], ["alone"]]);
    await t.close();
    t = await testEngine();
    expect(await note("again")).toBe("again");
  });
});

describe("a crash", () => {
  test("at every event of a run: a fresh engine goes on, nothing that was recorded runs again", async () => {
    const effects: string[] = [];
    const step = task("test-step", async (name: string) => { effects.push(name); return name });
    const steps = workflow("test-steps", async () => {
      const [a, b] = await Promise.all([step("a"), step("b")]);
      await sleep("1h");
      return [a, b, await step("c")];
    });
    t = await testEngine();
    const clean = await t.start(steps);
    await clean.result();
    const length = (await history(clean)).length;
    expect(length).toBeGreaterThan(8);
    await t.close();
    for (let seq = 1; seq <= length; seq++) {
      effects.length = 0;
      t = await testEngine();
      t.crashAt(seq);
      const run = await t.start(steps);
      expect(await run.result(), `crash at ${seq}`).toEqual(["a", "b", "c"]);
      const events = await history(run);
      expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
      if (seq < length - 2) expect(events.filter(({ type }) => type === "RunClaimed").length, `crash at ${seq}`)
        .toBeGreaterThan(1);
      for (const name of ["a", "b", "c"]) {
        const times = effects.filter((one) => one === name).length;
        expect(times, `${name}, crash at ${seq}`).toBeGreaterThanOrEqual(1);
        expect(times, `${name}, crash at ${seq}`).toBeLessThanOrEqual(2);
      }
      expect(await replay(await run.export())).toEqual({ ok: true, diff: undefined });
      await t.close();
    }
  });
  test("is survived by what waits for a signal, and by a question that it interrupts", async () => {
    t = await testEngine();
    t.crashAt(4);
    const run = await t.start(workflow("test-wait", async () => {
      let n = 0;
      void (async () => { for await (const one of go) n += one })();
      await condition(() => n >= 3);
      return n;
    }));
    await run.signal(go, 1);
    await run.signal(go, 2);
    expect(await run.result()).toBe(3);
  });
});

test("a test engine is closed in the middle of a crash", async () => {
  t = await testEngine();
  t.crashAt(3);
  const run = await t.start(workflow("test-closing", async () => note("x")));
  await until(run, "TaskScheduled");
  await t.close();
  await expect(t.start(workflow("test-closed", async () => 1))).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
});

describe("a test engine", () => {
  test("is the default until it is closed, and then the one before is", async () => {
    t = await testEngine({ clock: "manual" });
    const inner = await testEngine({ clock: "manual" });
    const nap = workflow("test-nap", async () => { await sleep("1h") });
    const run = await nap.start();
    await inner.advance("1h");
    expect((await run.state()).state).toBe("completed");
    await inner.close();
    const second = await nap.start();
    await t.advance("1h");
    expect((await second.state()).state).toBe("completed");
  });
  test("works in real time, refuses to move it, and refuses another time over a database", async () => {
    t = await testEngine({ clock: "real" });
    expect(await workflow("test-now", async () => { await sleep(5); return note("real") })()).toBe("real");
    await expect(t.advance("1h")).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(testEngine({ clock: "virtual", database: "./nowhere" })).rejects.toMatchObject(
      { code: "INVALID_OPTION" });
    expect(() => t.crashAt(0)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
  test.skipIf(inject("postgresUrl") === "")("goes on after a crash over PostgreSQL, in real time", async () => {
    t = await testEngine({ database: await freshDatabase(inject("postgresUrl")) });
    t.crashAt(5);
    const two = workflow("test-server", async () => { await note("a"); await sleep(5); return note("b") });
    const run = await t.start(two);
    expect(await run.result()).toBe("b");
    expect((await history(run)).some(({ type }) => type === "RunLost")).toBe(true);
  });
  test("needs no runner, and keeps no process alive: not if it is not closed, not after a crash on PGlite", () => {
    const folder = project("testing-alone", { "a.test.mjs": `import assert from "node:assert/strict";
import test from "node:test";
import { sleep, task, workflow } from "reprise";
import { testEngine } from "reprise/testing";
const step = task("step", async (n) => n);
const steps = workflow("steps", async (n) => { const a = await step(n); await sleep(5); return a + await step(1) });
test("virtual", async () => {
  await testEngine();
  assert.equal(await steps(4), 5);
});
test("embedded", async () => {
  const t = await testEngine({ database: "./runs" });
  t.crashAt(4);
  assert.equal(await (await t.start(steps, 3)).result(), 4);
  await t.close();
});
` });
    const { stdout, status } = spawnSync(process.execPath, ["--test", "a.test.mjs"], { cwd: folder, encoding: "utf8",
      timeout: 150_000, env: { ...process.env, NODE_OPTIONS: "" } });
    expect(stdout).toMatch(/pass 2/);
    expect(status).toBe(0);
  });
  test("is disposed of by `await using`", async () => {
    t = await testEngine();
    { await using inner = await testEngine(); expect(await scopeOf(inner)).toBe(1) }
    await expect(note("the outer one is the default again")).resolves.toContain("outer");
  });
});

const CLEAN = { failures: [], compared: true, varying: [] };
describe("explore", () => {
  const first = task("test-first", async () => 10), second = task("test-second", async () => 20);

  test("finds a race, and gives its smallest history, which replays", async () => {
    const race = workflow("test-race", async () => {
      let account: number | undefined;
      const open = async (): Promise<void> => { account = await first() };
      const pay = async (): Promise<void> => {
        const cents = await second();
        if (account === undefined) throw new Error("there is no account yet");
        account += cents;
      };
      await Promise.all([open(), pay()]);
      return account;
    });
    const { failures } = await explore(race, { input: undefined, orders: 50, crashes: 20 });
    expect(failures).toMatchObject([{ outcome: expect.stringContaining("there is no account yet") }]);
    const [failure] = failures, text = failure?.history ?? "";
    expect(failure?.crashedAt, "no crash is needed").toBeUndefined();
    const { events } = JSON.parse(text) as { events: { type: string; key?: string }[] };
    expect(events.filter(({ type }) => type === "TaskCompleted").map(({ key }) => key)).toEqual(["task:test-second#0"]);
    expect(await replay(text)).toEqual({ ok: true, diff: undefined });
    const again = await explore(race, { input: undefined, orders: 50, crashes: 20, seed: failure?.seed ?? 0 });
    expect(again.failures).toHaveLength(1);
  });
  test("finds a result that depends on the order, among many tasks, children and timers", async () => {
    const part = workflow("test-part", async (n: number) => { await sleep("1h"); return await note(`part ${n}`) });
    const lost = workflow("test-lost", async (count: number) => {
      let last = "";
      await Promise.all(Array.from({ length: count }, async (_, i) => { last = await part(i) }));
      return last;
    });
    const { failures } = await explore(lost, { input: 3, orders: 30, crashes: 0 });
    expect(failures.map(({ outcome }) => outcome).sort()).toEqual(['returns "part 0"', 'returns "part 1"']);
  });
  test("finds nothing wrong with a workflow that is right, and nothing that its check allows", async () => {
    const right = workflow("test-right", async (n: number) => {
      const all = await Promise.all([first(), second(), note("x")]);
      await sleep("1d");
      return [...all, await note(`${n}`)];
    });
    expect(await explore(right, { input: 1, orders: 40, crashes: 40 })).toEqual(CLEAN);
    const fastest = workflow("test-fastest", () => Promise.race([first(), second()]));
    expect((await explore(fastest, { input: undefined, orders: 20, crashes: 0 })).failures).toHaveLength(1);
    const allowed = (one: number): void => { if (one !== 10 && one !== 20) throw new Error("neither") };
    expect(await explore(fastest, { input: undefined, orders: 20, crashes: 5, check: allowed }))
      .toEqual(CLEAN);
  });
  test("compares results that hold ids and times, drawn before or after tasks", async () => {
    const dated = workflow("test-dated", async (late: boolean) => {
      const early = [randomUUID(), new Date(), Math.random()];
      let last = 0;
      await Promise.all([first, second].map(async (one) => { last = await one() }));
      return { last, early, ...late && { id: randomUUID(), at: new Date(), run: context().run.id } };
    });
    for (const late of [false, true]) {
      const { failures, compared, varying } = await explore(dated, { input: late, orders: 20, crashes: 20 });
      expect(failures.map(({ outcome }) => /last["']?: ?(\d+)/.exec(outcome)?.[1]), `late: ${late}`).toEqual(["10"]);
      expect(compared).toBe(true);
      expect([...varying].sort()).toEqual(late ? ["result.id", "result.run"] : []);
    }
    const right = workflow("test-drawn", async () => {
      const early = randomUUID();
      await Promise.all([first(), second()]);
      return { early, late: randomUUID(), at: new Date(), children: [await child(1), await child(2)] };
    });
    const child = workflow("test-drawing", async (n: number) => [n, randomUUID()]);
    expect(await explore(right, { input: undefined, orders: 20, crashes: 20 }))
      .toEqual({ failures: [], compared: true, varying: ["result.late"] });
  });
  test("says what varies although nothing disturbs it, and compares the rest", async () => {
    let calls = 0;
    const drawn = task("test-outside", async () => ++calls);
    const counting = workflow("test-counting", async () => drawn());
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      expect(await explore(counting, { input: undefined, orders: 5, crashes: 5 }))
        .toEqual({ failures: [], compared: false, varying: ["result"] });
      expect(said.mock.calls.map(([line]) => line)).toEqual([expect.stringMatching(/^explore 'test-counting': .*\n$/)]);
    } finally { said.mockRestore() }
    const partly = workflow("test-partly", async () => {
      let last = 0;
      await Promise.all([first, second].map(async (one) => { last = await one() }));
      return [await drawn(), last];
    });
    const { failures, compared, varying } = await explore(partly, { input: undefined, orders: 20, crashes: 0 });
    expect([failures.length, compared, varying]).toEqual([1, true, ["result.0"]]);
  });
  test("finds what only a crash brings about, and says where it was", async () => {
    const known = new Set<string>(); // of the process, not of the run
    const forgetful = workflow("test-forgetful", async () => {
      const { id } = context().run;
      if (!known.has(id)) { known.add(id); await first() }
      return second();
    });
    const { failures } = await explore(forgetful, { input: undefined, orders: 0, crashes: 20 });
    expect(failures.length).toBeGreaterThan(0);
    for (const { outcome } of failures) expect(outcome).toContain("REPLAY_DIVERGED");
    expect(failures[0]?.crashedAt).toBeGreaterThan(0);
  });
  test("reports a workflow that fails or stands still by itself, and honours mocks", async () => {
    const waits = workflow("test-waits", async () => go.wait());
    expect((await explore(waits, { input: undefined })).failures).toMatchObject([{ seed: 0, outcome: "does not end" }]);
    t = await testEngine();
    const { calls } = t.mock(charge, (cents) => `paid ${cents}`);
    const pay = workflow("test-pay", async (cents: number) => charge(cents));
    expect(await explore(pay, { input: 5, orders: 3, crashes: 3 })).toEqual(CLEAN);
    expect(calls.length).toBeGreaterThanOrEqual(2);
    await expect(explore(pay, { input: 5, orders: -1 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
const scopeOf = async (engine: TestEngine): Promise<number> =>
  (await engine.start(workflow("test-scope", async () => scope(async () => 1)))).result();
