/** `runs bulk` through the real command: shown first, done as a run, refused without a filter. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url)), folder = mkdtempSync(join(tmpdir(), "reprise-bulk-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules", "reprise"));
writeFileSync(join(folder, "package.json"), "{}");
writeFileSync(join(folder, "flow.ts"), `
import { task, workflow } from "reprise";
const call = task("call", async () => { if (process.env.DOWN) throw new Error("down"); return 1 });
export const flow = workflow("flow", async () => call());
let tries = 0;
const third = task("third", async () => { if (++tries < 3) throw new Error("not yet"); console.log("EFFECT"); });
export const lined = workflow("lined", { concurrency: { max: 1 } }, async () => call());
export const tried = workflow("tried", { retries: 3, retryDelay: 1 }, async () => third());
`);
async function reprise(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; out: string;
  err: string }> {
  const cli = join(root, "dist", "sdk", "cli", "main.js");
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, ...args], { cwd: folder,
      env: { ...process.env, VITEST: "", REPRISE_DATABASE_URL: join(folder, ".reprise"), ...env } });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // what execFile says
    return { code, out: stdout, err: stderr };
  }
}
interface Row { readonly runId: string; readonly state: string }
async function listed(name: string): Promise<readonly Row[]> {
  const { out } = await reprise(["runs", "ls", "--workflow", name, "--json"]);
  return JSON.parse(out) as readonly Row[]; // as it writes them
}

test("retries every failed run, after it has shown them, and the histories say so", async () => {
  for (const fresh of ["a", "b"]) {
    expect((await reprise(["run", "flow.ts:flow", "--fresh"], { DOWN: fresh })).code).toBe(1);
  }
  const shown = JSON.parse((await reprise(["runs", "bulk", "retry", "--state", "failed", "--json"])).out) as object;
  expect(shown).toMatchObject({ verb: "retry", count: 2 });
  expect((await reprise(["runs", "bulk", "retry"])).code, "no filter").toBe(2);
  const done =
    JSON.parse((await reprise(["runs", "bulk", "retry", "--state", "failed", "--yes", "--by", "ada", "--json"]))
    .out) as object;
  expect(done).toMatchObject({ done: 2, refused: [] });
  expect((await reprise(["resume"])).code, "both tries, by the file that is recorded").toBe(0);
  expect((await listed("flow")).map(({ state }) => state).toSorted())
    .toEqual(["completed", "completed", "failed", "failed"]);
});

test("a failed run that a later try has followed is retried neither in bulk nor alone, nor is it @failed", async () => {
  expect((await reprise(["run", "flow.ts:tried"])).code).toBe(0);
  const rows = await listed("tried");
  expect(rows.map(({ state }) => state)).toEqual(["completed", "failed", "failed"]);
  const bulk = ["runs", "bulk", "retry", "--state", "failed", "--workflow", "tried"];
  expect(JSON.parse((await reprise([...bulk, "--json"])).out)).toMatchObject({ count: 0, triedAgain: 2, runs: [] });
  expect(JSON.parse((await reprise([...bulk, "--yes", "--json"])).out)).toMatchObject({ done: 0, refused: [] });
  const [newest, , first] = rows.map(({ runId }) => runId);
  const { code, err } = await reprise(["runs", "retry", first ?? "", "--detach"]);
  expect({ code, err }).toMatchObject({ code: 7, err: expect.stringContaining(`${newest}, which is completed`) });
  expect((await reprise(["runs", "inspect", "@failed"])).out, "none of these").not.toContain("'tried'");
  const why = JSON.parse((await reprise(["why", first ?? "", "--json"])).out) as { commands: string[] };
  expect(why.commands.join()).not.toContain("runs retry");
  expect(await listed("tried"), "no further try").toHaveLength(3);
});

test("resume undoes every pause, that of a run in line for its turn too, and `why` tells of such a pause", async () => {
  writeFileSync(join(folder, "start.ts"), `
    import { openEngine } from "reprise";
    import { lined } from "./flow.ts";
    await using engine = await openEngine({ work: false });
    for (const n of [1, 2, 3]) await engine.start(lined);
  `);
  expect((await reprise(["run", "start.ts"])).code).toBe(0);
  const bulk = async (verb: string, ...more: readonly string[]): Promise<object> =>
    JSON.parse((await reprise(["runs", "bulk", verb, "--workflow", "lined", "--json", ...more])).out) as object;
  expect(await bulk("resume"), "nothing is to be resumed").toMatchObject({ count: 0 });
  expect(await bulk("pause", "--yes", "--by", "ada")).toMatchObject({ done: 3 });
  const [run] = await listed("lined");
  expect(run?.state, "a worker has not read it").toBe("pending");
  const why = JSON.parse((await reprise(["why", run?.runId ?? "", "--json"])).out) as object;
  expect(why).toMatchObject({ because: expect.stringContaining("asked by ada to pause"),
    next: `npx reprise runs resume ${run?.runId}` });
  expect(await bulk("resume", "--yes")).toMatchObject({ done: 3 });
  expect(await bulk("resume"), "asked already").toMatchObject({ count: 0 });
  expect((await reprise(["resume"])).code).toBe(0);
  expect((await listed("lined")).map(({ state }) => state)).toEqual(["completed", "completed", "completed"]);
});
