/**
 * The careful walk, for values that are not plain: says whether everything can be kept, and if not, exactly where and
 * what stands there. It also finds the objects that are met twice, which includes every cycle.
 */
import { RepriseError } from "../core/errors.ts";
import { describe, kindOf } from "./kinds.ts";
import { MAX_DEPTH, MAX_NODES } from "./plain.ts";
import { propNames, readError } from "./rebuild.ts";

/** Longer integers are refused: at this length turning one into text takes 15 ms, and the time grows faster. */
export const MAX_BIGINT_DIGITS = 100_000;

/** What is known of a value that can be kept. */
export interface Survey {
  /** Something was met that JSON text cannot say, or that is met twice. */
  readonly rich: boolean;
  /** Objects met more than once. */
  readonly shared: ReadonlySet<object>;
  /** Of each error, the properties (`cause`, `errors` and its own) that can be kept; the others are left out. */
  readonly kept: ReadonlyMap<object, readonly string[]>;
}

interface Trail { readonly up: Trail | undefined; readonly step: string }
interface Walk {
  readonly root: string;
  readonly counts: Map<object, number>;
  /** Visits in order, so that those below a property that is left out can be taken back. */
  readonly visits: object[];
  readonly kept: Map<object, readonly string[]>;
  nodes: number;
  rich: boolean;
  /** Where the walk is: names the place when a getter or a Proxy throws. */
  at: Trail | undefined;
}

/** @throws UNSERIALIZABLE with the path below `root` and what was found there. */
export function survey(value: unknown, root: string): Survey {
  const walk: Walk = {
    root, counts: new Map(), visits: [], kept: new Map(), nodes: 0, rich: false, at: undefined,
  };
  try {
    visit(walk, value, undefined, 0);
  } catch (error) {
    if (error instanceof RepriseError) throw error;
    throw refusal(pathText(root, walk.at), "something that throws when it is read",
      "Return plain data: copy what you need into a new object.", error);
  }
  const shared = new Set<object>();
  for (const [object, count] of walk.counts) if (count > 1) shared.add(object);
  return { rich: walk.rich || shared.size > 0, shared, kept: walk.kept };
}

/** UNSERIALIZABLE: `what` stands at `path`. */
export function refusal(path: string, what: string, hint: string, cause?: unknown): RepriseError {
  return new RepriseError("UNSERIALIZABLE", `${path} holds ${what}, which history cannot keep`, hint,
    cause === undefined ? undefined : { cause });
}

function refuse(walk: Walk, trail: Trail | undefined, what: string, hint: string): never {
  throw refusal(pathText(walk.root, trail), what, hint);
}

function visit(walk: Walk, value: unknown, trail: Trail | undefined, depth: number): void {
  walk.at = trail;
  if (++walk.nodes > MAX_NODES) {
    refuse(walk, trail, `more than ${MAX_NODES} values`, "Keep large data outside and return a reference to it.");
  }
  switch (typeof value) {
    case "string": case "boolean": return;
    case "undefined": walk.rich = true; return;
    case "number": if (!Number.isFinite(value) || Object.is(value, -0)) walk.rich = true; return;
    case "bigint": walk.rich = true; checkBigint(walk, value, trail); return;
    case "object": if (value !== null) visitObject(walk, value, trail, depth); return;
    default: refuse(walk, trail, describe(value), hintFor(value));
  }
}

let largest: bigint | undefined;
function checkBigint(walk: Walk, value: bigint, trail: Trail | undefined): void {
  if (BigInt.asIntN(64, value) === value) return;
  largest ??= 10n ** BigInt(MAX_BIGINT_DIGITS);
  if (value < largest && value > -largest) return;
  refuse(walk, trail, `an integer of more than ${MAX_BIGINT_DIGITS} digits`, "Keep it as text or as bytes.");
}

function visitObject(walk: Walk, value: object, trail: Trail | undefined, depth: number): void {
  const count = walk.counts.get(value);
  walk.counts.set(value, (count ?? 0) + 1);
  walk.visits.push(value);
  if (count !== undefined) return;
  if (depth >= MAX_DEPTH) {
    refuse(walk, trail, `data nested more than ${MAX_DEPTH} deep`, "Flatten it, for instance into a list with ids.");
  }
  const kind = kindOf(value);
  if (kind === undefined) refuse(walk, trail, describe(value), hintFor(value));
  if (kind === "error") { walk.rich = true; visitError(walk, value, trail, depth); return }
  refuseOddKeys(walk, value, kind, trail);
  if (kind === "array" || kind === "object") { visitKeys(walk, value, kind, trail, depth); return }
  walk.rich = true;
  if (value instanceof Map) visitMap(walk, value, trail, depth);
  else if (value instanceof Set) {
    let i = 0;
    for (const part of value) visit(walk, part, { up: trail, step: `.item(${i++})` }, depth + 1);
  }
}

