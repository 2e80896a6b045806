/**
 * Recorded payloads as shown trees. Rich payloads are superjson's pair: plain JSON with a table of what stands for what
 * (`meta.values`), plus boxes of the engine's own (errors, bytes, shared references). Both are read here directly, so
 * that the page needs no codec and makes no live objects.
 */
import { causesOf, messageOf } from "../../engine/core/causes.ts";
import type { ErrorRecord, Json, Payload } from "../../engine/core/events.ts";
import { branch, leaf, named, placed, record, text, type Part, type Shown } from "./shown.ts";

/** The value of a payload; `undefined` is a value too. `source` is the payload itself. */
export function shownPayload(payload: Payload | undefined): Shown {
  if (payload === undefined) return leaf("undefined", "undefined");
  if ("ref" in payload) {
    return { ...leaf("ref", "kept apart"), source: payload.ref, ref: { hash: payload.ref, bytes: payload.bytes } };
  }
  const node = "p" in payload ? shownJson(payload.p) : shownRich(payload.s.json, payload.s.meta);
  return { ...node, source: payload };
}

/** Plain JSON. */
export function shownJson(json: Json): Shown {
  if (json === null) return leaf("null", "null");
  if (typeof json === "string") return text(json);
  if (typeof json === "number") return leaf("number", String(json));
  if (typeof json === "boolean") return leaf("boolean", String(json));
  if (isList(json)) {
    return branch("array", "", json.length, () => json.map((one, i) => placed(i, shownJson(one))), json);
  }
  const keys = Object.keys(json);
  return branch("object", "", keys.length, () => keys.map((key) => named(key, shownJson(json[key] ?? null))), json);
}

/** An error as it is kept in history, with its causes. */
export function shownError(error: ErrorRecord): Shown {
  const parts: Part[] = [named("name", text(error.name)), named("message", text(error.message))];
  if (error.code !== undefined) parts.push(named("code", text(error.code)));
  if (error.data !== undefined) parts.push(named("data", shownPayload(error.data)));
  if (error.cause !== undefined) parts.push(named("cause", shownError(error.cause)));
  const { errors } = error;
  if (errors !== undefined) {
    parts.push(named("errors", branch("array", "", errors.length, () =>
      errors.map((one, i) => placed(i, shownError(one))))));
  }
  if (error.stack !== undefined) parts.push(named("stack", text(error.stack)));
  return branch("error", `${error.name}: ${error.message}`, parts.length, () => parts, error);
}

/** An error and its causes in one line: `TaskError: gone, because Error: 503`. Repeated messages are said once. */
export function errorLine(error: ErrorRecord): string {
  return [error, ...causesOf(error)].map((one) => /^(Task|Non)?Error$/.test(one.name) ? messageOf(one) || one.name
    : `${one.name}: ${messageOf(one)}`).join(", because ");
}

