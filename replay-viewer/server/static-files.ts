/**
 * The viewer's own files. They are read once, when the server starts, into a table of paths: no request ever touches
 * the disk, so no path of a request can lead out of the folder.
 */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SECURITY_HEADERS } from "./headers.ts";

/** An answer without a body stream: what a file is. */
export interface FileAnswer {
  readonly status: 200 | 304 | 404;
  readonly headers: { readonly [name: string]: string };
  readonly body: Buffer | null;
}
interface StaticFile {
  readonly type: string;
  readonly etag: string;
  readonly immutable: boolean;
  readonly plain: Buffer;
  readonly br?: Buffer;
  readonly gz?: Buffer;
}

const TYPES: { readonly [extension: string]: string } = {
  html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", mjs: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8", json: "application/json; charset=utf-8", map: "application/json; charset=utf-8",
  svg: "image/svg+xml", png: "image/png", ico: "image/x-icon", webp: "image/webp", woff2: "font/woff2",
  txt: "text/plain; charset=utf-8", webmanifest: "application/manifest+json", wasm: "application/wasm",
};
/** `name-8charsOrMore.js`: a name that changes with the content. */
const HASHED = /[-.][\w-]{8,}\.\w+$/;
/** What only somebody sends who wants out of the folder: climbing, encoded separators, backslashes, NUL. */
const CLIMBING = /\.\.|%2e|%2f|%5c|%00|\\|\/\//i;
const MAX_BYTES = 64 * 1024 * 1024;

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Reprise</title>
<h1>The viewer is not built</h1>
<p>This server answers under <a href="/api/v1/openapi.json">/api/v1</a>, but the pages of the viewer are not there.</p>
<p>Build them with <code>npm run build</code> and start the server again.</p></html>
`;

/** Where the build puts the viewer, seen from this file in sources and in dist; undefined if it is not built. */
export function builtViewer(): string | undefined {
  return ["../../viewer/", "../../dist/viewer/"].map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((folder) => existsSync(join(folder, "index.html")));
}

/** The files of a folder, or a page that says there are none. */
export class StaticFiles {
  readonly #files: ReadonlyMap<string, StaticFile>;
  readonly #index: StaticFile;

  constructor(folder: string | undefined) {
    this.#files = folder === undefined || !existsSync(folder) ? new Map() : readFolder(folder);
    this.#index = this.#files.get("/index.html") ?? fileOf("index.html", Buffer.from(NOT_BUILT));
  }

  /** The file at a request's path, or the viewer's page for a path that the viewer itself reads. */
  answer(request: IncomingMessage): FileAnswer {
    const raw = request.url ?? "/", path = raw.replace(/[?#].*$/s, "");
    const file = CLIMBING.test(path) ? undefined : this.#files.get(decoded(path)) ?? this.#page(path, request);
    if (file === undefined) return notFound();
    const headers = {
      ...SECURITY_HEADERS, "content-type": file.type, etag: file.etag, vary: "accept-encoding",
      "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    };
    if (matches(request.headers["if-none-match"], file.etag)) return { status: 304, headers, body: null };
    const encoding = encodingOf(file, request.headers["accept-encoding"]);
    const body = encoding === "br" ? file.br : encoding === "gzip" ? file.gz : undefined;
    return { status: 200, headers: { ...headers, ...(body !== undefined && { "content-encoding": encoding }) },
      body: body ?? file.plain };
  }

  /** A path of the viewer's own: it names no file, or a browser wants a page there. */
  #page(path: string, request: IncomingMessage): StaticFile | undefined {
    const last = path.slice(path.lastIndexOf("/") + 1);
    const wanted = /text\/html/.test(request.headers.accept ?? "");
    return path.startsWith("/api/") || (last.includes(".") && !wanted) ? undefined : this.#index;
  }
}

function readFolder(folder: string): ReadonlyMap<string, StaticFile> {
  const contents = new Map<string, Buffer>();
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    const content = readPlain(path);
    if (content === undefined) continue;
    bytes += content.length;
    if (bytes > MAX_BYTES) throw new Error(`the viewer in ${folder} has more than ${MAX_BYTES} bytes`);
    contents.set(`/${name.replaceAll("\\", "/")}`, content);
  }
  const files = new Map<string, StaticFile>();
  for (const [path, content] of contents) {
    if (/\.(br|gz)$/.test(path) && contents.has(path.replace(/\.(br|gz)$/, ""))) continue;
    files.set(path, fileOf(path, content, contents.get(`${path}.br`), contents.get(`${path}.gz`)));
  }
  return files;
}

/** A file's content; undefined for what is no file, a link (it may lead anywhere), or gone (a build is under way). */
function readPlain(path: string): Buffer | undefined {
  try { return lstatSync(path).isFile() ? readFileSync(path) : undefined } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function fileOf(path: string, plain: Buffer, br?: Buffer, gz?: Buffer): StaticFile {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return { type: TYPES[extension] ?? "application/octet-stream", plain,
    etag: `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`,
    immutable: path.startsWith("/assets/") && HASHED.test(path),
    ...(br !== undefined && { br }), ...(gz !== undefined && { gz }) };
}

function decoded(path: string): string {
  try { return path === "/" ? "/index.html" : decodeURIComponent(path) } catch { return "" }
}

function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}

/** The smallest that is there and that the client takes. */
function encodingOf(file: StaticFile, accepts: string | undefined): "br" | "gzip" | "" {
  const takes = (name: string): boolean => (accepts ?? "").split(",").some((one) =>
    new RegExp(`^\\s*${name}\\s*(?:;\\s*q=(?!0(?:\\.0*)?\\s*$).*)?$`).test(one));
  if (file.br !== undefined && takes("br")) return "br";
  return file.gz !== undefined && takes("gzip") ? "gzip" : "";
}

function notFound(): FileAnswer {
  return { status: 404, headers: { ...SECURITY_HEADERS, "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store" }, body: Buffer.from("There is nothing here.\n") };
}
