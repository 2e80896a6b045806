/**
 * The acceptance lines of the features that users of other systems look for, as far as no other test shows them; the
 * number of each stands before it. Time is virtual: delays are read from the history.
 */
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { foldAll } from "../engine/core/fold.ts";
import type { Event as EngineEvent } from "../engine/core/events.ts";
import { timeline } from "../sdk/cli/timeline.ts";
import { exponential, signal, sleep, task, TaskError, taskContext, TimedOut, waitFor,
  workflow, z, type RetryDelay } from "../sdk/index.ts";
import { testEngine, type TestEngine } from "../sdk/testing.ts";
import { historyOf } from "../replay-viewer/model/history.ts";
import { Search } from "../replay-viewer/model/search.ts";
import { eventInWords } from "../replay-viewer/server/in-words.ts";
import { history, until } from "./histories.ts";
import { clear, cli, endAll, project, reprise, start } from "./talking.ts";

let t: TestEngine;
afterEach(async () => { await t.close() });
afterAll(() => { endAll(); clear() });
let names = 0;
const named = (what: string): string => `feature-${what}-${names++}`;

/** Seconds between the attempts of a task that fails until attempt `works`. */
async function secondsBetween(works: number, retries: number, retryDelay: RetryDelay): Promise<{
  readonly seconds: readonly number[]; readonly result: unknown }> {
  const extract = task(named("extract"), { retries, retryDelay }, async () => {
    const { attempt } = taskContext();
    if (attempt < works) throw new Error(`attempt ${attempt}`);
    return `attempt ${attempt}`;
  });
  const run = await t.start(workflow(named("retrying"), async () => extract()));
  const result: unknown = await run.result().catch((error: Error) => error.cause);
  const at = (await history(run)).flatMap((event) => event.type === "AttemptStarted" ? [event.at.getTime()] : []);
  return { result, seconds: at.slice(1).map((one, i) => Math.round((one - (at[i] ?? 0)) / 1000)) };
}

