/** A run by its handle: what it reads of the run, and a person's hand on it. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRunEngine, openStore, type RunEngine, type Store } from "../engine/index.ts";
import { runHandle } from "../sdk/handle.ts";
import {
  continueWith, openEngine, RunError, signal, sleep, stream, task, waitFor, workflow, z, type Engine,
} from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { replay } from "../sdk/testing.ts";
import { history, until } from "./histories.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: "memory:", name: "ada's desk" }) });
afterEach(async () => { await engine.close({ drain: 0 }) });

const lines = stream<{ readonly line: number }>("lines");
const go = signal("go");
const say = task("say", async (line: number) => { lines.write({ line }); return line });
const poem = workflow("handle-poem", async () => {
  lines.write({ line: 1 });
  await say(2);
  stream<string>("other").write("not of this stream");
  await go.wait();
  lines.write({ line: 3 });
});
const stuck = task("stuck", async (): Promise<number> => { await sleep("1h"); return 1 });
const listed = async <T>(items: AsyncIterable<T>): Promise<readonly T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

describe("a stream", () => {
  test("is followed to the end of its run, each item once and in order, from workflow and task", async () => {
    const run = await poem.start(), followed = listed(run.stream(lines));
    await until(run, "Reported");
    expect((await listed(run.stream(lines, { follow: false }))).map(({ value }) => value.line)).toEqual([1, 2]);
    await run.signal(go);
    const items = await followed, events = await history(run);
    expect(items.map(({ offset, value }) => [offset, value.line])).toEqual([[0, 1], [1, 2], [2, 3]]);
    for (const { seq, at } of items) expect(events[seq - 1]?.at).toEqual(at);
  });
  test("is read from an offset on, by name too; one that nobody wrote is empty", async () => {
    const run = await poem.start();
    await run.signal(go);
    await run.result();
    expect((await listed(run.stream<{ line: number }>("lines", { from: 2 }))).map(({ offset, value }) =>
      [offset, value])).toEqual([[2, { line: 3 }]]);
    expect(await listed(run.stream("lines", { from: 3 }))).toEqual([]);
    expect(await listed(run.stream("none"))).toEqual([]);
    await expect(listed(run.stream(lines, { from: -1 }))).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

/** A real store that notes which events are read from it, by run. */
function counted(store: Store): { readonly store: Store; readonly read: ReadonlyMap<string, readonly number[]> } {
  const read = new Map<string, number[]>();
  return { read, store: new Proxy(store, {
    get: (target, verb) => {
      const real: unknown = Reflect.get(target, verb, target);
      if (typeof real !== "function") return real;
      if (verb !== "read") return real.bind(target) as unknown;
      return async (...args: Parameters<Store["read"]>) => {
        const rows = await target.read(...args), [runId] = args;
        const seqs = rows.flatMap(({ firstSeq, count }) => Array.from({ length: count }, (_, i) => firstSeq + i));
        read.set(runId, [...read.get(runId) ?? [], ...seqs]);
        return rows;
      };
    },
  }) };
}

describe("whoever follows a run", () => {
  const told = signal("told", z.number());
  const letters = workflow("handle-letters", async () => {
    for (let n = 0; n < 8; n++) lines.write({ line: await told.wait() });
  });
  test("reads each event from the store once, however often something new comes", async () => {
    const store = await openStore("memory:"), mine = counted(store), silent = { events: () => undefined,
      line: () => undefined, outage: () => undefined };
    const open = (seen: Store, claims: "all" | "none"): Promise<RunEngine> => openRunEngine({ database: "memory:",
      store: seen, claims, workflow: workflowSpec, workflows: workflowNames, observer: silent });
    const watching = await open(mine.store, "none"), working = await open(store, "all");
    const spec = workflowSpec(letters.workflowName);
    if (spec === undefined) throw new Error("the workflow is not defined");
    const { runId } = await working.start({ workflow: spec, input: undefined });
    const run = runHandle<void>(runId, "letters", watching), seen: number[] = [];
    let sent = 0;
    for await (const event of run) {
      seen.push(event.seq);
      if (event.type === "WaitOpened") await runHandle(runId, "letters", working).signal(told, sent++);
    }
    expect(sent).toBe(8);
    expect(seen).toEqual(seen.map((_, i) => i + 1));
    expect(mine.read.get(runId), "read from the store").toEqual(seen);
    expect((await listed(run.history({ from: 9 }))).map(({ seq }) => seq)).toEqual(seen.slice(8));
    await working.close(0);
  });
});

