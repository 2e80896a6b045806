/** The types of events, as engine/core/events.ts declares them. */
import { readFileSync } from "node:fs";
import { classOf } from "../../engine/core/events.ts";

const source = readFileSync(new URL("../../engine/core/events.ts", import.meta.url), "utf8");
/** Every one of them. */
export const eventTypes: readonly string[] = [...source.matchAll(/readonly type: "(\w+)"/g)]
  .flatMap(([, type = ""]) => classOf(type) === undefined ? [] : [type]);

/** No version has written it yet: a task that was given up has TaskCancelRequested. */
export const NEVER_WRITTEN = ["TaskCancelled"];
/** What random programs do not meet, and why. */
export const NOT_IN_PROGRAMS: { readonly [type: string]: string } = {
  TaskCancelled: "no version has written it yet",
  ChildCancelled: "nobody outside cancels a child alone: the corpus's child-cancelled",
  RunParked: "a program that is parked has found a fault",
  RunUnparked: "as above",
  Noted: "changed programs say so with patched()",
  RunForked: "they are cancelled and continued, not forked: fork.test.ts, the corpus's tries",
  Reported: "their tasks show nothing: the corpus's shows",
};
