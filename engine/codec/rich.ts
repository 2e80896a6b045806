/**
 * What JSON cannot say, through superjson. Values are first *lowered* to a fresh tree of the things superjson carries
 * exactly, with boxes of our own for the rest, and *raised* again after it.
 *
 * Sharing and cycles are a box too (`graph`: a table of the objects met twice, and numbers that point into it), not
 * superjson's referentialEqualities. Those go astray through errors, Sets and keys of Maps (its setDeep knows no
 * errors and reorders the other two), and without `dedupe` a cycle entered from two sides comes back cut.
 */
import { SuperJSON } from "superjson";
import type { Json } from "../core/events.ts";
import { bytesFromText, bytesToText } from "./bytes.ts";
import { kindOf } from "./kinds.ts";
import { propNames, readError, rebuildError, textOf } from "./rebuild.ts";
import type { Survey } from "./survey.ts";

/** superjson's pair, as it stands in a payload. */
export interface RichText { readonly json: unknown; readonly meta?: unknown }

type Tag = "error" | "bytes" | "date" | "entries" | "sparse" | "ref" | "graph";

/** An array only because superjson walks into arrays; `body` is what it writes, always an array or an object. */
class Box extends Array<unknown> {
  readonly tag: Tag;
  readonly body: unknown;
  constructor(tag: Tag, body: object) {
    super();
    this.tag = tag;
    this.body = body;
  }
}

/** Stands for the object number `id` of the graph until everything has been raised. */
class Ref {
  readonly id: number;
  constructor(id: number) { this.id = id }
}

