/** The rules of the house that a machine can keep: who imports whom, how long things are, what must be documented. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "vite";
import { describe, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;
/** Files below these folders whose names match, relative to the root. */
const under = (pattern: RegExp, ...folders: string[]): readonly string[] =>
  folders.filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
    `${folder}/${name}`))
  .filter((path) => pattern.test(path) && !path.includes("node_modules")).sort();
const text = (path: string): string => readFileSync(join(root, path), "utf8");

const product = under(/(?<!\.d)\.tsx?$/, "engine", "sdk", "replay-viewer");
const around = under(/\.(ts|mjs)$/, "test", "bench", "examples");
const sql = under(/\.sql$/, "engine/store/sql");

/** The rooms, top down. A file belongs to the first that its path begins with. */
const ROOMS = ["sdk/cli", "sdk/debug", "sdk", "replay-viewer/server", "replay-viewer/web", "replay-viewer/model",
  "engine/runtime", "engine/store",
  "engine/replay", "engine/codec", "engine/core", "engine"] as const;
type Room = (typeof ROOMS)[number];
const roomOf = (path: string): Room | undefined => ROOMS.find((room) => path.startsWith(`${room}/`));

const MAY: { readonly [R in Room]: { readonly rooms: readonly Room[]; readonly packages: readonly string[] } } = {
  "engine/core": { rooms: [], packages: [] },
  "engine/codec": { rooms: ["engine/core"], packages: ["superjson", "zod"] },
  "engine/replay": { rooms: ["engine/core"], packages: [] },
  "engine/store": { rooms: ["engine/core", "engine/codec"], packages: ["postgres", "@electric-sql/pglite"] },
  "engine/runtime": { rooms: ["engine/core", "engine/codec", "engine/replay", "engine/store"], packages: ["ulid"] },
  "engine": { rooms: ["engine/core", "engine/codec", "engine/replay", "engine/store", "engine/runtime"], packages: [] },
  "sdk": { rooms: ["engine", "replay-viewer/server"], packages: ["zod", "tsx"] },
  "replay-viewer/model": { rooms: ["engine/core"], packages: [] },
  "replay-viewer/web": { rooms: ["replay-viewer/model", "engine/core"],
    packages: ["preact", "@preact/signals", "microdiff", "superjson"] },
  "replay-viewer/server": { rooms: ["engine", "replay-viewer/model"],
    packages: ["ws", "zod", "hono", "@hono/node-server"] },
  "sdk/debug": { rooms: ["sdk", "engine"], packages: ["acorn"] },
  "sdk/cli": { rooms: ["sdk", "sdk/debug", "engine", "replay-viewer/server"], packages: ["commander"] },
};

interface Import { readonly from: string; readonly to: string; readonly dynamic: boolean; readonly type: boolean }

/** The ways in which one file names another; `require` is for built-in modules only, and counts all the same. */
const IMPORTS = /^(Import(Declaration|Expression)|Export(Named|All)Declaration|TSImportType|CallExpression)$/;

function importsOf(path: string): readonly Import[] {
  const found: Import[] = [];
  for (const node of tree(path)) {
    if (!IMPORTS.test(node.type) || (node.type === "CallExpression" && nameOf(node["callee"]) !== "require")) continue;
    const [argument] = Array.isArray(node["arguments"]) ? node["arguments"] as readonly unknown[] : [];
    const to = stringOf(node["source"] ?? argument);
    if (to === undefined) continue;
    const type = node.type === "TSImportType" || node["importKind"] === "type" || node["exportKind"] === "type";
    found.push({ from: path, to, dynamic: node.type === "ImportExpression", type });
  }
  return found;
}
const target = ({ from, to }: Import): string | undefined => to.startsWith(".") ? normalize(join(dirname(from), to))
  : undefined;
const builtin = (name: string): boolean => name.startsWith("node:") || builtinModules.includes(name);

interface Node { readonly type: string; readonly start: number; readonly end: number;
  readonly [field: string]: unknown }