describe("a task that fails", () => {
  test("F20: twice, with retries: 3 and 10 s between, is tried three times and completes", async () => {
    t = await testEngine();
    expect(await secondsBetween(3, 3, "10s")).toEqual({ seconds: [10, 10], result: "attempt 3" });
  });
  test("F21: ten times, with retries: 10, completes at attempt 11; once more, it fails with the last", async () => {
    t = await testEngine();
    expect(await secondsBetween(11, 10, "10s")).toEqual({ seconds: Array(10).fill(10), result: "attempt 11" });
    const { result, seconds } = await secondsBetween(12, 10, "10s");
    expect(result).toMatchObject({ attempts: 11, cause: expect.objectContaining({ message: "attempt 11" }) });
    expect(seconds).toHaveLength(10);
  });
  test("F22: waits 10, 20, 40, 80 s with exponential(\"10s\")", async () => {
    t = await testEngine();
    expect((await secondsBetween(5, 4, exponential("10s"))).seconds).toEqual([10, 20, 40, 80]);
  });
  test("F15: is `retrying` meanwhile, with the next attempt and its instant; its run is running", async () => {
    t = await testEngine({ clock: "manual" });
    const extract = task(named("extract"), { retries: 3, retryDelay: "10s" }, async () => { throw new Error("no") });
    const run = await t.start(workflow(named("retrying"), async () => extract()));
    await until(run, "RetryScheduled");
    const events = await history(run), failed = events.find(({ type }) => type === "AttemptFailed");
    // Users get their instants as dates; the fold takes them as the log holds them.
    const view = foldAll(events.map((event) => ({ ...event, at: event.at.getTime() })) as EngineEvent[]);
    expect([view.state, (await run.state()).state]).toEqual(["running", "running"]);
    expect([...view.tasks.values()]).toMatchObject([{ state: "retrying",
      retryAt: (failed?.at.getTime() ?? 0) + 10_000 }]);
    await run.cancel();
  });
  test("F23: whose process is killed in the delay goes on at its instant, and its attempts count on", async () => {
    t = await testEngine(); // of no use to a process of its own
    const place = project("delayed", { "delayed.ts": `
      import { task, taskContext, workflow } from "reprise";
      const shaky = task("shaky", { retries: 5, retryDelay: "2s" }, async () => {
        if (taskContext().attempt < 2) throw new Error("not yet");
        return taskContext().attempt;
      });
      console.log("attempt", await workflow("delayed", async () => shaky())());
    ` });
    const first = start(place, [cli, "run", "delayed.ts"], { REPRISE_LOG_LEVEL: "info" });
    await first.until(/not yet/);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(reprise(place, "run", "delayed.ts").stdout).toBe("attempt 2\n");
    // Printed by `runs events --json`.
    const events = JSON.parse(reprise(place, "runs", "events", "-1", "--json").stdout) as EngineEvent[];
    const retry = events.find((event) => event.type === "RetryScheduled");
    const begun = events.filter((event) => event.type === "AttemptStarted");
    expect(begun.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(Number(begun[1]?.at)).toBeGreaterThanOrEqual(Number(retry?.dueAt));
  });
  test("F24: keeps name, message, stack and cause of each attempt", async () => {
    t = await testEngine();
    const broken = task(named("broken"), { retries: 1, retryDelay: "1s" }, async () => {
      throw new RangeError(`attempt ${taskContext().attempt}`, { cause: new TypeError("deep") });
    });
    const run = await t.start(workflow(named("failing"), async () => broken()));
    await run.result().catch(() => undefined);
    const failed = (await history(run)).flatMap((event) => event.type === "AttemptFailed" ? [event.error] : []);
    expect(failed).toMatchObject([1, 2].map((n) => ({ name: "RangeError", message: `attempt ${n}`,
      stack: expect.stringContaining("features.test.ts"), cause: { name: "TypeError", message: "deep" } })));
  });
  test("F24: says what caused it, in the console and in its history", async () => {
    t = await testEngine(); // of no use to a process of its own
    const place = project("causes", { "causes.ts": `
      import { createServer } from "node:net";
      import { task, workflow } from "reprise";
      const get = task("get", async (port: number) => (await fetch("http://127.0.0.1:" + port)).text());
      const any = task("any", async () => { throw new Error("no bank", { cause: Object.assign(
        new AggregateError([new Error("bank one is shut"), new Error("bank two is shut")]), { code: "SHUT" }) }) });
      const shop = workflow("shop", async (port: number) => { await any().catch(() => 0); return get(port) });
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        server.close(() => void shop(port).catch(() => undefined));
      });
    ` });
    const refused = ", caused by Error: connect ECONNREFUSED 127.0.0.1:", shut =
      ", caused by AggregateError: bank one is shut";
    const said = reprise(place, "run", "causes.ts").stderr;
    expect(said).toMatch(/Attempt 1 failed: TypeError: fetch failed\n(?: +at .*\n)+ {4}caused by Error: connect E/);
    expect(said.split(`Finished in state Failed('fetch failed')${refused}`), "of the task and of the run")
      .toHaveLength(3);
    expect(said).toContain(`Finished in state Failed('no bank')${shut}`);
    const events = reprise(place, "runs", "events", "-1").stdout;
    expect(events).toMatch(RegExp(`AttemptFailed +task:get#0 +TypeError: fetch failed${refused}`));
    expect(events).toMatch(RegExp(`RunFailed .*TaskError: fetch failed${refused}`));
    expect(events).toContain(`Error: no bank${shut}`);
    const lines = reprise(place, "runs", "inspect", "-1").stdout;
    expect(lines).toMatch(RegExp(`get.* failed +fetch failed${refused}`));
    expect(lines).toMatch(RegExp(`run.* failed +fetch failed${refused}`));
  });
  test("F25: by taking longer than its timeout is told by its signal, and tried again as often as it may", async () => {
    t = await testEngine();
    const told: unknown[] = [];
    const slow = task(named("slow"), { timeout: "1s", retries: 1, retryDelay: "1s" }, async () => {
      const { abortSignal } = taskContext();
      abortSignal.addEventListener("abort", () => told.push(abortSignal.reason));
      await sleep("5s");
    });
    const run = await t.start(workflow(named("timing-out"), async () => slow()));
    const error = await run.result().catch((failure: Error) => failure.cause);
    expect(error).toBeInstanceOf(TaskError);
    expect(error).toMatchObject({ attempts: 2, cause: expect.any(TimedOut) });
    expect(told).toEqual([expect.any(TimedOut), expect.any(TimedOut)]);
    const events = await history(run), of = (type: string): number[] => events.flatMap((event) =>
      event.type === type ? [event.at.getTime()] : []);
    const begun = of("AttemptStarted");
    expect(of("AttemptFailed").map((at, i) => Math.round((at - (begun[i] ?? 0)) / 1000))).toEqual([1, 1]);
  });
  test("F26: stops the pipeline: what comes after it never starts, it is tried again first", async () => {
    t = await testEngine();
    const calls: string[] = [];
    const step = (name: string, fails = false): (() => Promise<void>) => task(`${named(name)}`, { retries: 2 },
      async () => { calls.push(name); if (fails) throw new Error("bad rows") });
    const extract = step("extract"), validate = step("validate", true), load = step("load");
    const run = await t.start(workflow(named("pipeline"), async () => {
      await extract();
      await validate();
      await load();
    }));
    await expect(run.result()).rejects.toMatchObject({ state: "failed" });
    expect(calls).toEqual(["extract", "validate", "validate", "validate"]);
  });
});

describe("fails successfully", () => {
  const even = task("feature-even", async (n: number) => { if (n % 2 === 1) throw new Error(`${n} is odd`); return n });
  test("F8: an outcome is a value that the workflow branches on, without a throw", async () => {
    t = await testEngine();
    const run = await t.start(workflow(named("branch"), async () => {
      const outcome = await even.settle(1);
      return outcome.ok ? "went well" : [outcome.state, outcome.error.message];
    }));
    expect(await run.result()).toEqual(["failed", "1 is odd"]);
  });
  test("F9: one of four fails, three complete; the run completes, with the whole record of the failure", async () => {
    t = await testEngine();
    const run = await t.start(workflow(named("settled"), async () =>
      (await even.map([0, 1, 2, 4], { settle: true })).map((one) => one.ok ? one.value : one.state)));
    expect(await run.result()).toEqual([0, "failed", 2, 4]);
    expect((await run.state()).state).toBe("completed");
    expect((await history(run)).find(({ type }) => type === "TaskFailed")).toMatchObject({ attempts: 1,
      error: { message: "1 is odd", stack: expect.any(String) } });
  });
});

describe("tasks at once", () => {
  test("F44, F45: submit gives a future with a state and a result; results come in the order that they are asked for",
    async () => {
    t = await testEngine();
    const nap = task(named("nap"), async (hours: number) => { await sleep(`${hours}h`); return hours });
    const run = await t.start(workflow(named("futures"), async () => {
      const futures = [3, 1, 2].map((hours) => nap.submit(hours)), before = futures.map(({ state }) => state);
      const results = await Promise.all(futures.map((future) => future.result()));
      return { before, results, after: futures.map(({ state }) => state) };
    }));
    expect(await run.result()).toEqual({ before: Array(3).fill("running"), results: [3, 1, 2],
      after: Array(3).fill("completed") });
  });
  test("F46: go on together: each of four waits until all have begun, and has attempts of its own in the history",
    async () => {
    t = await testEngine();
    let begun = 0, all = (): void => undefined;
    const together = new Promise<void>((resolve) => { all = resolve });
    const region = task(named("region"), async (name: string) => {
      if (++begun === 4) all();
      await together;
      return name;
    });
    const run = await t.start(workflow(named("regions"), async () =>
      Promise.all(["north", "east", "south", "west"].map((name) => region(name)))));
    expect(await run.result()).toEqual(["north", "east", "south", "west"]);
    const events = await history(run), keys = (type: string): unknown[] => events.flatMap((event) =>
      event.type === type ? [event.key] : []);
    expect(new Set(keys("AttemptStarted"))).toEqual(new Set(keys("TaskCompleted")));
    expect(keys("AttemptStarted")).toHaveLength(4);
  });
  test.each([["F47", 10], ["F48", 1]])("%s: are never more than map's concurrency of %i, and reach it",
    async (_, most) => {
    t = await testEngine();
    let now = 0, seen = 0;
    const part = task(named("part"), async (n: number) => {
      seen = Math.max(seen, ++now);
      await new Promise((resolve) => { setTimeout(resolve, 2) });
      now--;
      return n;
    });
    const items = Array.from({ length: 30 }, (_unused, i) => i);
    const run = await t.start(workflow(named("map"), async () => part.map(items, { concurrency: most })));
    expect(await run.result()).toEqual(items);
    expect(seen).toBe(most);
  });
  test("F51: map takes constants for the other parameters, and one item's failure is its own", async () => {
    t = await testEngine();
    const scale = task(named("scale"), async (n: number, by: number, unit: string) => {
      if (n === 2) throw new Error("not two");
      return `${n * by} ${unit}`;
    });
    const run = await t.start(workflow(named("scaled"), async () =>
      (await scale.map([1, 2, 3], { args: [10, "eur"], settle: true })).map((one) => one.ok ? one.value : one.state)));
    expect(await run.result()).toEqual(["10 eur", "failed", "30 eur"]);
  });
  test("F50: need nothing around them: outside of a workflow a call is a run of one task", async () => {
    t = await testEngine();
    const inc = task(named("inc"), async (n: number) => n + 1);
    expect(await inc(1)).toBe(2);
    expect(inc.fn(1)).toBeInstanceOf(Promise);
  });
});

describe("parameters and names", () => {
  const input = z.object({ name: z.string(), amount: z.number().default(5) });
  test("F81, F82: defaults are filled in; what is missing or wrong is named, and nothing is started", async () => {
    t = await testEngine();
    const flow = workflow(named("typed"), { input }, async ({ name, amount }) => `${name} ${amount}`);
    expect(await flow.run({ name: "ada" })).toBe("ada 5");
    // What a user of JavaScript may pass.
    const wrong = flow as unknown as { start(given: unknown): Promise<unknown> };
    await expect(wrong.start({})).rejects.toMatchObject({ code: "INPUT_INVALID",
      message: expect.stringMatching(/name: /) });
    await expect(wrong.start({ name: "ada", amount: "5" })).rejects.toThrow(/amount: /);
  });
  test("F84: a run's name is made by a function or a template, of its input and the date", async () => {
    t = await testEngine();
    const byFunction = workflow(named("function"), { input, runName: ({ name }) => `hello-${name}` }, async () => 1);
    const byTemplate = workflow(named("template"), { input, runName: "{name}-on-{date:%A}" }, async () => 1);
    const runs = [await byFunction.start({ name: "ada" }), await byTemplate.start({ name: "bob" })];
    for (const run of runs) await run.result();
    const started = await Promise.all(runs.map(async (run) => (await history(run))[0]));
    const today = new Intl.DateTimeFormat("en", { weekday: "long", timeZone: "UTC" }).format(started[1]?.at);
    expect(started).toMatchObject([{ name: "hello-ada" }, { name: `bob-on-${today}` }]);
  });
  test("F83, F84, F85: a call's name, tags and version, and its workflow's, stand in the history, and are found there",
    async () => {
    t = await testEngine();
    const fetched = task(named("fetch"), { tags: ["slow", "http"], version: "7",
      description: "Asks the weather service", runName: ({ city }: { city: string }) => `fetch ${city}` },
      async ({ city }: { city: string }) => city);
    const kept = task(named("keep"), { runName: "keep-{city}-{date:%Y}" }, async (_: { city: string }) => 1);
    const run = await t.start(workflow(named("labelled"), { version: "2.1", tags: ["nightly"] }, async () => {
      await fetched({ city: "Lima" });
      await kept({ city: "Oslo" });
    }));
    await run.result();
    const events = await history(run), year = t.now().getUTCFullYear();
    expect(events[0]).toMatchObject({ version: "2.1", tags: ["nightly"] });
    expect(events.filter(({ type }) => type === "TaskScheduled")).toMatchObject([
      { label: "fetch Lima", tags: ["slow", "http"], version: "7", description: "Asks the weather service" },
      { label: `keep-Oslo-${year}` }]);
    // As the log holds them, as above.
    const recorded = events.map((event) => ({ ...event, at: event.at.getTime() })) as EngineEvent[];
    const search = new Search(historyOf(recorded));
    expect(timeline(recorded, run.id)).toMatch(/fetch Lima.*completed +#slow {2}#http/);
    const [first] = events.filter(({ type }) => type === "TaskScheduled");
    expect(search.find("http")).toEqual([first?.seq]);
    expect(search.find("tag:http type:Task"), "its beginning and its end").toHaveLength(2);
    const { says } = eventInWords(recorded, String(first?.seq));
    expect(says).toContain("Asks the weather service. Tagged slow, http.");
  });
  test("F87: run() starts with its input and gives the result", async () => {
    t = await testEngine();
    expect(await workflow(named("run"), async ({ url }: { url: string }) => url.length).run({ url: "http" })).toBe(4);
  });
});

describe("F86: a picture of a workflow", () => {
  const extract = task("picture-extract", async (region: string) => ({ rows: [region.length] }));
  const transform = task("picture-transform", async (rows: readonly unknown[]) => rows.length);
  const store = task("picture-store", async (_: number) => 1), skip = task("picture-skip", async () => 0);
  const etl = workflow("picture-etl", async (regions: readonly string[]) => {
    const rows = await Promise.all(regions.map((region) => extract(region)));
    await sleep("1h");
    return await transform(rows) > 1 ? store(2) : skip();
  });
  const lines = (...rest: readonly string[]): string => ["flowchart TD", '  input(["input"])',
    '  n1["picture-extract × 2"]', '  n2("sleep")', '  n3["picture-transform"]', ...rest].join("\n");
  const edges = ["  input --> n1", "  n1 --> n2", "  n2 --> n3", "  n3 --> n4", "  n4 --> n5"];

  test("is of its newest run, where there is one", async () => {
    t = await testEngine();
    await etl.run(["north", "south"]);
    expect(await etl.visualize()).toBe(lines('  n4["picture-store"]', '  n5(["completed"])', ...edges));
  });
  test("is of a dry run, in which no task runs, with the values that its control flow needs", async () => {
    t = await testEngine();
    t.mock(extract, () => { throw new Error("it ran") });
    const picture = (values: Record<string, unknown>): Promise<string> => etl.visualize({ input: ["a", "b"], values });
    expect(await picture({ "picture-transform": 0 })).toBe(lines('  n4["picture-skip"]', '  n5(["completed"])',
      ...edges));
    expect(await picture({ "task:picture-transform#0": 9 })).toContain("picture-store");
    await expect(picture({})).rejects.toMatchObject({ code: "VALUE_MISSING",
      message: expect.stringContaining("'picture-transform'"), hint: expect.stringContaining("picture-transform") });
  });
  test("shows children, waits and failures, as SVG, too, whatever their names", async () => {
    t = await testEngine();
    const child = workflow("picture-child", async () => 1), go = signal("picture-<go>", z.number());
    const flow = workflow("picture-flow", async () => {
      const n = await go.wait();
      await child();
      await waitFor(z.string(), { name: "picture-form" });
      if (n > 1) throw new Error("too many");
    });
    const svg = await flow.visualize({ values: { "picture-<go>": 2 }, format: "svg" });
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
    expect(texts).toEqual(["input", "picture-&#60;go&#62;", "picture-child", "picture-form", "failed"]);
    expect(svg.match(/marker-end/g)).toHaveLength(4);
    expect(await flow.visualize({ values: { "picture-<go>": 2 } })).toContain('n1{{"picture-<go>"}}');
  });
});
