/** Attempts in worker threads and processes, as users run them: real computation, real crashes, real signals. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Event } from "../engine/index.ts";
import { freshDatabase } from "./postgres-server.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "reprise-runners-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules/reprise"));
writeFileSync(join(folder, "package.json"), "{}");
/** The same tasks for every kind of runner; what they wait for, they wait for without giving their loop a turn. */
writeFileSync(join(folder, "tasks.ts"), `
  import { existsSync, writeFileSync, appendFileSync } from "node:fs";
  import { threadId } from "node:worker_threads";
  import { logger, NonRetryable, RetryAfter, task, taskContext, TaskError, TimedOut, workflow } from "reprise";
  const runner = process.env.RUNNER as "inline" | "thread" | "process";
  const at = (name: string): string => process.env.DIR + "/" + name;
  const spin = (until: () => boolean): number => { let n = 0;
    while (!until()) for (let i = 0; i < 1e4; i++) n = (n * 31 + i) % 1e9; return n };
  const where = (): string => process.pid + "/" + threadId;

  const compute = task("compute", { runner }, (wait: string) => { spin(() => existsSync(at(wait))); return where() });
  const meet = task("meet", { runner }, (mine: string, other: string) => {
    writeFileSync(at(mine), ""); spin(() => existsSync(at(other))); return where();
  });
  const tick = task("tick", (n: number) => n);
  const open = task("open", (name: string) => { writeFileSync(at(name), ""); return where() });

  export const unblocked = workflow("unblocked", async () => {
    const computing = compute("gate");
    for (let i = 0; i < 50; i++) await tick(i);
    const here = await open("gate");
    return [here, await computing];
  });
  export const together = workflow("together", async () => {
    const places = await Promise.all([meet("left", "right"), meet("right", "left")]);
    return new Set(places).size;
  });

  class Odd extends Error { name = "Odd"; constructor(readonly code: string) { super("odd") } }
  const rich = task("rich", { runner, captureConsole: true },
    async (date: Date, big: bigint, map: Map<string, number>) => {
    const { run, task: { name, key }, attempt, idempotencyKey, abortSignal } = taskContext();
    logger().warn("a line", { n: 1n });
    console.log("captured", 2);
    return { date, big: big + 1n, map, at: [run.workflow, run.startedAt instanceof Date, name, key, attempt,
      idempotencyKey === run.id + "/" + key, abortSignal.aborted] };
  });
  const fails = task("fails", { runner }, () => {
    throw Object.assign(new RangeError("too far", { cause: new Odd("E1") }), { data: 7 }) });
  const never = task("never", { runner, retries: 5 }, () => { throw new NonRetryable("no", { why: "card" }) });
  const later = task("later", { runner, retries: 1 }, () => {
    if (taskContext().attempt === 1) throw new RetryAfter(1);
    return "later";
  });
  const large = task("large", { runner, retries: 3 }, () => "x".repeat(3_000_000));
  const tell = async (work: Promise<unknown>): Promise<unknown> => {
    try { return await work } catch (error) {
      const cause = (error as TaskError).cause as Error & { code?: string; data?: unknown };
      return [(error as TaskError).attempts, cause.constructor.name, cause.name, cause.message.slice(0, 40),
        cause.code, cause.data,
        (cause.cause as Odd | undefined)?.name];
    }
  };
  export const values = workflow("values", async () => [
    await rich(new Date(5), 9007199254740993n, new Map([["a", 1]])),
    await tell(fails()), await tell(never()), await later(),
    await tell(large())]);

  const dies = task("dies", { runner, retries: 1 }, () => {
    appendFileSync(at("ledger"), taskContext().attempt + "\\n");
    if (taskContext().attempt === 1) process.exit(9);
    return "lived";
  });
  const throws = task("throws", { runner }, () => new Promise(() => {
    setTimeout(() => { throw new Error("loose") }, 1) }));
  export const crashes = workflow("crashes", async () => [await dies(), await tell(throws())]);

  const endless = task("endless", { runner, timeout: 400 }, () => { spin(() => false) });
  const polite = task("polite", { runner, timeout: 300 }, () => new Promise((resolve, reject) => {
    const { abortSignal } = taskContext();
    abortSignal.addEventListener("abort", () => {
      writeFileSync(at("told"),
        abortSignal.reason instanceof TimedOut ? "TimedOut" : String(abortSignal.reason)); resolve(1);
    });
  }));
  export const limits = workflow("limits", async () => [await tell(endless()), await tell(polite()),
    await compute("told").then(() => "free")]);

  const gentle = task("gentle", { runner }, () => new Promise((resolve) => {
    taskContext().abortSignal.addEventListener("abort", () => {
      setTimeout(() => { writeFileSync(at("gentle"), ""); resolve(1) }, 1_300);
    });
    writeFileSync(at("begun"), "");
  }));
  export const cancelled = workflow("cancelled", async () => gentle());

  export const hidden = workflow("hidden", async () => tell(task("inner", { runner, retries: 3 }, () => 1)()));
  const square = task("square", { runner }, (n: number) => n * n);
  const leaf = workflow("leaf", async (n: number) => ({ squared: await square(n), at: new Date(n) }));
  const broken = workflow("broken", async () => { throw new RangeError("too far") });
  const starts = task("starts", { runner }, async () => {
    const run = await leaf.start(4), same = () => leaf.start(5, { id: "the same" });
    return [await run.result(), await leaf(6), await broken().catch((error) => [error.code, String(error.cause)]),
      (await same()).id === (await same()).id, run.id.length, run.name.length > 3,
      await leaf.start(5, { id: "the same", ifExists: "fail" }).catch((error) => error.code),
      await run.state().then(({ state }) => state, (error) => error.code)];
  });
  export const startsRun = workflow("startsRun", async () => (await Promise.all([starts(), starts(), starts()]))[1]);
  export const fromTheCommand = workflow("fromTheCommand", async () => task("asks", async () => leaf(3))());
`);

