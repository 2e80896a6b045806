/** What a user meets in a folder of his own: the packed package, scripts that are killed, edited, run side by side. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const base = mkdtempSync(join(tmpdir(), "reprise-scripts-"));
afterAll(() => { rmSync(base, { recursive: true, force: true }) });

const environment: NodeJS.ProcessEnv = { ...process.env, VITEST: "", REPRISE_DATABASE_URL: "",
  REPRISE_LOG_LEVEL: "error" };

/** A folder with a package.json and this repository's build as its node_modules/reprise. */
function project(name: string, files: { readonly [file: string]: string },
  manifest: object = { type: "module" }): string {
  const folder = join(base, name);
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/reprise"));
  symlinkSync(join(root, "node_modules/lodash"), join(folder, "node_modules/lodash"));
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}
interface Outcome { readonly stdout: string; readonly stderr: string; readonly status: number | null }
function node(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env: { ...environment, ...env },
    timeout: 150_000 });
}
function reprise(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  return node(folder, [join(root, "dist/sdk/cli/main.js"), ...args], env);
}
/** Starts a command and kills it with SIGKILL when it has printed `text`. */
function killAt(folder: string, command: string, args: readonly string[], text: string,
  env: NodeJS.ProcessEnv = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, env: { ...environment, ...env } });
    let said = "";
    const look = (chunk: unknown): void => { said += String(chunk); if (said.includes(text)) child.kill("SIGKILL") };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("exit", (_code, signal) => {
      if (signal === "SIGKILL") resolve(); else reject(new Error(`ended without ${text}: ${said}`));
    });
  });
}

describe("the README's sample, on the packed package in an empty folder", () => {
  let tarball = "", sample = "";
  const served = join(base, "served.json");
  beforeAll(() => {
    const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", base],
      // npm's own format
      { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as { filename: string }[];
    tarball = join(base, packed?.filename ?? "");
    const block = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
    writeFileSync(served, JSON.stringify(Array.from({ length: 200 }, (_, id) => ({ id, title: `t${id}` }))));
    // The same code; the data comes from a data: URL, and the minute is a short one.
    sample = block.replace(/url: "https:[^"]*"/,
      `url: "data:application/json,${encodeURIComponent(readFileSync(served, "utf8"))}"`)
      .replace('sleep("1m")', 'sleep("3s")');
    expect(sample).not.toBe(block);
  });
  // NODES names further node binaries, separated by colons.
  for (const binary of [process.execPath, ...(process.env["NODES"] ?? "").split(":").filter((path) => path !== "")]) {
    const version = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim();
    for (const type of ["none", "commonjs", "module"]) {
      test(`runs, is killed, resumes and says what it kept: node ${version}, package type ${type}`, async () => {
        const folder = join(base, `sample-${version}-${type}`);
        mkdirSync(folder);
        writeFileSync(join(folder, "package.json"), JSON.stringify(type === "none" ? { name: "x" }
          : { name: "x", type }));
        execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", tarball],
          { cwd: folder, stdio: "ignore" });
        writeFileSync(join(folder, "etl.ts"), sample);
        const bin = join(folder, "node_modules/reprise/dist/sdk/cli/main.js");
        await killAt(folder, binary, [bin, "run", "etl.ts"], "Sleeping for", { REPRISE_LOG_LEVEL: "debug" });
        const again = spawnSync(binary, [bin, "run", "etl.ts"], { cwd: folder, encoding: "utf8", env: environment });
        expect(again.stderr).toMatch(/Resuming run '[a-z]+-[a-z]+' at event \d+: 1 task kept/);
        expect(again.stdout).toBe("writing 100 rows\n100\n");
        expect(again.status).toBe(0);
      });
    }
  }
});

const STEP = 'import { sleep, task, workflow } from "reprise";\nconst step = task("step", async (n) => n);\n';

