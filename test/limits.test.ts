/** Limits over all workers: slots, queues, rates; nothing leaks, whoever dies. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { openStore, type Store } from "../engine/index.ts";
import { limit, openEngine, rate, sleep, task, workflow, type Engine,
  type RunHandle } from "../sdk/index.ts";
import { history } from "./histories.ts";
import { freshDatabase } from "./postgres-server.ts";

const folder = mkdtempSync(join(tmpdir(), "reprise-limits-")), url = inject("postgresUrl");
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ["memory", () => openStore("memory:")], ["PGlite", () => openStore(join(folder, "pglite"))],
  ...url === "" ? [] : [["PostgreSQL", async () => openStore(await freshDatabase(url))] as const],
];

describe.each(stores)("slots in %s", (_, open) => {
  let store: Store;
  beforeEach(async () => {
    store = await open();
    for (const worker of ["w1", "w2"]) await store.register(worker, 60_000, ["default"], {});
  });
  afterEach(async () => { await store.reset(); await store.close() });
  const name = (): string => `limit-${Math.random()}`;
  const ask = (limitName: string, runId: string, options: { max?: number; worker?: string; priority?: number } = {}):
    Promise<boolean> => store.takeSlot({ limit: limitName, max: options.max ?? 1, runId, key: "task:x#0",
    worker: options.worker ?? "w1", priority: options.priority ?? 0 });
  const holders = async (limitName: string): Promise<string[]> => (await store.slots(limitName))
    .filter(({ granted }) => granted).map(({ runId }) => runId);
  const line = async (limitName: string): Promise<string[]> => (await store.slots(limitName))
    .filter(({ granted }) => !granted).map(({ runId }) => runId);

  test("are granted first come, first served, up to the limit; asking again changes nothing", async () => {
    const db = name();
    expect([await ask(db, "a", { max: 2 }), await ask(db, "b", { max: 2 }), await ask(db, "c", { max: 2 }),
      await ask(db, "d", { max: 2 }), await ask(db, "a", { max: 2 })]).toEqual([true, true, false, false, true]);
    expect([await holders(db), await line(db)]).toEqual([["a", "b"], ["c", "d"]]);
    await store.freeSlots("a", "task:x#0");
    expect([(await holders(db)).toSorted(), await line(db)]).toEqual([["b", "c"], ["d"]]);
    expect((await store.grantedSlots("w1")).map(({ runId }) => runId).toSorted()).toEqual(["b", "c"]);
    expect((await store.limits()).find((one) => one.name === db)).toMatchObject({ max: 2, held: 2, waiting: 1 });
  });
  test("go to the higher priority first", async () => {
    const db = name();
    await ask(db, "a");
    await ask(db, "low");
    await ask(db, "high", { priority: 5 });
    await store.freeSlots("a", "task:x#0");
    expect([await holders(db), await line(db)]).toEqual([["high"], ["low"]]);
  });
  test("of a worker that is gone are free at the next question; its runs' next owner asks for itself", async () => {
    const db = name();
    await ask(db, "a", { worker: "w2" });
    expect(await ask(db, "b")).toBe(false);
    await store.retire("w2");
    expect(await ask(db, "c")).toBe(false);
    expect([await holders(db), await line(db)]).toEqual([["b"], ["c"]]);
  });
  test("a rate lets a burst through, then spreads evenly", async () => {
    const api = name(), now = await store.now();
    const at: number[] = [];
    for (let i = 0; i < 6; i++) at.push(await store.reserveRate(api, 3, 3000) - now);
    expect(at.slice(0, 3).every((ms) => ms < 900), `${at.join()}`).toBe(true);
    expect((at[5] ?? 0) - (at[3] ?? 0), "two steps of a second").toBeGreaterThan(1500);
  });
});

describe("tasks under limits", () => {
  let engine: Engine, inside = 0, most = 0, order: string[] = [];
  beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical"; inside = 0; most = 0; order = [];
    engine = await openEngine({ database: "memory:" }) });
  afterEach(async () => { await engine.close() });
  const two = limit("two-at-once", 2);
  const work = task("work", { limits: [two], retries: 1 }, async (name: string) => {
    order.push(name);
    most = Math.max(most, ++inside);
    await new Promise((resolve) => { setTimeout(resolve, 5) });
    inside--;
    if (name === "fails" && order.filter((one) => one === name).length === 1) throw new Error("once");
    return name;
  });

  test("never more than the limit at once, over all runs, and all get their turn, retries too", async () => {
    const flow = workflow("limited-flow", async (name: string) => work(name));
    const runs = await Promise.all(["a", "b", "fails", "c", "d", "e", "f"].map((name) => engine.start(flow, name)));
    expect(await Promise.all(runs.map((run) => run.result()))).toEqual(["a", "b", "fails", "c", "d", "e", "f"]);
    expect(most).toBe(2);
    expect((await history(runs[5] as RunHandle<string>)).some((event) => event.type === "AttemptQueued"
      && event.limit === "two-at-once")).toBe(true);
  });
  test("a call that is given up leaves the line, and its slot goes to the next", async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => { release = resolve });
    const held = task("held", { limits: [limit("one", 1)] }, async (name: string) => { order.push(name); await gate });
    const flow = workflow("given-up", async (name: string) => { await held(name) });
    const first = await engine.start(flow, "first");
    while (!order.includes("first")) await new Promise((resolve) => { setTimeout(resolve, 1) });
    const second = await engine.start(flow, "second");
    while (!(await history(second)).some((event) => event.type === "AttemptQueued")) {
      await new Promise((resolve) => { setTimeout(resolve, 1) });
    }
    const third = await engine.start(flow, "third");
    await second.cancel();
    await expect(second.result()).rejects.toMatchObject({ state: "cancelled" });
    await first.cancel();
    release();
    await third.result();
    expect(order).toEqual(["first", "third"]);
  });
  test("a rate says in the history when the attempt may begin", async () => {
    const paced = task("paced", { limits: [rate("ten-a-second", { max: 10, per: "1s" })] }, async (n: number) => n);
    const flow = workflow("paced-flow", async () => (await paced.map(Array.from({ length: 12 }, (_, i) => i))).length);
    const run = await engine.start(flow);
    expect(await run.result()).toBe(12);
    const queued = (await history(run)).filter((event) => event.type === "AttemptQueued");
    expect(queued.length).toBeGreaterThan(0);
    for (const event of queued) expect(event.dueAt).toBeGreaterThan(event.at.getTime());
  });
  test("a limit that nobody has defined is refused with its name", async () => {
    const flow =
      workflow("no-limit", async () => { await task("t", { limits: ["nowhere"] }, async () => 1)(); await sleep(1) });
    await expect(engine.start(flow).then((run) => run.result())).rejects.toThrow("nowhere");
  });
});

describe.each(stores)("turns of runs in %s", (_, open) => {
  let engine: Engine, order: string[] = [], gates: Map<string, () => void>;
  beforeEach(async () => {
    process.env["REPRISE_LOG_LEVEL"] = "critical";
    order = [];
    gates = new Map();
    const store = await open();
    const { location, kind } = store;
    await store.reset();
    await store.close();
    engine = await openEngine({ database: kind === "memory" ? "memory:" : kind === "pglite" ? location
      : databaseOf(location) });
  });
  afterEach(async () => { await engine.close() });
  const databaseOf = (location: string): string => new URL(`/${location.split("/").at(-1)}`, url).href;
  const gated = task("gated", async (name: string) => {
    order.push(`+${name}`);
    await new Promise<void>((resolve) => { gates.set(name, resolve) });
    order.push(`-${name}`);
  });
  const flowOf = (name: string, onFull?: "queue" | "skip" | "cancelNew" | "cancelRunning") => workflow(name, {
    concurrency: { max: 1, key: (input: unknown) => String(input).slice(0, 1), ...(onFull && { onFull }) },
  }, async (who: string) => { await gated(who); return who });
  async function begun(name: string): Promise<void> {
    while (!order.includes(`+${name}`)) await new Promise((resolve) => { setTimeout(resolve, 2) });
  }

  test("one after the other per key, first come, first served; other keys do not wait", async () => {
    const flow = flowOf(`turns-queue-${_}`);
    const [a1, a2, b1] = [await engine.start(flow, "a1"), await engine.start(flow, "a2"),
      await engine.start(flow, "b1")];
    await Promise.all([begun("a1"), begun("b1")]);
    const a3 = await engine.start(flow, "a3");
    gates.get("b1")?.();
    await b1.result();
    expect(order).not.toContain("+a2");
    for (const name of ["a1", "a2", "a3"]) { await begun(name); gates.get(name)?.() }
    expect(await Promise.all([a1, a2, a3].map((run) => run.result()))).toEqual(["a1", "a2", "a3"]);
    expect(order.filter((one) => one.includes("a"))).toEqual(["+a1", "-a1", "+a2", "-a2", "+a3", "-a3"]);
  });
  test("a failed or cancelled run gives its turn on; one in line can be cancelled", async () => {
    const flow = flowOf(`turns-cancel-${_}`);
    const [first, second, third] = [await engine.start(flow, "a1"), await engine.start(flow, "a2"),
      await engine.start(flow, "a3")];
    await begun("a1");
    await second.cancel();
    await expect(second.result()).rejects.toMatchObject({ state: "cancelled" });
    await first.cancel();
    await begun("a3");
    gates.get("a3")?.();
    expect(await third.result()).toBe("a3");
    expect(order).not.toContain("+a2");
  });
  test("onFull: skip makes none, cancelNew ends the new, cancelRunning ends the old", async () => {
    const skip = flowOf(`turns-skip-${_}`, "skip"), fresh = flowOf(`turns-new-${_}`, "cancelNew");
    const old = flowOf(`turns-old-${_}`, "cancelRunning");
    const first = await engine.start(skip, "a1");
    await begun("a1");
    await expect(engine.start(skip, "a2")).rejects.toMatchObject({ code: "CONCURRENCY_FULL",
      message: expect.stringContaining(first.id) });
    gates.get("a1")?.();
    await first.result();
    const kept = await engine.start(fresh, "b1");
    await begun("b1");
    await expect((await engine.start(fresh, "b2")).result()).rejects.toMatchObject({ state: "cancelled" });
    gates.get("b1")?.();
    expect(await kept.result()).toBe("b1");
    const ended = await engine.start(old, "c1");
    await begun("c1");
    const next = await engine.start(old, "c2");
    await expect(ended.result()).rejects.toMatchObject({ state: "cancelled" });
    await begun("c2");
    gates.get("c2")?.();
    expect(await next.result()).toBe("c2");
  });
});
