/** A failed run, told so that a person can act on it: the lines of his code where it was thrown. */
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { codeFrame, type Event } from "../engine/index.ts";
import { packageRoot } from "./config.ts";

type ErrorRecord = Extract<Event, { type: "RunFailed" }>["error"];

/** This package's own rooms, as source or built. */
const OWN = ["engine/", "sdk/", "replay-viewer/", "dist/"].flatMap((room) =>
  ["../", "../../"].map((up) => fileURLToPath(new URL(up + room, import.meta.url))));
/** `at f (file:///x/a.ts:3:4)`, `at /x/a.ts:3:4`, `at async file:///x/a.ts:3:4`. */
const FRAME = /^\s+at (?:.*\()?(?:async )?((?:file:\/\/)?[^():]*(?:[A-Za-z]:[\\/])?[^():]+):(\d+):(\d+)\)?$/;

/** The place of the user's code in a stack, `file:line:column` from the package root; undefined where none is. */
export function placeOf(stack: string | undefined): string | undefined {
  for (const line of (stack ?? "").split("\n")) {
    const [, script, row, column] = FRAME.exec(line) ?? [];
    if (script === undefined || script.startsWith("node:")) continue;
    const path = pathOf(script.replace(/\?.*$/, ""));
    if (path.includes(`${sep}node_modules${sep}`) || OWN.some((room) => path.startsWith(room))) continue;
    return `${relative(packageRoot(), path).split(sep).join("/")}:${row}:${column}`;
  }
  return undefined;
}

function pathOf(script: string): string {
  try { return script.startsWith("file:") ? fileURLToPath(script) : script } catch { return script }
}

/** Where an error began: the innermost cause that has a place in the user's code. */
export function thrownAt(error: ErrorRecord): string | undefined {
  const deeper = error.cause === undefined ? undefined : thrownAt(error.cause);
  return deeper ?? placeOf(error.stack);
}

/** The place and the numbered lines around it, indented; undefined where the code is not on this disk. */
export function frameOf(error: ErrorRecord): string | undefined {
  const place = thrownAt(error), lines = place === undefined ? undefined : codeFrame(place);
  return lines === undefined ? undefined : `  ${place}\n${lines.replace(/^/gm, "  ")}`;
}
