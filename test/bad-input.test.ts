/** Bad input of every kind: a typed error with a code, a hint and a page, the right exit code, and nothing lost. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { openStore } from "../engine/index.ts";
import { openEngine, RepriseError, RunError, task, workflow, z, type Engine } from "../sdk/index.ts";
import { freshDatabase, startPostgres } from "./postgres-server.ts";

const root = fileURLToPath(new URL("..", import.meta.url)), cli = join(root, "dist/sdk/cli/main.js");
const url = inject("postgresUrl");
const base = mkdtempSync(join(tmpdir(), "reprise-bad-"));
afterAll(() => { spawnSync("umount", ["-l", join(base, "small")]); rmSync(base, { recursive: true, force: true }) });

/** The error that `work` rejects with, the reason of a failed run unwrapped. */
async function errorOf(work: () => unknown): Promise<RepriseError> {
  try { await work() } catch (error) {
    let found: unknown = error;
    while (found instanceof RunError || (found instanceof RepriseError && found.code === "TASK_FAILED")) found =
      found.cause;
    expect(found).toMatchObject({ code: expect.any(String), message: expect.any(String) });
    return found as RepriseError; // just looked at
  }
  throw new Error("nothing was thrown");
}
function hasPage(error: { readonly code: string }): void {
  expect(existsSync(join(root, `docs/errors/${error.code}.md`)), `a page for ${error.code}`).toBe(true);
}

describe("in a program", () => {
  let engine: Engine;
  beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
    engine = await openEngine({ database: "memory:" }) });
  afterEach(async () => { await engine.close() });
  const give = task("give", async (make: string): Promise<unknown> => ({
    function: () => 1, instance: new (class Money { cents = 1 })(), large: "x".repeat(3 * 1024 * 1024),
      symbol: Symbol("s"),
    weak: new WeakMap(),
  })[make]);
  const giver = workflow("giver", async (make: string) => give(make));

  test.each([["function", "UNSERIALIZABLE"], ["instance", "UNSERIALIZABLE"], ["symbol", "UNSERIALIZABLE"],
    ["weak", "UNSERIALIZABLE"], ["large", "PAYLOAD_TOO_LARGE"]])("a task that returns a %s fails as %s",
      async (make, code) => {
    const error = await errorOf(() => giver(make));
    expect(error.code).toBe(code);
    expect(error.message).toContain("give");
    hasPage(error);
  });

  test("what is too large, or lacks a field of its run name, is told with its name and the next step", async () => {
    const large = await errorOf(() => giver("large"));
    expect(large.message).toMatch(/^result of give takes \d+ bytes; the limit is \d+: write it to a file, a bucket or/);
    const greet = task("greet", { runName: "greet-{id}" }, async (name: string) => name);
    const greeting = workflow("greeting", { runName: "greeting-{id}" }, async (_: object) => greet("ada"));
    expect((await errorOf(() => greeting({}))).message)
      .toContain("of workflow 'greeting' needs the field 'id', which its input lacks");
    expect((await errorOf(() => greeting({ id: 1 }))).message)
      .toContain("of task 'greet' needs the field 'id', which its first argument lacks");
  });

  test("cyclic results, dates, maps, bigints, bytes and errors are fine", async () => {
    const cyclic: { self?: unknown; at: Date; big: bigint; bytes: Uint8Array; map: Map<string, Set<number>> } =
      { at: new Date(5), big: 5n, bytes: new Uint8Array([1, 2]), map: new Map([["a", new Set([1])]]) };
    cyclic.self = cyclic;
    const rich = task("rich", async () => cyclic);
    const back = await workflow("rich-run", async () => rich())();
    expect(back.self).toBe(back);
    expect(back).toMatchObject({ at: new Date(5), big: 5n, map: new Map([["a", new Set([1])]]) });
    expect([...back.bytes]).toEqual([1, 2]);
  });

  test("an input that the schema refuses names the field, and nothing starts", async () => {
    const strict = workflow("strict", { input: z.object({ user: z.object({ age: z.number() }) }) }, async () => 1);
    const error = await errorOf(() => strict({ user: { age: "old" as unknown as number } }));
    expect(error.code).toBe("INPUT_INVALID");
    expect(error.message).toContain("user.age");
    hasPage(error);
    for await (const run of engine.list({ workflow: "strict" })) expect(run, "no run was started").toBeUndefined();
  });

  test.each<[string, () => unknown, string]>([
    ["an input that is too large", () => giver("x".repeat(3 * 1024 * 1024)), "PAYLOAD_TOO_LARGE"],
    ["a name that is empty", () => task("", async () => 1), "INVALID_NAME"],
    ["a workflow without a function", () => workflow("w", {} as never), "INVALID_OPTION"],
    ["an option that does not exist", () => task("t", { retires: 3 } as never, async () => 1), "INVALID_OPTION"],
    ["half a retry", () => task("t", { retries: 0.5 }, async () => 1).fn(), "INVALID_OPTION"],
    ["a duration that is none", () => task("t", { timeout: "soon" as never }, async () => 1), "INVALID_DURATION"],
    ["an id that is unknown", () => engine.get("01ARZ3NDEKTSV4RRFFQ69G5FAV").result(), "RUN_NOT_FOUND"],
    ["a database that no store opens", () => openEngine({ database: "mysql://localhost/x" }), "INVALID_DATABASE"],
  ])("%s is refused", async (_what, work, code) => {
    const error = await errorOf(work);
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe("");
    hasPage(error);
  });
});

