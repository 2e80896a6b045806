/** What happens between an event's becoming durable and its turn, and between letters that come together. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRunEngine, openStore, rehearse, type RunEngine, type Store } from "../engine/index.ts";
import { condition, continueWith, shield, signal, sleep, task, taskContext, update, workflow, z,
  type Event, type Inputs, type Workflow } from "../sdk/index.ts";
import { runHandle, type RunHandle } from "../sdk/handle.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { compute, withDelay } from "./slowly.ts";

const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) });
let names = 0;
let store: Store, engine: RunEngine;
const engineOn = (on: Store, leaseMs?: number): Promise<RunEngine> => openRunEngine({ database: "", store: on,
  workflow: workflowSpec, workflows: workflowNames, observer: silent, claims: "all",
  ...(leaseMs !== undefined && { leaseMs }) });
beforeEach(async () => { store = await openStore("memory:"); engine = await engineOn(store) });
afterEach(async () => { await engine.close(0) });

async function begin(defined: Workflow<Inputs, unknown> | (() => Promise<unknown>)): Promise<RunHandle<unknown>> {
  const made = "workflowName" in defined ? defined : workflow(`between-${names++}`, defined);
  const spec = workflowSpec(made.workflowName);
  if (spec === undefined) throw new Error("not defined");
  const { runId, name } = await engine.start({ workflow: spec, input: undefined });
  return runHandle(runId, name, engine);
}
const history = (run: { readonly id: string }): Promise<readonly Event[]> => engine.history(run.id);
async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) { const found = await look(); if (found !== undefined && found !== false) return found; await pause(2) }
}
const has = (run: { readonly id: string }, type: Event["type"]): Promise<true> =>
  until(async () => (await history(run)).some((event) => event.type === type));
const lastLink = (run: { readonly id: string }): Promise<string> => until(async () => {
  const end = (await history(run)).at(-1);
  return end?.type === "RunContinued" && end.nextId;
});
async function state(id: string): Promise<string> { return (await engine.row(id)).state }
async function replays(id: string): Promise<void> {
  const events = await engine.history(id), spec = workflowSpec((await engine.row(id)).workflow);
  if (spec === undefined) throw new Error("not defined");
  expect((await rehearse(id, spec, events)).diff).toBeUndefined();
}

describe("after CancelRequested is in the history", () => {
  /** C3: what the cancellation gave up starts no attempt after it. */
  function lateStarts(events: readonly Event[]): readonly string[] {
    const cancel = events.find((event) => event.type === "CancelRequested");
    if (cancel === undefined) return ["never cancelled"];
    const givenUp = new Set(events.flatMap((event) =>
      event.type === "TaskCancelRequested" && event.by === cancel.seq ? [event.key] : []));
    return events.flatMap((event) => event.type === "AttemptStarted" && event.seq > cancel.seq
      && givenUp.has(event.key) ? [`${event.seq} ${event.key}`] : []);
  }
  const go = signal("c3-go"), step = task("c3-step", async () => { await pause(50) });

  test("no attempt starts, though the turn before it schedules tasks", async () => {
    const run = await begin(async () => { await go.wait(); const all = [step(), step()]; compute(3); await all[0] });
    await has(run, "WaitOpened");
    await run.signal(go);
    await run.cancel(); // both are in the mail before it is looked at: one row, two turns
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    const events = await history(run);
    expect(events.filter(({ type }) => type === "TaskCancelRequested").length).toBeGreaterThan(0);
    expect(lateStarts(events)).toEqual([]);
    await replays(run.id);
  });
  test("a shielded cleanup still runs", async () => {
    const run = await begin(async () => {
      await go.wait();
      const all = [step()];
      compute(3);
      try { await all[0] } finally { await shield(() => step()) }
    });
    await has(run, "WaitOpened");
    await run.signal(go);
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    expect((await history(run)).filter(({ type }) => type === "TaskCompleted")).toHaveLength(1);
  });
  test("a run that comes to another worker with a cancellation in its mail starts nothing before it is read",
    async () => {
    await engine.close(0);
    engine = await engineOn(withDelay(store, (verb) => verb === "mail" ? 40 : 0));
    const starts: string[] = [];
    const noted = task("c3-noted", { retries: 5, retryDelay: 20 }, async () => {
      starts.push("ran");
      throw new Error("again, in a moment");
    });
    const run = await begin(async () => noted());
    await has(run, "RetryScheduled");
    await run.pause();
    await until(async () => await state(run.id) === "paused");
    const before = starts.length;
    await pause(30); // the retry is overdue
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    expect(starts).toHaveLength(before);
  });
});