function visitKeys(
  walk: Walk, value: object, kind: "array" | "object", trail: Trail | undefined, depth: number,
): void {
  const keys = Object.keys(value);
  if (Array.isArray(value) && keys.length !== value.length) walk.rich = true; // holes
  for (const key of keys) {
    const step = { up: trail, step: kind === "array" ? `[${key}]` : stepText(key) };
    walk.at = step;
    if (key === "__proto__") {
      refuse(walk, step, "a key named __proto__", "Rename the key: it could change a prototype.");
    }
    visit(walk, Reflect.get(value, key), step, depth + 1);
  }
}

function visitMap(walk: Walk, value: ReadonlyMap<unknown, unknown>, trail: Trail | undefined, depth: number): void {
  let i = 0;
  for (const [key, part] of value) {
    visit(walk, key, { up: trail, step: `.key(${i})` }, depth + 1);
    const step = typeof key === "string" ? `.get(${shortText(key)})` : `.value(${i})`;
    visit(walk, part, { up: trail, step }, depth + 1);
    i++;
  }
}

/** An error is kept whatever it carries: properties that cannot be kept (a socket, a request) are left out. */
function visitError(walk: Walk, error: object, trail: Trail | undefined, depth: number): void {
  const kept: string[] = [];
  const parts = error instanceof AggregateError ? ["cause", "errors"] : ["cause"];
  for (const key of [...parts, ...propNames(error)]) {
    const mark = walk.visits.length;
    const richBefore = walk.rich;
    try {
      visit(walk, readError(error, key), { up: trail, step: stepText(key) }, depth + 1);
      kept.push(key);
    } catch {
      takeBack(walk, mark);
      walk.rich = richBefore;
    }
  }
  walk.kept.set(error, kept);
}

function takeBack(walk: Walk, mark: number): void {
  for (const object of walk.visits.splice(mark)) {
    const count = walk.counts.get(object) ?? 1;
    if (count > 1) walk.counts.set(object, count - 1);
    else { walk.counts.delete(object); walk.kept.delete(object) }
  }
}

/** Named properties on an array, a Map or a Date, and symbol keys, would be lost without a word. */
function refuseOddKeys(walk: Walk, value: object, kind: string, trail: Trail | undefined): void {
  const [symbol] = Object.getOwnPropertySymbols(value);
  if (symbol !== undefined && kind !== "url" && kind !== "bytes") {
    refuse(walk, trail, `an object with the key ${String(symbol)}`, "Use text keys.");
  }
  if (kind === "object" || kind === "bytes" || kind === "url") return;
  const named = kind === "array" ? namedKey(value) : Object.keys(value)[0];
  if (named === undefined) return;
  const what = kind === "array" ? "an array" : describe(value);
  refuse(walk, trail, `${what} with the named property ${shortText(named)}`,
    "Put the property beside it, in an object; copy an array with [...array].");
}

// Index keys come first in key order, so the last key tells.
function namedKey(value: object): string | undefined {
  const last = Object.keys(value).at(-1);
  return last === undefined || /^\d+$/.test(last) ? undefined : last;
}

function hintFor(value: unknown): string {
  if (typeof value === "function") return "Return data, not functions; call it first, or name what to do with text.";
  if (typeof value === "symbol") return "Use text instead of a symbol.";
  if (value instanceof Promise) return "Await it first.";
  return "Return a plain object with the fields you need, for instance { ...value }.";
}

function stepText(key: string): string {
  return /^[A-Za-z_$][\w$]{0,79}$/.test(key) ? `.${key}` : `[${shortText(key)}]`;
}
function shortText(key: string): string { return JSON.stringify(key.length > 80 ? key.slice(0, 79) + "…" : key) }

function pathText(root: string, trail: Trail | undefined): string {
  const steps: string[] = [];
  for (let at = trail; at !== undefined; at = at.up) steps.push(at.step);
  return root + steps.reverse().join("");
}
