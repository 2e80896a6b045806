/** `openViewer()`: the replay viewer's server, over an engine that somebody else has opened. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { originals, realClock, RepriseError, type Clock, type RunEngine } from "../../engine/index.ts";
import { CodeSurvey, type CodeSource } from "./code-survey.ts";
import type { RunDebug } from "./debug.ts";
import { engineActions, type RunActions } from "./engine-actions.ts";
import type { FeedParts } from "./feed.ts";
import { Guard } from "./guard.ts";
import { Histories } from "./history.ts";
import { httpListener, refuseSocket } from "./http.ts";
import { listen, loopbackHosts } from "./listen.ts";
import { Live } from "./live.ts";
import { Refusal } from "./problem.ts";
import { Redactor, type KeyPattern } from "./redact.ts";
import { routesOf } from "./routes.ts";
import { builtViewer, StaticFiles } from "./static-files.ts";
import { StoreClock } from "./store-clock.ts";
import { newToken, Tokens, type AccessToken, type RateLimits } from "./tokens.ts";

export { newToken, type AccessToken, type Scope } from "./tokens.ts";
export type { CodeSource } from "./code-survey.ts";
export type { RunDebug } from "./debug.ts";
export type { RunActions } from "./engine-actions.ts";
export type { KeyPattern } from "./redact.ts";

/** How a viewer is to be served. */
export interface ViewerOptions {
  readonly engine: RunEngine;
  /** Default 127.0.0.1. Another than the loopback needs tokens of 32 characters, and `tls` or `insecureNoTls`. */
  readonly host?: string;
  /** Default 4400; 0 = any that is free. */
  readonly port?: number;
  /** One token for everything, or several with scopes; default a random one. `false`: none, on the loopback only. */
  readonly token?: string | false | readonly AccessToken[];
  /** Further values of the Host header: `name` or `name:port`, as a browser sends it. */
  readonly allowHosts?: readonly string[];
  /** Certificate and key in PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** A proxy in front does it, or nobody. */
  readonly insecureNoTls?: boolean;
  /** false: an open viewer keeps no process alive. Default true. */
  readonly holdsProcess?: boolean;
  /** The built viewer; default dist/viewer of this package. */
  readonly staticDir?: string;
  /** false: POST answers 403 ACTIONS_OFF. Default true. */
  readonly allowActions?: boolean;
  /** Instead of what the engine itself does; and `start`, where this process has workflows. */
  readonly actions?: Partial<RunActions>;
  /** Shows variables of past runs, by running their code; without it those routes answer 403 DEBUG_OFF. */
  readonly debug?: RunDebug;
  /** The workflows of whoever serves it, to be compared with runs in flight; without it their versions are told. */
  readonly code?: CodeSource;
  /** Further keys whose values are secret. */
  readonly redact?: readonly KeyPattern[];
  readonly limits?: ViewerLimits;
  readonly clock?: Clock;
  /** Told of errors that are the server's fault; default stderr. */
  readonly onError?: (error: unknown) => void;
}
/** Bounds, for tests and for special places. */
export interface ViewerLimits extends RateLimits {
  /** Bytes of a request's body; default 1 MiB. */
  readonly maxBody?: number;
  /** Bytes of a message from a socket; default 256 KiB. */
  readonly maxMessage?: number;
  /** Bytes waiting in a socket from which on its client is told that it is behind; default 1 MiB. */
  readonly maxWaiting?: number;
  /** Default 30,000. */
  readonly pingMs?: number;
  /** How often the store is asked for news while somebody follows; default 100. */
  readonly pollMs?: number;
  /** Connections at once; default 256. */
  readonly maxConnections?: number;
}

/** A viewer that is being served. */
export interface Viewer {
  /** The address to open: with the token in its fragment, so that no log and no Referer has it. */
  readonly url: string;
  /** The same without the token. */
  readonly origin: string;
  readonly port: number;
  /** Closes sockets and connections; the engine stays open. */
  close(): Promise<void>;
}

/** Serves the viewer. @throws INVALID_OPTION for a host that is too open, PORT_TAKEN */
export async function openViewer(options: ViewerOptions): Promise<Viewer> {
  const { host = "127.0.0.1", port = 4400 } = options;
  const tokens = tokensOf(options.token), files = new StaticFiles(options.staticDir ?? builtViewer());
  if (!isLoopback(host)) checkExposed(host, tokens, options);
  const server = options.tls === undefined ? createServer(SERVER) : createTlsServer({ ...SERVER, ...options.tls });
  server.maxConnections = options.limits?.maxConnections ?? 256;
  const bound = await listen(server, host, port);
  if (options.holdsProcess === false) {
    server.unref();
    server.on("connection", (socket: Socket) => { socket.unref() });
  }
  let close: () => Promise<void>;
  // An open port that nobody answers at would keep the process alive.
  try { close = serve(server, options, { host, port: bound, tokens, files }) } catch (error) {
    server.close();
    throw error;
  }
  const shown = isAnyHost(host) ? "127.0.0.1" : host;
  const origin = `${options.tls === undefined ? "http" : "https"}://${inUrl(shown)}:${bound}`;
  const [first] = tokens;
  return { origin, port: bound, url: first === undefined ? `${origin}/` : `${origin}/#token=${first.token}`, close };
}

