/** Where in the user's source a call stands: `file:line:column function`, TypeScript lines where maps say so. */
import { existsSync, readFileSync } from "node:fs";
import { findSourceMap, SourceMap } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Frames looked at: the caller's own is nearly always among the first two, and each frame costs 2 us. */
const FRAMES = [1, 16] as const;
const roots = new Map<string, string>();
const OWN_ROOT = packageOf(fileURLToPath(import.meta.url));
/** Our own rooms, as source or built; a user's file may live below the same root (examples, tests). */
const OWN = ["engine", "sdk", "replay-viewer", "dist"].map((room) => join(OWN_ROOT, room) + sep);
/** Sites by script, then by position in it: a position is had for less than line and column. */
const known = new Map<string, Map<number, string | undefined>>();

/** One for all: V8 makes its `stack` an accessor, and that costs less the second time. */
const holder: { stack?: unknown } = {};

/** The first frame outside node, node_modules and this package; `skip` and everything above it is left out. Never
 *  throws. */
export function callSite(skip: (...args: never[]) => unknown): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    for (const limit of FRAMES) {
      Error.stackTraceLimit = limit;
      Error.prepareStackTrace = framesOf;
      Error.captureStackTrace(holder, skip);
      // prepareStackTrace above makes the stack an array of frames.
      const frames = holder.stack as readonly NodeJS.CallSite[];
      Error.prepareStackTrace = prepareStackTrace;
      for (const frame of frames) {
        const site = siteOf(frame);
        if (site !== undefined) return site;
      }
      if (frames.length < limit) return undefined;
    }
  } catch { /* a site is a help, never a reason to fail */ } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
  return undefined;
}

function framesOf(_error: Error, frames: NodeJS.CallSite[]): NodeJS.CallSite[] { return frames }

function siteOf(frame: NodeJS.CallSite): string | undefined {
  const script = frame.getScriptNameOrSourceURL() ?? frame.getFileName();
  if (!script) return undefined;
  const position = frame.getPosition(), places = known.get(script) ?? new Map<number, string | undefined>();
  const found = places.get(position);
  if (found !== undefined || places.has(position)) return found;
  const site = siteAt(script, frame.getLineNumber() ?? 0, frame.getColumnNumber() ?? 0, frame.getFunctionName());
  known.set(script, places.set(position, site));
  return site;
}

/** A place in a loaded script, lines and columns from 1, as a site; undefined where the script is not the user's. */
export function siteAt(script: string, line: number, column: number, fn: string | null): string | undefined {
  return isUsersScript(script) ? described(pathOf(script), script, line, column, fn) : undefined;
}

/** Is this script neither node's, nor a package's, nor ours? */
export function isUsersScript(script: string): boolean {
  if (script === "" || script.startsWith("node:")) return false;
  return !isOurs(script) && !pathOf(script).includes(`${sep}node_modules${sep}`);
}

function isOurs(script: string): boolean {
  const path = pathOf(script);
  return OWN.some((room) => path.startsWith(room));
}

/** A script's file; loaders may have put a query behind it. */
export function pathOf(script: string): string {
  if (!script.startsWith("file:")) return script;
  try { return fileURLToPath(script.replace(/\?.*$/, "")) } catch { return script } // another host's file
}

function described(path: string, script: string, line: number, column: number, fn: string | null): string {
  const original = originalPosition(path, script, line, column);
  const file = relative(packageOf(path), path).split(sep).join("/");
  return `${file}:${original.line}:${original.column}${fn === null || fn === "" ? "" : ` ${fn}`}`;
}

const maps = new Map<string, SourceMap | undefined>();