describe("letters that come together", () => {
  const go = signal("together-go", z.number());
  const slow = task("together-slow", async () => { await pause(40) });
  test("a resume right after a pause is not lost, though an attempt is under way", async () => {
    const run = await begin(async () => { const [n] = await Promise.all([go.wait(), slow()]); return n });
    await has(run, "AttemptStarted");
    await run.pause();
    await run.resume();
    await run.signal(go, 5);
    expect(await run.result()).toBe(5);
    await replays(run.id);
  });
  const asked: string[] = [];
  /** Attempts of it end only when they are told to stop, or with `free`. */
  let free = (): void => undefined;
  const long = task("together-long", async (name: string) => {
    const { abortSignal } = taskContext();
    await new Promise<void>((resolve) => {
      free = resolve;
      abortSignal.addEventListener("abort", () => { asked.push(`${name}: ${String(abortSignal.reason)}`); resolve() });
    });
    return name;
  });
  test("a cancellation reaches a paused run whose attempt goes on: it is told to stop, the run ends", async () => {
    const run = await begin(async () => long("cancelled"));
    await has(run, "AttemptStarted");
    await run.pause();
    await has(run, "RunPaused");
    await run.cancel({ reason: "enough" });
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    expect(asked.at(-1)).toMatch(/^cancelled: Cancelled: .*enough/);
    const events = await history(run);
    expect(events.map(({ type }) => type).slice(-4)).toEqual(["RunUnpaused", "CancelRequested", "TaskCancelRequested",
      "RunCancelled"]);
    await replays(run.id);
  });
  test("so does one that came in the same moment as the pause", async () => {
    const run = await begin(async () => long("at once"));
    await has(run, "AttemptStarted");
    await Promise.all([run.pause(), run.cancel()]);
    await expect(run.result()).rejects.toMatchObject({ state: "cancelled" });
    await replays(run.id);
  });
  test("what a shield protects is not told to stop by it", async () => {
    const run = await begin(async () => shield(() => long("shielded")));
    await has(run, "AttemptStarted");
    await run.pause();
    await has(run, "RunPaused");
    await run.cancel();
    await has(run, "CancelRequested");
    free();
    expect(await run.result()).toBe("shielded");
    expect(asked.some((line) => line.startsWith("shielded"))).toBe(false);
    expect((await history(run)).filter(({ type }) => type === "AttemptStarted")).toHaveLength(1);
  });
  test("a resume lets everything else go on at once, though an attempt of before the pause has not ended", async () => {
    const tried: number[] = [];
    const shaky = task("together-shaky", { retries: 3, retryDelay: 300 }, async () => {
      tried.push(taskContext().attempt);
      if (tried.length < 2) throw new Error("not yet");
    });
    const run = await begin(async () => {
      const held = long("held");
      await Promise.all([shaky(), sleep(300)]);
      await slow();
      free();
      return held;
    });
    await has(run, "RetryScheduled");
    await run.pause();
    await has(run, "RunPaused");
    await pause(400); // the retry and the timer are overdue
    await run.resume();
    expect(await run.result()).toBe("held");
    expect(tried).toEqual([1, 2]);
    const events = (await history(run)).map(({ type }) => type);
    const at = (type: Event["type"]): number => events.indexOf(type);
    expect(events).not.toContain("RunReleased");
    expect(events.slice(at("RunPaused") + 1, at("RunUnpaused"))).toEqual([]);
    await replays(run.id);
  });
  test("an engine that closes meanwhile gives the run back as paused, and its attempt is made again", async () => {
    const run = await begin(async () => long("given back"));
    await has(run, "AttemptStarted");
    await run.pause();
    await has(run, "RunPaused");
    await engine.close(5);
    engine = await engineOn(store);
    expect(await state(run.id)).toBe("paused");
    await engine.operator.resume(run.id);
    await until(async () => (await history(run)).filter(({ type }) => type === "AttemptStarted").length === 2);
    free();
    expect(await engine.result(run.id)).toBe("given back");
  });
  test("a signal right after a pause waits with the run", async () => {
    const run = await begin(async () => { const [n] = await Promise.all([go.wait(), slow()]); return n });
    await has(run, "AttemptStarted");
    await run.pause();
    await run.signal(go, 6);
    await until(async () => await state(run.id) === "paused");
    await pause(20);
    expect((await history(run)).some(({ type }) => type === "SignalReceived")).toBe(false);
    await run.resume();
    expect(await run.result()).toBe(6);
  });
  test("letters are read in the order of coming, though the first answer with mail is the slowest", async () => {
    const run = await begin(async () => [await go.wait(), await go.wait(), await go.wait()]);
    await has(run, "WaitOpened");
    await engine.close(0);
    const letter = (n: number): Parameters<Store["post"]>[0] => ({ runId: run.id, dedupe: `n${n}`, kind: "signal",
      payload: JSON.stringify({ name: "together-go", value: { p: n } }) });
    await store.post(letter(1));
    await store.post(letter(2));
    let asked = 0;
    engine = await engineOn(withDelay(store, (verb) => verb === "mail" && asked++ === 0 ? 60 : 0));
    await until(async () => asked > 0);
    await store.post(letter(3));
    expect(await engine.result(run.id)).toEqual([1, 2, 3]);
  });
  test("what a person settled is not tried again", async () => {
    const broken = task("together-broken", { retries: 1000, retryDelay: 3 }, async () => { throw new Error("down") });
    const run = await begin(async () => { const value = await broken(); await sleep(60); return value });
    await has(run, "RetryScheduled");
    await run.inject("task:together-broken#0", "by phone", { by: "ada", reason: "paid" });
    expect(await run.result()).toBe("by phone");
    const events = await history(run), at = events.findIndex(({ type }) => type === "ResultInjected");
    expect(events.slice(at).filter(({ type }) => type === "AttemptStarted")).toEqual([]);
  });
  test("a timer that a person ended does not fire", async () => {
    const run = await begin(async () => { await sleep(100); await sleep(150); return "on" });
    await has(run, "TimerStarted");
    await run.inject("timer:sleep#0", null, { by: "ada", reason: "no need to wait" });
    expect(await run.result()).toBe("on");
    expect((await history(run)).filter(({ type }) => type === "TimerFired")).toHaveLength(1);
  });
});

