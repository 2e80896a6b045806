/**
 * Nothing of the language is without its tests: every event type stands in a golden history, every name that a user
 * imports and every option of tasks and workflows stands in the corpus, which is crashed at every point, and in the
 * random programs. What these make is counted where they run: programs.test.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import { parseSync } from "vite";
import { describe, expect, test } from "vitest";
import * as sdk from "../sdk/index.ts";
import { eventTypes, NEVER_WRITTEN } from "./language/event-types.ts";

const root = new URL("..", import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), "utf8");
const filesIn = (folder: string, extension: string): readonly string[] =>
  readdirSync(new URL(folder, root)).filter((name) => name.endsWith(extension)).map((name) => `${folder}${name}`);

interface Node { readonly type: string; readonly [field: string]: unknown }
/** Every node of a file's syntax tree, without its imports. */
function* nodes(node: unknown): Generator<Node> {
  if (Array.isArray(node)) { for (const one of node) yield* nodes(one); return }
  if (typeof node !== "object" || node === null || !("type" in node)) return;
  const found = node as Node; // it has a type
  if (found.type === "ImportDeclaration") return;
  yield found;
  for (const [field, value] of Object.entries(found)) if (field !== "parent") yield* nodes(value);
}
const nameOf = (node: unknown): string | undefined => {
  const { name, value } = Object(node) as { readonly name?: unknown; readonly value?: unknown }; // a node, or nothing
  return typeof name === "string" ? name : typeof value === "string" ? value : undefined;
};
/** The names that files use, and the keys that they write into objects. */
function used(files: readonly string[]): { readonly names: ReadonlySet<string>; readonly keys: ReadonlySet<string> } {
  const names = new Set<string>(), keys = new Set<string>();
  for (const file of files) for (const node of nodes(parseSync(file, text(file)).program)) {
    if (node.type === "Identifier") names.add(nameOf(node) ?? "");
    if (node.type === "Property") keys.add(nameOf(node["key"]) ?? "");
  }
  return { names, keys };
}
/** The members of an interface. */
function membersOf(file: string, wanted: string): readonly string[] {
  const found = [...nodes(parseSync(file, text(file)).program)].find((node) =>
    node.type === "TSInterfaceDeclaration" && nameOf(node["id"]) === wanted);
  const { body = [] } = Object(found?.["body"]) as { readonly body?: readonly Node[] }; // of an interface
  return body.map((member) => nameOf(member["key"]) ?? "");
}

const surface = Object.keys(sdk);
const corpus = used(filesIn("test/corpus/", ".ts"));
const programs = used([...filesIn("test/language/", ".ts"), "test/random-programs.ts", "test/programs.test.ts"]);

/** Of the names that a user imports these are excused: why, stands beside them. */
const EXCUSED: { readonly [name: string]: string } = {
  openEngine: "nothing of a workflow: it begins and ends the program around it",
  isMain: "as above",
  transaction: "it needs a database, and the corpus dies in memory: exactly-once*.test.ts stop it at every place",
  RepriseError: "programs make no mistakes; the corpus's `refused` does",
};
const without = (...names: readonly string[]): readonly string[] => surface.filter((name) =>
  ["openEngine", "isMain", ...names].includes(name) && Object.hasOwn(EXCUSED, name));

describe("every name that a user imports", () => {
  test("and every option is found: there are some", () => {
    expect(surface).toEqual(expect.arrayContaining(["workflow", "task", "continueWith", "z"]));
    expect(membersOf("sdk/task.ts", "TaskOptions")).toContain("queueTimeout");
  });
  test("is used by the corpus, whose workflows die at every call to the store and have golden histories", () => {
    expect(surface.filter((name) => !corpus.names.has(name))).toEqual(without("transaction"));
  });
  test("is used by the random programs", () => {
    expect(surface.filter((name) => !programs.names.has(name))).toEqual(without("RepriseError"));
  });
});

describe("every option", () => {
  test("of tasks is used by the corpus", () => {
    expect(membersOf("sdk/task.ts", "TaskOptions").filter((name) => !corpus.keys.has(name))).toEqual([]);
  });
  test("of workflows is used by the corpus", () => {
    expect(membersOf("sdk/workflow.ts", "WorkflowOptions").filter((name) => !corpus.keys.has(name))).toEqual([]);
  });
  test("of the cache is used by the corpus or the random programs", () => {
    expect(membersOf("sdk/cache.ts", "CacheOptions").filter((name) => !corpus.keys.has(name)
      && !programs.keys.has(name))).toEqual([]);
  });
});

describe("every type of event", () => {
  test("is read from engine/core/events.ts: there are some", () => {
    expect(eventTypes).toEqual(expect.arrayContaining(["RunStarted", "Noted"]));
    expect(eventTypes.length).toBeGreaterThan(40);
  });
  test("stands in a golden history", () => {
    const seen = new Set(readdirSync(new URL("test/histories/", root)).flatMap((version) =>
      filesIn(`test/histories/${version}/`, ".json").flatMap((file) =>
        // What the recorder wrote.
        (JSON.parse(text(file)) as { readonly events: readonly { readonly type: string }[] }).events
          .map(({ type }) => type))));
    expect(eventTypes.filter((type) => !seen.has(type))).toEqual(NEVER_WRITTEN);
  });
});