/** Every node of a file's syntax tree, parents before children. */
function* nodes(node: unknown): Generator<Node> {
  if (Array.isArray(node)) { for (const one of node) yield* nodes(one); return }
  if (typeof node !== "object" || node === null) return;
  if ("type" in node && typeof node.type === "string") yield node as Node; // a syntax node has a type and its place
  for (const [field, value] of Object.entries(node)) if (field !== "parent") yield* nodes(value);
}
const parsed = new Map<string, ReturnType<typeof parseSync>>();
/** A source file's syntax, read once. */
function syntax(path: string): ReturnType<typeof parseSync> {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const made = parseSync(path, text(path));
  if (made.errors.length > 0) throw new Error(`${path} cannot be parsed: ${made.errors[0]?.message}`);
  parsed.set(path, made);
  return made;
}
const tree = (path: string): Generator<Node> => nodes(syntax(path).program);
const lineOf = (path: string, offset: number): number => text(path).slice(0, offset).split("\n").length;
const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value;
const nameOf = (value: unknown): unknown => isNode(value) ? value["name"] : undefined;
const stringOf = (value: unknown): string | undefined =>
  isNode(value) && typeof value["value"] === "string" ? value["value"] : undefined;
/** Lines on which a comment stands; what looks like one inside a text does not count. */
const commented = (path: string): ReadonlySet<number> => new Set(syntax(path).comments.flatMap(({ start, end }) => {
  const first = lineOf(path, start);
  return Array.from({ length: lineOf(path, end) - first + 1 }, (_, i) => first + i);
}));