describe("a run that goes on as another", () => {
  const go = signal("chain-go", z.number()), rest = signal("chain-rest", z.number());
  const setTo = update<z.ZodNumber, string>("chain-set", z.number());
  const chain = workflow("between-chain", async (link: number = 0): Promise<string> => {
    let set = "";
    setTo.handle((n) => { set = `set ${n} in ${link}`; return set });
    if (link === 0) { await go.wait(); return continueWith(1) }
    const n = await rest.wait();
    await condition(() => set !== "" || n !== 0);
    return `${link} ${n} ${set}`;
  }) as unknown as Workflow<Inputs, unknown>;

  test("takes along a cancellation that came when it had decided to", async () => {
    const run = await begin(chain);
    await has(run, "WaitOpened");
    await run.signal(go, 1);
    await run.cancel({ reason: "enough" }); // both are in the mail before it is looked at
    const next = await lastLink(run);
    await expect(engine.result(next)).rejects.toMatchObject({ state: "cancelled" });
    expect((await engine.history(next)).at(-1)).toMatchObject({ type: "RunCancelled", reason: "enough" });
  });
  test("takes along an update that came then, and its caller gets the reply of the next link", async () => {
    const run = await begin(chain);
    await has(run, "WaitOpened");
    await run.signal(go, 1);
    expect(await run.update(setTo, 7)).toBe("set 7 in 1");
    await engine.operator.signal(run.id, "chain-rest", { p: 0 });
    expect(await run.result()).toBe("1 0 set 7 in 1");
    await replays(await lastLink(run));
  });
  test("is reached by signals that other workflows send to its first link", async () => {
    const run = await begin(chain);
    await has(run, "WaitOpened");
    await run.signal(go, 1);
    await lastLink(run);
    const sender = await begin(async () => { await rest.send(run.id, 8) });
    await sender.result();
    expect(await run.result()).toBe("1 8 ");
  });
  test("is cancelled with its parent, whichever link it is at", async () => {
    const parent = await begin(async () => { await (chain as unknown as () => Promise<string>)() });
    const child = await until(async () => (await history(parent)).find((event) => event.type === "ChildStarted"));
    const first = { id: child.type === "ChildStarted" ? child.childId : "" };
    await has(first, "WaitOpened");
    await engine.operator.signal(first.id, "chain-go", { p: 1 });
    const next = await lastLink(first);
    await has({ id: next }, "WaitOpened");
    await parent.cancel();
    await expect(parent.result()).rejects.toMatchObject({ state: "cancelled" });
    await expect(engine.result(next)).rejects.toMatchObject({ state: "cancelled" });
  });
});

