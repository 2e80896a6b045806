/** A run's past as the beginning of another: forks with edits, retries from the failed call; and ends without code. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  openEngine, RunError, saga, signal, sleep, task, waitFor, workflow, z, type Engine,
} from "../sdk/index.ts";
import { history, until } from "./histories.ts";

let engine: Engine, ran: string[] = [], broken = true;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical"; ran = []; broken = true;
  engine = await openEngine({ database: process.env["LANGUAGE_DB"] ?? "memory:" }) });
afterEach(async () => { await engine.close() });

const step = task("step", async (name: string, n: number) => { ran.push(name); return n });
const fragile = task("fragile", { retries: 1 }, async (n: number) => {
  ran.push("fragile");
  if (broken) throw new Error("the service is down");
  return n * 10;
});
const flow = workflow("fork-flow", async (start: number) => {
  const a = await step("a", start);
  const b = await step("b", a + 1);
  const c = await fragile(b);
  return [a, b, c];
});

describe("retry", () => {
  test("goes on from the failed call; what had succeeded does not run again; the attempts are fresh", async () => {
    const run = await engine.start(flow, 1, { id: "order-7" });
    await expect(run.result()).rejects.toBeInstanceOf(RunError);
    expect(ran).toEqual(["a", "b", "fragile", "fragile"]);
    broken = false;
    const again = await run.retry();
    expect(await again.result()).toEqual([1, 2, 20]);
    expect(ran).toEqual(["a", "b", "fragile", "fragile", "fragile"]);
    const events = await history(again);
    expect(events.map(({ seq }) => seq), "one dense history").toEqual(events.map((_, i) => i + 1));
    expect(events.find((event) => event.type === "RunForked")).toMatchObject({ from: run.id, why: "retry" });
    const attached = await engine.start(flow, 1, { id: "order-7" });
    expect(attached.id, "the user's id follows").toBe(again.id);
  });
  test("of a retry works the same; of a completed run there is nothing to retry", async () => {
    const run = await engine.start(flow, 1);
    await run.result().catch(() => undefined);
    const second = await run.retry();
    await second.result().catch(() => undefined);
    broken = false;
    const third = await second.retry();
    expect(await third.result()).toEqual([1, 2, 20]);
    expect(ran.filter((name) => name === "a")).toHaveLength(1);
    await expect(third.retry()).rejects.toMatchObject({ code: "NOTHING_TO_RETRY" });
  });
  test("of a run that has been tried again is refused, by name of the newest try; a fork is no try", async () => {
    const run = await engine.start(flow, 1), [here, there] = [engine.get(run.id), engine.get(run.id)];
    await run.result().catch(() => undefined);
    const fork = await run.fork({ at: 1 });
    await fork.result().catch(() => undefined);
    const both = await Promise.allSettled([here.retry(), there.retry()]);
    expect(both.map(({ status }) => status).toSorted(), "who asks at once").toEqual(["fulfilled", "rejected"]);
    const second = both.flatMap((one) => one.status === "fulfilled" ? [one.value] : [])[0] ?? run;
    await second.result().catch(() => undefined);
    await expect(run.retry()).rejects.toMatchObject({ code: "NOTHING_TO_RETRY",
      message: expect.stringContaining(`${second.id}, which is failed`),
      hint: expect.stringContaining(`reprise runs retry ${second.id}`) });
    broken = false;
    const third = await second.retry();
    await third.result();
    await expect(run.retry()).rejects.toMatchObject({ message: expect.stringContaining(
      `${third.id}, which is completed`), hint: expect.stringContaining("on purpose: reprise runs fork") });
    expect(await (await fork.retry()).result(), "the fork's own").toEqual([1, 2, 20]);
  });
  test("of an earlier try of a workflow with retries is refused; of the last, which failed too, it works", async () => {
    const tries = workflow("fork-tries", { retries: 1, retryDelay: 1 }, async () => fragile(1));
    const run = await engine.start(tries);
    await run.result().catch(() => undefined);
    const end = (await history(run)).at(-1), last = end?.type === "RunFailed" ? end.retriedAs ?? "" : "";
    await expect(engine.get(run.id).retry()).rejects.toMatchObject({ code: "NOTHING_TO_RETRY",
      message: expect.stringContaining(last) });
    broken = false;
    expect(await (await engine.get(last).retry()).result()).toBe(10);
  });
  test("of a saga whose undo failed tries that undo again, and the others follow", async () => {
    const book =
      task("book", { undo: async (id: string) => { ran.push(`undo ${id}`); if (broken) throw new Error("no") } },
      async (id: string) => id);
    const trip = workflow("fork-trip", async () => saga(async () => {
      await step("a", 1);
      await book("flight");
      throw new Error("no hotel");
    }));
    const run = await engine.start(trip);
    await expect(run.result()).rejects.toMatchObject({ code: "UNDO_FAILED" });
    broken = false;
    const again = await run.retry();
    await expect(again.result()).rejects.toMatchObject({ state: "failed",
      message: expect.stringContaining("no hotel") });
    expect(ran).toEqual(["a", "undo flight", "undo flight"]);
    await expect(engine.get(run.id).result(), "the parked one is ended").rejects.toMatchObject({ state: "cancelled" });
  });
});

describe("fork", () => {
  test("with another result of a call: what follows it runs, what came before does not", async () => {
    broken = false;
    const run = await engine.start(flow, 1);
    expect(await run.result()).toEqual([1, 2, 20]);
    ran = [];
    const other = await run.fork({ edit: { "task:step#1": 7 }, by: "ada" });
    expect(await other.result()).toEqual([1, 7, 70]);
    expect(ran).toEqual(["fragile"]);
    expect(await run.result(), "the first is as it was").toEqual([1, 2, 20]);
  });
  test("at a call: it is made anew, with the code of now; at an event; with another input", async () => {
    broken = false;
    const run = await engine.start(flow, 1);
    await run.result();
    ran = [];
    expect(await (await run.fork({ at: "task:step#1" })).result()).toEqual([1, 2, 20]);
    expect(ran).toEqual(["b", "fragile"]);
    ran = [];
    expect(await (await run.fork({ at: 1, input: 5 })).result()).toEqual([5, 6, 60]);
    expect(ran).toEqual(["a", "b", "fragile"]);
  });
  test("of a run that waits: an open form is answered in the fork alone, a kept signal is kept in both", async () => {
    const ping = signal("fork-ping", z.number());
    const asks = workflow("fork-asks", async () => {
      const answer = await waitFor(z.string(), { name: "q" });
      return [answer, await ping.wait()];
    });
    const run = await engine.start(asks);
    await until(run, "WaitOpened");
    await run.signal(ping, 3);
    await until(run, "SignalReceived");
    const fork = await run.fork({ edit: { "wait:q#0": "yes" } });
    expect(await fork.result()).toEqual(["yes", 3]);
    await run.answer("q", "no");
    expect(await run.result()).toEqual(["no", 3]);
  });
  test("an open child is made again for the fork; a finished one is shared", async () => {
    const child = workflow("fork-child", async (ms: number) => { await sleep(ms); ran.push(`child ${ms}`); return ms });
    const parent = workflow("fork-parent", async () => {
      const first = await child(1);
      const [second, name] = await Promise.all([child(40), step("s", 1)]);
      return [first, second, name];
    });
    const run = await engine.start(parent);
    await until(run, "TaskCompleted");
    const events = await history(run), at = events.find((event) => event.type === "TaskCompleted")?.seq ?? 0;
    const fork = await run.fork({ at });
    expect(await Promise.all([run.result(), fork.result()])).toEqual([[1, 40, 1], [1, 40, 1]]);
    expect(ran.filter((line) => line === "child 1"), "shared").toHaveLength(1);
    expect(ran.filter((line) => line === "child 40"), "one each").toHaveLength(2);
  });
  test("where there is no such call or event is refused", async () => {
    broken = false;
    const run = await engine.start(flow, 1);
    await run.result();
    await expect(run.fork({ at: "task:nothing#0" })).rejects.toMatchObject({ code: "FORK_REFUSED" });
    await expect(run.fork({ edit: { "task:nothing#0": 1 } })).rejects.toMatchObject({ code: "FORK_REFUSED" });
    await expect(run.fork({ at: 999 })).rejects.toMatchObject({ code: "NO_SUCH_EVENT" });
  });
});

describe("cancel", () => {
  test("ends a run that has not begun without its code", async () => {
    const run = await engine.start(flow, 1, { at: "1h" });
    await run.cancel({ reason: "not needed" });
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    expect((await history(run)).map(({ type }) => type)).toEqual(["RunStarted", "RunClaimed", "CancelRequested",
      "RunCancelled"]);
  });
});
