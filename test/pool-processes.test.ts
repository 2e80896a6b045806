/**
 * The option `pool` of tasks between real processes: one file is run in place, in threads, and with two workers of pool
 * "gpu" in processes of their own; workers are killed with SIGKILL, or are not there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, inject, test } from "vitest";
import { openStore, type RunRow } from "../engine/index.ts";
import { freshDatabase } from "./postgres-server.ts";
import { clear, cli, endAll, project, start, type Talking } from "./talking.ts";

const url = inject("postgresUrl");
afterEach(endAll);
afterAll(clear);

/** What differs between the three ways is one line of options, which here comes from the environment. */
const FILE = `import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { isMain, logger, NonRetryable, openEngine, task, taskContext, TaskError, workflow } from "reprise";
const { HOW, WORK, ONE = "etl" } = process.env;
const there = HOW === "thread" ? { runner: "thread" } : HOW === "pool" ? { pool: "gpu" } : {};
const book = (what) => { appendFileSync("ledger", process.pid + " " + what + "\\n") };
const until = async (file) => {
  const { abortSignal } = taskContext();
  while (!existsSync(file) && !abortSignal.aborted) await new Promise((done) => { setTimeout(done, 10) });
};

const square = task("square", there, async (n) => {
  book("square " + n);
  logger().info("squared " + n);
  return { n, big: BigInt(n) ** 20n, at: new Date(n), of: new Map([["n", n]]) };
});
const meet = task("meet", there, async (mine, other) => {
  writeFileSync(mine, "");
  await until(other);
  book("met " + mine);
  return mine;
});
class Odd extends Error { name = "Odd"; code = "E_ODD" }
const fails = task("fails", { ...there, retries: 2, retryDelay: 10 }, async (how) => {
  if (how === "never") throw new NonRetryable("never", { left: 3 });
  throw new Odd("attempt " + taskContext().attempt);
});
const said = (error) => error instanceof TaskError && [error.message, error.attempts, error.data, error.cause.name,
  error.cause.code, error.cause instanceof NonRetryable];
const etl = workflow("etl", async (count) => {
  const squares = await square.map(Array.from({ length: count }, (_, n) => n), { concurrency: 4 });
  const failed = [await fails("odd").catch(said), await fails("never").catch(said), (await fails.settle("odd")).state];
  const future = square.submit(99);
  const met = await Promise.all([meet("left", "right"), meet("right", "left")]);
  const race = await Promise.race([meet("alone", "never").then(() => "no"), square(7).then(({ n }) => n)]);
  return { sum: squares.reduce((sum, { big }) => sum + big, 0n), failed, met, race, last: (await future).of };
});
const hold = task("hold", there, async (n) => {
  book("began " + n);
  await until("go");
  return [n, taskContext().attempt];
});
const holding = workflow("holding", async () => [await hold(1), await hold(2)]);

const engine = await openEngine({ ...(WORK && { work: { pool: WORK, concurrency: 1 }, name: WORK }), signals: true });
if (WORK) console.log("works for " + WORK); // and lives until it is told to end
else if (isMain(import.meta)) {
  const run = ONE === "etl" ? await etl.start(8) : await holding.start();
  console.log("started " + run.id);
  const result = await run.result();
  let lines = [];
  while (ONE === "etl" && lines.length < 10) {
    lines = [];
    for await (const { text } of run.logs()) lines.push(text);
    await new Promise((done) => { setTimeout(done, 20) });
  }
  console.log("result " + JSON.stringify([result, lines.sort()], (_, value) => typeof value === "bigint"
    ? String(value) : value instanceof Map ? [...value] : value));
  await engine.close();
}
`;
const folderOf = (name: string): string => project(name, { "etl.mjs": FILE, ledger: "" });
/** The program, which runs the workflow, and a worker of the pool. */
function program(folder: string, database: string, more: NodeJS.ProcessEnv): Talking {
  return start(folder, ["etl.mjs"], { REPRISE_DATABASE_URL: database, REPRISE_LOG_LEVEL: "error", ...more });
}
async function gpu(folder: string, database: string): Promise<Talking> {
  const worker = program(folder, database, { HOW: "pool", WORK: "gpu" });
  await worker.until(/works for gpu/);
  return worker;
}
async function output(of: Talking): Promise<string> {
  const [, found = ""] = await of.until(/^result (.*)$/m);
  expect(await of.ended, of.said()).toBe(0);
  return found;
}
/** The run that makes a call of this run, as soon as it is there. */
async function childOf(database: string, runId: string): Promise<RunRow> {
  const store = await openStore(database), found = async (): Promise<RunRow | undefined> =>
    (await store.listRuns({ limit: 10 })).find(({ parentId }) => parentId === runId);
  await expect.poll(found).toBeDefined();
  const child = await found();
  await store.close();
  if (child === undefined) throw new Error("it was there");
  return child;
}
const ledger = (folder: string): readonly string[] =>
  readFileSync(join(folder, "ledger"), "utf8").trim().split("\n").filter((line) => line !== "");