/** The command line in a folder of its own. */
function reprise(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, uid?: number):
  { readonly stdout: string; readonly stderr: string; readonly status: number | null } {
  return spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: "utf8", timeout: 150_000,
    ...(uid && { uid, gid: uid }),
    env: { ...process.env, VITEST: "", REPRISE_DATABASE_URL: "", REPRISE_LOG_LEVEL: "critical", ...env } });
}
function project(name: string, code: string): string {
  const folder = join(base, name);
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/reprise"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "a.mjs"), `import { sleep, task, workflow } from "reprise";\n${code}`);
  return folder;
}

describe("on the command line", () => {
  test.each<[string, readonly string[], number, string]>([
    ["a mistyped command", ["rnu"], 2, "Did you mean run"], ["a mistyped flag", ["runs", "ls", "--jsn"], 2,
      "Did you mean --json"],
    ["a file that is not there", ["run", "nowhere.ts"], 4, "FILE_NOT_FOUND"],
    ["a run that is not there", ["runs", "inspect", "fluffy-nobody"], 4, "RUN_NOT_FOUND"],
    ["a workflow that the file lacks", ["run", "a.mjs:other"], 4, "WORKFLOW_NOT_LOADED"],
    ["parameters that are none", ["run", "a.mjs:w", "-p", "oops"], 2, "USAGE"],
    ["a state that is none", ["runs", "ls", "--state", "happy"], 2, "completed, failed"],
    ["a filter that no run matches", ["runs", "ls", "--tag", "nowhere"], 0, "No such runs. See all:"],
    ["a run that fails", ["run", "a.mjs:fails"], 1, "RUN_FAILED"],
    ["a run that asks for what it may not, with the page of that,", ["run", "a.mjs:fetches"], 1,
      "docs/errors/EFFECT_IN_WORKFLOW.md"],
    ["a recording that is not there", ["view", "nope.json"], 4, "Give the path of what `reprise runs export` wrote."],
  ])("%s gives the exit code that the docs say", (_what, args, status, text) => {
    const folder = existsSync(join(base, "cli")) ? join(base, "cli")
      : project("cli", 'workflow("w", async () => 1);\nworkflow("fails", async () => { throw new Error("no") });\n' +
        'workflow("fetches", async () => { await fetch("http://localhost:1") });\n');
    const found = reprise(folder, args);
    expect(found.stderr).toContain(text);
    expect(found.status).toBe(status);
  });

  test("an event that the run does not have is refused, whether by number or by name", () => {
    const folder = project("no-such-event", 'await workflow("w", async () => 1)();\n');
    expect(reprise(folder, ["run", "a.mjs"]).status).toBe(0);
    for (const [at, text] of [["999", "NO_SUCH_EVENT: the run has the events 1 to "], ["0", "NO_SUCH_EVENT"],
      ["x", "USAGE: nothing in the run is called 'x'"]] as const) {
      for (const style of [[], ["--json"]]) {
        const found = reprise(folder, ["runs", "inspect", "-1", "--at", at, ...style]);
        expect(found.stderr).toContain(text);
        expect(found).toMatchObject({ status: 2, stdout: "" });
      }
    }
    expect(reprise(folder, ["runs", "inspect", "-1", "--at", "1"]).stdout).toContain("\nEvent 1 of ");
  });

  test("a text that fits several runs is told how many, and what to do: for a name, and for part of an id", () => {
    const folder = project("several", 'const w = workflow("w", async () => 1);\n' +
      'for (const name of ["two", "five", "two", "five", "five", "five", "five"]) await w.run(undefined, { name });\n');
    expect(reprise(folder, ["run", "a.mjs"]).status).toBe(0);
    const asked = (text: string): { readonly stderr: string; readonly status: number | null } =>
      reprise(folder, ["runs", "inspect", text]);
    expect(asked("two").stderr).toMatch(/'two' could be \w{26} \(two\) or \w{26} \(two\)\n/);
    expect(asked("five").stderr).toMatch(/'five' could be \w{26} \(five\), \w{26} \(five\), or 3 others\n {2}Give/);
    const { stderr, status } = asked("01");
    expect(stderr).toMatch(/or 5 others\n {2}Give more of the id\.\n/);
    expect(status).toBe(7);
  });

  test("a workflow name that two files define is refused, naming both", () => {
    const folder = project("twice", 'import "./b.mjs";\nworkflow("same", async () => 1);\n');
    writeFileSync(join(folder, "b.mjs"), 'import { workflow } from "reprise";\nworkflow("same", async () => 2);\n');
    const { stderr, status } = reprise(folder, ["run", "a.mjs"]);
    expect(stderr).toMatch(/DUPLICATE_WORKFLOW: .*b\.mjs.*a\.mjs/);
    expect(status).toBe(1);
  });

  test("a file with spaces in its path and .cts for its ending runs, and its lines are found", () => {
    const folder = project("spaces", "");
    mkdirSync(join(folder, "my flows"));
    writeFileSync(join(folder, "my flows/first one.cts"), 'import { sleep, workflow } from "reprise";\n' +
      'workflow("w", async () => { const seen: number = 1; await sleep(1); return seen })();\n');
    expect(reprise(folder, ["run", "my flows/first one.cts"]).status).toBe(0);
    expect(reprise(folder, ["replay", "-1", "--at", "2", "--locals"]).stdout).toContain("  my flows/first one.cts:2:");
  });

  test("a directory that may not be written is refused", () => {
    const folder = project("readonly", 'workflow("w", async () => 1);\n');
    const database = join(base, "readonly-db"), asRoot = process.getuid?.() === 0;
    mkdirSync(database, { mode: 0o555 });
    if (asRoot) { chmodSync(base, 0o755); chownSync(database, 0, 0) } else chmodSync(database, 0o555);
    const { stderr, status } = reprise(folder, ["run", "a.mjs"], { REPRISE_DATABASE_URL: database }, asRoot ? 65_534
      : undefined);
    expect(stderr).toContain("STORE_READ_ONLY");
    expect(status).toBe(5);
  });

  const mountable = ((): boolean => {
    mkdirSync(join(base, "small"));
    return spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", join(base, "small")]).status === 0;
  })();
  test.skipIf(!mountable)("a full disk is told; with room again, the run goes on and nothing recorded is lost", () => {
    const folder = project("full", `import { randomBytes } from "node:crypto";
      const part = task("part", async () => randomBytes(750_000).toString("hex"));
      const w = workflow("filling", async () => {
        let sum = 0;
        for (let i = 0; i < 30; i++) sum += (await part()).length;
        return sum;
      });
      console.log(await w());\n`);
    const database = join(base, "small/db"), ballast = join(base, "small/ballast");
    writeFileSync(ballast, Buffer.alloc(4 * 1024 * 1024));
    const full = reprise(folder, ["run", "a.mjs"], { REPRISE_DATABASE_URL: database, REPRISE_LOG_LEVEL: "error" });
    expect(full.stderr).toMatch(/DISK_FULL|disk is full|No space left/i);
    execFileSync("mount", ["-o", "remount,size=600m", join(base, "small")]);
    const again = reprise(folder, ["run", "a.mjs"], { REPRISE_DATABASE_URL: database });
    expect(again.stderr).toContain("Resuming run");
    expect(again.stdout).toBe("45000000\n");
    execFileSync("umount", ["-l", join(base, "small")]);
  });
});

