/**
 * A value as it is shown: a tree that is opened part by part, so that ten megabytes cost what is looked at. It tells a
 * Date from a text and a Map from an object, which JSON cannot, and never becomes a live object of the page.
 */

export type Kind =
  | "null" | "undefined" | "boolean" | "number" | "string" | "bigint" | "date" | "regexp" | "url" | "symbol" | "bytes"
  | "ref" | "hole" | "array" | "object" | "map" | "set" | "error" | "range";

/** One node. Leaves have no `parts`. */
export interface Shown {
  readonly kind: Kind;
  /** A leaf as it would be written; of a container what stands before its braces: `Map(3)`, `Error: gone`, or "". */
  readonly text: string;
  /** Number of parts. */
  readonly size: number;
  /** Read again on each call, never kept: the state behind it may move. */
  readonly parts?: () => readonly Part[];
  /** Two nodes with the same source (by identity) are equal, unseen. */
  readonly source?: unknown;
  /** More of it can be asked for. */
  readonly ask?: { readonly word: string; readonly now: () => void };
  /** A large value kept apart: where to get it. */
  readonly ref?: { readonly hash: string; readonly bytes: number };
}
/** One part of a container. `step` is how a path goes on: `.name`, `["a b"]`, `[3]`. */
export interface Part { readonly name: string; readonly step: string; readonly value: Shown }

/** A leaf. */
export function leaf(kind: Kind, text: string): Shown { return { kind, text, size: 0 } }

/** A text, quoted. */
export function text(value: string): Shown { return leaf("string", JSON.stringify(value)) }

/** A container with these parts. */
export function branch(kind: Kind, title: string, size: number, parts: () => readonly Part[],
  source?: unknown): Shown {
  return source === undefined ? { kind, text: title, size, parts } : { kind, text: title, size, parts, source };
}

/** A part reached by name. */
export function named(name: string, value: Shown): Part {
  return { name, step: /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`, value };
}
/** A part whose value is made when it is looked at. */
export function lazily(name: string, make: () => Shown): Part {
  const { step } = named(name, NOTHING);
  return { name, step, get value() { return make() } };
}
const NOTHING: Shown = { kind: "undefined", text: "undefined", size: 0 };
/** A part reached by place, from 0. */
export function placed(index: number, value: Shown): Part { return { name: String(index), step: `[${index}]`, value } }

/** An object of the given parts; those whose value is undefined are left out. */
export function record(parts: { readonly [name: string]: Shown | undefined }, title = ""): Shown {
  const kept = Object.entries(parts).flatMap(([name, value]) => value === undefined ? [] : [named(name, value)]);
  return branch("object", title, kept.length, () => kept);
}

/** More parts than this are shown in ranges. */
const WIDE = 1000;
/** The parts to list below a node: all, or ranges of them where there are very many. */
export function listed(node: Shown): readonly Part[] {
  const parts = node.parts?.() ?? [];
  if (parts.length <= WIDE || node.kind === "range") return parts;
  const ranges: Part[] = [];
  for (let from = 0; from < parts.length; from += WIDE) {
    const some = parts.slice(from, from + WIDE);
    const name = `${from} … ${from + some.length - 1}`;
    ranges.push({ name, step: "", value: branch("range", name, some.length, () => some) });
  }
  return ranges;
}

/** One line about a value, at most about `max` characters. */
export function preview(node: Shown, max = 60): string {
  const out = new Line(max);
  write(node, out, 0);
  return out.text;
}

class Line {
  text = "";
  readonly #max: number;
  constructor(max: number) { this.#max = max }
  get left(): number { return this.#max - this.text.length }
  add(more: string): void { this.text += more }
}

const DEEP = 3;
function write(node: Shown, out: Line, depth: number): void {
  if (node.parts === undefined) { out.add(short(node, Math.max(8, out.left))); return }
  if (node.kind === "error") { out.add(cutTo(node.text, Math.max(16, out.left))); return }
  const [open, close] = node.kind === "array" || node.kind === "set" ? ["[", "]"] : ["{ ", " }"];
  if (node.text !== "") out.add(`${node.text} `);
  if (node.size === 0) { out.add(open.trim() + close.trim()); return }
  if (depth >= DEEP || out.left < 12) { out.add(node.kind === "array" ? `[${node.size}]` : "{…}"); return }
  out.add(open);
  const parts = node.parts();
  for (const [i, part] of parts.entries()) {
    if (i > 0) out.add(", ");
    if (out.left < 8) { out.add(i === 0 ? "…" : `… ${parts.length - i} more`); break }
    if (node.kind === "map") out.add(`${part.name} => `);
    else if (node.kind !== "array" && node.kind !== "set") out.add(`${part.name}: `);
    write(part.value, out, depth + 1);
  }
  out.add(close);
}
function short(node: Shown, room: number): string {
  if (node.kind !== "string" || node.text.length <= room) return cutTo(node.text, Math.max(room, 24));
  return `${node.text.slice(0, room - 2)}…"`;
}
function cutTo(line: string, room: number): string {
  return line.length <= room ? line : `${line.slice(0, room - 1)}…`;
}

/** The whole value as text, as it would be written by hand; what cannot be written stands as a remark. */
export function wholeText(node: Shown, indent = "", depth = 0): string {
  if (node.parts === undefined) return node.kind === "date" ? `new Date(${JSON.stringify(node.text)})` : node.text;
  if (depth > 60) return "/* deeper */";
  const inner = `${indent}  `;
  const list = node.kind === "array" || node.kind === "set";
  const lines = node.parts().map((part) => {
    const value = wholeText(part.value, inner, depth + 1);
    if (node.kind === "map") return `${inner}[${part.name}, ${value}]`;
    return list ? inner + value : `${inner}${nameText(part.name)}: ${value}`;
  });
  const body = lines.length === 0 ? "" : `\n${lines.join(",\n")}\n${indent}`;
  if (node.kind === "map") return `new Map([${body}])`;
  if (node.kind === "set") return `new Set([${body}])`;
  if (list) return `[${body}]`;
  return node.kind === "error" ? `/* ${node.text.replaceAll("*/", "* /")} */ {${body}}` : `{${body}}`;
}
function nameText(name: string): string { return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name) }