function isList(json: Json): json is readonly Json[] { return Array.isArray(json) }
function isRecord(json: Json | undefined): json is { readonly [key: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

// ---- rich payloads ------------------------------------------------------------------------------------------------

/** What superjson says of one place: its type there, and notes about places inside. */
interface Note { type: Json | undefined; readonly inside: Map<string, Note> }
/** The objects that are met more than once, by number from 1. */
interface Graph { readonly nodes: readonly Json[]; readonly notes: Note | undefined }

function shownRich(json: Json, meta: Json | undefined): Shown {
  const note: Note = { type: undefined, inside: new Map() };
  if (isRecord(meta) && meta["values"] !== undefined) readNotes(meta["values"], note);
  return rich(json, note, undefined);
}

/** superjson's minimal tree: `[type, inside?]` for a place that has a type, else an object from paths to such trees. */
function readNotes(tree: Json, note: Note): void {
  let inside: Json | undefined = tree;
  if (isList(tree)) {
    note.type = tree[0];
    inside = tree[1];
  }
  if (!isRecord(inside)) return;
  for (const [path, inner] of Object.entries(inside)) {
    let place = note;
    for (const step of stepsOf(path)) {
      const next = place.inside.get(step) ?? { type: undefined, inside: new Map<string, Note>() };
      place.inside.set(step, next);
      place = next;
    }
    readNotes(inner, place);
  }
}
/** Dots part steps; a backslash keeps the next character. */
function stepsOf(path: string): string[] {
  const steps = [""];
  for (let i = 0; i < path.length; i++) {
    const char = path.charAt(i);
    if (char === ".") steps.push("");
    else steps[steps.length - 1] += char === "\\" ? path.charAt(++i) : char;
  }
  return steps;
}

function rich(json: Json, note: Note | undefined, graph: Graph | undefined): Shown {
  const type = note?.type;
  if (isList(type ?? null)) return boxed(json, note, graph, type);
  if (typeof type !== "string") return untyped(json, note, graph);
  const word = typeof json === "string" ? json : JSON.stringify(json);
  switch (type) {
    case "undefined": return leaf("undefined", "undefined");
    case "bigint": return leaf("bigint", `${word}n`);
    case "Date": return leaf("date", word);
    case "number": return leaf("number", word);
    case "regexp": return leaf("regexp", word);
    case "URL": return leaf("url", word);
    case "set": return setOf(json, note, graph);
    case "map": return mapOf(json, note, graph);
    default: return untyped(json, note, graph);
  }
}

function untyped(json: Json, note: Note | undefined, graph: Graph | undefined): Shown {
  if (note === undefined || note.inside.size === 0) {
    if (graph === undefined) return shownJson(json);
  }
  const inside = (key: string, value: Json): Shown => rich(value, note?.inside.get(key), graph);
  if (isList(json)) {
    return branch("array", "", json.length, () => json.map((one, i) => placed(i, inside(String(i), one))), json);
  }
  if (!isRecord(json)) return shownJson(json);
  const entries = Object.entries(json);
  return branch("object", "", entries.length, () => entries.map(([key, one]) => named(key, inside(key, one))), json);
}

function setOf(json: Json, note: Note | undefined, graph: Graph | undefined): Shown {
  const items = isList(json) ? json : [];
  return branch("set", `Set(${items.length})`, items.length, () =>
    items.map((one, i) => placed(i, rich(one, note?.inside.get(String(i)), graph))), json);
}

function mapOf(json: Json, note: Note | undefined, graph: Graph | undefined): Shown {
  const entries = isList(json) ? json : [];
  return branch("map", `Map(${entries.length})`, entries.length, () => entries.map((entry, i) => {
    const [key = null, value = null] = isList(entry) ? entry : [];
    const at = note?.inside.get(String(i));
    const name = rich(key, at?.inside.get("0"), graph);
    const said = name.parts === undefined ? name.text : `key ${i}`;
    return { name: said, step: `.get(${said})`, value: rich(value, at?.inside.get("1"), graph) };
  }), json);
}

/** A box of the engine's own: `type` is `["custom", tag]`, `["typed-array", class]` and the like. */
function boxed(json: Json, note: Note | undefined, graph: Graph | undefined, type: Json | undefined): Shown {
  const tag = isList(type ?? null) && Array.isArray(type) ? String(type[1]) : "";
  const body = isList(json) ? json : [];
  switch (tag) {
    case "date": return leaf("date", "Invalid Date");
    case "bytes": return bytesOf(body);
    case "ref": return refOf(body, graph);
    case "graph": return rich(body[0] ?? null, note?.inside.get("0"), { nodes: body, notes: note });
    case "error": return errorOf(json, note, graph);
    case "sparse": return sparseOf(body, note, graph);
    case "entries": return branch("object", "", body.length, () => body.map((entry, i) => {
      const [key = "", value = null] = isList(entry) ? entry : [];
      return named(String(key), rich(value, note?.inside.get(String(i))?.inside.get("1"), graph));
    }), json);
    default: return untyped(json, note, graph);
  }
}

function bytesOf([name = "", base64 = ""]: readonly Json[]): Shown {
  const letters = String(base64).replace(/=+$/, "").length;
  const size = Math.floor(letters * 3 / 4);
  return leaf("bytes", `${String(name)}(${size} bytes) ${String(base64).slice(0, 32)}${letters > 32 ? "…" : ""}`);
}

function refOf([id = 0]: readonly Json[], graph: Graph | undefined): Shown {
  const target = graph?.nodes[Number(id)];
  if (graph === undefined || target === undefined) return leaf("ref", `reference ${String(id)}`);
  const node = rich(target, graph.notes?.inside.get(String(id)), graph);
  const mark = `&${String(id)}`;
  return node.parts === undefined ? node : { ...node, text: node.text === "" ? mark : `${mark} ${node.text}` };
}

function sparseOf(body: readonly Json[], note: Note | undefined, graph: Graph | undefined): Shown {
  const [length = 0, ...entries] = body;
  return branch("array", `Array(${String(length)}) with holes`, entries.length, () => entries.map((entry, i) => {
    const [index = 0, value = null] = isList(entry) ? entry : [];
    return placed(Number(index), rich(value, note?.inside.get(String(i + 1))?.inside.get("1"), graph));
  }));
}

function errorOf(json: Json, note: Note | undefined, graph: Graph | undefined): Shown {
  if (!isRecord(json)) return untyped(json, undefined, undefined);
  const part = (name: string): Shown | undefined =>
    json[name] === undefined ? undefined : rich(json[name] ?? null, note?.inside.get(name), graph);
  const data = json["data"];
  const own = isList(data ?? null) && Array.isArray(data) ? data : [];
  const title = `${String(json["name"] ?? "Error")}: ${String(json["message"] ?? "")}`;
  const body = record({ name: part("name"), message: part("message"), code: part("code"), cause: part("cause"),
    errors: part("errors"), stack: part("stack") });
  const extra = own.map((entry: Json, i: number): Part => {
    const [key = "", value = null] = isList(entry) ? entry : [];
    return named(String(key), rich(value, note?.inside.get("data")?.inside.get(String(i))?.inside.get("1"), graph));
  });
  return branch("error", title, body.size + extra.length, () => [...body.parts?.() ?? [], ...extra], json);
}
