/**
 * The demo: runs the todos ETL in a process of its own, kills it with SIGKILL in the middle, runs it again, and shows
 * the timeline and the proof that nothing recorded ran twice.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startFixtureServer } from "./fixture-server.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const cli = here("../dist/sdk/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "reprise-demo-"));
const ledger = join(folder, "ledger.txt");
const server = await startFixtureServer();
const env = { ...process.env, TODOS_URL: server.url, OUT: join(folder, "out"), LEDGER: ledger,
  REPRISE_DATABASE_URL: join(folder, "runs") };
const effects = () => existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : [];

/** Runs the command; `until` true of the effects so far kills it. */
function run(args, until) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (data) => { out += data });
    const watch = until && setInterval(() => { if (until(effects())) child.kill("SIGKILL") }, 10);
    child.on("exit", (code, signal) => { clearInterval(watch); resolve({ code, signal, out }) });
  });
}

let ok = false;
try {
  console.log("1. The todos ETL begins; it is killed with SIGKILL while it loads.\n");
  const first = await run(["run", here("todos/etl.ts")], (seen) => seen.length >= 6);
  const before = effects();
  console.log(`\n   killed by ${first.signal} after: ${before.join(", ")}\n\n2. The same command again.\n`);
  const second = await run(["run", here("todos/etl.ts")]);
  console.log(`\n   result ${second.out.trim()}\n\n3. What happened, from the log:\n`);
  const { out } = await run(["runs", "inspect", "--", "-1"]);
  console.log(out);
  const counts = new Map();
  for (const effect of effects()) counts.set(effect, (counts.get(effect) ?? 0) + 1);
  const again = [...counts].filter(([, n]) => n > 1).map(([what]) => what);
  const interrupted = before.at(-1);
  ok = first.signal === "SIGKILL" && second.code === 0 && counts.size === 12
    && again.every((what) => what === interrupted);
  console.log(`4. Proof: ${counts.size} tasks, ${counts.size - again.length} executed exactly once` +
    (again.length > 0 ? `; '${interrupted}' was under way at the kill, so nothing of it was recorded, and ran again.`
      : "."));
  console.log(ok ? "   No recorded task ran twice." : "   SOMETHING IS WRONG: see above.");
} finally {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = ok ? 0 : 1;
