/** What a value is, as far as history is concerned: exact built-ins only, since a subclass would lose its methods. */

/** Objects that can be kept, and `undefined` for all others. */
export type Kind = "array" | "object" | "map" | "set" | "date" | "regexp" | "url" | "bytes" | "error" | undefined;

/**
 * The kind of an object; `undefined` for functions in disguise, class instances, promises, weak collections.
 * Reads prototypes only, so a Proxy's trap may throw from here.
 */
export function kindOf(value: object): Kind {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return prototype === Array.prototype || isForeign(prototype, "Array") ? "array" : undefined;
  if (prototype === null || prototype === Object.prototype) return "object";
  if (isError(value)) return "error";
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesName(value) === undefined ? undefined
    : "bytes";
  switch (prototype) {
    case Date.prototype: return "date";
    case Map.prototype: return "map";
    case Set.prototype: return "set";
    case RegExp.prototype: return "regexp";
    case URL.prototype: return "url";
    default: return isForeign(prototype, "Object") ? "object" : undefined;
  }
}

/** True for errors of this realm and of others (a vm context, an iframe). */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

// A plain object or array made in another realm has that realm's prototype, which ends (almost) at once.
function isForeign(prototype: unknown, name: "Object" | "Array"): boolean {
  if (typeof prototype !== "object" || prototype === null) return false;
  const above: unknown = Object.getPrototypeOf(prototype);
  if (name === "Object" ? above !== null : above === null) return false;
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof made === "function" && made.name === name && isNative(made);
}

/** `Buffer`, `Uint8Array`, `ArrayBuffer`, ...; `undefined` for a subclass of one of them. */
export function bytesName(value: ArrayBufferView | ArrayBuffer): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  for (const [name, type] of byteTypes()) if (type.prototype === prototype) return name;
  return undefined;
}

/** The constructor for a name given by `bytesName`; `undefined` where this platform lacks it. */
export function bytesType(name: string): BytesType | undefined { return byteTypes().get(name) }

/** A constructor of bytes: what is common to typed arrays, DataView, Buffer and ArrayBuffer. */
export interface BytesType { readonly prototype: unknown; readonly BYTES_PER_ELEMENT?: number }

// Looked up by name, not imported: Buffer is absent in browsers, Float16Array in Node 20.
const NAMES = ["Uint8Array", "Buffer", "ArrayBuffer", "Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array",
  "Int32Array", "Uint32Array", "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
  "DataView"];
let types: ReadonlyMap<string, BytesType> | undefined;
function byteTypes(): ReadonlyMap<string, BytesType> {
  if (types !== undefined) return types;
  const found = new Map<string, BytesType>();
  for (const name of NAMES) {
    const type: unknown = Reflect.get(globalThis, name);
    if (typeof type === "function") found.set(name, type);
  }
  return types = found;
}

/** "a function", "an instance of class Order": for a message. Never throws. */
export function describe(value: unknown): string {
  try {
    return describeUnsafe(value);
  } catch {
    return "an object that cannot be inspected";
  }
}

function describeUnsafe(value: unknown): string {
  if (typeof value === "function") return isClass(value) ? `the class ${nameOf(value)}` : functionText(value);
  if (typeof value === "symbol") return `the symbol ${String(value)}`;
  if (typeof value !== "object" || value === null) return `the ${typeof value} ${String(value)}`;
  if (value instanceof Promise) return "a Promise";
  const made: unknown = Reflect.get(value, "constructor");
  const name = typeof made === "function" ? nameOf(made) : "";
  if (name === "" || name === "Object" || name === "Array") return "an object with a prototype of its own";
  if (typeof made === "function" && isNative(made)) return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
  return `an instance of class ${name}`;
}

function functionText(value: object): string {
  const name = nameOf(value);
  return name === "" ? "a function" : `a function (${name})`;
}
function nameOf(value: object): string {
  const name: unknown = Reflect.get(value, "name");
  return typeof name === "string" ? name.slice(0, 80) : "";
}
function isNative(value: object): boolean { return /\[native code\]/.test(Function.prototype.toString.call(value)) }
function isClass(value: object): boolean { return /^class\b/.test(Function.prototype.toString.call(value)) }