const SERVER = { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 30_000 };
const MIN_EXPOSED_TOKEN = 32;

interface Bound { readonly host: string; readonly port: number; readonly tokens: readonly AccessToken[];
  readonly files: StaticFiles }

/** Puts everything together behind an open port. The answer closes it. */
function serve(server: Server, options: ViewerOptions, bound: Bound): () => Promise<void> {
  const { engine, clock = realClock, limits = {} } = options;
  const redactor = new Redactor(options.redact), histories = new Histories(engine);
  const storeClock = new StoreClock(engine, clock);
  const onError = options.onError ?? ((error: unknown) => { report(error, redactor) });
  const guard = new Guard({ ...hostsOf(options, bound), tokens: new Tokens(bound.tokens, clock, limits) });
  const survey = new CodeSurvey(engine, options.code, clock, redactor);
  const routes = routesOf({ engine, survey, histories, redactor, clock, storeClock, version: packageVersion(),
    actions: { ...engineActions(engine), ...options.actions }, allowActions: options.allowActions ?? true,
    debug: options.debug });
  const parts: FeedParts = { engine, histories, redactor, clock, storeClock, onError, pollMs: limits.pollMs ?? 100 };
  const live = new Live(parts, guard, { maxMessage: limits.maxMessage ?? 256 * 1024,
    maxWaiting: limits.maxWaiting ?? 1024 * 1024, pingMs: limits.pingMs ?? 30_000 });
  const http = httpListener({ routes, guard, redactor, onError, files: bound.files,
    maxBody: limits.maxBody ?? 1024 * 1024 });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => { http(request, response) });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => { socket.destroy() });
    try {
      guard.place(request);
      live.accept(request, socket, head);
    } catch (error) { refuseSocket({ redactor, onError }, error, socket) }
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (socket.writable && error.code !== "ECONNRESET") refuseSocket({ redactor, onError }, unreadable(error), socket);
    else socket.destroy();
  });
  let closing: Promise<void> | undefined;
  return () => closing ??= (async () => {
    const ended = new Promise<void>((resolve) => { server.close(() => { resolve() }) });
    await live.close();
    await survey.close();
    server.closeAllConnections();
    await ended;
  })();
}

/** What could not be read as HTTP at all. */
function unreadable(error: NodeJS.ErrnoException): Refusal {
  if (error.code === "HPE_HEADER_OVERFLOW") return new Refusal("REQUEST_TOO_LARGE", "the headers are too large",
    { status: 431 });
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return new Refusal("REQUEST_INVALID", "the request came too slowly",
    { status: 408 });
  return new Refusal("REQUEST_INVALID", "this is not HTTP");
}

function tokensOf(token: ViewerOptions["token"]): readonly AccessToken[] {
  if (token === false) return [];
  if (token === undefined || typeof token === "string") {
    return [{ id: "owner", token: token ?? newToken(), scopes: ["admin"] }];
  }
  if (token.length > 0) return token;
  throw new RepriseError("INVALID_OPTION", "the list of tokens is empty", "Name one, or say token: false.");
}

/** @throws INVALID_OPTION */
function checkExposed(host: string, tokens: readonly AccessToken[], options: ViewerOptions): void {
  if (options.token === undefined || tokens.length === 0
    || tokens.some(({ token }) => token.length < MIN_EXPOSED_TOKEN)) {
    throw new RepriseError("INVALID_OPTION",
      `the host ${host} can be reached from outside, and there is no token of at least ${MIN_EXPOSED_TOKEN} characters`,
      "Set REPRISE_TOKEN, or listen on 127.0.0.1.");
  }
  if (options.tls !== undefined || options.insecureNoTls === true) return;
  throw new RepriseError("INVALID_OPTION", `the host ${host} can be reached from outside, and there is no TLS`,
    "Give --tls-cert and --tls-key, or --insecure-no-tls behind a proxy that encrypts.");
}

/** Which Host headers mean this server. The port is part of them unless it is the scheme's own. */
function hostsOf(options: ViewerOptions, { host, port }: Bound): { readonly hosts: ReadonlySet<string>;
  readonly https: ReadonlySet<string> } {
  const named = loopbackHosts(port, options.tls === undefined ? 80 : 443, isAnyHost(host) ? [] : [inUrl(host)]);
  const further = (options.allowHosts ?? []).map((name) => name.toLowerCase());
  return { hosts: new Set([...named, ...further]), https: new Set(options.tls === undefined ? further
    : [...named, ...further]) };
}

/** Can this host be reached from this machine only? */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
function isAnyHost(host: string): boolean { return host === "0.0.0.0" || host === "::" || host === "" }
function inUrl(host: string): string { return isIP(host) === 6 ? `[${host}]` : host }

/** The version in our package.json, from sources and from dist. */
function packageVersion(): string {
  for (const path of ["../../package.json", "../../../package.json"]) {
    let manifest: unknown;
    try { manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) } catch { continue }
    if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  }
  return "0";
}

function report(error: unknown, redactor: Redactor): void {
  const said = error instanceof Error ? error.stack ?? error.message : String(error);
  process.stderr.write(`${new originals.Date().toISOString()} reprise viewer: ${redactor.text(said)}\n`);
}
