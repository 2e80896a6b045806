/**
 * Which code is this? The code version of a workflow is the hash of its module graph outside node_modules and of the
 * lockfile beside package.json; the sources are stored once per version, so that the viewer can show what ran.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { contentHash, siteParts, type Observer, type Store } from "../engine/index.ts";
import { packageRoot } from "./config.ts";
import { workflowSpec } from "./registry.ts";

/** A version with its files: path relative to the package root -> text. */
export interface CodeVersion { readonly version: string; readonly files: ReadonlyMap<string, string> }

const versions = new Map<string, CodeVersion>();
const EXTENSIONS = ["", ".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", "/index.ts", "/index.js"];
const LOCKFILES = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"];
/** Relative specifiers of static and dynamic imports, re-exports and require. */
const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)["'](\.{1,2}\/[^"']+)["']/g;

let root: string | undefined;
/** The file part of a call site `file:line:column function`, relative to the package root. */
export function fileOf(site: string | undefined): string | undefined {
  const file = site === undefined ? undefined : siteParts(site)?.file;
  // What a commonjs package imports from a module reaches it as a data: URL of tsx, which names the file at its end.
  const inside = file?.startsWith("data:") ? /[?&]filePath=([^&]*)$/.exec(file)?.[1] : undefined;
  if (inside === undefined) return file;
  root ??= packageRoot(); // once: a task may be defined within a turn, where files are out of reach
  return relative(root, decodeURIComponent(inside)).split(sep).join("/");
}

/** The version of the code that `file` begins; computed once per file and process. */
export function codeVersionOf(file: string | undefined): CodeVersion {
  if (file === undefined) return { version: "", files: new Map() };
  const known = versions.get(file);
  if (known !== undefined) return known;
  const root = packageRoot(), files = graphOf(file);
  const parts = [...files].sort(([a], [b]) => a < b ? -1 : 1).map(([path, text]) => `${path}\0${contentHash(text)}`);
  const version = files.size === 0 ? "" : contentHash([...parts, lockfileHash(root)].join("\n")).slice(0, 16);
  const made = { version, files };
  versions.set(file, made);
  return made;
}

/** A file and all that it imports by relative paths, as they are on disk now: path from the package root -> text. */
export function graphOf(file: string): ReadonlyMap<string, string> {
  const root = packageRoot(), files = new Map<string, string>();
  collect(resolve(root, file), root, files);
  return files;
}

/** Keeps the sources of a version in the store; does nothing for code without files. */
export async function keepSources(store: Store, file: string | undefined): Promise<void> {
  const { version, files } = codeVersionOf(file);
  if (version === "") return;
  const hashed = [...files].map(([path, text]) => ({ path, text, hash: contentHash(text) }));
  await store.putSources(
    { codeVersion: version, files: Object.fromEntries(hashed.map(({ path, hash }) => [path, hash])) },
    hashed.map(({ hash, text }) => ({ hash, text })));
}

/** The same observer, which also keeps the sources of workflows whose runs come to this process: what ran them can be
 *  shown when it has changed. */
export function keepingSources(observer: Observer, store: () => Store | undefined): Observer {
  const kept = new Set<string>();
  return { ...observer, events: (run, events) => {
    observer.events(run, events);
    const there = store(), file = workflowSpec(run.workflow)?.file;
    if (there === undefined || file === undefined || kept.has(file)) return;
    kept.add(file);
    keepSources(there, file).catch(() => { kept.delete(file) }); // for people only; the run does not need them
  } };
}

function collect(path: string, root: string, files: Map<string, string>): void {
  const found = EXTENSIONS.map((extension) => withExtension(path, extension)).find(isFile);
  if (found === undefined || found.includes(`${sep}node_modules${sep}`)) return;
  const name = relative(root, found).split(sep).join("/");
  if (files.has(name)) return;
  const text = readFileSync(found, "utf8");
  files.set(name, text);
  for (const [, specifier] of text.matchAll(SPECIFIER)) {
    if (specifier !== undefined) collect(join(dirname(found), specifier), root, files);
  }
}

/** TypeScript's `./x.js` names `./x.ts`. */
function withExtension(path: string, extension: string): string {
  if (extension === "" || isFile(path)) return path;
  return extension.startsWith("/") ? path + extension : path.replace(/\.[cm]?jsx?$/, "") + extension;
}

function isFile(path: string): boolean { return existsSync(path) && statSync(path).isFile() }

function lockfileHash(root: string): string {
  const lockfile = LOCKFILES.map((name) => join(root, name)).find(isFile);
  return lockfile === undefined ? "" : contentHash(readFileSync(lockfile, "utf8"));
}