describe("letters that came before a run failed, and that it had not read,", () => {
  const go = signal("tried-again-go", z.string());
  const setTo = update<z.ZodString, string>("tried-again-set", z.string());
  let tries = 0, fail = (): void => undefined;
  const shaky = task("tried-again", async () => {
    if (++tries > 1) return;
    await new Promise<void>((resolve) => { fail = resolve });
    throw new Error("again");
  });
  const flow = workflow("tried-again", { retries: 1 }, async () => {
    let set = "";
    setTo.handle((text) => { set = text; return `set ${text}` });
    const first = await go.wait();
    const failed = shaky();
    compute(3);
    await failed;
    return [first, await go.wait(), set, await go.wait({ timeout: 50, else: "no more" })];
  }) as unknown as Workflow<Inputs, unknown>;
  beforeEach(() => { tries = 0 });

  test("are the next try's, once, where they were on their way to the code", async () => {
    const run = await begin(flow);
    await has(run, "WaitOpened");
    await run.signal(go, "one");
    await has(run, "AttemptStarted");
    fail();
    await new Promise((resolve) => { setImmediate(resolve) });
    const reply = run.update(setTo, "blue");
    await run.signal(go, "two");
    expect([await run.result(), await reply]).toEqual([["one", "two", "blue", "no more"], "set blue"]);
  });
  test("and where nobody had looked at them", async () => {
    await engine.close(0);
    let slow = false;
    engine = await engineOn(withDelay(store, (verb) => verb === "mail" && slow ? 100 : 0));
    const run = await begin(flow);
    await has(run, "WaitOpened");
    await run.signal(go, "one");
    await has(run, "AttemptStarted");
    slow = true;
    const asked = [run.update(setTo, "blue"), run.signal(go, "two")] as const;
    await asked[1];
    fail();
    expect([await run.result(), await asked[0]]).toEqual([["one", "two", "blue", "no more"], "set blue"]);
  });
});

test("a child whose birth is acknowledged late has one owner, though the heartbeat saw it first", async () => {
  const ran: string[] = [];
  const once = task("late-once", async (n: number) => { ran.push(`ran ${n}`); await pause(5); return n });
  const child = workflow("late-child", async () => { await once(1); return once(2) });
  const parent = workflow("late-parent", async () => child()) as unknown as Workflow<Inputs, unknown>;
  const base = await openStore("memory:");
  const slow = withDelay(base, (verb, args) =>
    verb === "append" && JSON.stringify(args[2]).includes('"create"') ? 150 : 0);
  await engine.close(0);
  engine = await engineOn(slow, 60); // a heartbeat every 20 ms
  const run = await begin(parent);
  expect(await run.result()).toBe(2);
  await pause(200);
  expect(ran).toEqual(["ran 1", "ran 2"]);
});

test("a timer fires once, though the worker looks for near ones while its event waits for its turn", async () => {
  const go = signal("busy-go");
  const run = await begin(async () => { await go.wait(); await sleep(300); await sleep(900); return "once" });
  await has(run, "WaitOpened");
  // Each turn of these computes for a moment, so that the event of the timer stands in line while a second passes.
  const slow = await Promise.all(Array.from({ length: 60 }, () => begin(async () => {
    for (let i = 0; i < 12; i++) { await sleep(100); compute(4) }
  })));
  await run.signal(go);
  expect(await run.result()).toBe("once");
  for (const one of [run, ...slow]) {
    await one.result();
    const fired = (await history(one)).flatMap((event) => event.type === "TimerFired" ? [event.key] : []);
    expect(new Set(fired).size, fired.join()).toBe(fired.length);
  }
});

test("an engine that closes while a run is being replayed gives it back, and another goes on", async () => {
  const go = signal("replayed-go"), small = task("replayed-small", async (n: number) => n);
  const run = await begin(async () => {
    for (let n = 0; n < 300; n++) { await small(n); compute(0.3) }
    await go.wait();
    return "on";
  });
  await has(run, "WaitOpened");
  await engine.close(0);
  const second = await engineOn(store);
  const { workflow: name } = await second.row(run.id), spec = workflowSpec(name);
  if (spec === undefined) throw new Error("not defined");
  await second.resume(run.id, spec);
  await second.close(0);
  engine = await engineOn(store);
  await engine.operator.signal(run.id, "replayed-go", undefined);
  expect(await engine.result(run.id)).toBe("on");
});

test("an engine that closes as an attempt ends gives the run back as due, and another goes on at once", async () => {
  const last = task("closing-last", async () => { await pause(60); return "made once" });
  const run = await begin(async () => await last() + await task("closing-next", async () => " and on")());
  await has(run, "AttemptStarted");
  await engine.close(60_000);
  engine = await engineOn(store);
  expect(await engine.result(run.id)).toBe("made once and on");
});