describe("a handle", () => {
  test("gives events with their instants as dates", async () => {
    const before = Date.now(), run = await workflow("handle-dates", async () => say(1)).start();
    await run.result();
    const events = await history(run), times = events.map(({ at }) => at.getTime());
    expect(times[0]).toBeGreaterThanOrEqual(before);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });
  test("exports what replay() takes", async () => {
    const run = await poem.start();
    await run.signal(go);
    await run.result();
    const text = await run.export();
    expect(JSON.parse(text)).toMatchObject({ format: "reprise/history/1", run: { runId: run.id } });
    expect(await replay(text)).toEqual({ ok: true, diff: undefined });
    for (const [recorded, now] of [['"task:say#0"', '"task:sing#0"'],
      ['"show:stream:lines#1"', '"show:stream:lines#9"'],
      ['"type":"RunCompleted"', '"type":"RunCompleted","result":{"p":1}']] as const) {
      expect(text).toContain(recorded);
      expect((await replay(text.replaceAll(recorded, now))).ok, now).toBe(false);
    }
  });
  test("tells waits with their schema, also where nothing is said of it", async () => {
    const run = await workflow("handle-waits", () =>
      Promise.all([go.wait(), waitFor(z.object({ ok: z.boolean() }), { name: "form" })])).start();
    await until(run, "WaitOpened", 2);
    expect((await run.waits()).map(({ name, schema }) => [name, Object.keys(schema).includes("properties")]))
      .toEqual([["go", false], ["form", true]]);
  });
  test("skips an open call: it gives undefined, and its history says who wanted that and why", async () => {
    const run = await workflow("handle-skip", async () => [await stuck(), await sleep("1h"), await say(7)]).start();
    await until(run, "AttemptStarted");
    await run.skip("task:stuck#0", { by: "ada", reason: "not needed" });
    await until(run, "TimerStarted");
    await run.skip("timer:sleep#0", { by: "ada", reason: "in a hurry" });
    expect(await run.result()).toEqual([undefined, undefined, 7]);
    const skips = (await history(run)).filter((event) => event.type === "ResultInjected");
    expect(skips).toMatchObject([{ key: "task:stuck#0", who: "ada", reason: "not needed" }, { reason: "in a hurry" }]);
    for (const skip of skips) expect(skip).not.toHaveProperty("value");
    await expect(run.skip("task:stuck#0", { by: "ada", reason: "again" })).rejects.toMatchObject({ code: "RUN_ENDED" });
    expect(await replay(await run.export())).toMatchObject({ ok: true });
  });
  test("goes on with the run that its retry made", async () => {
    let broken = true;
    const mend = task("mend", async () => { if (broken) throw new Error("broken"); return "mended" });
    const run = await workflow("handle-retry", () => mend()).start();
    await expect(run.result()).rejects.toBeInstanceOf(RunError);
    broken = false;
    const again = await run.retry();
    expect([await run.result(), await again.result()]).toEqual(["mended", "mended"]);
    expect(await run.state()).toMatchObject({ state: "completed" });
    expect((await engine.get(run.id).state()).state, "the run of its first id").toBe("failed");
  });
});

