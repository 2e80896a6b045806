/** Runs in runs, and what ends with what: children, scopes, shields, sagas, chains, patches. Each run is replayed. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { rehearse } from "../engine/index.ts";
import {
  artifact, attributes, Cancelled, context, continueWith, deprecatePatch, expose, openEngine, patched, progress, query,
  RunError, saga, scope, shield, signal, sleep, stream, task, waitFor, workflow, z, type Engine, type Event,
  type RunHandle,
} from "../sdk/index.ts";
import { ended, history, replayed, until } from "./histories.ts";
import { workflowSpec } from "../sdk/registry.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: process.env["LANGUAGE_DB"] ?? "memory:" }) });
afterEach(async () => { await engine.close() });
let names = 0;

function begin<Out>(fn: () => Promise<Out>): Promise<RunHandle<Out>> {
  return engine.start(workflow(`structure-${names++}`, fn));
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) });
const types = (events: readonly Event[]): string[] => events.map(({ type }) => type);
const echo = task("echo", async (value: unknown) => value);

describe("children", () => {
  const double = workflow("double", async (n: number) => (await echo(n * 2)) as number);
  const failing = workflow("failing-child", async () => { throw new Error("no luck") });
  const forever = workflow("forever", async () => { await sleep("1h") });

  test("a workflow called in a workflow is a run of its own, with its parent's id, and gives its result", async () => {
    const run = await begin(async () => [await double(1), await double(2)]);
    expect(await ended(run)).toEqual([2, 4]);
    const started = (await history(run)).filter((event) => event.type === "ChildStarted");
    expect(started.map(({ key }) => key)).toEqual(["child:double#0", "child:double#1"]);
    const first = started[0]?.type === "ChildStarted" ? started[0].childId : "";
    expect((await history(engine.get(first)))[0]).toMatchObject({ parent: { id: run.id, key: "child:double#0",
      root: run.id } });
  });
  test("a thousand at once come back in order", async () => {
    const run = await begin(async () => {
      const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => double(i)));
      return all.reduce((sum, n) => sum + n, 0);
    });
    expect(await ended(run)).toBe(999_000);
  });
  test("a child's failure is thrown with its id, and may be caught", async () => {
    const run = await begin(async () => failing().catch((error: unknown) => error instanceof RunError
      ? [error.state, error.runId.length, error.cause instanceof Error ? error.cause.message : ""] : "?"));
    expect(await ended(run)).toEqual(["failed", 26, "no luck"]);
  });
  test("start gives a handle in the same turn; signals reach the child; detached, it outlives its parent", async () => {
    const go = signal("go", z.string());
    const listener = workflow("listener", async () => go.wait());
    const run = await begin(async () => {
      const one = await listener.start();
      await one.signal(go, "now");
      const other = await listener.start(undefined, { detached: true });
      return { id: other.id, said: await one.result() };
    });
    const { id, said } = await ended(run);
    expect(said).toBe("now");
    expect((await engine.get(id).state()).state).not.toBe("cancelled");
    await engine.get(id).signal(go, "late");
    expect(await engine.get(id).result()).toBe("late");
  });
  test("an open child is cancelled when its parent ends, or waited for, as its policy says", async () => {
    const slow = workflow("slow-child", async () => { await sleep(30); return 1 });
    const run = await begin(async () => {
      const one = await forever.start();
      const two = await slow.start(undefined, { onParentClose: "wait" });
      return [one.id, two.id];
    });
    const [one = "", two = ""] = await ended(run);
    await expect(engine.get(one).result()).rejects.toMatchObject({ state: "cancelled" });
    expect(types(await history(engine.get(two))).at(-1)).toBe("RunCompleted");
  });
  test("cancelling the parent cancels the tree", async () => {
    const middle = workflow("middle", async () => { await forever() });
    const run = await begin(async () => { await middle() });
    await until(run, "ChildStarted");
    const child = (await history(run)).find((event) => event.type === "ChildStarted");
    const middleRun = engine.get(child?.type === "ChildStarted" ? child.childId : "");
    await until(middleRun, "ChildStarted");
    await run.cancel({ reason: "enough" });
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    await expect(middleRun.result()).rejects.toMatchObject({ state: "cancelled" });
    const leaf = (await history(middleRun)).find((event) => event.type === "ChildStarted");
    await expect(engine.get(leaf?.type === "ChildStarted" ? leaf.childId : "").result()).rejects.toMatchObject({
      state: "cancelled" });
    await replayed(run);
  });
});

describe("scopes", () => {
  test("what is still open when a scope ends is cancelled: the loser of a race", async () => {
    const run = await begin(async () => scope(() => Promise.race([echo(1), sleep("1h").then(() => 2)])));
    expect(await ended(run)).toBe(1);
    expect(types(await history(run))).toContain("TimerCancelled");
  });
  test("a shielded cleanup may wait though the run is being cancelled", async () => {
    const cleaned: string[] = [];
    const clean = task("clean", async () => { cleaned.push("yes") });
    const run = await begin(async () => {
      try { await sleep("1h") } finally { await shield(async () => { await sleep(5); await clean() }) }
    });
    await until(run, "TimerStarted");
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    expect(cleaned).toEqual(["yes"]);
    await replayed(run);
  });
  test("without a shield a call after the cancellation rejects at once", async () => {
    const run = await begin(async () => {
      try { await sleep("1h") } catch (error) {
        const again = await echo(1).catch((inner: unknown) => inner instanceof Cancelled);
        return [error instanceof Cancelled, again];
      }
      return [];
    });
    await until(run, "TimerStarted");
    await run.cancel();
    expect(await ended(run)).toEqual([true, true]);
  });
});

describe("sagas", () => {
  let log: string[] = [];
  beforeEach(() => { log = [] });
  const book = task("book", { undo: async (id: string, what: string) => { log.push(`undo ${what} ${id}`) } },
    async (what: string) => { log.push(`book ${what}`); return `id-${what}` });
  const slowBook = task("slow-book", { undo: async (id: string) => { log.push(`undo ${id}`) } },
    async () => { await pause(30); log.push("book slowly"); return "slow" });
  const fails = task("fails", async () => { throw new Error("no card") });

  test("a failure undoes what was done, last in first out, with the results of the tasks", async () => {
    const run = await begin(async () => saga(async () => { await book("flight"); await book("hotel"); await fails() }));
    await expect(run.result()).rejects.toMatchObject({ state: "failed" });
    expect(log).toEqual(["book flight", "book hotel", "undo hotel id-hotel", "undo flight id-flight"]);
    await replayed(run);
  });
  test("what is under way when it fails is waited for and undone too", async () => {
    const run = await begin(async () => saga(async () => { await Promise.all([slowBook(), fails()]) }));
    await expect(run.result()).rejects.toMatchObject({ state: "failed" });
    expect(log).toEqual(["book slowly", "undo slow"]);
    await replayed(run);
  });
  test("so does a cancellation; success undoes nothing", async () => {
    const run = await begin(async () => saga(async () => { await book("flight"); await sleep("1h") }));
    await until(run, "TimerStarted");
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    expect(log).toEqual(["book flight", "undo flight id-flight"]);
    await replayed(run);
    expect(await ended(await begin(async () => saga(async () => book("train"))))).toBe("id-train");
    expect(log.at(-1)).toBe("book train");
  });
  test("an undo that fails for good parks the run and names what is left", async () => {
    const stuck = task("stuck", { undo: async () => { throw new Error("the bank is closed") } }, async () => 1);
    const run = await begin(async () => saga(async () => { await book("flight"); await stuck(); await fails() }));
    await expect(run.result()).rejects.toMatchObject({ code: "UNDO_FAILED", message: expect.stringContaining("book") });
    expect((await run.state()).state).toBe("parked");
  });
});

describe("chains", () => {
  test("continueWith starts the next link in the same commit; result() follows; unread signals go along", async () => {
    const add = signal("add", z.number());
    const counter = workflow("counter", async ({ total, rounds }: { total: number; rounds: number }) => {
      if (rounds === 0) return total;
      const n = await add.wait();
      return continueWith({ total: total + n, rounds: rounds - 1 });
    });
    const run = await engine.start(counter, { total: 0, rounds: 5 });
    for (let n = 1; n <= 5; n++) await run.signal(add, n);
    expect(await run.result()).toBe(15);
    const events = await replayed(run), end = events.at(-1);
    expect(end).toMatchObject({ type: "RunContinued" });
    const next = engine.get(end?.type === "RunContinued" ? end.nextId : "");
    expect((await history(next))[0]).toMatchObject({ chain: { first: run.id, link: 2 } });
  });
  test("the end of a child that an earlier link called is not taken for that of the next link's own", async () => {
    const go = signal("chain-go"), child = workflow("slow-child", async (n: number) => { await go.wait(); return n });
    const kept = workflow("children-in-a-chain", async (link: number) => {
      const called = await child.start(link, { onParentClose: "abandon" });
      if (link === 1) continueWith(2);
      return called.result();
    });
    const run = await engine.start(kept, 1);
    const children = async (): Promise<readonly RunHandle<unknown>[]> => {
      const found: RunHandle<unknown>[] = [];
      for await (const one of engine.list({ workflow: "slow-child" })) found.unshift(one);
      return found;
    };
    await expect.poll(async () => (await children()).length).toBe(2);
    const [first, second] = await children();
    await first?.signal(go);
    expect(await first?.result()).toBe(1);
    await second?.signal(go);
    expect(await run.result()).toBe(2);
  });
});

describe("to those outside, a chain is one run:", () => {
  test("questions about the present go to its last link, those about the past to the link that is asked", async () => {
    const add = signal("add-to-chain", z.number()), form = z.object({ ok: z.boolean() });
    const total = query<number>("total");
    const flow = workflow("chain-asked", async (sum: number): Promise<number> => {
      expose(total, () => sum);
      if (sum > 0) { await waitFor(form, { name: "enough" }); return sum }
      sum += await add.wait();
      return continueWith(sum);
    });
    const run = await engine.start(flow, 0);
    await run.signal(add, 7, { key: "seven" });
    while ((await run.waits())[0]?.name !== "enough") await pause(2);
    expect([await run.query(total), await run.query(total, { at: 1 })]).toEqual([7, 0]);
    await run.signal(add, 7, { key: "seven" }); // sent again: the first link had it
    await run.answer("enough", { ok: true });
    expect(await run.result()).toBe(7);
    const next = (await history(run)).find((event) => event.type === "RunContinued");
    expect(types(await history(engine.get(next?.type === "RunContinued" ? next.nextId : "")))).not.toContain(
      "SignalReceived");
  });
});

describe("patches", () => {
  test("a run that passed before the change keeps the old way, a new one takes the new", async () => {
    let fresh = false;
    const go = signal("patch-go");
    const flow = workflow("patch-flow", async () => {
      const way = fresh && patched("faster") ? "new" : "old";
      await echo(way);
      await go.wait();
      return way;
    });
    const before = await engine.start(flow);
    await until(before, "WaitOpened");
    fresh = true;
    const spec = workflowSpec("patch-flow");
    if (spec === undefined) throw new Error("not defined");
    expect((await rehearse(before.id, spec, await history(before))).diff, "old history, new code").toBeUndefined();
    const after = await engine.start(flow);
    for (const run of [before, after]) await run.signal(go);
    expect([await before.result(), await ended(after)]).toEqual(["old", "new"]);
    expect(types(await history(after))).toContain("PatchDecided");
  });
  test("a fork, or a look at the past, that ends in the very turn that passed the place keeps the old way, too",
    async () => {
    let fresh = false;
    const go = signal("patch-fork-go"), way = query<string>("way");
    const flow = workflow("patch-fork", async () => {
      const taken = fresh && patched("sooner") ? "new" : "old";
      expose(way, () => taken);
      await echo(taken);
      await go.wait();
      return taken;
    });
    const before = await engine.start(flow);
    await until(before, "WaitOpened");
    fresh = true;
    const at = (await history(before)).find(({ type }) => type === "TaskScheduled")?.seq ?? 0;
    expect(await before.query(way, { at })).toBe("old");
    const fork = await before.fork({ at });
    for (const run of [before, fork]) await run.signal(go);
    expect([await before.result(), await fork.result()]).toEqual(["old", "old"]);
  });
  test("deprecatePatch matches runs that took the new way, and records nothing itself", async () => {
    let old = true;
    const flow =
      workflow("patch-later", async () => { if (old) patched("x"); else deprecatePatch("x"); return echo(1) });
    const run = await engine.start(flow);
    await run.result();
    old = false;
    await replayed(run);
    const next = await engine.start(flow);
    await ended(next);
    expect(types(await history(next))).not.toContain("PatchDecided");
  });
});

test("what a run shows, from its code and from its tasks, is in its history, once", async () => {
  const item = task("item", async (n: number) => { stream<number>("numbers").write(n); progress(n, 3) });
  const run = await begin(async () => {
    attributes({ customer: "ada", size: 3 });
    artifact.table("rows", [{ a: 1 }]);
    for (let n = 1; n <= 3; n++) await item(n);
    stream<string>("words").write("done");
    return context().run.id;
  });
  expect(await ended(run)).toBe(run.id);
  const shown = (await history(run)).filter((event) => event.type === "Published" || event.type === "Reported");
  expect(shown.map((event) => "name" in event ? event.name : "")).toEqual(["customer", "size", "rows", "numbers", "run",
    "numbers", "run", "numbers", "run", "words"]);
});

describe("pause and inject", () => {
  test("a paused run lets what runs end, begins nothing, and goes on when resumed", async () => {
    const ran: number[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => { release = resolve });
    const step = task("step", async (n: number) => { await gate; ran.push(n); return n });
    const run = await begin(async () => { for (let n = 1; n <= 3; n++) await step(n); return ran.length });
    await until(run, "AttemptStarted");
    await run.pause();
    await until(run, "RunPaused");
    release();
    await until(run, "RunReleased");
    expect([(await run.state()).state, ran]).toEqual(["paused", [1]]);
    await run.resume();
    expect(await run.result()).toBe(3);
    expect(ran).toEqual([1, 2, 3]);
    expect(types(await replayed(run))).toContain("RunUnpaused");
  });
  test("a signal that comes while it is paused waits with it", async () => {
    const go = signal("paused-go", z.number());
    const run = await begin(async () => go.wait());
    await until(run, "WaitOpened");
    await run.pause();
    while ((await run.state()).state !== "paused") await pause(2);
    await run.signal(go, 5);
    await pause(30);
    expect((await run.state()).state).toBe("paused");
    await run.resume();
    expect(await ended(run)).toBe(5);
  });
  test("a person settles an open call, with name and reason", async () => {
    const stuck = task("stuck-call", { retries: 99, retryDelay: "1h" }, async () => { throw new Error("down") });
    const run = await begin(async () => stuck().then((value: unknown) => value));
    await until(run, "RetryScheduled");
    await run.inject("task:stuck-call#0", { paid: true }, { by: "ada", reason: "paid by phone" });
    expect(await ended(run)).toEqual({ paid: true });
    await expect(run.inject("task:stuck-call#0", 1, { by: "ada", reason: "again" })).rejects.toMatchObject({
      code: "RUN_ENDED" });
  });
});

test("parents that wait for children take no worker's place: a small worker runs a tree that is wider than itself",
  async () => {
  await engine.close();
  engine = await openEngine({ database: "memory:", work: { concurrency: 2 } });
  const leaf = workflow("narrow-leaf", async (n: number) => (await echo(n)) as number);
  const middle = workflow("narrow-middle", async (n: number) => (await Promise.all([leaf(n), leaf(n + 1)])).length);
  const run = await begin(async () => (await Promise.all(Array.from({ length: 8 }, (_, i) => middle(i)))).length);
  expect(await run.result()).toBe(8);
  expect(types(await history(run)), "its children ran while it was here").not.toContain("RunReleased");
});