/** Runs every workflow of the file, one after another, and writes down what each returned and recorded. */
writeFileSync(join(folder, "all.ts"), `
  import { existsSync, writeFileSync } from "node:fs";
  import { isMain } from "reprise";
  import * as workflows from "./tasks.ts";
  const there = async (name: string): Promise<void> => {
    while (!existsSync(process.env.DIR + "/" + name)) await new Promise((resolve) => { setTimeout(resolve, 20) });
  };
  if (isMain(import.meta)) {
    const found: Record<string, unknown> = {};
    for (const [name, run] of Object.entries(workflows)) {
      if (!("workflowName" in run)) continue; // of a commonjs package a module has a default, too
      if (process.env.RUNNER === "inline" && !/values|startsRun/.test(name)) continue; // they would block this process
      const handle = await run.start(), events: unknown[] = [], logs: unknown[] = [];
      if (name === "cancelled") {
        await there("begun");
        await handle.cancel({ grace: "1m" });
      }
      const result = await handle.result().catch((error) => error.state);
      if (name === "cancelled") await there("gentle");
      for await (const event of handle.history()) events.push(event);
      while (name === "values" && logs.length < 2) { // lines are kept a moment after they are said
        logs.length = 0;
        await new Promise((resolve) => { setTimeout(resolve, 20) });
        for await (const line of handle.logs()) logs.push(line);
      }
      found[name] = { result, events, logs };
    }
    writeFileSync(process.env.DIR + "/found.json", JSON.stringify(found, (_, value) =>
      typeof value === "bigint" ? String(value) : value instanceof Map ? [...value] : value));
  }
`);

interface Found { readonly result: unknown; readonly events: readonly Event[];
  readonly logs: readonly { level: string; text: string }[] }
