/**
 * A film is rendered by a service that takes its time. One long task starts the job and asks for the frames that are
 * ready; its heartbeats say how far it came, so that an attempt after a crash goes on from there.
 * npx reprise run examples/poller/render.ts, beside node examples/fixture-server.mjs
 */
import { isMain, logger, task, taskContext, workflow } from "reprise";
import { setTimeout as pause } from "node:timers/promises";
import { ran } from "../ledger.ts";

const service = process.env["RENDERS_URL"] ?? "http://127.0.0.1:4411";
const PAUSE_MS = 70;

/** What the next attempt must know. */
interface Progress { readonly job: string; readonly frames: readonly number[] }

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(`${service}${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return await response.json() as T; // the service answers by its contract
}

const render = task("render", { retries: 8, retryDelay: "200ms", heartbeat: "10s" }, async (title: string) => {
  ran();
  const { abortSignal: signal, heartbeat, idempotencyKey, lastHeartbeat } = taskContext();
  // The service starts one job for a key: a crash before the first heartbeat starts no other.
  let { job, frames }: Progress = lastHeartbeat<Progress>() ?? { frames: [], ...await ask<{ job: string }>("/renders",
    { method: "POST", headers: { "idempotency-key": idempotencyKey }, body: JSON.stringify({ title }), signal }) };
  for (let of = Infinity; frames.length < of; await pause(PAUSE_MS)) {
    const found = await ask<{ ready: number[]; of: number }>(`/renders/${job}?after=${frames.length}`, { signal });
    frames = [...frames, ...found.ready];
    of = found.of;
    heartbeat({ job, frames });
    if (frames.length % 4 === 0) logger().info(`${frames.length} of ${of} frames`);
  }
  return frames;
});

export const film = workflow("film", async (title: string) => {
  const frames = await render(title), checksum = frames.reduce((sum, frame) => (sum * 31 + frame) % 1_000_003, 0);
  return `${title}: ${frames.length} frames, checksum ${checksum}`;
});

if (isMain(import.meta)) console.log(await film("The Sea"));
