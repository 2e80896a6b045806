/** One recorded run, served on this machine from a file: the viewer's page with the run inside, and nothing else. */
import { createServer } from "node:http";
import { realClock } from "../../engine/index.ts";
import type { Recording } from "../model/wire.ts";
import { Guard } from "./guard.ts";
import { SECURITY_HEADERS } from "./headers.ts";
import { listen, loopbackHosts } from "./listen.ts";
import { problemOf } from "./problem.ts";
import { pageOf, redactedRecording } from "./record.ts";
import { newToken, Tokens } from "./tokens.ts";

export { recordingOf } from "./record.ts";

/** A recording that is being served. */
export interface ServedFile {
  /** The address to open; its path is a secret, so that no other program of this machine finds the run. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a recording until it is closed. Secrets are taken out once more: the file may be a plain export. */
export async function showRecording(recording: Recording, port = 0): Promise<ServedFile> {
  const page = Buffer.from(pageOf(redactedRecording(recording)));
  const server = createServer({ maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 30_000 });
  const bound = await listen(server, "127.0.0.1", port), path = `/${newToken()}`;
  const hosts = new Set(loopbackHosts(bound, 80));
  const guard = new Guard({ hosts, https: new Set(), tokens: new Tokens([], realClock, {}) });
  server.on("request", (request, response) => {
    // The page brings its own policy, with the hashes of what stands in it.
    const { "content-security-policy": _policy, ...headers } = SECURITY_HEADERS;
    try { guard.place(request) } catch (error) {
      response.writeHead(problemOf(error, (text) => text).status, SECURITY_HEADERS).end();
      return;
    }
    const found = (request.method === "GET" || request.method === "HEAD") && request.url === path;
    response.writeHead(found ? 200 : 404, { ...headers, "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store", "content-security-policy": "frame-ancestors 'none'" });
    response.end(found && request.method === "GET" ? page : undefined);
  });
  return { url: `http://127.0.0.1:${bound}${path}`, port: bound, close: async () => {
    const ended = new Promise<void>((resolve) => { server.close(() => { resolve() }) });
    server.closeAllConnections();
    await ended;
  } };
}
