/**
 * Money is moved by transaction() while worker processes are killed with SIGKILL at moments that nobody planned, and
 * stopped with SIGSTOP inside a transaction. The sum stays, every transfer is booked once, and by the very execution
 * whose result its run has recorded.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, describe, expect, inject, test } from "vitest";
import { openRunEngine, type RunEngine, type WorkflowSpec } from "../engine/index.ts";
import { checkHistory } from "./checker.ts";
import { freshDatabase } from "./postgres-server.ts";
import { startWorker, type WorkerProcess } from "./worker-processes.ts";

const url = inject("postgresUrl");
const folder = mkdtempSync(join(tmpdir(), "reprise-once-kill-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) });
const worker = (env: { readonly [name: string]: string }): WorkerProcess => startWorker(env, "transfers.mjs");

/** An engine that only starts and asks. */
function asker(database: string): Promise<RunEngine> {
  return openRunEngine({ database, workflow: () => undefined, workflows: () => [], claims: "none",
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
}
const spec: WorkflowSpec = { name: "transfers", fn: () => undefined, dangling: "cancel", codeVersion: "" };
async function startRuns(engine: RunEngine, from: number, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, async (_, i) => {
    const n = from + i;
    return (await engine.start({ workflow: spec, input: { p: { name: `run${n}`, n } } })).runId;
  }));
}

type Rows = readonly { readonly [column: string]: unknown }[];
interface Booked { readonly id: string; readonly token: string }
/** Given ended runs: what they recorded is what is booked, no more and no less. */
async function expectBooks(engine: RunEngine, runs: readonly string[], ask: (text: string) => Promise<Rows>):
  Promise<void> {
  const results = new Map<string, string>();
  for (const runId of runs) {
    checkHistory(await engine.history(runId), runId);
    for (const { id, token } of await engine.result(runId) as readonly Booked[]) results.set(id, token);
  }
  expect(results.size, "every transfer has a result").toBe(runs.length * 6);
  const booked = (await ask("select transfer, token from booked")).map((row) =>
    [String(row["transfer"]), String(row["token"])] as const);
  expect(booked.length, "each is booked once").toBe(results.size);
  expect(new Map(booked), "by the execution whose result is recorded").toEqual(results);
  expect(await ask("select sum(balance)::int as sum, count(*)::int as n from accounts")).toEqual([{ sum: 500, n: 5 }]);
}