describe.each([["none", {}], ["commonjs", { type: "commonjs" }], ["module", { type: "module" }]])(
  "files in TypeScript that a file imports, package type %s", (type, manifest) => {
    const files = {
      "a.ts": `import { workflow } from "reprise";
        import { thrower } from "./b.ts";
        import { ready } from "./awaits.js";
        import { sibling } from "./sibling.js";
        import { common } from "./common.cts";
        const w = workflow("imports", async () => { await thrower(ready + sibling + common) });
        await w();`,
      "b.ts": `import { task } from "reprise";
        interface Lost { readonly when: "types are taken out" }

        export const thrower = task("thrower", async (what: string) => { throw new Error(what) });\n`,
      "awaits.ts": 'export const ready: string = await Promise.resolve("1 ");',
      "sibling.js": 'export const sibling = "2 ";', "common.cts": 'export const common: string = "3";',
    };

    test("are modules: they may await, and errors and calls are told with their own lines", () => {
      const folder = project(`imports-${type}`, files, manifest);
      const { stderr, status } = reprise(folder, ["run", "a.ts"]);
      expect(stderr).toContain("RUN_FAILED: the run failed: 1 2 3");
      expect(stderr).toMatch(/ at Object\.fn \(\/\S+\/b\.ts:4:\d+\)/);
      expect(stderr).not.toContain("data:");
      expect(status).toBe(1);
      const events = reprise(folder, ["runs", "events", "-1", "--json"]).stdout;
      expect(events).toContain('"site": "a.ts:6:');
      expect(events).not.toContain("data:");
    });
  });

