/** Long tasks: heartbeats, silence, and the limits on waiting, on a clock that the tests move. */
import { afterEach, describe, expect, test } from "vitest";
import { openRunEngine, realIds, type Event, type RunEngine } from "../engine/index.ts";
import { openMemoryStore } from "../engine/store/memory.ts";
import { sleep, task, taskContext, workflow } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { foldAll } from "../engine/core/fold.ts";
import { VirtualTime } from "./simulation.ts";

const engines: RunEngine[] = [];
afterEach(async () => { for (const engine of engines.splice(0)) await engine.close(0).catch(() => undefined) });

/** A run of `fn` on virtual time, with its history when it has ended. */
async function ran(fn: () => Promise<unknown>): Promise<{ result: unknown; events: readonly Event[]; tookMs: number }> {
  const time = new VirtualTime(), store = openMemoryStore({ now: () => Math.floor(time.now) });
  const engine = await openRunEngine({ database: "", store, clock: time.clock(0), ids: realIds(),
    workflow: workflowSpec, workflows: workflowNames, claims: "own",
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
  engines.push(engine);
  clock = time;
  const name = workflow(`long-${engines.length}-${Math.random()}`, fn).workflowName, from = time.now;
  const spec = workflowSpec(name);
  if (spec === undefined) throw new Error("not defined");
  const { runId } = await engine.start({ workflow: spec, input: undefined });
  let over: { value: unknown } | undefined;
  void engine.result(runId).then((value) => { over = { value } }, (error: unknown) => { over = { value: error } });
  await time.run(() => over !== undefined, 86_400_000);
  return { result: over?.value, events: await engine.history(runId), tookMs: time.now - from };
}
let clock = new VirtualTime();
const wait = (ms: number): Promise<void> => clock.wait(ms);
const of = <T extends Event["type"]>(events: readonly Event[], type: T): readonly Extract<Event, { type: T }>[] =>
  events.filter((event): event is Extract<Event, { type: T }> => event.type === type);

describe("a heartbeat", () => {
  test("is recorded at most once a second, the last one always, and the next attempt goes on from it", async () => {
    const seen: unknown[] = [];
    const load = task("load", { retries: 2 }, async () => {
      const { heartbeat, lastHeartbeat, attempt } = taskContext();
      seen.push(lastHeartbeat());
      for (let row = (lastHeartbeat<{ row: number }>()?.row ?? 0) + 1; row <= 25; row++) {
        heartbeat({ row, at: new Date(row) });
        await wait(100);
        if (row % 10 === 0 && attempt < 3) throw new Error("lost the connection");
      }
      return "loaded";
    });
    const { result, events } = await ran(() => load());
    expect(result).toBe("loaded");
    expect(seen).toEqual([undefined, { row: 10, at: new Date(10) }, { row: 20, at: new Date(20) }]);
    const rows = of(events, "Heartbeat").map(({ attempt, value }) =>
      [attempt, /"row":(\d+)/.exec(JSON.stringify(value))?.[1]]);
    expect(rows).toEqual([[1, "1"], [1, "10"], [2, "11"], [2, "20"], [3, "21"], [3, "25"]]);
    expect(foldAll(events).tasks.get("task:load#0")?.beat?.value).toBeDefined();
  });

  test("keeps an attempt alive; silence ends it, and counts as a failure that is tried again", async () => {
    const aborted: string[] = [];
    const work = task("work", { heartbeat: "10s", retries: 1 }, async () => {
      const { heartbeat, attempt, abortSignal } = taskContext();
      abortSignal.addEventListener("abort", () => { aborted.push(String(abortSignal.reason)) });
      for (let i = 0; i < 20; i++) { heartbeat(); await wait(9_000) }
      if (attempt === 1) await wait(3_600_000);
      return attempt;
    });
    const { result, events } = await ran(() => work());
    expect(result).toBe(2);
    expect(of(events, "AttemptFailed")).toMatchObject([{ attempt: 1, error: { code: "TIMED_OUT",
      message: "the silence of attempt 1 of task 'work' took longer than 10000 ms" } }]);
    expect(aborted).toHaveLength(1);
  });

  test("of an attempt that was given up changes nothing", async () => {
    let late: (() => void) | undefined;
    const stray = task("stray", { timeout: 10 }, () => {
      const { heartbeat } = taskContext();
      late = () => heartbeat("late");
      return new Promise<never>(() => undefined);
    });
    const { events } = await ran(async () => {
      await stray().catch(() => undefined);
      await task("after", () => { late?.() })();
    });
    expect(of(events, "Heartbeat")).toEqual([]);
  });
});

describe("a task that waits to begin", () => {
  test("fails when that takes longer than its queueTimeout, without an attempt", async () => {
    const slow = task("slowMaker", { cache: { key: () => "one" } }, async () => { await wait(60_000); return "made" });
    const hasty = slow.with({ queueTimeout: "5s" });
    const { result, events, tookMs } = await ran(async () => {
      const first = slow();
      await sleep("1s");
      return [await hasty.settle().then((end) => end.ok ? "made" : end.error.message), await first];
    });
    expect(result).toEqual(["the wait of task 'slowMaker' to begin took longer than 5000 ms", "made"]);
    expect(of(events, "TaskFailed")).toMatchObject([{ key: "task:slowMaker#1", attempts: 0 }]);
    expect(of(events, "AttemptStarted")).toHaveLength(1);
    expect(tookMs).toBeGreaterThanOrEqual(60_000);
  });

  test("is ended by its deadline, too, whichever comes first", async () => {
    const slow = task("slowMaker2", { cache: { key: () => "one" } }, async () => { await wait(60_000); return "made" });
    const { result } = await ran(async () => {
      const first = slow();
      await sleep("1s");
      const ends = await Promise.all([slow.with({ deadline: "3s", queueTimeout: "20s" }).settle(),
        slow.with({ deadline: "2m", queueTimeout: "2m" }).settle()]);
      await first;
      return ends.map((end) => end.ok ? end.state : end.error.message);
    });
    expect(result).toEqual(["task 'slowMaker2' with all its attempts took longer than 3000 ms", "cached"]);
  });
});