const pids = (folder: string, what: RegExp): ReadonlySet<number> =>
  new Set(ledger(folder).filter((line) => what.test(line)).map((line) => Number(line.split(" ")[0])));
/** What a command says. */
async function said(folder: string, database: string, ...args: readonly string[]): Promise<string> {
  const command = start(folder, [cli, ...args], { REPRISE_DATABASE_URL: database });
  expect(await command.ended, command.said()).toBe(0);
  return command.said();
}

describe.skipIf(url === "")("one file, in place, in threads, and with two remote workers", () => {
  test("comes to the same output", async () => {
    const outputs: string[] = [], database = await freshDatabase(url);
    for (const HOW of ["inline", "thread", "pool"]) {
      const folder = folderOf(`same-${HOW}`);
      const workers = HOW === "pool" ? [await gpu(folder, database), await gpu(folder, database)] : [];
      const main = program(folder, database, { HOW });
      outputs.push(await output(main));
      const made = pids(folder, /square|met/), others = workers.map(({ child }) => child.pid);
      if (HOW === "pool") expect([...made].toSorted()).toEqual(others.toSorted());
      else expect([...made]).toEqual([main.child.pid]);
      if (HOW === "pool") expect(pids(folder, /met (left|right)/).size, "each made one").toBe(2);
    }
    expect(outputs[0]).toContain('"met":["left","right"],"race":7');
    expect(outputs[1]).toBe(outputs[0]);
    expect(outputs[2]).toBe(outputs[0]);
  });

  test("a worker that is killed in the middle of a call loses the attempt, and another makes the next", async () => {
    const folder = folderOf("killed"), database = await freshDatabase(url);
    const workers = [await gpu(folder, database), await gpu(folder, database)];
    const main = program(folder, database, { HOW: "pool", ONE: "holding" });
    await expect.poll(() => ledger(folder).length).toBe(1);
    const [, id = ""] = await main.until(/started (\S+)/), child = await childOf(database, id);
    await expect.poll(async () => (await said(folder, database, "runs", "events", child.runId)))
      .toContain("AttemptStarted");
    const [victim] = pids(folder, /began 1/);
    workers.find(({ child }) => child.pid === victim)?.child.kill("SIGKILL");
    await expect.poll(() => ledger(folder).length).toBe(2);
    writeFileSync(join(folder, "go"), "");
    expect(JSON.parse(await output(main))).toEqual([[[1, 2], [2, 1]], []]);
    expect([...pids(folder, /began 1/)], "the second is the worker that lives").toEqual([victim,
      workers.find(({ child }) => child.pid !== victim)?.child.pid]);
  });

  test("waits while no worker is there, and the commands say so", async () => {
    const folder = folderOf("nobody"), database = await freshDatabase(url);
    const main = program(folder, database, { HOW: "pool", ONE: "holding" });
    const [, id = ""] = await main.until(/started (\S+)/);
    const { runId } = await childOf(database, id);
    expect(await said(folder, database, "why", id))
      .toMatch(/has task 'hold' in pool 'gpu', for which no worker is alive, open as child run/);
    expect(await said(folder, database, "why", runId)).toMatch(/no worker for its pool 'gpu' is alive.*openEngine/);
    expect(await said(folder, database, "runs", "inspect", id)).toMatch(/hold-\w+ .* in pool gpu/);
    await gpu(folder, database);
    writeFileSync(join(folder, "go"), "");
    expect(JSON.parse(await output(main))).toEqual([[[1, 1], [2, 1]], []]);
  });
});

describe("with the embedded database", () => {
  test("another process works for the pool through the one that serves it", async () => {
    const folder = folderOf("embedded"), holder = start(folder, [cli, "server", "start", "--port", "0"]);
    await holder.until(/Ctrl-C stops it/);
    const worker = await gpu(folder, "");
    const main = program(folder, "", { HOW: "pool", ONE: "holding" });
    writeFileSync(join(folder, "go"), "");
    expect(JSON.parse(await output(main))).toEqual([[[1, 1], [2, 1]], []]);
    expect([...pids(folder, /began/)]).toEqual([worker.child.pid]);
  });
});