describe.skipIf(url === "")("on PostgreSQL", () => {
  const folder = project("postgres", `const step = task("step", async (n) => n);
    const w = workflow("long",
      async () => { let sum = 0; for (let i = 1; i <= 40; i++) { sum += await step(i); await sleep(50) } return sum });
    console.log(await w());\n`);

  test("tables of a newer version are left alone", async () => {
    const database = await freshDatabase(url), sql = postgres(database, { max: 1, onnotice: () => undefined });
    await (await openStore(database)).close();
    await sql.unsafe("insert into reprise.migrations (number, name, checksum) values (999, 'later', 'x')");
    const { stderr, status } = reprise(folder, ["runs", "ls"], { REPRISE_DATABASE_URL: database });
    expect(stderr).toContain("SCHEMA_NEWER");
    expect(status).toBe(8);
    await sql.end();
  });

  test("a history row that was corrupted parks its run, and blocks nobody", async () => {
    const database = await freshDatabase(url), sql = postgres(database, { max: 1, onnotice: () => undefined });
    const env = { REPRISE_DATABASE_URL: database };
    const child = spawn(process.execPath, [cli, "run", "a.mjs"], { cwd: folder,
      env: { ...process.env, VITEST: "", REPRISE_LOG_LEVEL: "info", ...env }, stdio: ["ignore", "ignore", "pipe"] });
    await new Promise<void>((resolve) => {
      let lines = 0;
      child.stderr.on("data", (chunk) => { lines += String(chunk).split("Finished").length - 1;
        if (lines >= 3) resolve() });
    });
    child.kill("SIGKILL");
    await expect(sql.unsafe("update reprise.history set events = '[]'"),
      "L1: history is append-only").rejects.toThrow();
    await sql.begin(async (all) => {
      await all.unsafe("set local reprise.retention = 'on'");
      await all.unsafe(
        "delete from reprise.history where first_seq = (select max(first_seq) from reprise.history)");
      await all.unsafe(`delete from reprise.history
        where first_seq in (select first_seq from reprise.history order by 1 limit 1 offset 1)`);
    });
    const { stderr, status } = reprise(folder, ["db", "verify"], env);
    expect(stderr).toMatch(/a row begins at event \d+, but the row before ends at \d+/);
    expect(status).toBe(1);
    expect(reprise(folder, ["runs", "inspect", "-1"], env).stderr).toContain("HISTORY_CORRUPT");
    await sql.end();
  });

  test("a server that is not there is told at once", () => {
    const { stderr, status } = reprise(folder, ["runs", "ls"],
      { REPRISE_DATABASE_URL: "postgres://postgres@127.0.0.1:9/none" });
    expect(stderr).toContain("STORE_UNAVAILABLE");
    expect(status).toBe(5);
  });

  test("a server that is killed and comes back in the middle of a run is waited for", async () => {
    const server = await startPostgres();
    if (server === undefined) throw new Error("there was a server before");
    const child = spawn(process.execPath, [cli, "run", "a.mjs"], { cwd: folder, env: { ...process.env, VITEST: "",
      REPRISE_LOG_LEVEL: "info", REPRISE_DATABASE_URL: server.url }, stdio: ["ignore", "pipe", "pipe"] });
    let out = "", err = "";
    child.stdout.on("data", (chunk) => { out += String(chunk) });
    const steps = new Promise<void>((resolve) => {
      child.stderr.on("data", (chunk) => { err += String(chunk); if (err.split("Finished").length > 5) resolve() });
    });
    const ended = new Promise((resolve) => { child.once("exit", resolve) });
    await steps;
    await server.kill();
    await new Promise((resolve) => { setTimeout(resolve, 1500) });
    await server.restart();
    expect(await ended, err).toBe(0);
    expect(out).toBe("820\n");
    expect(err).toContain("trying again");
    expect(err).toContain("Back; going on");
    await server.stop();
  });
});
