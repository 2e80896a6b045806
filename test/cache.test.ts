/** Results shared across runs: what hits, what misses, who waits, and what a replay sees of it. */
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, inject, test } from "vitest";
import { encodeRecorded, openRunEngine, openStore, rehearse, type Event, type RunEngine,
  type Store } from "../engine/index.ts";
import { withFaults, type Fault } from "../engine/store/faults.ts";
import { openMemoryStore } from "../engine/store/memory.ts";
import { NonRetryable, task, workflow, type Workflow } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { sentenceText } from "../replay-viewer/model/sentence.ts";
import { historyOf } from "../replay-viewer/model/history.ts";
import { foldAll } from "../engine/core/fold.ts";
import { timeline } from "../sdk/cli/timeline.ts";
import { freshDatabase } from "./postgres-server.ts";

const engines: RunEngine[] = [];
const warnings: string[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close(0).catch(() => undefined);
  warnings.length = 0;
});
async function engineOn(store: Store): Promise<RunEngine> {
  const engine = await openRunEngine({ database: "", store, workflow: workflowSpec, workflows: workflowNames,
    claims: "own", observer: { events: () => undefined, outage: () => undefined,
      line: (_run, { level, text }) => { if (level === "warn") warnings.push(text) } } });
  engines.push(engine);
  return engine;
}
async function begun(engine: RunEngine, made: { workflowName: string }, input?: unknown): Promise<string> {
  const spec = workflowSpec(made.workflowName);
  if (spec === undefined) throw new Error("not defined");
  return (await engine.start({ workflow: spec, input: encodeRecorded(input, "input") })).runId;
}
async function ran(engine: RunEngine, made: { workflowName: string }, input?: unknown): Promise<unknown> {
  return engine.result(await begun(engine, made, input));
}
/** The tasks of a run that came from the cache. */
const cachedIn = (events: readonly Event[]): readonly string[] =>
  events.flatMap((event) => event.type === "TaskCompleted" && event.cached !== undefined ? [event.key] : []);

