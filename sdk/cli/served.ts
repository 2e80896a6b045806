/** The viewer that another process of this machine serves over the same runs: where it is, and how to end it. */
import { setTimeout as pause } from "node:timers/promises";
import { holderOf, RepriseError, type RunRow } from "../../engine/index.ts";
import type { Served } from "../../replay-viewer/server/state-folder.ts";
import { databaseSetting } from "../config.ts";
import { stateFolder } from "../viewer.ts";
import { findRun, onlyOf, withEngine } from "./open.ts";
import { out, outJson, say } from "./output.ts";

const STOP_MS = 40_000, LOOK_MS = 50;

/** `reprise server status`. @throws NOT_SERVED */
export async function showStatus(json: boolean): Promise<void> {
  const served = await living();
  const { origin, pid, by } = served;
  const folder = databaseSetting().value, holder = /^[a-z]{2,}:/i.test(folder) ? undefined : await holderOf(folder);
  if (json) { outJson({ origin, pid, by, ...(holder && { holder }) }); return }
  out(`${origin} is served by ${OWNERS[by]}, process ${pid}`);
  if (holder?.socket) out(`${folder} is open to scripts and commands through process ${holder.pid}`);
}

/** `reprise server stop`: asks it to end, and waits until it has. @throws NOT_SERVED, USAGE */
export async function stopServer(json: boolean): Promise<void> {
  const { origin, pid, by } = await living();
  if (by !== "server") throw new RepriseError("USAGE",
    `the viewer at ${origin} is part of ${OWNERS[by]}, process ${pid}`,
    "End that program; only what `reprise server start` began is stopped from here.");
  process.kill(pid, "SIGTERM");
  const { lives } = await import("../../replay-viewer/server/state-folder.ts");
  for (let waited = 0; lives(pid); waited += LOOK_MS) {
    if (waited > STOP_MS) throw new RepriseError("TIMED_OUT", `process ${pid} still serves ${origin}`,
      "It may wait for a request; ask once more, or end it by its number.");
    await pause(LOOK_MS);
  }
  if (json) outJson({ stopped: pid }); else say(`Stopped the server at ${origin}, process ${pid}.`);
}

const OWNERS: { readonly [B in Served["by"]]: string } =
  { server: "`reprise server start`", dev: "`reprise dev`", program: "a program of yours" };

/** The note of a viewer that answers to our token: the number of a dead process may be another's by now. */
async function living(): Promise<Served> {
  const served = await servedHere();
  if (served !== undefined && await answers(served)) {
    await list(served, { limit: "1" });
    return served;
  }
  throw new RepriseError("NOT_SERVED", "no viewer is served over these runs", "Start one: reprise server start");
}

async function servedHere(): Promise<Served | undefined> {
  const { servedFrom } = await import("../../replay-viewer/server/state-folder.ts");
  return servedFrom(stateFolder());
}

/** Where a run is shown: by the server that runs here, which may be the only one that can open the database. */
export async function permalink(wanted: string): Promise<{ readonly row: Pick<RunRow, "runId">;
  readonly url: string }> {
  const served = await servedHere();
  if (served !== undefined && await answers(served)) {
    const row = await askServer(served, wanted), { token } = served;
    const fragment = token === undefined ? "" : `#token=${token}`;
    return { row, url: `${served.origin}/runs/${row.runId}${fragment}` };
  }
  const row = await withEngine("none", (engine) => findRun(engine, wanted));
  const origin = process.env["REPRISE_URL"]?.replace(/\/+$/, "");
  if (origin === undefined || origin === "") say("No viewer is served here yet. Start it: npx reprise server start");
  return { row, url: `${origin || "http://127.0.0.1:4400"}/runs/${row.runId}` };
}

/** A run by what a person calls it, as `findRun` does, over HTTP. @throws RUN_NOT_FOUND, AMBIGUOUS_RUN */
async function askServer(served: Served, wanted: string): Promise<RunRow> {
  const back = /^@?-\d+$/.test(wanted) ? -Number(wanted.replace("@", "")) : undefined;
  const rows = await list(served, back !== undefined ? { limit: String(Math.max(1, back)) }
    : wanted === "@failed" ? { state: "failed", limit: "500" } : { q: wanted, limit: "500" });
  if (back !== undefined) return onlyOf(rows.slice(back - 1, back), wanted);
  if (wanted === "@failed") return onlyOf(rows.filter(({ retriedAs }) => retriedAs === null).slice(0, 1), wanted);
  const prefix = wanted.toUpperCase();
  const fits: readonly ((row: RunRow) => boolean)[] = [(row) => row.runId === prefix, (row) => row.name === wanted,
    (row) => row.idempotencyKey === wanted, (row) => row.runId.startsWith(prefix)];
  for (const fit of fits) if (rows.some(fit)) return onlyOf(rows.filter(fit), wanted);
  return onlyOf([], wanted);
}

/** The process that left the note may have died, and its number may be another's now. */
async function answers({ origin }: Served): Promise<boolean> {
  try { return (await fetch(`${origin}/api/v1/health`)).ok } catch { return false }
}

async function list(served: Served, query: { readonly [name: string]: string }): Promise<readonly RunRow[]> {
  const { listAnswer } = await import("../../replay-viewer/server/wire.ts");
  const response = await fetch(`${served.origin}/api/v1/runs?${new URLSearchParams(query).toString()}`,
    { headers: served.token === undefined ? {} : { authorization: `Bearer ${served.token}` } });
  if (!response.ok) throw new RepriseError("INVALID_CONFIG",
    `the viewer at ${served.origin} answers ${response.status}: ${(await response.text()).slice(0, 300)}`,
    "It was started with another token: set REPRISE_TOKEN to that one.");
  return listAnswer.parse(await response.json()).runs;
}