describe("imports", () => {
  test("go from a room only to the rooms and packages that the table allows", () => {
    const wrong: string[] = [];
    for (const path of product) {
      const room = roomOf(path);
      if (room === undefined) { wrong.push(`${path} is in no room`); continue }
      for (const one of importsOf(path)) {
        const file = target(one);
        if (file === undefined) {
          const name = one.to.split("/").slice(0, one.to.startsWith("@") ? 2 : 1).join("/");
          const allowed = builtin(one.to) ? room !== "engine/core" && room !== "replay-viewer/model"
            : MAY[room].packages.includes(name);
          if (!allowed) wrong.push(`${path} imports ${one.to}`);
        } else {
          const other = roomOf(file);
          if (other !== room && (other === undefined || !MAY[room].rooms.includes(other))) wrong.push(
            `${path} imports ${file}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test("of the rooms of the engine go through its composition root, from outside", () => {
    expect(product.filter((path) => !path.startsWith("engine/")).flatMap(importsOf)
      .filter((one) => /^engine\/(?!index\.ts)/.test(target(one) ?? "") && !one.from.startsWith("replay-viewer/"))
      .map(({ from, to }) => `${from}: ${to}`)).toEqual([]);
  });

  test("of the store by the runtime name the port and nothing else", () => {
    expect(under(/\.ts$/, "engine/runtime").flatMap(importsOf).map((one) => target(one) ?? "")
      .filter((file) => file.startsWith("engine/store/") && file !== "engine/store/port.ts")).toEqual([]);
  });

  test("of an adapter are dynamic, in the composition root, so that nobody loads what he does not use", () => {
    const adapters = ["pglite", "postgres", "memory", "remote"].map((name) => `engine/store/${name}.ts`);
    const loads = product.flatMap(importsOf).filter((one) => adapters.includes(target(one) ?? "") && !one.type);
    const composed = (one: Import): boolean => one.dynamic && /^engine\/\w+\.ts$/.test(one.from);
    const wrong = loads.filter((one) => !composed(one) && !one.from.endsWith("-thread.ts"));
    expect(wrong.map(({ from }) => from)).toEqual([]);
  });

  test("make no circle of files", () => {
    const graph = new Map(product.map((path) => [path,
      importsOf(path).filter((one) => !one.type).flatMap((one) => target(one) ?? [])]));
    const done = new Set<string>(), circles: string[] = [];
    const walk = (path: string, above: readonly string[]): void => {
      if (above.includes(path)) { circles.push([...above.slice(above.indexOf(path)), path].join(" -> ")); return }
      if (done.has(path)) return;
      for (const next of graph.get(path) ?? []) walk(next, [...above, path]);
      done.add(path);
    };
    for (const path of product) walk(path, []);
    expect(circles).toEqual([]);
  });

  test("of tests, benches and examples are made by nobody", () => {
    expect(product.flatMap(importsOf).map((one) => target(one)
      ?? "").filter((file) => /^(test|bench|examples)\//.test(file))).toEqual([]);
  });
});

describe("files", () => {
  test("have no names that say nothing", () => {
    expect(product.filter((path) =>
      /(^|[/-])(utils?|helpers?|common|misc|types|manager|impl)\.tsx?$/i.test(path))).toEqual([]);
  });

  test("have at most 400 lines of at most 120 columns", () => {
    const files = [...product, ...around, ...sql];
    expect(files.filter((path) => text(path).split("\n").length > 401)).toEqual([]);
    expect(files.flatMap((path) => text(path).split("\n").flatMap((line, i) => line.length > 120 ? [`${path}:${i + 1}`]
      : []))).toEqual([]);
  });

  test("have functions of at most 60 lines", () => {
    const long: string[] = [];
    for (const path of product) {
      for (const node of tree(path)) {
        if (!/Function(Declaration|Expression)$/.test(node.type)) continue;
        const lines = lineOf(path, node.end) - lineOf(path, node.start) + 1;
        if (lines > 60) long.push(`${path}:${lineOf(path, node.start)} has ${lines}`);
      }
    }
    expect(long).toEqual([]);
  });

  test("say nowhere `any`, and beside every cast why it is true", () => {
    const wrong: string[] = [];
    for (const path of product) {
      const comments = commented(path);
      for (const node of tree(path)) {
        if (node.type === "TSAnyKeyword") wrong.push(`${path}:${lineOf(path, node.start)} says any`);
        const to = node["typeAnnotation"];
        if (!/^TS(As|TypeAssertion)/.test(node.type) || !isNode(to)) continue;
        if (isNode(to["typeName"]) && nameOf(to["typeName"]) === "const") continue;
        const line = lineOf(path, to.start), near = [line - 2, line - 1, line, lineOf(path, node.end)];
        if (!near.some((one) => comments.has(one))) wrong.push(`${path}:${line} casts`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("document what they export", () => {
    const silent: string[] = [];
    for (const path of product) {
      const lines = text(path).split("\n");
      // By the text's lines; what stands in a template literal is no export of the file.
      const code = text(path).replace(/`[^`]*`/g, (literal) => literal.replace(/[^\n]/g, " ")).split("\n");
      const exports = code.flatMap((line, i) => /^export (async )?(function|class)/.test(line) ? [i] : []);
      for (const i of exports) {
        const before = lines.slice(Math.max(0, i - 6), i).join("\n");
        const overload = /^export (async )?function \w+[^{]*$/.test(lines[i - 1] ?? "")
          || /^ .*;$/.test(lines[i - 1] ?? "");
        if (!/\*\/\s*$/.test(before) && !overload && !isOneLiner(lines[i] ?? "")) silent.push(
          `${path}:${i + 1} ${lines[i] ?? ""}`);
      }
    }
    expect(silent).toEqual([]);
  });

  test("of SQL begin with their contract", () => {
    expect(sql.filter((path) => !text(path).startsWith("-- "))).toEqual([]);
  });
});
/** `isX(...) { return ... }`: the name and the types say it all. */
function isOneLiner(line: string): boolean { return /\}\s*(\/\/.*)?$/.test(line) }

describe("the engine", () => {
  test("reads the clock in one place, and draws randomness in one", () => {
    const wrong: string[] = [];
    for (const path of under(/\.ts$/, "engine/core", "engine/codec", "engine/runtime")) {
      for (const [i, line] of text(path).split("\n").entries()) {
        const code = line.replace(/\/\/.*|\/?\*.*/, "");
        if (/\bDate\.now\(|\bnew Date\(\)|performance\.now\(|[^.]\bset(Timeout|Interval)\(/.test(code)
          && path !== "engine/runtime/clock.ts") {
          wrong.push(`${path}:${i + 1} reads a clock`);
        }
        if (/Math\.random\(|randomUUID\(/.test(code) && path !== "engine/runtime/ids.ts") wrong.push(
          `${path}:${i + 1} draws`);
      }
    }
    expect(wrong).toEqual([]);
  });

  const pages = readdirSync(join(root, "docs/errors")).map((name) => name.replace(".md", ""))
    .filter((name) => name !== "README");

  test("has a page for every error code, and no page for a code that nobody gives", () => {
    const codes = product.flatMap(errorCodes);
    const whole = codes.filter((code) => !code.endsWith("_")), begun = codes.filter((code) => code.endsWith("_"));
    expect(new Set(whole).size).toBeGreaterThan(40);
    expect([...new Set(whole)].filter((code) => !pages.includes(code))).toEqual([]);
    expect(pages.filter((page) => !whole.includes(page) && !begun.some((code) => page.startsWith(code)))).toEqual([]);
  });

  test("lists every error page once, with the exit code that the command line gives", () => {
    const [, table = ""] = /EXITS[^=]*= \{([^}]*)\}/.exec(text("sdk/cli/output.ts")) ?? [];
    const exits = new Map([...table.matchAll(/([A-Z_]+): (\d+)/g)].map(([, code, exit]) => [code, exit]));
    const rows = [...text("docs/errors/README.md").matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| .+\. \| (\d+) \|$/gm)];
    expect(exits.size).toBeGreaterThan(20);
    expect(rows.map(([, code, page, exit]) => ({ code, page, exit })))
      .toEqual(pages.sort().map((page) => ({ code: page, page, exit: exits.get(page) ?? "1" })));
  });
});

const CODE = /^[A-Z]{2,}(_[A-Z]*)*$/;
/** The error codes that a file gives: the first argument of an error's constructor, or a field or parameter `code`;
 *  one that ends with `_` is a beginning. A name is followed to the texts that it is given in the same file. */
function errorCodes(path: string): readonly string[] {
  const given: unknown[] = [], names = new Set<unknown>(["code"]);
  const all = [...tree(path)];
  for (const node of all) {
    const makes = nameOf(node["callee"]);
    const error = makes === "RepriseError" || makes === "StoreError"
      || (isNode(node["callee"]) && node["callee"].type === "Super");
    const [first] = Array.isArray(node["arguments"]) ? node["arguments"] as readonly unknown[] : [];
    if (error && isNode(first)) { given.push(first); names.add(nameOf(first)) }
    if (node.type === "Property" && nameOf(node["key"]) === "code") given.push(node["value"]);
  }
  for (const node of all) {
    if (node.type === "VariableDeclarator" && names.has(nameOf(node["id"]))) given.push(node["init"]);
    if (node.type === "AssignmentPattern" && names.has(nameOf(node["left"]))) given.push(node["right"]);
  }
  return given.flatMap(textsOf).filter((word) => CODE.test(word));
}
/** The texts that an expression can give: both branches of a choice, the beginning of a sum; never what it compares. */
function textsOf(value: unknown): readonly string[] {
  if (!isNode(value)) return [];
  const parts = value.type === "ConditionalExpression" ? [value["consequent"], value["alternate"]]
    : value.type === "LogicalExpression" ? [value["left"], value["right"]]
    : value.type === "BinaryExpression" && value["operator"] === "+" ? [value["left"]] : [];
  return parts.length === 0 ? [stringOf(value) ?? []].flat() : parts.flatMap(textsOf);
}