const BAD = "corrupt payload:";
const RAISE: { readonly [T in Tag]: (body: unknown) => unknown } = {
  error: raiseError,
  bytes: body => {
    const [name, text] = listOf(body);
    if (typeof name !== "string" || typeof text !== "string") throw new Error(`${BAD} bytes without class or text`);
    return bytesFromText(name, text);
  },
  date: () => new Date(NaN),
  entries: body => {
    const out = {};
    for (const entry of listOf(body)) {
      const [key, value] = listOf(entry);
      if (typeof key !== "string" || key === "__proto__") throw new Error(`${BAD} an entry with a bad key`);
      Object.defineProperty(out, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return out;
  },
  sparse: body => {
    const [length, ...entries] = listOf(body);
    const out: unknown[] = [];
    if (typeof length !== "number") throw new Error(`${BAD} a sparse array without length`);
    out.length = length;
    for (const entry of entries) {
      const [index, value] = listOf(entry);
      if (typeof index !== "number") throw new Error(`${BAD} a sparse array with a bad index`);
      out[index] = value;
    }
    return out;
  },
  ref: body => {
    const [id] = listOf(body);
    if (typeof id !== "number") throw new Error(`${BAD} a reference without number`);
    return new Ref(id);
  },
  graph: body => link(listOf(body)),
};

function listOf(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body;
  throw new Error(`${BAD} a list was expected`);
}

// An instance of our own: rules that user code registers on superjson's default one must not reach history.
const superjson = new SuperJSON();
for (const [tag, raise] of Object.entries(RAISE)) {
  superjson.registerCustom<Box, never>({
    isApplicable: (value): value is Box => value instanceof Box && value.tag === tag,
    serialize: box => box.body as never, // superjson's types want JSON here; it walks into whatever is given
    deserialize: body => raise(body) as Box, // its types want the class that was lowered; we give what it stood for
  }, tag);
}

/** superjson's pair for a value that was surveyed. Shares nothing with the value. */
export function toRich(value: unknown, known: Survey): RichText {
  const lowering: Lowering = { known, ids: new Map(), nodes: [] };
  const root = lower(value, lowering);
  const tree = known.shared.size === 0 ? root : new Box("graph", [root, ...lowering.nodes]);
  const { json, meta } = superjson.serialize(tree);
  if (meta === undefined) return { json };
  // The tree shares nothing, so what is listed here are equal bigints and NaNs, which superjson takes for objects.
  const { referentialEqualities: _, ...rest } = meta;
  return { json, meta: rest };
}

/** The value, fresh. `rich` must be a copy that may be consumed; throws when it is corrupt. */
export function fromRich(rich: { readonly json: Json; readonly meta?: Json }): unknown {
  const pair = rich as Parameters<typeof superjson.deserialize>[0]; // superjson's own types for the pair it wrote
  return superjson.deserialize(pair, { inPlace: true });
}

interface Lowering {
  readonly known: Survey;
  readonly ids: Map<object, number>;
  readonly nodes: unknown[];
}

function lower(value: unknown, to: Lowering): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (!to.known.shared.has(value)) return lowerObject(value, to);
  let id = to.ids.get(value);
  if (id === undefined) {
    id = to.nodes.length + 1;
    to.ids.set(value, id);
    to.nodes.push(undefined); // the place is taken before its inside is lowered, which may number others
    to.nodes[id - 1] = lowerObject(value, to);
  }
  return new Box("ref", [id]);
}

function lowerObject(value: object, to: Lowering): unknown {
  if (Array.isArray(value)) return lowerArray(value, to);
  if (value instanceof Map) {
    return new Map(Array.from(value, ([key, part]): [unknown, unknown] => [lower(key, to), lower(part, to)]));
  }
  if (value instanceof Set) return new Set(Array.from(value, part => lower(part, to)));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? new Box("date", []) : new Date(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return new Box("bytes", bytesToText(value));
  switch (kindOf(value)) {
    case "error": return lowerError(value, to);
    case "object": return lowerKeys(value, to);
    case "regexp": case "url": return value;
    default: throw new Error("corrupt codec: an object that the survey did not see");
  }
}

function lowerArray(value: readonly unknown[], to: Lowering): unknown {
  const keys = Object.keys(value);
  if (keys.length === value.length) return Array.from(value, part => lower(part, to));
  return new Box("sparse", [value.length, ...keys.map(key => [Number(key), lower(value[Number(key)], to)])]);
}

function lowerKeys(value: object, to: Lowering): unknown {
  const entries = Object.entries(value).map(([key, part]): [string, unknown] => [key, lower(part, to)]);
  // superjson refuses these two as keys, for the sake of paths it would follow into prototypes.
  const awkward = Object.hasOwn(value, "constructor") || Object.hasOwn(value, "prototype");
  return awkward ? new Box("entries", entries) : Object.fromEntries(entries);
}

function lowerError(error: object, to: Lowering): Box {
  const kept = to.known.kept.get(error) ?? [];
  const body: { [key: string]: unknown } = {
    name: textOf(error, "name", "Error"), message: textOf(error, "message", ""),
  };
  for (const key of ["stack", "code"]) {
    const value = readError(error, key);
    if (typeof value === "string") body[key] = value;
  }
  const props = propNames(error).filter(key => kept.includes(key));
  for (const key of ["cause", "errors"]) {
    const value = kept.includes(key) && !props.includes(key) ? readError(error, key) : undefined;
    if (value !== undefined) body[key] = lower(value, to);
  }
  if (props.length > 0) body["data"] = props.map(key => [key, lower(readError(error, key), to)]);
  return new Box("error", body);
}

function raiseError(body: unknown): Error {
  if (typeof body !== "object" || body === null) throw new Error(`${BAD} an error that is no object`);
  const part = (key: string): unknown => Object.hasOwn(body, key) ? Reflect.get(body, key) : undefined;
  const props = new Map<string, unknown>();
  for (const entry of listOf(part("data") ?? [])) {
    const [key, value] = listOf(entry);
    if (typeof key === "string") props.set(key, value);
  }
  const stack = part("stack");
  const code = part("code");
  return rebuildError({
    name: textOf(body, "name", "Error"), message: textOf(body, "message", ""), props,
    ...(typeof stack === "string" ? { stack } : {}), ...(typeof code === "string" ? { code } : {}),
    cause: part("cause"), errors: part("errors"),
  });
}

/** Puts the objects of the graph in the place of their numbers. The first entry is the root. */
function link(nodes: readonly unknown[]): unknown {
  const resolve = (value: unknown): unknown => {
    if (!(value instanceof Ref)) { enter(value); return value }
    if (value.id < 1 || value.id >= nodes.length) throw new Error(`${BAD} reference ${value.id} points nowhere`);
    return nodes[value.id];
  };
  const enter = (value: unknown): void => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
    if (value instanceof Map) {
      const entries = [...value];
      value.clear(); // refilled in order, so that keys keep their places
      for (const [key, part] of entries) value.set(resolve(key), resolve(part));
    } else if (value instanceof Set) {
      const parts = [...value];
      value.clear();
      for (const part of parts) value.add(resolve(part));
    } else {
      const keys = value instanceof Error ? ["cause", "errors", ...propNames(value)] : Object.keys(value);
      for (const key of keys) {
        const part: unknown = Reflect.get(value, key);
        const resolved = resolve(part);
        if (resolved !== part) Reflect.set(value, key, resolved);
      }
    }
  };
  for (const node of nodes.slice(1)) enter(node);
  return resolve(nodes[0]);
}