describe("a script", () => {
  test("that imports lodash before reprise is told on its first run that it is not deterministic", () => {
    const dice =
      'const roll = workflow("roll", async () => step(_.random(1, 1e9)));\nconsole.log(typeof await roll());\n';
    const folder = project("lodash", {
      "before.mjs": `import _ from "lodash";\n${STEP}${dice}`,
        "after.mjs": `${STEP}import _ from "lodash";\n${dice}` });
    const before = node(folder, ["before.mjs"]);
    expect(before.stderr).toContain("NOT_DETERMINISTIC");
    expect(before.stderr).toContain("time zone and locale");
    expect(before.stderr).toMatch(/- history : TaskScheduled task:step#0 {2}at before\.mjs:4:/);
    expect(before.status).toBe(3);
    const quiet = { status: 0, stderr: expect.not.stringContaining("NOT_DETERMINISTIC") };
    expect(node(folder, ["after.mjs"]), "and not otherwise").toMatchObject(quiet);
    expect(reprise(folder, ["run", "before.mjs"]), "nor when the command loads it").toMatchObject(quiet);
  });

  test("leaves runs in its embedded database that `db status` and `db size` count", () => {
    const folder = project("counted", { "a.mjs": 'import { workflow } from "reprise";\n' +
      'const w = workflow("w", async () => 1);\nawait w(); await w();\n' });
    expect(node(folder, ["a.mjs"]).status).toBe(0);
    expect(reprise(folder, ["db", "status"]).stdout).toMatch(/^pglite at .*: 2 runs$/m);
    expect(reprise(folder, ["db", "size"]).stdout).toMatch(/^runs +2 /m);
  });

  test("whose one run leaves a rejection unhandled goes on, and so do its 99 other runs", () => {
    const folder = project("floating", { "a.mjs": `${STEP}
      const bad =
        workflow("bad", async () => { void step(1).then(() => { throw new Error("floating") }); await step(2);
          await step(3) });
      const good = workflow("good", async (n) => step(n));
      const ends = await Promise.allSettled([bad(), ...Array.from({ length: 99 }, (_, n) => good(n))]);
      console.log(ends.filter(({ status }) => status === "fulfilled").length);` });
    const { stdout, stderr, status } = node(folder, ["a.mjs"], { REPRISE_LOG_LEVEL: "warn" });
    expect(stdout).toBe("100\n");
    expect(stderr).toContain("A promise was rejected and nobody handled it: floating");
    expect(status).toBe(0);
  });

  test("is refused the directory that another process has open, which loses nothing", async () => {
    const folder =
      project("locked",
        { "a.mjs": `${STEP}const w = workflow("w", async () => { await step(1); await sleep("4s"); return step(2) });
      console.log(await w());` });
    const first =
      spawn(process.execPath, ["a.mjs"], { cwd: folder, env: { ...environment, REPRISE_LOG_LEVEL: "debug" } });
    let out = "";
    first.stdout.on("data", (chunk) => { out += String(chunk) });
    await new Promise<void>((resolve) => {
      let said = "";
      first.stderr.on("data", (chunk) => { said += String(chunk); if (said.includes("Sleeping for")) resolve() });
    });
    const second = reprise(folder, ["runs", "ls"]);
    expect(second.stderr).toMatch(new RegExp(`error STORE_LOCKED: .* ${first.pid}\\b`));
    expect(second.status).toBe(5);
    await new Promise((resolve) => { first.once("exit", resolve) });
    expect(out).toBe("2\n");
    expect(reprise(folder, ["runs", "ls", "--state", "completed", "--quiet"]).stdout.trim().split("\n")).toHaveLength(
      1);
  });
});

describe("a script that is killed and started again", () => {
  test("goes on with the run that it had given an id of its own", async () => {
    const folder = project("own-id", { "a.mjs": `${STEP}
      const w = workflow("w", async () => { await step(1); await sleep("2s"); return step(2) });
      console.log(await w.run(undefined, { id: "mine" }));` });
    await killAt(folder, process.execPath, ["a.mjs"], "Sleeping for", { REPRISE_LOG_LEVEL: "debug" });
    const again = node(folder, ["a.mjs"]);
    expect(again.stderr).toMatch(/Resuming run '[a-z]+-[a-z]+' at event \d+: 1 task kept/);
    expect(again).toMatchObject({ status: 0, stdout: "2\n" });
    expect(node(folder, ["a.mjs"]), "ended: the same id gives the same result").toMatchObject({ stdout: "2\n" });
    expect(reprise(folder, ["runs", "ls", "--quiet"]).stdout.trim().split("\n")).toHaveLength(1);
  });
  test("goes on with the link at which its chain stands", async () => {
    const folder = project("chain", { "a.mjs": `import { continueWith } from "reprise";\n${STEP}
      const w = workflow("w", async (n) => {
        await step(n);
        if (n === 2) await sleep("2s");
        return n === 3 ? "three links" : continueWith(n + 1);
      });
      console.log(await w(1));` });
    await killAt(folder, process.execPath, ["a.mjs"], "Sleeping for", { REPRISE_LOG_LEVEL: "debug" });
    expect(node(folder, ["a.mjs"])).toMatchObject({ status: 0, stdout: "three links\n" });
    expect(reprise(folder, ["runs", "ls", "--quiet"]).stdout.trim().split("\n")).toHaveLength(3);
  });
});

describe("a script whose main() has things to do before it calls its workflow, and which nobody awaits", () => {
  const late = `import { sleep, workflow } from "reprise";
    const late = workflow("late", async () => { await sleep("2s"); return "once" });
    async function main() { await new Promise((go) => setTimeout(go, 300)); console.log(await late()) }
    main();`;

  test("is run once by `reprise run`, and only defines for `check` and `resume`, which start nothing", async () => {
    const folder = project("late-main", { "a.mjs": late });
    expect(reprise(folder, ["run", "a.mjs"])).toMatchObject({ status: 0, stdout: "once\n" });
    await killAt(folder, process.execPath, ["a.mjs"], "Sleeping for", { REPRISE_LOG_LEVEL: "debug" });
    expect(reprise(folder, ["check"])).toMatchObject({ status: 0, stdout: "2 runs replayed, 0 diverged\n" });
    expect(reprise(folder, ["resume"]).status).toBe(0);
    expect(reprise(folder, ["runs", "ls", "--quiet"]).stdout.trim().split("\n")).toHaveLength(2);
  });

  test("does not keep `check` from the other runs when its file does not load", () => {
    const folder = project("broken-file", { "a.mjs": late.replace("main();", "await main();"),
      "b.mjs": STEP + 'const b = workflow("b", async () => step(1)); await b();' });
    expect(reprise(folder, ["run", "a.mjs"]).status).toBe(0);
    expect(reprise(folder, ["run", "b.mjs"]).status).toBe(0);
    writeFileSync(join(folder, "a.mjs"), 'throw new Error("no such setting")');
    const { status, stdout } = reprise(folder, ["check"]);
    expect(stdout).toMatch(/^1 run replayed, 0 diverged, 1 could not .*\n\n1 run .*\na\.mjs does not load: no such/);
    expect(status).toBe(3);
  });
});

describe("a script whose input comes from its command line", () => {
  const daily = `import { sleep, workflow, z } from "reprise";
    const day = process.argv[2] ?? "2026-11-21";
    const daily = workflow("daily", { input: z.object({ day: z.iso.date() }), runName: "on-{day}" },
      async ({ day }) => { await sleep("2s"); return day });
    console.log(await daily({ day }));`;
  test("goes on under `resume`, and can be replayed, checked and forked: loading it checks no input", async () => {
    const folder = project("from-argv", { "a.ts": daily });
    await killAt(folder, process.execPath, [join(root, "dist/sdk/cli/bin.js"), "run", "a.ts"], "Sleeping for",
      { REPRISE_LOG_LEVEL: "debug" });
    const resumed = reprise(folder, ["resume", "--json"]);
    expect(JSON.parse(resumed.stdout), resumed.stderr).toMatchObject([{ result: "2026-11-21" }]);
    expect(reprise(folder, ["check"])).toMatchObject({ status: 0,
      stdout: expect.stringMatching(/^1 runs? replayed, 0 diverged\n/) });
    expect(reprise(folder, ["replay", "-1", "--check"])).toMatchObject({ status: 0 });
    expect(reprise(folder, ["runs", "fork", "-1", "--at", "1"]), "the code is loaded").toMatchObject({ status: 0 });
  });
  test("is not asked for what it cannot have while it is loaded, nor are calls of it with wrong options", async () => {
    const folder = project("strict-argv", { "a.mjs": `import { sleep, workflow, z } from "reprise";
      const w = workflow("strict", { input: z.object({ day: z.iso.date() }) },
        async ({ day }) => { await sleep("2s"); return day });
      const [, , day, at] = process.argv;
      console.log(await (await w.with({ at }).start({ day })).result());` });
    await killAt(folder, process.execPath, ["a.mjs", "2026-11-22", "1ms"], "Sleeping for",
      { REPRISE_LOG_LEVEL: "debug" });
    const resumed = reprise(folder, ["resume", "--json"]);
    expect(JSON.parse(resumed.stdout), resumed.stderr).toMatchObject([{ result: "2026-11-22" }]);
  });
});

test("a command that is installed elsewhere works through the project's own package", () => {
  const folder = project("own-package", { "a.mjs": `import { workflow } from "reprise";
    export const one = workflow("one", async () => "one");
    export const two = workflow("two", async () => "two");` });
  const installed = join(folder, "node_modules/reprise");
  rmSync(installed);
  cpSync(join(root, "dist"), join(installed, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  symlinkSync(join(root, "node_modules"), join(installed, "node_modules"));
  const { stdout, stderr } = node(folder, [join(root, "dist/sdk/cli/bin.js"), "run", "a.mjs:two"]);
  expect(stdout, stderr).toBe("two\n");
});

describe.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("%s", (signal, code) => {
  test(`gives the run back, says how to go on, and ends with ${code}; the next start resumes`, async () => {
    const folder = project(`interrupted-${signal}`, { "a.mjs": `${STEP}
      const w = workflow("w", async () => { await step(1); await sleep("3s"); return step(2) });
      console.log(await w());` });
    const child =
      spawn(process.execPath, ["a.mjs"], { cwd: folder, env: { ...environment, REPRISE_LOG_LEVEL: "debug" } });
    let said = "";
    child.stderr.on("data", (chunk) => {
      const before = said.includes("Sleeping for");
      said += String(chunk);
      if (!before && said.includes("Sleeping for")) child.kill(signal);
    });
    expect(await new Promise((resolve) => { child.once("exit", resolve) }), said).toBe(code);
    expect(said).toContain("1 unfinished run: run the same command again, or: npx reprise resume");
    expect(node(folder, ["a.mjs"])).toMatchObject({ status: 0, stdout: "2\n",
      stderr: expect.stringContaining("1 task kept") });
  });
});

describe("output that nobody reads to its end", () => {
  /** Reads as `| head` does: the beginning of stdout, and no more. */
  function head(folder: string, args: readonly string[]): Promise<{ readonly said: string; readonly status: unknown }> {
    const child = spawn(process.execPath, [join(root, "dist/sdk/cli/bin.js"), ...args],
      { cwd: folder, env: { ...environment, REPRISE_LOG_LEVEL: "error" } });
    let said = "";
    child.stdout.once("data", () => { child.stdout.destroy() });
    child.stderr.on("data", (chunk) => { said += String(chunk) });
    return new Promise((resolve) => { child.once("close", (status, signal) => { resolve({ said,
      status: signal ?? status }) }) });
  }
  test("is the quiet end of a command that lists", async () => {
    const folder = project("head", { "a.mjs": `${STEP}
      const w = workflow("w", async () => { for (let i = 0; i < 400; i++) await step("x".repeat(400)) });
      await w();` });
    expect(node(folder, ["a.mjs"]).status).toBe(0);
    for (const listing of [["events", "-1", "--jsonl"], ["events", "-1", "--json"], ["export", "-1"],
      ["watch", "-1", "--jsonl"]]) {
      expect(await head(folder, ["runs", ...listing]), listing.join(" ")).toEqual({ said: "", status: 0 });
    }
  });
  test("ends a script, whose run is given back, with 141; the next start resumes", async () => {
    const folder = project("head-run", { "a.mjs": `import { task, workflow } from "reprise";
      const say = task("say", async (n) => { console.log(n); await new Promise((go) => setTimeout(go, 20)); return n });
      const w = workflow("w", async () => { for (let i = 0; i < 60; i++) await say(i); return "the end" });
      console.log(await w());` });
    expect(await head(folder, ["run", "a.mjs"])).toEqual({ status: 141,
      said: "1 unfinished run: run the same command again, or: npx reprise resume\n" });
    expect(await head(folder, ["resume"])).toMatchObject({ status: 141,
      said: expect.stringMatching(/1 unfinished run: npx reprise resume\n$/) });
    const again = reprise(folder, ["run", "a.mjs"]);
    expect(again.stderr).toMatch(/Resuming run '[a-z]+-[a-z]+' at event \d+: \d+ tasks? kept/);
    expect(again.stdout).toMatch(/\nthe end\n$/);
  });
});

describe("a workflow edited under a waiting run", () => {
  const code = (between: string): string => `${STEP}const w = workflow("edited", async () => {
  const a = await step(1);${between}
  await sleep("2s");
  return a + await step(2);
});
console.log(await w());\n`;

  test("continues when the edit is harmless", async () => {
    const folder = project("harmless", { "a.mjs": code("") });
    await killAt(folder, process.execPath, ["a.mjs"], "Sleeping for", { REPRISE_LOG_LEVEL: "debug" });
    writeFileSync(join(folder, "a.mjs"), code("\n  const unused = a * 2; // a comment"));
    const { stdout, stderr, status } = node(folder, ["a.mjs"]);
    expect(stdout, stderr).toBe("3\n");
    expect(status).toBe(0);
  });

  test("parks at an inserted task: both lines, the fix, exit code 3; undone, it ends", async () => {
    const folder = project("inserted", { "a.mjs": code("") });
    await killAt(folder, process.execPath, ["a.mjs"], "Sleeping for", { REPRISE_LOG_LEVEL: "debug" });
    writeFileSync(join(folder, "a.mjs"), code("\n  await step(99);"));
    const check = reprise(folder, ["check"]);
    expect(check.status, check.stderr).toBe(3);
    const { stderr, status } = reprise(folder, ["resume", "-1"]);
    expect(stderr).toContain("REPLAY_DIVERGED");
    expect(stderr).toMatch(/- history : TimerStarted timer:sleep#0 {2}at a\.mjs:5:\d+.*\n +await sleep\("2s"\);\n/);
    expect(stderr).toMatch(/\+ code now: TaskScheduled task:step#1 {2}at a\.mjs:5:\d+.*\n +await step\(99\);\n/);
    expect(stderr).toContain("undo the edit");
    expect(status).toBe(3);
    expect(reprise(folder, ["runs", "ls"]).stdout).toMatch(/edited +parked/);
    expect(reprise(folder, ["why", "-1"]).stdout).toContain("is parked as REPLAY_DIVERGED");
    writeFileSync(join(folder, "a.mjs"), code(""));
    expect(reprise(folder, ["resume", "-1", "--json"]).stdout).toContain('"result": 3');
  });
});
