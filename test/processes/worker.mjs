/**
 * A worker process for tests: it takes runs of the workflows below from DATABASE until it is killed or told to stop.
 * Each task writes a line into LEDGER when it runs, and returns that line's own id: the history shows which execution
 * was recorded. Lines on stdout: "ready", then "ran KEY".
 */
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { openRunEngine } from "reprise/engine";
import { continueWith, saga, signal, sleep, task, taskContext, workflow, withTimeout } from "reprise";
import { workflowNames, workflowSpec } from "../../dist/sdk/registry.js";

const { DATABASE, LEDGER, LEASE_MS, CONCURRENCY, START, SERVE } = process.env;

/** Runs, and says so before anybody may record it. */
async function ran() {
  const { run, task: { key }, attempt } = taskContext();
  const id = randomUUID();
  appendFileSync(LEDGER, `${run.id} ${key} ${attempt} ${id} ${process.pid}\n`);
  process.stdout.write(`ran ${key}\n`);
  await new Promise((resolve) => { setTimeout(resolve, Math.random() * 8) });
  return id;
}
const step = task("step", ran);
const flaky = task("flaky", { retries: 3, retryDelay: 5 }, async () => {
  const id = await ran();
  if (taskContext().attempt === 1) throw new Error("the first attempt fails");
  return id;
});
const big = task("big", async () => `${await ran()}${" ".repeat(60_000)}`);
/** Blocks the loop, as a computation would. */
const block = task("block", async (ms) => {
  const id = await ran(), until = Date.now() + ms;
  while (Date.now() < until);
  return id;
});

workflow("sequence", async () => { const ids = []; for (let i = 0; i < 8; i++) ids.push(await step(i));
  return ids.length });
workflow("fan-out", async () => (await Promise.all(Array.from({ length: 6 }, (_, i) => step(i)))).length);
workflow("retrying", async () => { await flaky(); await step(1); return "done" });
workflow("sleeping", async () => { await step(0); await sleep(30); await step(1); await sleep(30);
  return step(2).then(() => "done") });
workflow("racing", async () => { const won = await Promise.race([step(0), step(1)]); await step(2);
  return typeof won });
workflow("limited", async () => withTimeout("1h", async () => { await step(0); return (await big()).length }));
workflow("caught",
  async () =>
    { try { await task("fails", async () => { await ran(); throw new Error("no") })() } catch {
      return (await step(1)).length } });
workflow("blocking", async (ms) => { await block(ms); await step(1); return "done" });
const leaf = workflow("leaf", async (n) => { await step(n); await sleep(20); await step(n + 1); return n });
const branch = workflow("branch", async (n) => (await Promise.all([leaf(n), leaf(n + 1)])).reduce((a, b) => a + b));
workflow("family", async () => {
  await step(0);
  const all = await Promise.all([branch(10), leaf(1), branch(20)]);
  await step(1);
  return all;
});
const number = signal("number");
const listener = workflow("listener", async () => {
  const seen = [];
  while (seen.length < 5) { seen.push(await number.wait()); await step(seen.length) }
  return seen;
});
workflow("talking", async () => {
  const child = await listener.start();
  for (let n = 1; n <= 5; n++) { await child.signal(number, n); await step(n) }
  return child.result();
});
const book = task("book", { undo: ran }, ran);
workflow("undone", async () => saga(async () => {
  for (let n = 0; n < 3; n++) await book(n);
  await task("fails", async () => { await ran(); throw new Error("sold out") })();
}).catch(() => "undone"));
workflow("counting", async (given) => {
  const { seen, left } = given ?? { seen: [], left: 4 };
  if (left === 0) return seen;
  const pair = [await number.wait(), await number.wait()];
  await step(left);
  return continueWith({ seen: [...seen, ...pair], left: left - 1 });
});
workflow("endless", async () => { for (let i = 0; ; i++) await step(i) });

const engine = await openRunEngine({
  database: DATABASE, workflow: workflowSpec, workflows: workflowNames, claims: "all", serve: SERVE === "1",
  concurrency: Number(CONCURRENCY ?? 100), ...(LEASE_MS && { leaseMs: Number(LEASE_MS) }),
  observer: { events: () => undefined, line: () => undefined,
    outage: (error) => { if (error) process.stderr.write(`${error.message}\n`) } },
});
process.stdout.write("ready\n");
// An embedded directory has one process: the worker itself starts the runs, each once, whoever was killed before.
for (const one of START ? START.split(",") : []) {
  const [id, name] = one.split("=");
  await engine.start({ workflow: workflowSpec(name), input: undefined, id });
}
if (START) {
  const ids = START.split(",").map((one) => one.split("=")[0]);
  for (const id of ids) { const [row] = await engine.list({ idempotencyKey: id, limit: 1 });
    await engine.result(row.runId) }
  process.stdout.write("all done\n");
  await engine.close(1000);
}
process.once("SIGTERM", () => { void engine.close(30_000).then(() => process.exit(0)) });
if (!START) setInterval(() => undefined, 60_000);
