/** The world that workflow code sees: deterministic, durable, or refused; and the traps that others fell into. */
import { execFile } from "node:child_process";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rehearse } from "../engine/index.ts";
import { kernel, type OpenTurn } from "../engine/replay/kernel.ts";
import { seededRandom } from "../engine/replay/random.ts";
import { enqueueTurn } from "../engine/replay/turns.ts";
import { openEngine, RepriseError, RunError, sleep, task, workflow, type Engine } from "../sdk/index.ts";
import { recordingFrom } from "../sdk/recording.ts";
import { workflowSpec } from "../sdk/registry.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: "memory:" }) });
afterEach(async () => { await engine.close() });
const echo = task("echo", async (value: unknown) => value);
let names = 0;

/** Runs code as a workflow; then replays it from its history, which must decide the same. */
async function twice(fn: () => Promise<unknown>): Promise<unknown> {
  const run = workflow(`globals-${names++}`, fn);
  const handle = await engine.start(run);
  const result = await handle.result();
  const { events } = recordingFrom(await handle.export(), "the export");
  const spec = workflowSpec(run.workflowName);
  if (spec === undefined) throw new Error("the workflow is not defined");
  expect((await rehearse(handle.id, spec, events)).diff).toBeUndefined();
  return result;
}
/** The code of the error that a workflow fails with. */
async function codeOf(fn: () => Promise<unknown>): Promise<string> {
  const failed: unknown = await engine.start(workflow(`globals-${names++}`, fn)).then((run) => run.result()).catch(
    (error: unknown) => error);
  return failed instanceof RunError && failed.cause instanceof RepriseError ? failed.cause.code : String(failed);
}

