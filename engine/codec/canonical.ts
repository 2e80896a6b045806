/** One text per meaning, for hashing. Never change what is written here: stored hashes are compared with it. */
import type { Json } from "../core/events.ts";
import { bytesToText } from "./bytes.ts";
import { kindOf } from "./kinds.ts";
import { propNames, readError, textOf } from "./rebuild.ts";

/** JSON text with keys sorted by UTF-16 unit. */
export function canonicalPlain(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const part of value) text += (text === "" ? "" : ",") + canonicalPlain(part);
    return `[${text}]`;
  }
  const object = value as { readonly [key: string]: Json }; // the only kind of Json left
  for (const key of sortedKeys(object)) {
    const part = object[key];
    if (part !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalPlain(part)}`;
  }
  return `{${text}}`;
}

function sortedKeys(value: object): string[] {
  const keys = Object.keys(value);
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] ?? "") > (keys[i] ?? "")) return keys.sort();
  return keys;
}

/**
 * The same for a decoded rich value. Objects met again are written as their number in this walk, so that cycles end.
 * Every word here that JSON lacks starts with a letter or `-`, so that no plain text can be taken for it.
 */
export function canonicalRich(value: unknown): string { return rich(value, { ids: new Map(), depth: 0 }) }

interface Met { readonly ids: Map<object, number>; depth: number }
/** In key order a graph may run deeper than the survey found it. What is deeper than this does not count. */
const MAX_WALK = 1_000;

function rich(value: unknown, met: Met): string {
  switch (typeof value) {
    case "string": return JSON.stringify(value);
    case "bigint": return `${value}n`;
    case "number": return Object.is(value, -0) ? "-0" : String(value);
    case "object": break;
    default: return String(value);
  }
  if (value === null) return "null";
  const number = met.ids.get(value);
  if (number !== undefined) return `same(${number})`;
  if (met.depth >= MAX_WALK) return "deep";
  met.ids.set(value, met.ids.size);
  met.depth++;
  const text = objectText(value, met);
  met.depth--;
  return text;
}

function objectText(value: object, met: Met): string {
  const list = (parts: Iterable<unknown>): string => Array.from(parts, part => rich(part, met)).join(",");
  if (Array.isArray(value)) return arrayText(value, met);
  if (value instanceof Map) return `Map(${list([...value].flat(1))})`;
  if (value instanceof Set) return `Set(${list(value)})`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof RegExp) return `RegExp(${JSON.stringify(String(value))})`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesToText(value).join(":");
  if (kindOf(value) === "url") return `URL(${JSON.stringify(String(value))})`;
  return kindOf(value) === "error" ? errorText(value, met) : keysText(value, sortedKeys(value), met);
}

function arrayText(value: readonly unknown[], met: Met): string {
  const keys = Object.keys(value);
  if (keys.length === value.length) return `[${value.map(part => rich(part, met)).join(",")}]`;
  return `sparse(${value.length},${keysText(value, keys, met)})`; // written by its keys: it may be very long
}

function keysText(value: object, keys: readonly string[], met: Met): string {
  return `{${keys.map(key => `${JSON.stringify(key)}:${rich(readError(value, key), met)}`).join(",")}}`;
}

function errorText(error: object, met: Met): string {
  const head = [textOf(error, "name", ""), textOf(error, "message", ""), textOf(error, "code", "")];
  return `Error(${JSON.stringify(head)},${keysText(error, ["cause", "errors", ...propNames(error).sort()], met)})`;
}
