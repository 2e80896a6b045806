/** What differs between a recorded decision and the same one now, by path: for people, so it is short. */
import type { Json, Payload } from "../core/events.ts";

/** One place at which two values differ. Both sides are JSON, cut to a readable length; absent = nothing is there. */
export interface Change { readonly path: string; readonly was?: string; readonly now?: string }

/** Changes that are told; one more says that there are others. */
export const MOST_CHANGES = 5;
const MOST_CHARACTERS = 80;
/** Characters that are shown before the first one that differs. */
const BEFORE = 24;

interface Valued { readonly input?: Payload; readonly result?: Payload; readonly schema?: Payload;
  readonly dueAt?: number }

/** Where the values of two decisions of one type differ: at most MOST_CHANGES, and one more if there are others. */
export function changesOf(recorded: object, issued: object): readonly Change[] {
  const was: Valued = recorded, now: Valued = issued, found: Change[] = [];
  for (const field of ["input", "result", "schema"] as const) {
    compare(field, plainOf(was[field]), plainOf(now[field]), found);
    if (found.length === 0) compare(`types in ${field}`, typesOf(was[field]), typesOf(now[field]), found);
  }
  if (was.dueAt !== now.dueAt) compare("dueAt", instant(was.dueAt), instant(now.dueAt), found);
  return found;
}

/** Changes as lines, `-` what was and `+` what is now. */
export function changeLines(changes: readonly Change[]): readonly string[] {
  const lines = changes.slice(0, MOST_CHANGES).flatMap(({ path, was, now }) => [
    ...was === undefined ? [] : [`- ${path} = ${was}`], ...now === undefined ? [] : [`+ ${path} = ${now}`]]);
  return changes.length > MOST_CHANGES ? [...lines, "and more"] : lines;
}

/** The JSON that a payload holds; that of values which JSON cannot say, in superjson's form. */
function plainOf(payload: Payload | undefined): Json | undefined {
  if (payload === undefined || "ref" in payload) return undefined;
  return "p" in payload ? payload.p : payload.s.json;
}
function typesOf(payload: Payload | undefined): Json | undefined {
  return payload !== undefined && "s" in payload ? payload.s.meta : undefined;
}
function instant(at: number | undefined): Json | undefined {
  return at !== undefined && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : at;
}

function compare(path: string, was: Json | undefined, now: Json | undefined, found: Change[]): void {
  if (found.length > MOST_CHANGES || was === now) return;
  if (isNested(was) && isNested(now) && Array.isArray(was) === Array.isArray(now)) {
    const entry = nameOfEntry(was, now);
    for (const key of new Set([...Object.keys(was), ...Object.keys(now)])) {
      const step = entry ?? key;
      compare(entry === undefined && Array.isArray(was) ? `${path}[${key}]`
        : /^[\w$-]+$/.test(step) ? `${path}.${step}` : `${path}[${JSON.stringify(step)}]`,
      partOf(was, key), partOf(now, key), found);
    }
    return;
  }
  const [before, after] = [textOf(was), textOf(now)], from = firstDifferent(before ?? "", after ?? "");
  found.push({ path, ...(before !== undefined && { was: cut(before, from) }),
    ...(after !== undefined && { now: cut(after, from) }) });
}

type Nested = readonly Json[] | { readonly [key: string]: Json };
function isNested(value: Json | undefined): value is Nested { return typeof value === "object" && value !== null }
function partOf(value: Nested, key: string): Json | undefined {
  // Its own: a key `__proto__` of the other side is none of this one.
  return Object.hasOwn(value, key) ? (value as { readonly [key: string]: Json })[key] : undefined;
}
/** The key of an entry of a Map, where both are entries of the same. */
function nameOfEntry(was: Nested, now: Nested): string | undefined {
  if (!Array.isArray(was) || !Array.isArray(now) || was.length !== 2 || now.length !== 2) return undefined;
  const [name]: readonly Json[] = was;
  return typeof name === "string" && name === now[0] ? name : undefined;
}

function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
function firstDifferent(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}
/** A long text around its character `at`; a string keeps its quotes. */
function cut(text: string, at: number): string {
  if (text.length <= MOST_CHARACTERS) return text;
  const quote = text.startsWith('"') ? '"' : "", from = quote === "" ? 0 : Math.max(0, at - BEFORE);
  const to = from + MOST_CHARACTERS, end = to < text.length ? `…${quote}` : "";
  return `${from > 0 ? `${quote}…` : ""}${text.slice(from, to)}${end}`;
}
