/**
 * The fast lane: one walk that copies plain data and proves, while copying, that JSON text will give it back.
 * It knows only yes or no; whatever is not plain goes to survey.ts, which knows why and where.
 */
import type { Json } from "../core/events.ts";

/** Containers nested deeper than this are refused; it also bounds every recursion in this room. */
export const MAX_DEPTH = 100;
/** Values counted one by one, containers included; more than this are refused. */
export const MAX_NODES = 5_000_000;
/** The answer of `copyPlain` for anything that JSON text would not give back exactly. */
export const NOT_PLAIN: unique symbol = Symbol("not plain");

// One counter for all walks: they are synchronous. A getter that encodes something itself resets it, which loosens the
// bound and breaks nothing.
let nodes = 0;

/**
 * A fresh copy of plain data, or NOT_PLAIN. Plain is: null, booleans, strings, finite numbers other than -0, dense
 * arrays without named properties, and objects with string keys only, made by `{}` or without a prototype.
 * Refused here although JSON would carry it: the key `__proto__`, depth over `maxDepth`, more than MAX_NODES values.
 * References shared inside plain data are copied once per use, as JSON does.
 */
export function copyPlain(value: unknown, maxDepth: number = MAX_DEPTH): Json | typeof NOT_PLAIN {
  nodes = 0;
  return copy(value, maxDepth);
}

function copy(value: unknown, room: number): Json | typeof NOT_PLAIN {
  if (++nodes > MAX_NODES) return NOT_PLAIN;
  switch (typeof value) {
    case "string": case "boolean": return value;
    case "number": return value - value === 0 && (value !== 0 || 1 / value > 0) ? value : NOT_PLAIN;
    case "object": break;
    default: return NOT_PLAIN;
  }
  if (value === null) return null;
  if (room === 0) return NOT_PLAIN;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return prototype === Array.prototype ? copyArray(value, room - 1) : NOT_PLAIN;
  if (prototype !== Object.prototype && prototype !== null) return NOT_PLAIN;
  return copyObject(value, room - 1);
}

function copyArray(value: readonly unknown[], room: number): Json | typeof NOT_PLAIN {
  const length = value.length;
  if (length > MAX_NODES || Object.keys(value).length !== length) return NOT_PLAIN;
  const out: Json[] = new Array<Json>(length);
  for (let i = 0; i < length; i++) {
    const part = copy(value[i], room);
    if (part === NOT_PLAIN) return NOT_PLAIN;
    out[i] = part;
  }
  return out;
}

function copyObject(value: object, room: number): Json | typeof NOT_PLAIN {
  if (Object.getOwnPropertySymbols(value).length > 0) return NOT_PLAIN;
  const source = value as { readonly [key: string]: unknown }; // any object may be read by string keys
  const out: { [key: string]: Json } = {};
  for (const key of Object.keys(source)) {
    if (key === "__proto__") return NOT_PLAIN;
    const part = copy(source[key], room);
    if (part === NOT_PLAIN) return NOT_PLAIN;
    out[key] = part;
  }
  return out;
}