describe("in workflow code", () => {
  test("randomness of every kind is the same in every replay", async () => {
    await twice(async () => {
      await echo([Math.random(), randomUUID(), crypto.randomUUID(), randomBytes(8).toString("hex"), randomInt(1000),
        [...crypto.getRandomValues(new Uint8Array(4))]]);
      return echo(Math.random());
    });
  });

  test("the clock stands still within a turn and is the same in every replay", async () => {
    const [a, b] = await twice(async () => {
      const first = Date.now();
      for (let i = 0; i < 1e6; i++); // real time passes
      const again = [Date.now(), new Date().getTime(), Math.floor(performance.timeOrigin + performance.now())];
      await echo([first, ...again]);
      await sleep(5);
      await echo(Date.now());
      return [first, again[0]];
    }) as [number, number];
    expect(a).toBe(b);
  });

  test("performance.now() counts from performance.timeOrigin, as anywhere", async () => {
    const outside = performance.timeOrigin;
    const [clock, sum] = await twice(async () => {
      const both = [Date.now(), new Date(performance.timeOrigin + performance.now()).getTime()];
      await echo(both);
      return both;
    }) as [number, number];
    expect(sum).toBe(clock);
    expect(performance.timeOrigin).toBe(outside);
    expect(performance.timeOrigin + performance.now()).toBeGreaterThan(outside);
  });

  test("setTimeout, and node's promised one, are durable timers", async () => {
    expect(await twice(async () => {
      const order: string[] = [];
      await Promise.all([
        new Promise<void>((resolve) => { setTimeout(() => { order.push("late"); resolve() }, 20) }),
        pause(5).then(() => order.push("early")),
      ]);
      return echo(order);
    })).toEqual(["early", "late"]);
  });

  test("microtasks run to the end of their turn, however many", async () => {
    expect(await twice(async () => {
      const seen: number[] = [];
      for (let i = 0; i < 50; i++) await null;
      await new Promise<void>((resolve) =>
        { queueMicrotask(() => { seen.push(1); queueMicrotask(() => { resolve() }) }) });
      return echo(seen);
    })).toEqual([1]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["fetch", () => fetch("http://127.0.0.1:1")],
    ["a file read at once", async () => readFileSync("package.json", "utf8")],
    ["setInterval", async () => { setInterval(() => undefined, 10) }],
    ["a FinalizationRegistry", async () => new FinalizationRegistry(() => undefined)],
  ])("%s is refused as an effect", async (_what, fn) => { expect(await codeOf(fn)).toBe("EFFECT_IN_WORKFLOW") });

  test("I/O that is awaited all the same fails the run and nobody else", async () => {
    const read = readFile; // its promise settles outside any turn
    const code = await codeOf(async () => { await read("package.json").catch(() => undefined); return echo(1) });
    expect(["EFFECT_IN_WORKFLOW", "FOREIGN_AWAIT"]).toContain(code);
    expect(await engine.start(workflow("beside", async () => echo(7))).then((run) => run.result())).toBe(7);
  });

  test("a promise that nobody resolves is found out", async () => {
    expect(await codeOf(() => new Promise(() => undefined))).toBe("STUCK_OUTSIDE_ENGINE");
  });

  test("a promise shared by two runs at module level is found out", async () => {
    let open: (value: number) => void = () => undefined;
    const shared = new Promise<number>((resolve) => { open = resolve });
    const waits = workflow("waits", async () => { const n = await shared; return echo(n) });
    const opens = workflow("opens", async () => { await echo(1); open(5); return echo(2) });
    const [first, second] = await Promise.allSettled([
      engine.start(waits).then((run) => run.result()), engine.start(opens).then((run) => run.result())]);
    expect(second.status).toBe("fulfilled");
    expect(first.status === "rejected" && String(first.reason)).toMatch(/turn|does not know/);
  });
});

describe("outside runs", () => {
  test("globals behave as untouched, also while runs go on", async () => {
    const run = engine.start(workflow("busy", async () => { for (let i = 0; i < 20; i++) await echo(i) }));
    const values = new Set<number>();
    for (let i = 0; i < 20; i++) { values.add(Math.random());
      await new Promise((resolve) => { setImmediate(resolve) }) }
    expect(values.size).toBe(20);
    expect(existsSync("package.json")).toBe(true);
    await (await run).result();
  });

  test("in a task, too: clocks move and files are read", async () => {
    const real = task("real", async () => {
      const from = performance.now();
      await new Promise((resolve) => { setTimeout(resolve, 10) });
      return [performance.now() > from, JSON.parse(readFileSync("package.json", "utf8")).name];
    });
    expect(await twice(async () => real())).toEqual([true, "reprise"]);
  });

  test("fake timers of a test runner do not reach workflow code", async () => {
    const result = workflow("faked", async () => { const at = Date.now(); await echo(at); return at });
    const handle = await engine.start(result);
    vi.useFakeTimers({ toFake: ["Date"], now: 0 });
    try { expect(await handle.result()).toBeGreaterThan(1e12) } finally { vi.useRealTimers() }
  });
});

test("the random numbers of a turn never change: histories depend on them", () => {
  const source = seededRandom("seed", 7), bytes = new Uint8Array(6);
  const numbers = [source.next(), source.next(), source.next()];
  source.fill(bytes);
  expect([numbers, [...bytes]]).toMatchInlineSnapshot(`
    [
      [
        0.6778695668346858,
        0.21205335961138494,
        0.9339447228823242,
      ],
      [
        92,
        152,
        105,
        113,
        102,
        0,
      ],
    ]
  `);
});

test("what the end of one turn sets free goes on before the next turn opens", async () => {
  const open: (OpenTurn | undefined)[] = [];
  const turn = (): OpenTurn => ({ now: 0, random: () => 0, fill: () => undefined, line: () => undefined,
    timer: () => { throw new Error("not here") }, forbid: (api) => { throw new Error(api) } });
  await new Promise<void>((over) => {
    const job = (done: () => void): void => enqueueTurn({ turn: turn(), step: () => false, done });
    job(() => { void Promise.resolve().then(() => Promise.resolve()).then(() => open.push(kernel.turn)) });
    job(over);
  });
  expect(open).toEqual([undefined]);
});

test("a second copy of the package that fits runs workflows as the first does", async () => {
  const folder = mkdtempSync(join(tmpdir(), "reprise-copy-"));
  cpSync("dist", join(folder, "dist"), { recursive: true });
  cpSync("package.json", join(folder, "package.json"));
  symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", `
    await import("reprise");
    const { openEngine, task, workflow } = await import(${JSON.stringify(join(folder, "dist/sdk/index.js"))});
    const engine = await openEngine({ database: "memory:" });
    const double = task("double", async (n) => n * 2);
    console.log(await workflow("twice", async () => await double(await double(1)))());
    await engine.close();`], { cwd: process.cwd(), env: { ...process.env, REPRISE_LOG_LEVEL: "critical" } });
  rmSync(folder, { recursive: true });
  expect(stdout).toBe("4\n");
});

test("a copy of the package that does not fit the one that is loaded is refused, with both paths", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", `
    globalThis[Symbol.for("reprise")] = { protocol: 99, path: "file:///elsewhere/reprise" };
    await import("reprise").catch((error) => console.log(error.code, error.message));`], { cwd: process.cwd() });
  expect(stdout).toMatch(/^TWO_COPIES .*file:\/\/\/elsewhere\/reprise and file:\/\/\/.*kernel\.js/);
});