interface Life { readonly code: number | null; readonly err: string; readonly dir: string;
  readonly found: { readonly [workflow: string]: Found } }
/** A life of the program with one kind of runner. */
function life(runner: string): Promise<Life> {
  const dir = join(folder, runner);
  mkdirSync(dir);
  const child = spawn(process.execPath, [join(root, "dist/sdk/cli/main.js"), "run", "all.ts"], { cwd: folder,
    timeout: 100_000, killSignal: "SIGKILL", stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, VITEST: "", REPRISE_LOG_LEVEL: "critical", DIR: dir,
      REPRISE_DATABASE_URL: "memory:", REPRISE_PROOF: "off", RUNNER: runner, REPRISE_THREADS: "2",
      REPRISE_PROCESSES: "2" } });
  let err = "";
  child.stderr.on("data", (chunk) => { err += String(chunk) });
  return new Promise((resolve) => {
    child.once("close", (code) => {
      // Written by all.ts.
      resolve({ code, err, dir, found: code === 0 ? JSON.parse(readFileSync(join(dir, "found.json"), "utf8")) as
        Life["found"] : {} });
    });
  });
}
const lives = new Map<string, Life>();
beforeAll(async () => {
  for (const runner of ["thread", "process", "inline"]) lives.set(runner, await life(runner));
});
function ran(name: string, runner: string): Found & { readonly dir: string } {
  const found = lives.get(runner)?.found[name];
  if (found === undefined) throw new Error(`${name} did not run: ${lives.get(runner)?.err}`);
  return { ...found, dir: join(folder, runner) };
}
/** The history without what differs from run to run. */
const shape = (events: readonly Event[]): unknown => JSON.parse(JSON.stringify(events, (field, value: unknown) =>
  ["at", "seed", "stack", "worker", "name", "seq", "by", "codeVersion", "data", "dueAt"].includes(field) ? undefined
    : value));