/** The position in the source that the user wrote; lines and columns from 1. */
function originalPosition(path: string, script: string, line: number, column: number): { line: number;
  column: number } {
  if (!maps.has(path)) maps.set(path, findSourceMap(script) ?? findSourceMap(path) ?? mapBeside(path));
  const entry = maps.get(path)?.findEntry(line - 1, column - 1);
  if (entry === undefined || !("originalLine" in entry)) return { line, column };
  return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

/** A map that the file carries, or that lies beside it. Loaders that transform in memory register theirs with node. */
function mapBeside(path: string): SourceMap | undefined {
  if (/\.[cm]?tsx?$/.test(path)) return undefined;
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const url = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(text)?.[1];
  if (url === undefined) return undefined;
  const inline = /^data:application\/json[^,]*;base64,(.*)$/.exec(url)?.[1];
  const json = inline === undefined ? readFileSync(join(dirname(path), url), "utf8")
    : Buffer.from(inline, "base64").toString();
  return new SourceMap(JSON.parse(json));
}

/** `at f (file:///x/a.ts:3:4)`, `at /x/a.ts:3:4`, `at async node:internal/x:3:4`, `at new Promise (<anonymous>)`. */
const FRAME = new RegExp(/^\s+at (?:.*\()?(?:async )?/.source
  + /(?:((?:file:\/\/|node:)?[^():]*(?:[A-Za-z]:[\\/])?[^():]+):(\d+):(\d+)|<anonymous>)\)?$/.source);

/** The script and place of a line of a stack; the script is empty where node names none, undefined in other lines. */
export function frameOfLine(line: string): { readonly script: string; readonly line: string; readonly column: string } |
  undefined {
  const [found, script = "", row = "", column = ""] = FRAME.exec(line) ?? [];
  return found === undefined ? undefined : { script, line: row, column };
}

/** An error's stack without this package's own frames, and those of node that stand between or below them. */
export function usersStack(stack: string): string {
  let below: "ours" | "theirs" = "ours";
  return stack.split("\n").reverse().filter((line) => {
    const script = frameOfLine(line)?.script;
    if (script === undefined) return true;
    if (script !== "" && !script.startsWith("node:")) below = isOurs(script) ? "ours" : "theirs";
    return below === "theirs";
  }).reverse().join("\n");
}

/** The folder of the nearest package.json above a file. */
function packageOf(file: string): string {
  const folder = dirname(file);
  const cached = roots.get(folder);
  if (cached !== undefined) return cached;
  const parent = dirname(folder);
  const root = existsSync(join(folder, "package.json")) || parent === folder ? folder : packageOf(folder);
  roots.set(folder, root);
  return root;
}

/** The parts of a site: its place `file:line:column` as a whole and in pieces, and the function. */
export function siteParts(site: string): { readonly place: string; readonly file: string; readonly line: number;
  readonly column: number; readonly fn: string | undefined } | undefined {
  const [, place, file, line, column, fn] = /^((.*?):(\d+):(\d+))(?: (.*))?$/.exec(site) ?? [];
  return place === undefined || file === undefined ? undefined
    : { place, file, line: Number(line), column: Number(column), fn };
}

/** The source text at a site, trimmed by nobody; undefined when the file is not there. */
export function siteLine(site: string): string | undefined {
  const { file, line } = siteParts(site) ?? {};
  if (file === undefined || line === undefined) return undefined;
  return textOnDisk(file)?.split("\n")[line - 1];
}

/** The text of a site's file, as it is on disk now. */
export function textOnDisk(file: string): string | undefined {
  const path = join(packageOf(join(process.cwd(), "x")), file);
  return file !== "" && existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** A few numbered lines around a site, the one at fault marked. */
export function codeFrame(site: string, around = 2): string | undefined {
  const { file = "", line: at = 0, column = 0 } = siteParts(site) ?? {};
  const lines = textOnDisk(file)?.split("\n");
  if (lines === undefined) return undefined;
  const shown = lines.slice(Math.max(0, at - 1 - around), at + around).map((text, i) => {
    const n = Math.max(1, at - around) + i;
    return `${n === at ? ">" : " "} ${String(n).padStart(4)} | ${text}`;
  });
  const mark = Math.min(around, at - 1) + 1;
  shown.splice(mark, 0, `       | ${" ".repeat(Math.max(0, column - 1))}^`);
  return shown.join("\n");
}
