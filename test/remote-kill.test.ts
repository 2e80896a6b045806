/** Servers and workers of one embedded directory, killed with SIGKILL at random moments; then every run must end. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openRunEngine, type RunEngine, type WorkflowSpec } from "../engine/index.ts";
import { holderOf } from "../engine/store/lock.ts";
import { openRemoteStore } from "../engine/store/remote.ts";
import { randomFrom } from "./simulation.ts";
import { cli } from "./talking.ts";
import { checkAgainstLedger, readLedger, startWorker, type WorkerProcess } from "./worker-processes.ts";

const folder = mkdtempSync(join(tmpdir(), "reprise-remote-kill-"));
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) });

const ENDS: { readonly [workflow: string]: unknown } = { sequence: 8, "fan-out": 6, retrying: "done", sleeping: "done",
  racing: "string", limited: 60_036, caught: 36 };
const NAMES = Object.keys(ENDS);

function startServer(database: string): ChildProcess {
  const child = spawn(process.execPath, [cli, "server", "start", "--port", "0"], { stdio: "ignore",
    env: { ...process.env, VITEST: "", REPRISE_DATABASE_URL: database } });
  children.add(child);
  return child;
}
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => { child.once("exit", resolve) });
  child.kill("SIGKILL");
  await gone;
}

const spec = (name: string): WorkflowSpec => ({ name, fn: () => undefined, dangling: "cancel", codeVersion: "" });
/** Waits until the directory is served. The engine only starts and asks, and never takes the directory over. */
async function asker(database: string): Promise<RunEngine> {
  const find = async (): Promise<string | undefined> => (await holderOf(database))?.socket || undefined;
  while (await find() === undefined) await pause(20);
  return openRunEngine({ database, store: await openRemoteStore({ location: database, find }),
    workflow: () => undefined, workflows: () => [], claims: "none",
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
}

test(`12 kills of whoever holds the directory, and two of a worker, lose no run (SEED=${seed})`,
  async () => {
    const random = randomFrom(seed), database = join(folder, "db"), ledger = join(folder, "ledger");
    writeFileSync(ledger, "");
    const hire = (): WorkerProcess => {
      const worker = startWorker({ DATABASE: database, LEDGER: ledger, SERVE: "1" });
      children.add(worker.child);
      return worker;
    };
    let server = startServer(database);
    const engine = await asker(database);
    let worker = hire();
    const runs: { readonly runId: string; readonly name: string }[] = [];
    const start = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const name = NAMES[runs.length % NAMES.length] ?? "sequence";
        runs.push({ runId: (await engine.start({ workflow: spec(name), input: undefined })).runId, name });
      }
    };
    for (let kills = 1; kills <= 12; kills++) {
      await start(5);
      const before = readLedger(ledger).length;
      for (let looks = 0; looks < 200 && readLedger(ledger).length <= before; looks++) await pause(10);
      const more = start(5); // some of them in the outage
      await pause(random() * 100);
      const works = (await holderOf(database))?.pid === worker.child.pid;
      if (kills % 6 === 0 || works) { await kill(worker.child); worker = hire() }
      if (!works) {
        await kill(server);
        await pause(random() * 300);
        server = startServer(database);
      }
      await more;
    }
    for (const { runId, name } of runs) expect(await engine.result(runId), `${name} ${runId}`).toEqual(ENDS[name]);
    const executions = readLedger(ledger);
    for (const { runId } of runs) checkAgainstLedger(runId, await engine.history(runId), executions);
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    await engine.close(0);
  }, 600_000);

test("a task that blocks its process for longer than the lease keeps its run: a thread renews it through the socket",
  async () => {
    const database = join(folder, "blocking"), ledger = join(folder, "ledger-blocking");
    writeFileSync(ledger, "");
    const server = startServer(database), engine = await asker(database);
    const busy = startWorker({ DATABASE: database, LEDGER: ledger, LEASE_MS: "1500" });
    children.add(busy.child);
    await busy.says(/^ready/);
    await pause(1500); // the guard of the lease is there after the first check
    const { runId } = await engine.start({ workflow: spec("blocking"), input: { p: 5000 } });
    await busy.says(/^ran task:block/);
    const other = startWorker({ DATABASE: database, LEDGER: ledger, LEASE_MS: "1500" });
    children.add(other.child);
    await other.says(/^ready/);
    expect(await engine.result(runId)).toBe("done");
    expect((await engine.history(runId)).filter((event) => event.type === "RunClaimed")).toHaveLength(1);
    for (const { child } of [busy, other]) await kill(child);
    await engine.close(0);
    await kill(server);
  });