describe("a cached task", () => {
  test("is executed once for one input, over all runs, until its entry expires", async () => {
    let now = 1_000_000, calls = 0;
    const price = task("price", { cache: "30m" }, (item: string) => { calls++; return `${item} costs ${calls}` });
    const buy = workflow("cache-buy", async (item: string) => price(item));
    const engine = await engineOn(openMemoryStore({ now: () => now }));
    expect(await ran(engine, buy, "tea")).toBe("tea costs 1");
    now += 29 * 60_000;
    expect(await ran(engine, buy, "tea")).toBe("tea costs 1");
    expect(await ran(engine, buy, "milk")).toBe("milk costs 2");
    now += 2 * 60_000;
    expect(await ran(engine, buy, "tea")).toBe("tea costs 3");
    expect(calls).toBe(3);
  });

  test("stands under what its policy names: version, source, run, workflow input, or a key", async () => {
    let calls = 0;
    const fn = (n: number): string => `${n}:${++calls}`;
    const engine = await engineOn(openMemoryStore());
    const of = (name: string, one: (n: number) => Promise<string>): Workflow<[number], unknown> =>
      workflow(`cache-${name}-${randomUUID()}`, async (input: number) =>
        [await one(input % 10), await one(input % 10)]);
    const keyed = task("keyed", { cache: { key: () => "static" } }, fn);
    expect(await ran(engine, of("keyed", keyed), 1)).toEqual(["1:1", "1:1"]);
    expect(await ran(engine, of("keyed", keyed), 2), "across inputs").toEqual(["1:1", "1:1"]);
    const versioned = keyed.with({ version: "2", cache: { key: () => "static" } });
    expect(await ran(engine, of("versioned", versioned), 3)).toEqual(["3:2", "3:2"]);
    const perRun = task("perRun", { cache: { policy: ["inputs", "run"] } }, fn);
    expect(await ran(engine, of("run", perRun), 4)).toEqual(["4:3", "4:3"]);
    expect(await ran(engine, of("run", perRun), 4)).toEqual(["4:4", "4:4"]);
    const perInput = task("perInput", { cache: { policy: ["workflowInput"] } }, fn);
    expect(await ran(engine, of("input", perInput), 15)).toEqual(["5:5", "5:5"]);
    expect(await ran(engine, of("input", perInput), 25)).toEqual(["5:6", "5:6"]);
    expect(await ran(engine, of("input", perInput), 15)).toEqual(["5:5", "5:5"]);
    const old = task("edited", { cache: { policy: ["inputs", "source"] } }, fn);
    const edited = task("edited", { cache: { policy: ["inputs", "source"] } }, (n: number) => `new ${fn(n)}`);
    expect(await ran(engine, of("old", old), 6)).toEqual(["6:7", "6:7"]);
    expect(await ran(engine, of("new", edited), 6)).toEqual(["new 6:8", "new 6:8"]);
  });

  test("is executed again with refresh, which keeps the new result for the others", async () => {
    let calls = 0;
    const count = task("count", { cache: "1h" }, () => ++calls);
    const fresh = count.with({ cache: { ttl: "1h", refresh: true } });
    const plain = workflow("cache-plain", async () => count()), again = workflow("cache-again", async () => fresh());
    const engine = await engineOn(openMemoryStore());
    expect([await ran(engine, plain), await ran(engine, again), await ran(engine, plain)]).toEqual([1, 2, 2]);
  });

  test("keeps no failure: the next attempt and the next run try again", async () => {
    let calls = 0;
    const flaky = task("flakyCached", { cache: "1h", retries: 1 }, () => {
      if (++calls < 4) throw new Error(`no ${calls}`);
      return calls;
    });
    const run = workflow("cache-flaky", async () => flaky());
    const engine = await engineOn(openMemoryStore());
    await expect(ran(engine, run)).rejects.toThrow("no 2");
    expect(await ran(engine, run)).toBe(4);
    expect(await ran(engine, run)).toBe(4);
  });

  test("says `cached` in state, settle, history, timeline and sentence, and names where it came from", async () => {
    const rate = task("rateOf", { cache: "1h" }, (of: string) => ({ of, rate: 1.5 }));
    const settle = workflow("cache-settle", async () => {
      const future = rate.submit("eur"), first = await rate.settle("eur");
      await future;
      return [first.state, future.state];
    });
    const engine = await engineOn(openMemoryStore());
    const maker = await begun(engine, settle);
    await engine.result(maker);
    const runId = await begun(engine, settle);
    expect(await engine.result(runId)).toEqual(["cached", "cached"]);
    const events = await engine.history(runId), hit = events.find((event) => event.type === "TaskCompleted");
    expect(hit).toMatchObject({ attempt: 0, cached: { run: maker, key: expect.stringMatching(/^task:rateOf#[01]$/) } });
    expect(events.some((event) => event.type === "AttemptStarted"), "no attempt was made").toBe(false);
    expect(foldAll(events).tasks.get("task:rateOf#0")).toMatchObject({ state: "cached", attempts: [] });
    expect(timeline(events, runId)).toMatch(/rateOf.*cached +from task:rateOf#/);
    expect(sentenceText({ history: historyOf(events) }, hit?.seq ?? 0))
      .toMatch(/rateOf was not executed: the cache had its result from task:rateOf#.* It was \{.*1\.5/);
  });

  test("is a thing of its run's own history: a replay never asks the cache", async () => {
    let calls = 0;
    const roll = task("roll", { cache: "1h" }, () => ++calls);
    const game = workflow("cache-game", async () => [await roll(), (await roll.settle()).state]);
    const store = openMemoryStore(), engine = await engineOn(store);
    await ran(engine, game);
    const runId = await begun(engine, game);
    const result = await engine.result(runId), events = await engine.history(runId);
    expect(cachedIn(events)).toHaveLength(2);
    await store.cacheRemove({});
    const found = await rehearse(runId, workflowSpec("cache-game") ?? never(), events);
    expect(found, found.diff).toMatchObject({ ok: true, decisions: [] });
    expect(await engine.result(runId)).toEqual(result);
    expect(calls).toBe(1);
  });

  test("is executed, with a warning, where the cache is corrupt, away, or its key cannot be made", async () => {
    let calls = 0, broken = false;
    const cost = task("costOf", { cache: "1h" }, () => ++calls);
    const run = workflow("cache-broken", async () => cost());
    const store = openMemoryStore();
    const engine = await engineOn(withFaults(store, (_call, verb): Fault =>
      broken && verb.startsWith("cache") ? "drop" : "none"));
    await ran(engine, run);
    const [entry] = await store.cacheList({ task: "costOf" });
    await store.cachePut({ task: entry?.task ?? "", key: entry?.key ?? "", runId: "R", call: "c", result: '{"x":1}' });
    expect(await ran(engine, run), "corrupt: made again, and replaced").toBe(2);
    expect(await ran(engine, run)).toBe(2);
    broken = true;
    expect(await ran(engine, run)).toBe(3);
    const odd = task("oddKey", { cache: { key: () => { throw new Error("no key") } } }, () => "made");
    expect(await ran(engine, workflow("cache-odd", async () => odd()))).toBe("made");
    expect(warnings.join("\n")).toMatch(/cannot be read[^]*was not asked[^]*dropped on purpose[^]*no key/);
  });

  test("is refused options that make no sense, and to be called inside another task", async () => {
    expect(() => task("t", { cache: { policy: [] } }, () => 1)).toThrow("is empty");
    // Not what the type allows: a user of JavaScript.
    expect(() => task("t", { cache: { policy: ["input" as "inputs"] } }, () => 1)).toThrow("'input'");
    expect(() => task("t", { cache: { tll: 1 } as object }, () => 1)).toThrow("no option 'tll'");
    const inner = task("inner", { cache: "1h" }, () => 1);
    const outer = task("outer", async () => { try { return await inner() } catch (error) { return String(error) } });
    const engine = await engineOn(openMemoryStore());
    expect(await ran(engine, workflow("cache-inside", async () => outer()))).toMatch(/cache would not apply/);
  });
});

test("a store in memory forgets old entries while new ones come", async () => {
  const store = openMemoryStore(), place = (key: string): Parameters<typeof store.cachePut>[0] =>
    ({ task: "a.ts#t", key, runId: "R", call: "task:t#0", result: null, ttlMs: -2 * 86_400_000 });
  for (let i = 0; i < 1000; i++) await store.cachePut(place(String(i)));
  expect((await store.cacheList({ limit: 1000 })).length).toBeLessThan(250);
});

describe.each([["memory", () => Promise.resolve(openMemoryStore())],
  ["PostgreSQL", async () => openStore(await freshDatabase(inject("postgresUrl")))]] as const)(
  "on %s, runs that need the same result at once", (name, open) => {
  const skip = name === "PostgreSQL" && inject("postgresUrl") === "";

  test.skipIf(skip)("execute it once, and wait for the one that does", async () => {
    let calls = 0, go = (): void => undefined;
    const gate = new Promise<void>((resolve) => { go = resolve });
    const slow = task("slowOnce", { cache: "1h" }, async (n: number) => { calls++; await gate; return n * 2 });
    const run = workflow(`cache-once-${name}`, async () => Promise.all([slow(21), slow(21)]));
    const engine = await engineOn(await open());
    const runs = await Promise.all([begun(engine, run), begun(engine, run), begun(engine, run)]);
    setTimeout(go, 100);
    expect(await Promise.all(runs.map((runId) => engine.result(runId)))).toEqual(Array(3).fill([42, 42]));
    expect(calls).toBe(1);
    const hits = await Promise.all(runs.map(async (runId) => cachedIn(await engine.history(runId)).length));
    expect(hits.reduce((a, b) => a + b, 0)).toBe(5);
  });

  // Memory is one process's: there nobody outlives another.
  const ways = ["fails", "is cancelled", ...(name === "memory" ? [] : ["dies with its worker"])];
  test.skipIf(skip).each(ways)("execute it themselves when the one %s", async (how) => {
    const store = await open();
    let asked = 0, dead = false;
    const ends: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
    const job = task("jobOnce", { cache: "1h" }, () => new Promise<string>((resolve, reject) => {
      ends.push({ resolve, reject });
    }));
    const run = workflow(`cache-pass-on-${name}`, async () => job());
    const first = await engineOn(withFaults(store, (_call, verb) => {
      if (name === "memory" && verb === "cacheTake") asked++;
      return dead ? "die-before" : "none";
    }));
    const counting = withFaults(store, (_call, verb) => { if (verb === "cacheTake") asked++; return "none" });
    const second = name === "memory" ? first : await engineOn(counting);
    const until = async (enough: () => boolean): Promise<void> => {
      while (!enough()) await new Promise((resolve) => { setTimeout(resolve, 2) });
    };
    const maker = await begun(first, run);
    await until(() => ends.length === 1);
    const waiter = await begun(second, run);
    await until(() => asked >= 4);
    expect(ends, "it waits").toHaveLength(1);
    if (how === "fails") ends[0]?.reject(new NonRetryable("no"));
    else if (how === "is cancelled") await first.cancel(maker, {});
    else {
      dead = true;
      engines.splice(engines.indexOf(first), 1);
      const owner = (await store.run(maker))?.owner;
      await store.retire(owner ?? never()); // as when its lease lapses
    }
    await until(() => ends.length === 2);
    ends[1]?.resolve("made");
    expect(await second.result(waiter)).toBe("made");
    expect(await store.cacheList({ task: "jobOnce" })).toMatchObject([{ runId: waiter }]);
  });
});

function never(): never { throw new Error("not defined") }
