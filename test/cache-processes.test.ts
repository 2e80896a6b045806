/** The cache between real processes: the command line, and a process that is killed while others wait for it. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, inject, test } from "vitest";
import { freshDatabase } from "./postgres-server.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const url = inject("postgresUrl");
const folder = mkdtempSync(join(tmpdir(), "reprise-cache-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules/reprise"));
writeFileSync(join(folder, "package.json"), "{}");
writeFileSync(join(folder, "rates.ts"), `
  import { appendFileSync } from "node:fs";
  import { task, workflow } from "reprise";
  const rate = task("rate", { cache: "1h" }, async (of: string) => {
    appendFileSync(process.env.LEDGER!, "began " + process.env.WHO + "\\n");
    if (process.env.HANG) await new Promise((resolve) => setTimeout(resolve, 60_000));
    return of + " 1.5";
  });
  const report = workflow("report", async (who: string) => who + ": " + await rate("eur"));
  console.log(await report(process.env.WHO!));
`);

interface Life { readonly out: string; readonly err: string; readonly code: number | string | null }
function reprise(args: readonly string[], env: NodeJS.ProcessEnv): { readonly end: Promise<Life>; kill(): void } {
  const child = spawn(process.execPath, [join(root, "dist/sdk/cli/main.js"), ...args], { cwd: folder,
    env: { ...process.env, VITEST: "", REPRISE_LOG_LEVEL: "error", ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let out = "", err = "";
  child.stdout.on("data", (chunk) => { out += String(chunk) });
  child.stderr.on("data", (chunk) => { err += String(chunk) });
  return { kill: () => { child.kill("SIGKILL") }, end: new Promise((resolve) => {
    child.once("close", (code, signal) => { resolve({ out: out.trim(), err, code: signal ?? code }) });
  }) };
}
const lines = (path: string): readonly string[] => {
  try { return readFileSync(path, "utf8").trim().split("\n") } catch { return [] }
};

describe("the cache on the command line", () => {
  test("serves the next process, is listed with where it came from, and is deleted", async () => {
    const env = { REPRISE_DATABASE_URL: join(folder, "db"), LEDGER: join(folder, "ledger-cli") };
    const ask = async (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Life> =>
      reprise(args, { ...env, ...more }).end;
    expect(await ask(["run", "rates.ts"], { WHO: "one" })).toMatchObject({ out: "one: eur 1.5", code: 0 });
    expect(await ask(["run", "rates.ts"], { WHO: "two" })).toMatchObject({ out: "two: eur 1.5", code: 0 });
    expect(lines(env.LEDGER)).toEqual(["began one"]);
    const shown = await ask(["runs", "inspect", "-1"]);
    expect(shown.out).toMatch(/rate.* cached +from task:rate#0 of 01/);
    const entries = JSON.parse((await ask(["cache", "ls", "rate", "--json"])).out) as unknown; // as `ls --json` prints
    expect(entries).toMatchObject([{ task: "rates.ts#rate", key: expect.stringMatching(/^inputs=[0-9a-f]{16}$/),
      call: "task:rate#0", expired: false }]);
    expect((await ask(["cache", "ls"])).out).toMatch(/TASK +KEY[^]*rates.ts#rate +inputs=\w+ .* after 1 h/);
    expect(await ask(["cache", "rm"])).toMatchObject({ code: 2, err: expect.stringContaining("--expired or --all") });
    expect((await ask(["cache", "rm", "--expired", "--json"])).out).toMatch(/"removed": 0/);
    expect((await ask(["cache", "rm", "rate"])).out).toBe("1 entry deleted");
    expect(await ask(["run", "rates.ts"], { WHO: "three" })).toMatchObject({ out: "three: eur 1.5", code: 0 });
    expect(lines(env.LEDGER)).toEqual(["began one", "began three"]);
  });
});

describe.skipIf(url === "")("a process that is killed while it makes a result", () => {
  test("keeps nobody waiting longer than its lease: one of the others makes it", async () => {
    const env = { REPRISE_DATABASE_URL: await freshDatabase(url), LEDGER: join(folder, "ledger-kill") };
    const maker = reprise(["run", "rates.ts"], { ...env, WHO: "killed", HANG: "1" });
    while (lines(env.LEDGER).length < 1) await new Promise((resolve) => { setTimeout(resolve, 20) });
    const waiters = ["b", "c"].map((WHO) => reprise(["run", "rates.ts"], { ...env, WHO }));
    await new Promise((resolve) => { setTimeout(resolve, 1500) }); // so that both ask while it is under way
    expect(lines(env.LEDGER)).toEqual(["began killed"]);
    maker.kill();
    expect(await maker.end).toMatchObject({ code: "SIGKILL" });
    const ends = await Promise.all(waiters.map(({ end }) => end));
    expect(ends.map(({ out }) => out)).toEqual(["b: eur 1.5", "c: eur 1.5"]);
    expect(lines(env.LEDGER).slice(1), "one of the two").toHaveLength(1);
  });
});