describe("a workflow that declares its signals", () => {
  const other = signal("other");
  const declares = workflow("handle-declares", { signals: [go] }, async () => { await go.wait(); return "gone" });
  const undeclared = { code: "SIGNAL_UNDECLARED", message: expect.stringContaining("'other'"),
    hint: expect.stringContaining("'go'") };
  test("takes those, and refuses others from a handle, a definition, a task, and of a fork", async () => {
    const run = await declares.start();
    await expect(run.signal(other)).rejects.toMatchObject(undeclared);
    await expect(other.send(run.id)).rejects.toMatchObject(undeclared);
    const sends = task("sends", async () => { await other.send(run.id) });
    await expect(workflow("handle-sends", () => sends())()).rejects.toMatchObject({ cause: { cause: undeclared } });
    expect((await history(run)).some(({ type }) => type === "SignalReceived")).toBe(false);
    await workflow("handle-tells", async () => { await other.send(run.id) })();
    await until(run, "MailIgnored");
    expect((await history(run)).find(({ type }) => type === "MailIgnored"), "from workflow code").toMatchObject(
      { kind: "signal", why: expect.stringContaining("'other'") });
    const fork = await run.fork({ at: 2 });
    await expect(fork.signal(other)).rejects.toMatchObject(undeclared);
    await fork.signal(go);
    await run.signal(go);
    expect([await run.result(), await fork.result()]).toEqual(["gone", "gone"]);
  });
  test("fails where it waits for another; without the option any is kept", async () => {
    const forgot = workflow("handle-forgot", { signals: [go] }, async () => other.wait());
    await expect(forgot()).rejects.toMatchObject({ cause: undeclared });
    const any = await workflow("handle-any", async () => { await other.wait() }).start();
    await any.signal(go);
    await any.signal(other);
    await any.result();
    expect(() => workflow("handle-wrong", { signals: [{ name: "x" }] as never }, async () => 1)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }));
  });
  test("keeps that in its chain: the next link refuses too", async () => {
    const links = workflow("handle-links", { signals: [go] }, async (n: number): Promise<number> => {
      await go.wait();
      return n === 0 ? continueWith(1) : n;
    });
    const run = await links.start(0);
    await run.signal(go);
    await until(run, "RunContinued");
    await expect(run.signal(other)).rejects.toMatchObject(undeclared);
    await run.signal(go);
    expect(await run.result()).toBe(1);
  });
});

describe("a handle by the id that a start gave", () => {
  const hears = workflow("handle-hears", async () => { await go.wait(); return "heard" });
  const others = workflow("handle-others", async () => { await go.wait(); return "heard by others" });
  test("is looked up at its first call; a run that is not there yet is found later", async () => {
    const early = hears.get("order-7");
    await expect(early.state()).rejects.toMatchObject({ code: "RUN_NOT_FOUND",
      message: expect.stringContaining("of workflow 'handle-hears'") });
    const run = await hears.start(undefined, { id: "order-7" });
    expect((await early.state()).state).not.toBe("failed");
    await engine.get("order-7").signal(go);
    expect(await early.result()).toBe("heard");
    expect((await listed(early.history())).map(({ seq }) => seq)).toEqual((await history(run)).map(({ seq }) => seq));
  });
  test("is its workflow's own; where two workflows use it, only they can tell", async () => {
    await hears.start(undefined, { id: "both" });
    await others.start(undefined, { id: "both" });
    await expect(engine.get("both").state()).rejects.toMatchObject({ code: "AMBIGUOUS_RUN",
      message: expect.stringContaining("'handle-others'") });
    await expect(go.send("both")).rejects.toMatchObject({ code: "AMBIGUOUS_RUN" });
    await others.get("both").signal(go);
    expect(await others.get("both").result()).toBe("heard by others");
    await hears.get("both").cancel();
    await expect(hears.get("both").result()).rejects.toMatchObject({ state: "cancelled" });
  });
  test("speaks of the newest try, and of the last link of a chain", async () => {
    let left = 2;
    const trying = workflow("handle-trying", { retries: 2, retryDelay: 1 }, async () => {
      if (left-- > 0) throw new Error("not yet");
    });
    const linked = workflow("handle-linked", async (n: number) => n < 2 ? continueWith(n + 1) : n);
    await (await engine.start(trying, undefined, { id: "tries" })).result();
    expect((await trying.get("tries").state()).state).toBe("completed");
    await (await engine.start(linked, 0, { id: "links" })).result();
    expect((await listed(linked.get("links").history())).at(-1)?.type).toBe("RunCompleted");
  });
  test.for(["memory:", "directory"])("takes what is sent to it, from a workflow too: %s", async (database) => {
    const inner = database === "memory:" ? undefined
      : await openEngine({ database: mkdtempSync(join(tmpdir(), "reprise-own-")), default: false });
    const on = inner ?? engine, to = workflow("handle-sends", async (id: string) => { await go.send(id) });
    const run = await on.start(hears, undefined, { id: "order-8" });
    await (await on.start(to, "order-8")).result();
    expect(await run.result()).toBe("heard");
    if (inner === undefined) {
      await hears.start(undefined, { id: "order-9" });
      await go.send("order-9");
      expect(await engine.get("order-9").result()).toBe("heard");
      await expect(go.send("nobody's")).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    }
    await inner?.close({ drain: 0 });
  });
});
