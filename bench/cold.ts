/** Cold start: from the spawn of `node script.mjs` to the first line of its first task. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, ms } from "./numbers.ts";

const SDK = new URL("../dist/sdk/index.js", import.meta.url).href;

/** Milliseconds on a fresh directory and on one that exists. */
export async function coldStartMs(times: number): Promise<{ freshMs: number; existingMs: number; nodeMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), "reprise-cold-"));
  const script = join(folder, "script.mjs");
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(script, `import { task, workflow } from ${JSON.stringify(SDK)};
const first = task("first", async () => { process.stdout.write("first line\\n"); });
await workflow("cold", async () => { await first(); }).run(undefined, { id: String(process.pid) });\n`);
  writeFileSync(join(folder, "empty.mjs"), `process.stdout.write("first line\\n");\n`);
  const fresh: number[] = [], existing: number[] = [], node: number[] = [];
  for (let i = 0; i < times; i++) {
    const database = join(folder, `db${i}`);
    fresh.push(await firstLine(script, database));
    existing.push(await firstLine(script, database));
    node.push(await firstLine(join(folder, "empty.mjs"), database));
  }
  rmSync(folder, { recursive: true, force: true });
  return { freshMs: median(fresh), existingMs: median(existing), nodeMs: median(node) };
}

function firstLine(script: string, database: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const from = ms();
    let at = 0;
    const child = spawn(process.execPath, [fileURLToPath(`file://${script}`)],
      { env: { ...process.env, REPRISE_DATABASE_URL: database, REPRISE_LOG_LEVEL: "error" },
        stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.once("data", () => { at = ms() - from });
    child.once("exit", (code) => { if (code === 0 && at > 0) resolve(at);
      else reject(new Error(`${script} ended with ${code}`)) });
  });
}
