/** Workflows that talk to one another and to clients, for simulated worlds; each says how it must end. */
import { encodeRecorded, type RunEngine } from "../../engine/index.ts";
import { continueWith, saga, signal, sleep, task, workflow, z, type Inputs, type Workflow } from "../../sdk/index.ts";

const echo = task("world-echo", async (n: number) => n);
const job = signal("world-job", z.number());

/** What a client does to a run of this workflow; a call resolves when it is acknowledged. */
export interface Client {
  send(n: number): Promise<void>;
  cancel(): Promise<void>;
  wait(ms: number): Promise<void>;
}
export interface Inhabitant {
  readonly run: Workflow<Inputs, unknown>;
  readonly state: "completed" | "cancelled" | "failed";
  readonly value?: unknown;
  readonly client?: (client: Client) => Promise<void>;
}
export const inhabitants: Inhabitant[] = [];
function inhabitant(name: string, ends: Pick<Inhabitant, "state" | "value">, fn: () => Promise<unknown>,
  client?: Inhabitant["client"]): void {
  inhabitants.push({ run: workflow(`world-${name}`, fn), ...ends, ...(client && { client }) });
}
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const sendAll = async (client: Client): Promise<void> => {
  for (const n of numbers(1, 12)) { await client.send(n); if (n % 3 === 0) await client.wait(n * 1000) }
};

inhabitant("listener", { state: "completed", value: numbers(1, 12) }, async () => {
  const seen: number[] = [];
  while (seen.length < 12) {
    seen.push(await job.wait());
    if (seen.length % 4 === 0) await sleep("7s"); else await echo(seen.length);
  }
  return seen;
}, sendAll);

const worker = workflow("world-worker", async (n: number) => { await sleep(n * 300); return echo(n * 2) });
inhabitant("dispatcher", { state: "completed", value: numbers(1, 12).map((n) => n * 2) }, async () => {
  const all: Promise<number>[] = [];
  for await (const n of job) { all.push(worker(n)); if (all.length === 12) break }
  return Promise.all(all);
}, sendAll);

const link = workflow("world-link", async (given: { total: number; left: number } | undefined): Promise<number> => {
  const { total, left } = given ?? { total: 0, left: 4 };
  if (left === 0) return total;
  let sum = total;
  for (let i = 0; i < 3; i++) sum = await echo(sum + await job.wait());
  return continueWith({ total: sum, left: left - 1 });
});
inhabitants.push({ run: link as unknown as Workflow<Inputs, unknown>, state: "completed", value: 78, client: sendAll });

const hearing = workflow("world-hearing", async () => {
  let sum = 0;
  for (let i = 0; i < 5; i++) sum += await job.wait();
  return sum;
});
inhabitant("teller", { state: "completed", value: 15 }, async () => {
  const child = await hearing.start();
  for (const n of numbers(1, 5)) { await child.signal(job, n); if (n % 2 === 0) await sleep("3s") }
  return child.result();
});

const deep = workflow("world-deep", async (n: number): Promise<number> => {
  if (n === 0) { await sleep("1h"); return 0 }
  return deep(n - 1) as Promise<number>;
});
inhabitant("tree", { state: "cancelled" }, async () => { await Promise.all([deep(2), deep(1)]) },
  async (client) => { await client.wait(15_000); await client.cancel() });

const book = task("world-book", { undo: async (_: number) => undefined }, async (n: number) => n);
const sold = task("world-sold", async () => { throw new Error("sold out") });
inhabitant("trip", { state: "failed" }, async () => saga(async () => {
  for (const n of numbers(1, 3)) await book(n);
  await sleep("5s");
  await sold();
}));

/** A client that insists until it is acknowledged; the key is the same each time. */
export function clientOf(engine: RunEngine, runId: string, wait: (ms: number) => Promise<void>): Client {
  const insist = async (ask: () => Promise<unknown>): Promise<void> => {
    for (;;) { try { await ask(); return } catch { await wait(500) } }
  };
  return {
    wait,
    send: (n) => insist(() => engine.operator.signal(runId, "world-job", encodeRecorded(n, "job"), `job-${n}`)),
    cancel: () => insist(() => engine.operator.cancel(runId, {})),
  };
}