/** A fresh database with five accounts of 100. */
async function accounts(): Promise<{ readonly database: string; readonly sql: postgres.Sql }> {
  const database = await freshDatabase(url);
  const sql = postgres(database, { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create table accounts (id int primary key, balance int not null);
    create table booked (transfer text not null, token text not null);
    insert into accounts select i, 100 from generate_series(1, 5) as i`);
  return { database, sql };
}

/** Waits until every run has ended. Five deaths without progress park a run; here the deaths are ours. */
async function ended(engine: RunEngine, runs: readonly string[]): Promise<void> {
  for (let open = [...runs], round = 0; open.length > 0; round++) {
    const rows = await Promise.all(open.map((runId) => engine.row(runId)));
    for (const { runId, parked } of rows) {
      if (parked !== "QUARANTINED") continue;
      await engine.store.post({ runId, kind: "resume", dedupe: `test/${runId}/${round}`, payload: null,
        control: true });
    }
    open = open.filter((_, i) => !["completed", "failed"].includes(rows[i]?.state ?? ""));
    await pause(200);
  }
}

/**
 * Kills workers, three at a time, and finishes with one that is left alone. One half is killed in the midst of
 * transactions, the other when the database tells of a commit of theirs: between the commit and its event.
 */
async function killing(engine: RunEngine, kills: number, money: postgres.Sql,
  env: { readonly [name: string]: string }): Promise<string[]> {
  const runs = await startRuns(engine, 0, 10);
  const commits = new Map<string, () => void>();
  await money.listen("transfers", (pid) => commits.get(pid)?.());
  let killed = 0, next = runs.length;
  const lane = async (): Promise<void> => {
    while (killed < kills) {
      const one = worker({ LEASE_MS: "600", CONCURRENCY: "4", ...env });
      await one.says(/^ready/);
      // Inside a transaction, or after its commit, when there is any to be done.
      if (killed % 2 === 0) await Promise.race([one.says(/^in /).then(() => pause(Math.random() * 30)), pause(1500)]);
      else await Promise.race([pause(1500),
        new Promise<void>((resolve) => { commits.set(String(one.child.pid), resolve) })]);
      one.child.kill("SIGKILL");
      expect(await one.ended).toBe("SIGKILL");
      if (++killed % 3 === 0) runs.push(...await startRuns(engine, next++, 1));
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  const last = worker({ LEASE_MS: "8000", ...env });
  await ended(engine, runs);
  last.child.kill("SIGTERM");
  expect(await last.ended, "SIGTERM drains and ends with 0").toBe(0);
  return runs;
}

describe.skipIf(url === "")("transfers on PostgreSQL", () => {
  test("61 workers killed with SIGKILL: the sum stays, and each is booked once", async () => {
    const { database, sql } = await accounts(), engine = await asker(database);
    const runs = await killing(engine, 61, sql, { DATABASE: database });
    await expectBooks(engine, runs, (text) => sql.unsafe(text));
    await engine.close(0);
    await sql.end();
  }, 600_000);

  test("in another database than the engine's, 21 workers killed", async () => {
    const { database, sql } = await accounts(), runsIn = await freshDatabase(url), engine = await asker(runsIn);
    const runs = await killing(engine, 21, sql, { DATABASE: runsIn, MONEY: database });
    await expectBooks(engine, runs, (text) => sql.unsafe(text));
    await engine.close(0);
    await sql.end();
  }, 600_000);

  test("a worker killed after its commit, and the deadline passed: the task has completed, not failed", async () => {
    const { database, sql } = await accounts(), engine = await asker(database);
    const env = { DATABASE: database, LEASE_MS: "600", DEADLINE: "900" };
    const commits = new Map<string, () => void>();
    await sql.listen("transfers", (pid) => commits.get(pid)?.());
    for (let n = 0, killed = 0; killed < 4; n++) {
      const [run = ""] = await startRuns(engine, n, 1);
      const first = worker(env), committed = new Promise<boolean>((resolve) => {
        commits.set(String(first.child.pid), () => resolve(true)) });
      // On a busy machine the deadline may pass before there is anything to commit.
      if (await Promise.race([committed, ended(engine, [run]).then(() => false)])) killed++;
      first.child.kill("SIGKILL");
      await first.ended;
      await pause(1000);
      const second = worker(env);
      await ended(engine, [run]);
      const rows = await sql`select transfer as id, token from booked where transfer like ${`run${n}-%`}`;
      const booked = new Map(rows.map((row) => [row["id"], row["token"]])), ids = new Map<string, unknown>();
      for (const event of await engine.history(run)) { // with what transfer() is given, and what it returns
        if (event.type === "TaskScheduled") ids.set(event.key, (event.input as { readonly p: [string] }).p[0]);
        if (event.type === "TaskFailed") expect(booked.has(ids.get(event.key)), "no failed one is booked").toBe(false);
        if (event.type !== "TaskCompleted") continue;
        const { id, token } = (event.result as { readonly p: Booked }).p;
        expect(booked.get(id), "what is recorded is what is booked").toBe(token);
      }
      second.child.kill("SIGKILL");
      await second.ended;
    }
    await engine.close(0);
    await sql.end();
  });

  test("a worker that was stopped inside a transaction beyond its lease wakes, and commits nothing", async () => {
    const { database, sql } = await accounts(), engine = await asker(database);
    const [run = ""] = await startRuns(engine, 0, 1);
    const stopped = worker({ DATABASE: database, LEASE_MS: "900", HOLD: "run0-2" });
    await stopped.says(/^in run0-2/);
    stopped.child.kill("SIGSTOP");
    const second = worker({ DATABASE: database, LEASE_MS: "900" });
    await ended(engine, [run]);
    stopped.child.kill("SIGCONT");
    await pause(500); // it hears that its session has gone
    await expectBooks(engine, [run], (text) => sql.unsafe(text));
    expect((await engine.history(run)).filter((event) => event.type === "RunClaimed")).toHaveLength(2);
    for (const { child, ended: gone } of [stopped, second]) { child.kill("SIGKILL"); await gone }
    await engine.close(0);
    await sql.end();
  });
});

describe("transfers on PGlite", () => {
  test("16 kills of the process that holds the directory: the sum stays, and each is booked once", async () => {
    let kills = 0;
    for (let round = 0; kills < 16; round++) {
      const database = join(folder, `pglite${round}`);
      let done = false;
      for (let life = 0; !done; life++) {
        const one = worker({ DATABASE: database, START: "4" });
        if (life >= 6) { await one.says(/^all done/); done = true } else {
          await one.says(/^ready/);
          await Promise.race([one.says(/^all done/).then(() => { done = true }), one.says(/^in /), pause(2000)]);
          await pause(Math.random() * 60);
          if (!done) { one.child.kill("SIGKILL"); kills++ }
        }
        await one.ended;
      }
      const engine = await asker(database);
      const rows = await engine.list({ workflow: "transfers" });
      expect(rows).toHaveLength(4);
      await expectBooks(engine, rows.map(({ runId }) => runId), async (text) => {
        const look = await engine.store.openTransaction?.({ runId: "look", key: text, attempt: 1 });
        try { return await look?.query(text, []) ?? [] } finally { await look?.rollback() }
      });
      await engine.close(0);
    }
  }, 600_000);
});
