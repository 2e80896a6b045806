/** `reprise server start|stop|status` serves the replay viewer; `reprise open <run>` prints where it shows a run. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { RepriseError } from "../../engine/index.ts";
import type { ViewerOptions } from "../../replay-viewer/server/viewer.ts";
import { stateFolder } from "../viewer.ts";
import { WatchedCode } from "./code-watch.ts";
import { offerDebug } from "./debug-offer.ts";
import { namedFile, userFile, withEngine } from "./open.ts";
import { portNumber } from "./numbers.ts";
import { out, outJson, say } from "./output.ts";
import { permalink, showStatus, stopServer } from "./served.ts";
import { signalled } from "./signals.ts";

interface StartOptions {
  port: number; host: string; token: boolean; tokenFile?: string; allowHost?: string[]; tlsCert?: string;
  tlsKey?: string; insecureNoTls?: boolean; readOnly?: boolean; allowDebug?: boolean; redact?: string[];
  json?: boolean;
}

/** `reprise server ...`, `reprise open`. */
export function addServer(program: Command): void {
  const server = program.command("server").description("the replay viewer");
  server.command("start").description("serve the viewer until Ctrl-C; its address stands on stdout")
    .argument("[files...]", "files with workflows: the page Code compares runs in flight with them, at every save")
    .option("--port <n>", "0 = any that is free", portNumber, 4400)
    .option("--host <host>", "where to listen; beyond the loopback it needs a token and TLS", "127.0.0.1")
    .option("--no-token", "let every program of this machine in")
    .option("--token-file <path>", "the token, in a file that only you can read; or set REPRISE_TOKEN")
    .option("--allow-host <host...>", "further names by which browsers reach it, such as reprise.example.com")
    .option("--tls-cert <path>", "certificate, PEM").option("--tls-key <path>", "its key, PEM")
    .option("--insecure-no-tls", "listen beyond the loopback without TLS: a proxy in front does it")
    .option("--read-only", "show runs, change none")
    .option("--allow-debug", "show variables of past runs: replays run the workflows' code on this machine")
    .option("--redact <key...>", "further keys whose values are never shown")
    .option("--json", "print the address as one JSON document")
    .action(async (files: string[], options: StartOptions) => { await start(files.map(userFile), options) });
  server.command("stop").description("end the server that this state directory's runs are served by").option("--json")
    .action(async (options: { json?: boolean }) => { await stopServer(options.json ?? false) });
  server.command("status").description("is a viewer served here, and where").option("--json")
    .action(async (options: { json?: boolean }) => { await showStatus(options.json ?? false) });
  program.command("open").argument("<run>").description("print where the viewer shows a run").option("--json")
    .action(async (wanted: string, options: { json?: boolean }) => {
      const { row, url } = await permalink(wanted);
      if (options.json) outJson({ run: row.runId, url }); else out(url);
    });
}

async function start(files: readonly string[], options: StartOptions): Promise<void> {
  const [{ openViewer }, { announce, withdraw }] = await Promise.all([
    import("../../replay-viewer/server/viewer.ts"), import("../../replay-viewer/server/state-folder.ts")]);
  const token = await tokenOf(options), folder = stateFolder();
  await withEngine("none", async (engine) => {
    const offer = options.allowDebug === true ? offerDebug(engine) : undefined;
    const code = files.length === 0 ? undefined : new WatchedCode(files);
    const viewer = await openViewer({ engine, token, ...viewerOptions(options), ...(offer && { debug: offer.debug }),
      ...(code && { code }) }).catch((error: unknown) => { code?.close(); throw error });
    announce(folder, { origin: viewer.origin, pid: process.pid, by: "server", ...(token !== false && { token }) });
    if (options.json) outJson({ url: viewer.url, port: viewer.port }); else out(viewer.url);
    say("Ctrl-C stops it.");
    try { await signalled() } finally {
      withdraw(folder);
      code?.close();
      await viewer.close();
      await offer?.close();
    }
  }, true);
}

const PEM = "a PEM file";
function viewerOptions(options: StartOptions): Omit<ViewerOptions, "engine" | "token"> {
  const { host, port, allowHost, insecureNoTls, readOnly, redact, tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new RepriseError("INVALID_OPTION",
    "--tls-cert and --tls-key go together", "Give both.");
  return {
    host, port, allowActions: readOnly !== true, ...(allowHost !== undefined && { allowHosts: allowHost }),
    ...(redact !== undefined && { redact }), ...(insecureNoTls === true && { insecureNoTls }),
    ...(tlsCert !== undefined && tlsKey !== undefined
      && { tls: { cert: readFileSync(namedFile(tlsCert, PEM)), key: readFileSync(namedFile(tlsKey, PEM)) } }),
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
