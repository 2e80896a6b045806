/** What the pages show is true: programs print what stands below them, excerpts are of their files, links lead on. */
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url)), cli = join(root, "dist/sdk/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "reprise-docs-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Program { readonly name: string; readonly code: string; readonly prints: string }
interface Excerpt { readonly page: string; readonly file: string; readonly code: string }
/** Its code needs tables of an application; examples/exactly-once is run instead. */
const SKETCHES = "guides/exactly-once.md";
const programs: Program[] = [], excerpts: Excerpt[] = [], strays: string[] = [];
const pages = [...readdirSync(join(root, "docs/guides")).sort().map((page) => `guides/${page}`), "testing.md"];
for (const page of pages) {
  const text = read(`docs/${page}`);
  for (const match of text.matchAll(/```ts\n([\s\S]*?)```\n(?:```text\n([\s\S]*?)```)?/g)) {
    const [, code = "", prints] = match, before = text.slice(0, match.index);
    const [, file] = /From \[[^\]]*\]\(([^)]*)\):\n\n$/.exec(before) ?? [];
    const name = `${basename(page, ".md")}-${programs.length}`;
    if (prints !== undefined) programs.push({ name, code, prints });
    else if (file !== undefined) excerpts.push({ page, file: join("docs", dirname(page), file), code });
    else if (page !== SKETCHES) strays.push(`${page}: ${code.slice(0, 60)}`);
  }
}

beforeAll(() => {
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/reprise"));
  symlinkSync(join(root, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  for (const { name, code } of programs) writeFileSync(join(folder, `${name}.ts`), code);
});

/** A file run as a user runs it, on a database of its own. */
function run(file: string): Promise<{ readonly out: string; readonly err: string; readonly status: number | null }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, "run", file], { cwd: folder, stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, VITEST: "", REPRISE_DATABASE_URL: "memory:", REPRISE_LOG_LEVEL: "critical" } });
    let out = "", err = "";
    child.stdout.on("data", (chunk) => { out += String(chunk) });
    child.stderr.on("data", (chunk) => { err += String(chunk) });
    child.once("close", (status) => { resolve({ out, err, status }) });
  });
}

describe("a guide's program", () => {
  test("is each block of code that is not an excerpt, and says what it prints", () => {
    expect(strays).toEqual([]);
    expect(programs.length).toBeGreaterThan(12);
  });
  test.each(programs.map((program) => [program.name, program] as const))("%s prints what stands below it",
    async (_name, { name, prints }) => {
      const { out, err, status } = await run(`${name}.ts`);
      expect(out, err).toBe(prints);
      expect(status, err).toBe(0);
    });
});

test("excerpts stand in the files that they name", () => {
  expect(excerpts.length).toBeGreaterThan(0);
  for (const { page, file, code } of excerpts) expect(read(file), `${page} shows ${file}`).toContain(code.trim());
});

test("the guides' programs and the examples compile under strict types", () => {
  const options = { ...JSON.parse(read("examples/tsconfig.json")).compilerOptions as object }; // our own file
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  for (const project of [join(folder, "tsconfig.json"), join(root, "examples/tsconfig.json")]) {
    const compile = (): string => execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p",
      project], { encoding: "utf8" });
    expect(compile, project).not.toThrow();
  }
});

/** The names that "reprise" and "reprise/testing" export, types included, as their declarations say. */
function exportsOf(): readonly string[] {
  const declared = read("dist/sdk/index.d.ts") + read("dist/sdk/testing.d.ts");
  const own = [...declared.matchAll(/export declare (?:async )?function (\w+)/g)].map(([, name = ""]) => name);
  return [...own, ...[...declared.matchAll(/export (?:type )?\{([^}]*)\}/g)]
    .flatMap(([, names = ""]) => names.split(",")).map((name) => name.replace(/^\s*type |.* as /, "").trim())
    .filter((name) => name !== "")];
}

test("every export has its line in docs/api.md, and every line there is an export", () => {
  const lines = [...read("docs/api.md").matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(exportsOf().length).toBeGreaterThan(50);
  expect([...lines].sort()).toEqual([...exportsOf()].sort());
});

test("links between pages lead to files that are there", () => {
  const all = ["README.md", "CHANGELOG.md", "examples/README.md", ...readdirSync(join(root, "docs"), { recursive: true,
    encoding: "utf8" }).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
  const dead = all.flatMap((page) => [...read(page).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, to = ""]) => to)
    .filter((to) => !existsSync(join(root, dirname(page), to))).map((to) => `${page}: ${to}`));
  expect(dead).toEqual([]);
});
