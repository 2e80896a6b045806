/**
 * A worker process for tests: it moves money between accounts by transaction(), until it is killed or told to stop.
 * Each execution draws a token, books it with the transfer, and returns it: the history shows whose writes are there.
 * Lines on stdout: "ready", then "in TRANSFER" whenever a transaction has written and not committed.
 */
import { randomUUID } from "node:crypto";
import { openRunEngine } from "reprise/engine";
import { transaction, workflow } from "reprise";
import { workflowNames, workflowSpec } from "../../dist/sdk/registry.js";

const { DATABASE, MONEY, LEASE_MS, CONCURRENCY, START, HOLD, DEADLINE } = process.env;
const moment = (ms) => new Promise((resolve) => { setTimeout(resolve, ms) });

const prepare = transaction("prepare", { retries: 5, retryDelay: 20 }, async (sql, accounts) => {
  await sql`create table accounts (id int primary key, balance int not null)`;
  await sql`create table booked (transfer text not null, token text not null)`;
  await sql`insert into accounts select i, 100 from generate_series(1, ${accounts}::int) as i`;
});
const transfer = transaction("transfer", { retries: 200, retryDelay: 10, ...(MONEY && { database: MONEY }),
  ...(DEADLINE && { deadline: Number(DEADLINE) }) },
  async (sql, id, from, to, amount) => {
    const token = randomUUID();
    const [left] = await sql`update accounts set balance = balance - ${amount} where id = ${from} returning balance`;
    await moment(Math.random() * 4);
    await sql`insert into booked values (${id}, ${token})`;
    await sql`update accounts set balance = balance + ${amount} where id = ${to}`;
    await sql`select pg_notify('transfers', ${String(process.pid)})`; // heard when it commits
    process.stdout.write(`in ${id}\n`);
    await moment(HOLD === id ? 60_000 : Math.random() * 4);
    return { id, token, left: left.balance };
  });

/** Six transfers, two and two at once; accounts are chosen by the numbers, so that transfers meet. */
workflow("transfers", async ({ name, n }) => {
  const one = (i) => transfer(`${name}-${i}`, (n + i) % 5 + 1, (n * 2 + i * 3 + 1) % 5 + 1, i + 1);
  const done = [];
  for (let i = 0; i < 6; i += 2) done.push(...await Promise.all([one(i), one(i + 1)]));
  return done;
});
workflow("prepare", (accounts) => prepare(accounts));

const engine = await openRunEngine({
  database: DATABASE, workflow: workflowSpec, workflows: workflowNames, claims: "all",
  concurrency: Number(CONCURRENCY ?? 100), ...(LEASE_MS && { leaseMs: Number(LEASE_MS) }),
  observer: { events: () => undefined, line: () => undefined,
    outage: (error) => { if (error) process.stderr.write(`${error.message}\n`) } },
});
process.stdout.write("ready\n");
// An embedded directory has one process: the worker itself starts the runs, each once, whoever was killed before.
if (START) {
  const begin = async (id, workflow, input) => {
    const { runId } = await engine.start({ workflow: workflowSpec(workflow), input, id });
    return engine.result(runId);
  };
  await begin("prepare", "prepare", { p: 5 });
  await Promise.all(Array.from({ length: Number(START) }, (_, n) =>
    begin(`run${n}`, "transfers", { p: { name: `run${n}`, n } })));
  process.stdout.write("all done\n");
  await engine.close(1000);
}
process.once("SIGTERM", () => { void engine.close(30_000).then(() => process.exit(0)) });
if (!START) setInterval(() => undefined, 60_000);
