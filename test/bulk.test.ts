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
`);
async function reprise(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; out: string }> {
  const cli = join(root, "dist", "sdk", "cli", "main.js");
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args], { cwd: folder,
      env: { ...process.env, VITEST: "", REPRISE_DATABASE_URL: join(folder, ".reprise"), ...env } });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string }; // what execFile rejects with
    return { code, out: stdout };
  }
}

test("retries every failed run, after it has shown them, and the histories say so", async () => {
  for (const fresh of ["a", "b"]) expect((await reprise(["run", "flow.ts", "--fresh"], { DOWN: fresh })).code).toBe(1);
  const shown = JSON.parse((await reprise(["runs", "bulk", "retry", "--state", "failed", "--json"])).out) as object;
  expect(shown).toMatchObject({ verb: "retry", count: 2 });
  expect((await reprise(["runs", "bulk", "retry"])).code, "no filter").toBe(2);
  const done =
    JSON.parse((await reprise(["runs", "bulk", "retry", "--state", "failed", "--yes", "--by", "ada", "--json"]))
    .out) as object;
  expect(done).toMatchObject({ done: 2, refused: [] });
  expect((await reprise(["resume"])).code, "both tries, by the file that is recorded").toBe(0);
  const states = JSON.parse((await reprise(["runs", "ls", "--workflow", "flow", "--json"])).out) as { state: string }[];
  expect(states.map(({ state }) => state).toSorted()).toEqual(["completed", "completed", "failed", "failed"]);
});
