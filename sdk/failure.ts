/** A failed run, told so that a person can act on it: the lines of his code where it was thrown. */
import { relative, sep } from "node:path";
import { codeFrame, frameOfLine, isUsersScript, pathOf, type Event } from "../engine/index.ts";
import { packageRoot } from "./config.ts";

type ErrorRecord = Extract<Event, { type: "RunFailed" }>["error"];

/** The place of the user's code in a stack, `file:line:column` from the package root; undefined where none is. */
export function placeOf(stack: string | undefined): string | undefined {
  for (const text of (stack ?? "").split("\n")) {
    const { script, line, column } = frameOfLine(text) ?? {};
    if (script === undefined || !isUsersScript(script)) continue;
    return `${relative(packageRoot(), pathOf(script)).split(sep).join("/")}:${line}:${column}`;
  }
  return undefined;
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
