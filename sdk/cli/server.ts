/** `reprise server start` serves the replay viewer; `reprise open <run>` prints where it shows a run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { RepriseError, type RunRow } from "../../engine/index.ts";
import type { Served } from "../../replay-viewer/server/state-folder.ts";
import type { ViewerOptions } from "../../replay-viewer/server/viewer.ts";
import { databaseSetting, packageRoot } from "../config.ts";
import { findRun, userFile, withEngine } from "./open.ts";
import { out, outJson, say } from "./output.ts";

interface StartOptions {
  port: number; host: string; token: boolean; tokenFile?: string; allowHost?: string[]; tlsCert?: string;
  tlsKey?: string; insecureNoTls?: boolean; readOnly?: boolean; redact?: string[]; json?: boolean;
}

/** `reprise server start`, `reprise open`. */
export function addServer(program: Command): void {
  const server = program.command("server").description("the replay viewer");
  server.command("start").description("serve the viewer until Ctrl-C; its address stands on stdout")
    .option("--port <n>", "0 = any that is free", portNumber, 4400)
    .option("--host <host>", "where to listen; beyond the loopback it needs a token and TLS", "127.0.0.1")
    .option("--no-token", "let every program of this machine in")
    .option("--token-file <path>", "the token, in a file that only you can read; or set REPRISE_TOKEN")
    .option("--allow-host <host...>", "further names by which browsers reach it, such as reprise.example.com")
    .option("--tls-cert <path>", "certificate, PEM").option("--tls-key <path>", "its key, PEM")
    .option("--insecure-no-tls", "listen beyond the loopback without TLS: a proxy in front does it")
    .option("--read-only", "show runs, change none")
    .option("--redact <key...>", "further keys whose values are never shown")
    .option("--json", "print the address as one JSON document")
    .action(async (options: StartOptions) => { await start(options) });
  program.command("open").argument("<run>").description("print where the viewer shows a run").option("--json")
    .action(async (wanted: string, options: { json?: boolean }) => {
      const { row, url } = await permalink(wanted);
      if (options.json) outJson({ run: row.runId, url }); else out(url);
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("Give a port from 0 to 65535.");
}

async function start(options: StartOptions): Promise<void> {
  const [{ openViewer }, { announce, withdraw }] = await Promise.all([
    import("../../replay-viewer/server/viewer.ts"), import("../../replay-viewer/server/state-folder.ts")]);
  const token = await tokenOf(options), folder = stateFolder();
  await withEngine("none", async (engine) => {
    const viewer = await openViewer({ engine, token, ...viewerOptions(options) });
    announce(folder, { origin: viewer.origin, pid: process.pid, ...(token !== false && { token }) });
    if (options.json) outJson({ url: viewer.url, port: viewer.port }); else out(viewer.url);
    say("Ctrl-C stops it.");
    try { await signalled() } finally {
      withdraw(folder);
      await viewer.close();
    }
  });
}

function viewerOptions(options: StartOptions): Omit<ViewerOptions, "engine" | "token"> {
  const { host, port, allowHost, insecureNoTls, readOnly, redact, tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new RepriseError("INVALID_OPTION",
    "--tls-cert and --tls-key go together", "Give both.");
  return {
    host, port, allowActions: readOnly !== true, ...(allowHost !== undefined && { allowHosts: allowHost }),
    ...(redact !== undefined && { redact }), ...(insecureNoTls === true && { insecureNoTls }),
    ...(tlsCert !== undefined && tlsKey !== undefined
      && { tls: { cert: readFileSync(userFile(tlsCert)), key: readFileSync(userFile(tlsKey)) } }),
  };
}

/** Beyond the loopback the token must have been given: one that we made up is in nobody's password store. */
async function tokenOf(options: StartOptions): Promise<string | false> {
  const { keptToken, readToken } = await import("../../replay-viewer/server/state-folder.ts");
  const { isLoopback } = await import("../../replay-viewer/server/viewer.ts");
  const given = process.env["REPRISE_TOKEN"];
  if (!options.token) return false;
  if (options.tokenFile !== undefined) return readToken(options.tokenFile);
  if (given !== undefined && given !== "") return given;
  if (isLoopback(options.host)) return keptToken(stateFolder());
  throw new RepriseError("INVALID_OPTION", `--host ${options.host} can be reached from outside, and no token was given`,
    "Set REPRISE_TOKEN or give --token-file, with at least 32 characters; or leave --host out.");
}

/** The folder of the embedded database; `.reprise/` beside package.json where there is none. */
function stateFolder(): string {
  const { value } = databaseSetting();
  return /^[a-z]{2,}:/i.test(value) ? join(packageRoot(), ".reprise") : value;
}

/** Resolves at SIGINT or SIGTERM; a second one ends the process. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      process.on(signal, () => {
        if (asked) process.exit(code);
        asked = true;
        resolve();
      });
    }
  });
}

/** Where a run is shown: by the server that runs here, which may be the only one that can open the database. */
async function permalink(wanted: string): Promise<{ readonly row: Pick<RunRow, "runId">; readonly url: string }> {
  const { servedFrom } = await import("../../replay-viewer/server/state-folder.ts");
  const served = servedFrom(stateFolder());
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
  const back = /^-\d+$/.test(wanted) ? -Number(wanted) : undefined;
  const rows = await list(served, back !== undefined ? { limit: String(Math.max(1, back)) }
    : wanted === "@failed" ? { state: "failed", limit: "1" } : { q: wanted, limit: "500" });
  if (back !== undefined) return one(rows.slice(back - 1, back), wanted);
  if (wanted === "@failed") return one(rows, wanted);
  const prefix = wanted.toUpperCase();
  const fits: readonly ((row: RunRow) => boolean)[] = [(row) => row.runId === prefix, (row) => row.name === wanted,
    (row) => row.idempotencyKey === wanted, (row) => row.runId.startsWith(prefix)];
  for (const fit of fits) if (rows.some(fit)) return one(rows.filter(fit), wanted);
  return one([], wanted);
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

function one(rows: readonly RunRow[], wanted: string): RunRow {
  const [first, second] = rows;
  if (first === undefined) throw new RepriseError("RUN_NOT_FOUND", `no run is called '${wanted}'`,
    "List them: reprise runs ls");
  if (second === undefined) return first;
  throw new RepriseError("AMBIGUOUS_RUN",
    `'${wanted}' could be ${first.runId} (${first.name}) or ${second.runId} (${second.name})`, "Give more of the id.");
}
