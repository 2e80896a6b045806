/** The arguments of a call in a few characters, so that it is told from its namesakes. */
import type { Json } from "../../engine/core/events.ts";
import type { Call } from "./calls.ts";
import { duration } from "./format.ts";
import { shownJson, shownPayload } from "./payload.ts";
import { preview } from "./shown.ts";

/**
 * What stands beside the name of a call: its arguments without the list's brackets, of a timer its length, of a value
 * the value, of a wait what came, of a child its input. Arguments that `other`, a call of the same name,
 * has too are left out with an ellipsis.
 */
export function tellingArguments(call: Call, other: Call | undefined, most = 44): string {
  if (call.kind === "timer") return call.dueAt === undefined ? "" : duration(call.dueAt - call.at);
  if (call.kind === "value") return preview(shownPayload(call.result), most);
  if (call.kind === "wait") return call.result !== undefined ? preview(shownPayload(call.result), most)
    : call.wait === undefined || call.wait.kind === "condition" ? "" : call.wait.kind;
  if (call.kind === "child") return call.input === undefined ? "" : preview(shownPayload(call.input), most);
  const mine = listOf(call), theirs = other === undefined || other === call ? undefined : listOf(other);
  if (mine === undefined) return call.input === undefined ? "" : preview(shownPayload(call.input), most);
  const parts: string[] = [];
  for (const [i, one] of mine.entries()) {
    const same = theirs !== undefined && mine.length > 1 && equal(one, theirs[i]);
    if (!same) parts.push(preview(shownJson(one), Math.max(12, most - parts.join(", ").length)));
    else if (parts.at(-1) !== "…") parts.push("…");
    if (parts.join(", ").length > most) break;
  }
  const said = parts.join(", ");
  return said === JSON.stringify(call.nth) || said === "…" ? "" : said;
}

function listOf(call: Call): readonly Json[] | undefined {
  const { input } = call;
  if (input === undefined || !("p" in input)) return undefined;
  const list: Json = input.p;
  return isList(list) ? list : undefined;
}
function isList(json: Json): json is readonly Json[] { return Array.isArray(json) }

/** Equal at a glance: large values count as different, comparing them would cost more than it tells. */
function equal(a: Json, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  return Object.keys(a).length <= 8 && Object.keys(b).length <= 8 && JSON.stringify(a) === JSON.stringify(b);
}
