/** Requests to routes and files, answers with the same headers on every one. */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError, type HttpBindings } from "@hono/node-server";
import { Hono, type Context } from "hono";
import type { Guard } from "./guard.ts";
import { JSON_HEADERS } from "./headers.ts";
import { readJson } from "./json-body.ts";
import { problemOf, Refusal } from "./problem.ts";
import type { Redactor } from "./redact.ts";
import type { Route } from "./route.ts";
import type { StaticFiles } from "./static-files.ts";

type Served = Context<{ Bindings: HttpBindings }>;

/** What answers requests. */
export interface HttpParts {
  readonly routes: readonly Route[];
  readonly guard: Guard;
  readonly files: StaticFiles;
  readonly redactor: Redactor;
  readonly maxBody: number;
  /** Told of errors that are the server's fault. */
  readonly onError: (error: unknown) => void;
}

/** The listener of a server: first the guard, then the routes, then the files. */
export function httpListener(parts: HttpParts): (request: IncomingMessage, response: ServerResponse) => void {
  const app = new Hono<{ Bindings: HttpBindings }>();
  for (const route of parts.routes) {
    app.on(route.method, `/api/v1${route.path}`, (c) => answer(parts, route, c));
  }
  app.all("/api/*", (c) => {
    parts.guard.admit(c.env.incoming, "read");
    throw new Refusal("NOT_FOUND", `there is no ${c.req.method} ${c.req.path.slice(0, 200)}`);
  });
  app.on("GET", "/*", (c) => {
    const { status, headers, body } = parts.files.answer(c.env.incoming);
    return new Response(body === null ? null : new Uint8Array(body), { status, headers: { ...headers } });
  });
  app.notFound((c) => failure(parts, new Refusal("NOT_FOUND", `there is no ${c.req.method} here`)));
  app.onError((error) => failure(parts, error));
  // Global Request and Response belong to the program that embeds the engine.
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false,
    errorHandler: (error) => failure(parts, error) });
  return (request, response) => {
    try { parts.guard.place(request) } catch (error) { refuse(parts, error, response); return }
    void listener(request, response);
  };
}

async function answer(parts: HttpParts, route: Route, c: Served): Promise<Response> {
  const { incoming } = c.env;
  if (route.scope !== undefined) parts.guard.admit(incoming, route.scope);
  const answered = await route.run({ params: c.req.param(), query: queryOf(c.req.url),
    body: route.method === "GET" ? undefined : await readJson(incoming, parts.maxBody) });
  if ("text" in answered) {
    return new Response(answered.text, { headers: { ...JSON_HEADERS, "content-type": answered.type } });
  }
  return new Response(JSON.stringify(answered.json), { headers: { ...JSON_HEADERS } });
}

/** Each parameter once. @throws REQUEST_INVALID */
function queryOf(url: string): { readonly [name: string]: string } {
  const { searchParams } = new URL(url);
  for (const name of searchParams.keys()) {
    if (searchParams.getAll(name).length > 1) throw new Refusal("REQUEST_INVALID", `query.${name} is given twice`);
  }
  return Object.fromEntries(searchParams);
}

interface Failed { readonly status: number; readonly headers: { readonly [name: string]: string };
  readonly text: string }
function failed(parts: Pick<HttpParts, "redactor" | "onError">, thrown: unknown): Failed {
  // A path that the router cannot read leads nowhere.
  const error = thrown instanceof RequestError ? new Refusal("NOT_FOUND", "the path cannot be read") : thrown;
  const { status, body } = problemOf(error, parts.redactor.text);
  if (status === 500) parts.onError(error);
  return { status, text: JSON.stringify(body), headers: {
    ...JSON_HEADERS, ...(status === 401 && { "www-authenticate": "Bearer" }),
    // What is left of a body that was not wanted is not read.
    ...(status === 413 && { connection: "close" }),
    ...(error instanceof Refusal && error.retryAfter !== undefined && { "retry-after": String(error.retryAfter) }),
  } };
}

function failure(parts: HttpParts, error: unknown): Response {
  const { status, headers, text } = failed(parts, error);
  return new Response(text, { status, headers: { ...headers } });
}

function refuse(parts: HttpParts, error: unknown, response: ServerResponse): void {
  const { status, headers, text } = failed(parts, error);
  response.writeHead(status, { ...headers, connection: "close" }).end(text);
}

/** The refusal of an upgrade, or of what is no HTTP at all. */
export function refuseSocket(parts: Pick<HttpParts, "redactor" | "onError">, error: unknown, socket: Duplex): void {
  const { status, headers, text } = failed(parts, error);
  const lines = Object.entries({ ...headers, connection: "close", "content-length": Buffer.byteLength(text) })
    .map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("\r\n")}\r\n\r\n${text}`);
}
