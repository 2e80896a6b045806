/** Whether a decoded value is the one that was encoded: the check that stands before every rich payload. */
import { bytesName, kindOf } from "./kinds.ts";
import { propNames, readError } from "./rebuild.ts";
import { windowOf } from "./bytes.ts";

/** Pairs already met, both ways: equal shape with different sharing is not the same value. */
interface Pairs { readonly there: Map<object, object>; readonly back: Map<object, object> }

/**
 * True if `b` equals `a` in every value, key order, class, and in which objects are shared. Of errors only the
 * properties in `kept` are compared, since the others were left out on purpose.
 */
export function isSame(a: unknown, b: unknown, kept: ReadonlyMap<object, readonly string[]>): boolean {
  return same(a, b, { there: new Map(), back: new Map() }, kept);
}

type Kept = ReadonlyMap<object, readonly string[]>;

function same(a: unknown, b: unknown, pairs: Pairs, kept: Kept): boolean {
  if (Object.is(a, b)) return typeof a !== "object" || a === null; // one object on both sides would be an alias
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return false;
  const partner = pairs.there.get(a);
  if (partner !== undefined || pairs.back.has(b)) return partner === b;
  pairs.there.set(a, b);
  pairs.back.set(b, a);
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return false;
  switch (kind) {
    case "array": case "object": return sameKeys(a, b, pairs, kept);
    case "error": return sameError(a, b, pairs, kept);
    case "regexp": case "url": return String(a) === String(b);
    default: return sameContent(a, b, pairs, kept);
  }
}

function sameContent(a: object, b: object, pairs: Pairs, kept: Kept): boolean {
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof Map && b instanceof Map) return sameList([...a].flat(1), [...b].flat(1), pairs, kept);
  if (a instanceof Set && b instanceof Set) return sameList([...a], [...b], pairs, kept);
  const bytes = (value: object): value is ArrayBufferView | ArrayBuffer =>
    ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
  if (!bytes(a) || !bytes(b) || bytesName(a) !== bytesName(b)) return false;
  const left = windowOf(a);
  const right = windowOf(b);
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

function sameList(a: readonly unknown[], b: readonly unknown[], pairs: Pairs, kept: Kept): boolean {
  return a.length === b.length && a.every((part, i) => same(part, b[i], pairs, kept));
}

function sameKeys(a: object, b: object, pairs: Pairs, kept: Kept): boolean {
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  const left = Object.keys(a);
  const right = Object.keys(b);
  return left.length === right.length && left.every((key, i) => key === right[i]
    && same(Reflect.get(a, key), Reflect.get(b, key), pairs, kept));
}

function sameError(a: object, b: object, pairs: Pairs, kept: Kept): boolean {
  const keys = kept.get(a) ?? [];
  const own = propNames(a).filter(key => keys.includes(key));
  // A cause that is not text or an object may be absent or undefined alike; both read as undefined.
  return ["name", "message", "stack", "code"].every(key => {
    const left = readError(a, key);
    return typeof left !== "string" || left === readError(b, key);
  }) && own.every((key, i) => propNames(b)[i] === key)
    && keys.every(key => same(readError(a, key), readError(b, key), pairs, kept));
}
