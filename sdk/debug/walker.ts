/**
 * Copies values out of a paused replay, within bounds. It reads data and nothing else: no getter, no proxy trap, no
 * method of the user's is run, so that looking changes nothing.
 */
import { types } from "node:util";
import type { Seen, SeenPart } from "./seen.ts";

/** How much is copied. */
export interface Bounds {
  /** Containers inside containers. */
  readonly depth: number;
  /** Parts of one container. */
  readonly entries: number;
  /** Characters of one text. */
  readonly text: number;
}
export const BOUNDS: Bounds = { depth: 3, entries: 20, text: 200 };
/** Values in one copy, whatever their shape: 20 entries in three levels would be 8,000. */
const MOST_VALUES = 2000;

/** A bounded copy; `from` skips parts of the value itself. */
export function seen(value: unknown, from = 0, bounds: Bounds = BOUNDS): Seen {
  return copy(value, { bounds, left: MOST_VALUES }, bounds.depth, from);
}

/** A copy of what lies further down, and the names on the way to it. `path`: places of parts, from 0. */
export function seenAt(value: unknown, path: readonly number[], from = 0):
  { readonly names: readonly string[]; readonly value: Seen } | undefined {
  const found = follow(value, path);
  return found && { names: found.names, value: seen(found.value, from) };
}

interface Budget { readonly bounds: Bounds; left: number }
/** What stands at a place: a value, or something that cannot be read without running code. */
type Slot = { readonly name: string; readonly value: unknown } | { readonly name: string; readonly seen: Seen };

function follow(value: unknown, path: readonly number[]): { readonly names: readonly string[];
  readonly value: unknown } | undefined {
  const names: string[] = [];
  let node = value;
  for (const place of path) {
    const [slot] = isObject(node) ? slotsOf(node, place, 1).slots : [];
    if (slot === undefined || !("value" in slot)) return undefined;
    names.push(slot.name);
    node = slot.value;
  }
  return { names, value: node };
}

function copy(value: unknown, budget: Budget, depth: number, from = 0): Seen {
  budget.left--;
  if (!isObject(value)) return primitive(value, budget.bounds.text);
  if (typeof value === "function") return { kind: "function", text: `ƒ ${ownText(value, "name") ?? ""}`.trim() };
  const leaf = leafOf(value);
  if (leaf !== undefined) return leaf;
  const { kind, title, size, slots } = slotsOf(value, from, depth > 0 && budget.left > 0 ? budget.bounds.entries : 0);
  const text = cut(title, budget.bounds.text);
  if (depth === 0 || budget.left <= 0) return { kind, text, size };
  const parts: SeenPart[] = slots.map((slot) =>
    [slot.name, "seen" in slot ? slot.seen : copy(slot.value, budget, depth - 1)]);
  return { kind, text, size, parts, ...(from > 0 && { from }) };
}

function primitive(value: unknown, most: number): Seen {
  switch (typeof value) {
    case "string": return value.length <= most ? { kind: "string", text: JSON.stringify(value) }
      : { kind: "string", text: `${JSON.stringify(value.slice(0, most))}…`, size: value.length };
    case "number": return { kind: "number", text: Object.is(value, -0) ? "-0" : String(value) };
    case "bigint": return { kind: "bigint", text: `${cut(value.toString(), most)}n` };
    case "symbol": return { kind: "symbol", text: cut(value.toString(), most) };
    case "boolean": return { kind: "boolean", text: String(value) };
    case "undefined": return { kind: "undefined", text: "undefined" };
    default: return { kind: "null", text: "null" };
  }
}