describe.each(["thread", "process"])("a task with runner: \"%s\"", (runner) => {
  test("leaves its process able to end, with nothing on stderr but what a crash says", () => {
    const { code, err } = lives.get(runner) ?? { code: null, err: "" };
    expect(code, err).toBe(0);
    expect(err).toMatch(runner === "thread" ? /^$/ : /^[^]*Error: loose[^]*$/);
  });

  test("computes while the engine's own loop goes on", () => {
    // It computes until a task of this thread has opened the gate: blocked, that would never come.
    const { result, events } = ran("unblocked", runner);
    const [here, there] = result as [string, string]; // what the workflow returns
    expect(there).not.toBe(here);
    expect(there.split("/")[0] === here.split("/")[0]).toBe(runner === "thread");
    const ends = events.flatMap((event) => event.type === "TaskCompleted" ? [event.key] : []);
    expect(ends).toHaveLength(52);
    expect(ends.at(-1)).toBe("task:compute#0");
  });

  test("runs beside another: each waits for a sign of the other", () => {
    expect(ran("together", runner).result).toBe(2);
  });

  test("gets its input and context, gives its result, errors and lines, and leaves the history of an inline one",
    () => {
    const there = ran("values", runner), inline = ran("values", "inline");
    expect(there.result).toEqual(inline.result);
    expect(JSON.stringify(there.result)).toMatch(/RangeError.*E1|Odd/);
    expect(shape(there.events)).toEqual(shape(inline.events));
    const lines = (logs: typeof there.logs): unknown => logs.map(({ level, text }) => [level, text]);
    expect(lines(there.logs)).toEqual(lines(inline.logs));
    expect(lines(there.logs)).toEqual([["warn", "a line"], ["info", "captured 2"]]);
  });

  test("loses an attempt when its thread or process ends, and gets a fresh one for the next", () => {
    const { result, events, dir } = ran("crashes", runner);
    expect(result).toMatchObject(["lived", [1, "RepriseError", "RepriseError",
      expect.stringMatching(/^attempt 1 of/), "RUNNER_CRASHED",
      null, runner === "thread" ? "Error" : null]]);
    expect(readFileSync(join(dir, "ledger"), "utf8")).toBe("1\n2\n");
    expect(events.find((event) => event.type === "AttemptFailed")).toMatchObject({ attempt: 1,
      error: { code: "RUNNER_CRASHED", message: expect.stringContaining("exit code 9") } });
  });

  test("is told of its limit, and ended when it does not listen", () => {
    const { result, dir } = ran("limits", runner);
    const [endless, polite, after] = result as [unknown[], unknown[], string]; // what the workflow returns
    expect([endless.slice(0, 2), polite.slice(0, 2), after]).toEqual([[1, "TimedOut"], [1, "TimedOut"], "free"]);
    expect(readFileSync(join(dir, "told"), "utf8")).toBe("TimedOut");
  });

  test("is given the grace that the cancellation of its run names", () => {
    // The program has waited for what the attempt writes after the second that it would have had.
    expect(ran("cancelled", runner).result).toBe("cancelled");
  });

  test("must be defined where its file defines it", () => {
    const { result } = ran("hidden", runner);
    expect((result as unknown[])[4]).toBe("RUNNER_TASK_MISSING"); // a list of what the error was
    expect((result as unknown[])[0], "it is not tried again").toBe(1);
  });

  test("starts runs as an inline one does, also when all places wait for runs that need one", () => {
    const [there, inline] = [runner, "inline"].map((kind) => ran("startsRun", kind).result as unknown[]); // a list
    if (there === undefined || inline === undefined) throw new Error("both ran");
    expect(inline.at(-1)).toBe("completed");
    expect(there.at(-1), "more than its result is asked of the database, and these runs are in memory").toBe("NOT_YET");
    expect(there.slice(0, -1)).toEqual(inline.slice(0, -1));
    expect(inline.slice(0, 4)).toEqual([{ squared: 16, at: "1970-01-01T00:00:00.004Z" },
      { squared: 36, at: "1970-01-01T00:00:00.006Z" }, ["RUN_FAILED", "RangeError: too far"], true]);
  });
});

test("a run that a command makes from a loaded file has tasks that start runs, too", () => {
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, "dist/sdk/cli/main.js"), "run",
    "tasks.ts:fromTheCommand"], { cwd: folder, encoding: "utf8", timeout: 150_000, env: { ...process.env, VITEST: "",
    RUNNER: "inline", REPRISE_LOG_LEVEL: "error", REPRISE_DATABASE_URL: join(folder, "command-db") } });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual({ squared: 9, at: "1970-01-01T00:00:00.003Z" });
});

const url = inject("postgresUrl");
test.skipIf(url === "")("an engine opened at the top of a file is opened once, whoever loads it", async () => {
  writeFileSync(join(folder, "service.mjs"), `
    import { openEngine, task, workflow } from "reprise";
    const measure = task("measure", { runner: "thread" }, (text) => text.length);
    const order = workflow("service-order", async (id) => measure(id));
    const engine = await openEngine();
    console.log(await (await engine.start(order, "four")).result());
    await engine.close();`);
  const env = { ...process.env, VITEST: "", REPRISE_LOG_LEVEL: "error",
    REPRISE_DATABASE_URL: await freshDatabase(url) };
  const ran = (...args: readonly string[]): unknown => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8",
      timeout: 60_000, env });
    return { status, stdout, stderr };
  };
  const command = join(root, "dist/sdk/cli/main.js");
  expect(ran("service.mjs")).toEqual({ status: 0, stdout: "4\n", stderr: "" });
  expect(ran(command, "check", "service.mjs")).toMatchObject({ status: 0 });
  expect(ran(command, "runs", "ls", "-q")).toMatchObject({
    stdout: expect.stringMatching(/^[0-9A-Z]{26}\n$/) as unknown });
});