/** The node at a path made of steps, and `undefined` where the path ends in nothing. */
export function at(root: Shown, path: string): Shown | undefined {
  let node: Shown | undefined = root, left = path;
  while (left !== "" && node !== undefined) {
    const found: Part | undefined = node.parts?.().find((part) => part.step !== "" && goesOn(left, part.step));
    if (found === undefined) return undefined;
    left = left.slice(found.step.length);
    node = found.value;
  }
  return node;
}
function goesOn(path: string, step: string): boolean {
  return path.startsWith(step) && (path.length === step.length || ".[".includes(path.charAt(step.length)));
}

/** One line of an opened tree. */
export interface TreeLine {
  readonly path: string; readonly depth: number; readonly name: string; readonly value: Shown;
  readonly open: boolean;
}
/** The visible lines of a tree. `isOpen` is asked for each container; a range has `<0 … 999>` at the end of its
 *  path. */
export function treeLines(root: Shown, isOpen: (path: string, part: Part) => boolean,
  matches?: (line: Part) => boolean): TreeLine[] {
  const lines: TreeLine[] = [];
  const walk = (node: Shown, path: string, depth: number): void => {
    for (const part of listed(node)) {
      const inner = part.step === "" ? `${path}<${part.name}>` : path.replace(/<[^>]*>$/, "") + part.step;
      if (matches !== undefined && !holds(part, matches, 0)) continue;
      const { value } = part;
      const open = value.parts !== undefined && (matches !== undefined || isOpen(inner, part));
      lines.push({ path: inner, depth, name: part.name, value, open });
      if (open && depth < 60) walk(value, inner, depth + 1);
      if (lines.length > MOST_LINES) return;
    }
  };
  walk(root, "", 0);
  return lines;
}
const MOST_LINES = 200_000;

function holds(part: Part, matches: (part: Part) => boolean, depth: number): boolean {
  if (matches(part)) return true;
  return depth < 12 && (part.value.parts?.().some((inner) => holds(inner, matches, depth + 1)) ?? false);
}