/** Objects that are shown whole, or of which nothing can be read. */
function leafOf(value: object): Seen | undefined {
  if (types.isProxy(value)) return { kind: "proxy", text: "Proxy" };
  if (types.isPromise(value)) return { kind: "promise", text: "Promise" };
  if (types.isDate(value)) {
    const at = Date.prototype.getTime.call(value);
    return { kind: "date", text: Number.isNaN(at) ? "Invalid Date" : Date.prototype.toISOString.call(value) };
  }
  if (types.isRegExp(value)) return { kind: "regexp", text: `/${String(SOURCE?.call(value))}/${FLAGS(value)}` };
  if (types.isAnyArrayBuffer(value)) return { kind: "bytes", text: `${titleOf(value)}(${value.byteLength})` };
  if (ArrayBuffer.isView(value)) return { kind: "bytes", text: `${titleOf(value)}(${value.byteLength} bytes)` };
  if (value instanceof URL) return { kind: "url", text: String(HREF?.call(value)) };
  return undefined;
}
const SOURCE = getterOf(RegExp.prototype, "source"), HREF = getterOf(URL.prototype, "href");
/** The flags by their own getters: `flags` itself asks properties that the user may have put there. */
function FLAGS(value: RegExp): string {
  return [["global", "g"], ["ignoreCase", "i"], ["multiline", "m"], ["dotAll", "s"], ["unicode", "u"], ["sticky", "y"]]
    .map(([name = "", letter = ""]) => getterOf(RegExp.prototype, name)?.call(value) === true ? letter : "").join("");
}
function getterOf(prototype: object, name: string): ((this: unknown) => unknown) | undefined {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get;
}

interface Slots { readonly kind: Seen["kind"]; readonly title: string; readonly size: number;
  readonly slots: readonly Slot[] }

/** What kind of container it is, and some of its parts. */
function slotsOf(value: object, from: number, count: number): Slots {
  if (types.isMap(value)) {
    const slots: Slot[] = [], size = MAP_SIZE?.call(value) as number; // the getter of a Map, called on a Map
    let place = 0;
    for (const [key, inner] of Map.prototype.entries.call(value)) {
      if (place >= from + count) break;
      if (place++ >= from) slots.push({ name: nameOfKey(key), value: inner });
    }
    return { kind: "map", title: `${titleOf(value)}(${size})`, size, slots };
  }
  if (types.isSet(value)) {
    const slots: Slot[] = [], size = SET_SIZE?.call(value) as number; // the getter of a Set, called on a Set
    let place = 0;
    for (const inner of Set.prototype.values.call(value)) {
      if (place >= from + count) break;
      if (place++ >= from) slots.push({ name: String(place - 1), value: inner });
    }
    return { kind: "set", title: `${titleOf(value)}(${size})`, size, slots };
  }
  if (Array.isArray(value)) {
    const last = Math.min(value.length, from + count);
    const slots = Array.from({ length: Math.max(0, last - from) }, (_, i) => slotAt(value, String(from + i)));
    const title = titleOf(value);
    return { kind: "array", title: title === "Array" ? "" : title, size: value.length, slots };
  }
  const isError = types.isNativeError(value);
  const names = [...new Set([...isError ? ["message", "code", "cause", "stack"]
    .filter((name) => Object.hasOwn(value, name)) : [], ...Object.keys(value)])];
  const title = titleOf(value);
  return { kind: isError ? "error" : "object", size: names.length,
    title: isError ? `${dataOf(value, "name") ?? title}: ${ownText(value, "message") ?? ""}`
      : title === "Object" ? "" : title,
    slots: names.slice(from, from + count).map((name) => slotAt(value, name)) };
}
const MAP_SIZE = getterOf(Map.prototype, "size"), SET_SIZE = getterOf(Set.prototype, "size");

function slotAt(value: object, name: string): Slot {
  const own = Object.getOwnPropertyDescriptor(value, name);
  if (own === undefined) return { name, seen: { kind: "hole", text: "empty" } };
  return "value" in own ? { name, value: own.value } : { name, seen: { kind: "accessor", text: "(getter)" } };
}

function nameOfKey(key: unknown): string {
  if (typeof key === "string") return cut(key, 60);
  const { text } = copy(key, { bounds: BOUNDS, left: 1 }, 0);
  return text === "" ? "{…}" : text;
}

/** The name of a value's class: "Object" for plain ones. */
function titleOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return "Object";
  const maker = isObject(prototype) && !types.isProxy(prototype)
    ? Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown : undefined; // any is unknown here
  return typeof maker === "function" && !types.isProxy(maker) ? ownText(maker, "name") || "Object" : "Object";
}
/** A text under this name, its own or inherited, that is no getter's. */
function dataOf(value: object, name: string): string | undefined {
  for (let at: unknown = value; isObject(at) && !types.isProxy(at); at = Object.getPrototypeOf(at)) {
    const found = ownText(at, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
function ownText(value: object, name: string): string | undefined {
  const text: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof text === "string" ? text : undefined;
}
function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
function cut(text: string, most: number): string { return text.length <= most ? text : `${text.slice(0, most)}…` }
