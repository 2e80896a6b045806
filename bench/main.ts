/**
 * `npm run bench`: this engine beside the limits of the database it stands on, measured in one run on one machine, in
 * turns, so that noise hits both. `--json` prints one document; else a table, and bench/results.md is written.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunEngine } from "reprise/engine";
import { freshDatabase, startPostgres } from "../test/postgres-server.ts";
import { coldStartMs } from "./cold.ts";
import { benchEngine, firstTaskMs, footprint, taskMs, tasksPerSecond } from "./engine.ts";
import { median, round } from "./numbers.ts";
import { batchedRowsPerSecond, rawPglite, rawPostgres, sequentialInsertMs, type Raw } from "./raw.ts";
import { replayMs } from "./replay.ts";
import { report } from "./report.ts";

const json = process.argv.includes("--json"), quick = process.argv.includes("--quick");
const say = (text: string): void => { process.stderr.write(`${text}\n`) };
const ROUNDS = quick ? 3 : 7, TURNS = quick ? 8 : 20;

/** Raw inserts and a run of as many tasks in turns, both warm; the ratio is that of the sums. */
async function sequential(raw: Raw, engine: RunEngine): Promise<{ insertMs: number; taskMs: number }> {
  await sequentialInsertMs(raw, 500);
  for (let i = 0; i < 40; i++) await taskMs(engine, 100);
  let insert = 0, task = 0;
  for (let i = 0; i < TURNS; i++) {
    insert += await sequentialInsertMs(raw, 100) / TURNS;
    task += await taskMs(engine, 100) / TURNS;
  }
  return { insertMs: insert, taskMs: task };
}

async function onPostgres(url: string): Promise<{ insertMs: number; taskMs: number; firstTaskMs: number }> {
  const raw = await rawPostgres(url, 1), { engine } = await benchEngine(url);
  const found = await sequential(raw, engine);
  const first = await firstTaskMs(engine, 30);
  await engine.close(0);
  await raw.close();
  return { ...found, firstTaskMs: first };
}

/** Raw batches on one connection and 100 runs of 150 tasks in turns; medians. A hundred runs fill a batch of 100 rows,
 *  one each; the rate with 1,000 is measured beside it. */
async function throughput(url: string): Promise<Throughput> {
  const raw = await rawPostgres(url, 2), { engine, store } = await benchEngine(url);
  for (let i = 0; i < 3; i++) await tasksPerSecond(engine, 100, 200);
  await batchedRowsPerSecond(raw, 1, 1000, 5000);
  const foot = await footprint(engine, store, 100, 50);
  const rows: number[] = [], thousands: number[] = [], tasks: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    rows.push(await batchedRowsPerSecond(raw, 1, 100, 20_000));
    thousands.push(await batchedRowsPerSecond(raw, 1, 1000, 20_000));
    tasks.push(await tasksPerSecond(engine, 100, 150));
  }
  const twoLanes = await batchedRowsPerSecond(raw, 2, 1000, 20_000);
  await engine.close(0);
  await raw.close();
  return { rowsPerSecond: median(rows), tasksPerSecond: median(tasks), twoLanes, thousands: median(thousands),
    historyRowsPerSecond: median(tasks) * foot.rowsPerTask, ...foot };
}
interface Throughput {
  readonly rowsPerSecond: number; readonly tasksPerSecond: number; readonly twoLanes: number;
  readonly thousands: number;
  readonly historyRowsPerSecond: number; readonly rowsPerTask: number; readonly bytesPerTask: number;
}

async function onPglite(folder: string): Promise<{ insertMs: number; taskMs: number }> {
  const raw = await rawPglite(join(folder, "raw")), { engine } = await benchEngine(join(folder, "engine"));
  const found = await sequential(raw, engine);
  await engine.close(0);
  await raw.close();
  return found;
}

function waitingBytes(url: string): number {
  const answer =
    execFileSync(process.execPath, ["--expose-gc", "--import", "tsx",
      fileURLToPath(new URL("./waiting.ts", import.meta.url)), url],
    { encoding: "utf8" });
  // Printed by waiting.ts.
  return (JSON.parse(answer) as { readonly bytes: number }).bytes;
}

const server = await startPostgres();
if (server === undefined) throw new Error("no PostgreSQL binaries here: install the dev dependencies, or PostgreSQL");
const folder = mkdtempSync(join(tmpdir(), "reprise-bench-"));
say("cold start");
const cold = await coldStartMs(quick ? 3 : 5);
say("a task beside an insert");
const one = await onPostgres(await freshDatabase(server.url));
say("100 runs beside batched inserts");
const many = await throughput(await freshDatabase(server.url));
say("PGlite");
const embedded = await onPglite(folder);
say("memory of waiting runs");
const bytesPerWaitingRun = waitingBytes(await freshDatabase(server.url));
say("replay of long histories");
const replay10k = await replayMs(await freshDatabase(server.url), 10_000);
const replay100k = await replayMs(await freshDatabase(server.url), 100_000);
await server.stop();
rmSync(folder, { recursive: true, force: true });

// Our own manifest.
const { version, dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as
  { version: string; dependencies: Record<string, string> };
const document = {
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? "unknown", memoryGiB: round(totalmem() / 2 ** 30, 1),
    platform: process.platform },
  versions: { reprise: version, node: process.version, postgres: dependencies["postgres"],
    pglite: dependencies["@electric-sql/pglite"] },
  ratios: {
    taskVsInsert: round(one.taskMs / one.insertMs),
      throughputVsBatch: round(many.historyRowsPerSecond / many.rowsPerSecond),
    throughputVsBatchOf1000: round(many.historyRowsPerSecond / many.thousands),
    tasksPerSecond: Math.round(many.tasksPerSecond), replay100kMs: Math.round(replay100k.replayMs),
      coldFreshMs: Math.round(cold.freshMs),
    coldExistingMs: Math.round(cold.existingMs), bytesPerTask: Math.round(many.bytesPerTask),
    bytesPerWaitingRun: Math.round(bytesPerWaitingRun), rowsPerTask: round(many.rowsPerTask),
    pgliteTaskVsInsert: round(embedded.taskMs / embedded.insertMs), firstTaskMs: round(one.firstTaskMs),
    replay10kMs: Math.round(replay10k.replayMs),
  },
  measured: {
    insertMs: round(one.insertMs, 3), taskMs: round(one.taskMs, 3),
      batchedRowsPerSecond: Math.round(many.rowsPerSecond),
        batchedRowsPerSecondOnTwoConnections: Math.round(many.twoLanes),
    batchedRowsPerSecondBy1000: Math.round(many.thousands),
    pgliteInsertMs: round(embedded.insertMs, 3), pgliteTaskMs: round(embedded.taskMs, 3),
      nodeStartMs: Math.round(cold.nodeMs),
    read100kMs: Math.round(replay100k.readMs), events: replay100k.events,
  },
};
if (json) process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
else {
  writeFileSync(new URL("./results.md", import.meta.url), report(document));
  process.stdout.write(report(document));
}
process.exit(0);
