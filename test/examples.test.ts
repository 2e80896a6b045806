/** Every example as a user runs it: a process of its own, its printed output checked; then killed again and again. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { freshDatabase } from "./postgres-server.ts";
import { clear, endAll, project, reprise, start } from "./talking.ts";

interface Fixtures { readonly url: string; polls(): readonly { job: string; after: number }[]; close(): Promise<void> }
const cli = fileURLToPath(new URL("../dist/sdk/cli/main.js", import.meta.url));
const example = (name: string): string => fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "reprise-examples-"));
const url = inject("postgresUrl");
let fixtures: Fixtures;
beforeAll(async () => {
  // Plain JavaScript of the examples; it says in its comment what it gives.
  const { startFixtureServer } = await import("../examples/fixture-server.mjs" as string) as
    { startFixtureServer: (options: { failFirst: number }) => Promise<Fixtures> };
  fixtures = await startFixtureServer({ failFirst: 2 });
});
afterAll(async () => {
  await fixtures.close();
  endAll();
  clear();
  rmSync(folder, { recursive: true, force: true });
});

const EXPECTED: { readonly [file: string]: string } = {
  "sales/daily.ts": [
    "east    23 sales, 10 large, 5412.15", "north   22 sales, 9 large, 5352.70",
    "south   26 sales, 8 large, 6635.64", "west    26 sales, 11 large, 6979.81",
    "97 written, refused: row 13 (amount), row 47 (region), row 88 (items)"].join("\n"),
  "btc/hourly.ts": ["360 prices", "2026-01-01T00:00 60914.05", "2026-01-01T01:00 61920.87", "2026-01-01T02:00 61169.37",
    "2026-01-01T03:00 59351.28", "2026-01-01T04:00 58137.90", "2026-01-01T05:00 58644.54"].join("\n"),
  "orders/order.ts": "lamp sent (paid 4900 with task:charge#0)\nthe run failed: the bank refuses the card",
  "exactly-once/points.ts": ["ada gave eve 5, and has 95 left", "ada gave bob 10, and has 85 left",
    "ada gave eve 15, and has 70 left", "ada gave bob 20, and has 50 left", "ada gave eve 25, and has 25 left",
    "bob has not got 31 points", "ada: 25 points, gave 5 times", "bob: 30 points, gave 0 times",
    "eve: 45 points, gave 0 times"].join("\n"),
  "race/quote.ts": "Quick & Co: 30 cents\nNever Ltd: no answer",
  "many/map.ts": "sum of squares: 333283335000",
  "rates/report.ts": "north 108.00 usd\nsouth 270.00 usd\nwest  81.54 usd",
  "primes/count.ts": "17984 + 15876 + 15238 + 14853 = 63951 primes below 800000, 100 ticks",
  "poller/render.ts": "The Sea: 20 frames, checksum 987775",
  "todos/etl.ts": '{"written":200,"done":90}',
  "saga/order.ts": ["lamp is on its way to Main Street 1", "the run failed: there is no address", "task:reserve#0",
    "task:charge#0", "task:undo charge#0", "task:undo reserve#0"].join("\n"),
  "transfer/transfer.ts": ["5000 from ada to bob", "5000 from ada to bob", "the run failed: the account is closed",
    "ada -5000, bob 5000, closed 0"].join("\n"),
  "subscription/subscription.ts": ["ada owes 1000 for month 1", "ada owes 1000 for month 2",
    "ada owes 2500 for month 3", "ada owes 2500 for month 4", "cancelled", "paid until month 3, 2500 a month",
    "bob owes 1000 for month 1", "suspended: not paid in time"].join("\n"),
  "children/fan-out.ts": ["997004 words", "page 333 cannot be read", "page 666 cannot be read",
    "page 999 cannot be read"].join("\n"),
  "expense/approval.ts": ["1500 paid to ada", "4500 paid to ada", "declined: too big", "declined: nobody answered"]
    .join("\n"),
  "entity/account.ts": "ada: 250 bookings, 31375 cents\n31375",
  "cron/loop.ts": "10000 rounds, sum 45000",
  "agent/agent.ts": "Your money is on its way. (3 steps)\nI may not refund this. (3 steps)",
  "cart/cart.ts": "800\n2800\n0 to 99 pieces, please\n6 pieces\n2 kinds, 2800 cents",
  "scope/fastest.ts": "from Lima\ngave up task:fetch-from#0\ngave up task:fetch-from#2",
  "shield/cleanup.ts": "cancelled\ntask:rent#0\ntask:stop#0\ntask:give-back#0",
  "patch/welcome.ts": "a letter to Ada",
  "progress/report.ts": "1443 sales",
};
/** Fewer rounds where the same is done several times over. */
const SHORTER: { readonly [file: string]: { readonly count: string; readonly expected: string } } = {
  "cron/loop.ts": { count: "1500", expected: "1500 rounds, sum 6750" },
};

interface Life { readonly out: string; readonly err: string; readonly status: number | string | null }
/** One life of an example's process; killed after `killAfterMs`, if that comes first. */
function run(args: readonly string[], database: string, out: string,
  { killAfterMs, count }: { readonly killAfterMs?: number; readonly count?: string | undefined } = {}): Promise<Life> {
  return new Promise((resolve) => {
    const child =
      spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, VITEST: "",
      REPRISE_DATABASE_URL: database, REPRISE_LOG_LEVEL: "critical", OUT: out, PRICES_URL: fixtures.url,
        TODOS_URL: fixtures.url, RENDERS_URL: fixtures.url, ...(count !== undefined && { COUNT: count }) } });
    let text = "", errors = "";
    child.stdout.on("data", (chunk) => { text += String(chunk) });
    child.stderr.on("data", (chunk) => { errors += String(chunk) });
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => { child.kill("SIGKILL") }, killAfterMs);
    child.once("close", (code, signal) => { clearTimeout(timer);
      resolve({ out: text.trim(), err: errors, status: signal ?? code }) });
  });
}

describe("the example", () => {
  for (const [file, expected] of Object.entries(EXPECTED)) {
    test(`${file} prints what its head says`, async () => {
      const out = join(folder, `out-${file.replace("/", "-")}`);
      const { out: printed, err, status } = await run(["run", example(file)],
        join(folder, `db-${file.replace("/", "-")}`), out);
      expect(printed, err).toBe(expected);
      expect(err, "nothing on stderr below critical: deterministic, too").toBe("");
      expect(status).toBe(0);
      if (file === "sales/daily.ts") expect(readFileSync(join(out, "sales.csv"), "utf8").split("\n")).toHaveLength(99);
      if (file === "btc/hourly.ts") expect(JSON.parse(readFileSync(join(out, "btc.json"), "utf8"))).toHaveLength(360);
      if (file === "todos/etl.ts") expect(existsSync(join(out, "owner-10.json"))).toBe(true);
    });
  }
});

describe("what an example leaves behind", () => {
  const ask = async (file: string, ...args: readonly string[]): Promise<string> => {
    const { out, err, status } = await run(args, join(folder, `db-${file.replace("/", "-")}`), "");
    expect(status, err).toBe(0);
    return out;
  };
  test("is drawn as a tree: a thousand children, the first twenty and how the rest ended", async () => {
    const file = "children/fan-out.ts";
    const parent = await ask(file, "runs", "ls", "--workflow", "crawl-all", "--quiet");
    const lines = (await ask(file, "runs", "tree", parent)).split("\n");
    expect(lines).toHaveLength(22);
    expect(lines[0]).toMatch(/^[a-z]+-[a-z]+ {2}crawl-all {2}completed {2}[\d.]+ \w+ {2}\w{26}$/);
    expect(lines[1]).toMatch(/^├─ [a-z]+-[a-z]+ {2}crawl {2}completed {2}/);
    expect(lines[21]).toBe("└─ 980 more: 977 completed, 3 failed  (--all)");
  });
  test("is read when nobody works: the stream, the table, the attributes", async () => {
    const file = "progress/report.ts";
    expect(await ask(file, "runs", "stream", "-1", "lines", "--from", "1")).toBe(
      '{"city":"Lima","sales":444}\n{"city":"Kyoto","sales":555}');
    const shown = await ask(file, "runs", "artifacts", "-1");
    for (const line of [/^month {2}attribute/m, /^ {2}2026-05$/m, /^ {2}█{20} 100 %, 3 of 3$/m, /^ {2}Oslo +444$/m,
      /^ {2}\*\*1443\*\* sales in 3 cities\.$/m]) expect(shown).toMatch(line);
  });
});

test("the film is rendered by the workers of its pool, through the server that holds the database", async () => {
  const place = project("film", { "frames.ts": readFileSync(example("pool/frames.ts"), "utf8") });
  const server = start(place, [cli, "server", "start", "--port", "0"]);
  await server.until(/Ctrl-C stops it/);
  const workers = [1, 2].map(() => start(place, [cli, "run", "frames.ts"], { POOL: "gpu" }));
  for (const worker of workers) await worker.until(/works for gpu/);
  const main = start(place, [cli, "run", "frames.ts"], { REPRISE_LOG_LEVEL: "critical" });
  await main.until(/^12 frames, checksum 16992$/m);
  expect(await main.ended, main.said()).toBe(0);
  const [run = ""] = reprise(place, "runs", "ls", "--workflow", "film", "--quiet").stdout.split("\n");
  await expect.poll(() => reprise(place, "runs", "logs", run).stdout.match(/frame \d+, attempt 1, process/g))
    .toHaveLength(12);
  const { stdout } = reprise(place, "runs", "logs", run), pids = workers.map(({ child }) => String(child.pid));
  for (const [, pid = ""] of stdout.matchAll(/process (\d+)/g)) expect(pids).toContain(pid);
});

test("a run of release 1 keeps its email under release 2; a new one takes the letter", async () => {
  const code = readFileSync(example("patch/welcome.ts"), "utf8");
  const before = code.replace('patched("letter") ? await letter(name) : await email(name)', "await email(name)");
  expect(before).not.toBe(code);
  const place = project("patch", { "welcome.ts": before });
  const first = start(place, [cli, "run", "welcome.ts"], { REPRISE_LOG_LEVEL: "debug" });
  await first.until(/Sleeping for/);
  first.child.kill("SIGKILL");
  await first.ended;
  writeFileSync(join(place, "welcome.ts"), code);
  expect(reprise(place, "check").stdout).toContain("1 run replayed, 0 diverged");
  expect(reprise(place, "run", "welcome.ts").stdout).toBe("an email to Ada\n");
  expect(reprise(place, "run", "welcome.ts").stdout).toBe("a letter to Ada\n");
});

test("a poller that is killed goes on where its heartbeats say, with the same job", async () => {
  const place = project("poller", {}), file = example("poller/render.ts"), from = fixtures.polls().length;
  const first = start(place, [cli, "run", file], { REPRISE_LOG_LEVEL: "info", RENDERS_URL: fixtures.url });
  await first.until(/16 of 20 frames/);
  first.child.kill("SIGKILL");
  await first.ended;
  const before = fixtures.polls().slice(from);
  const second = start(place, [cli, "run", file], { REPRISE_LOG_LEVEL: "info", RENDERS_URL: fixtures.url });
  await second.until(/The Sea: 20 frames/);
  expect(await second.ended).toBe(0);
  const after = fixtures.polls().slice(from + before.length);
  expect(new Set([...before, ...after].map(({ job }) => job)).size, "one job").toBe(1);
  expect(before[0]?.after).toBe(0);
  expect(after[0]?.after, "it does not begin anew").toBeGreaterThan(0);
});

/** Runs whose events are looked at: of a thousand children, the youngest. */
const LOOKED_AT = 20;
/** These go on for seconds. */
const LONGER = ["many/map.ts", "children/fan-out.ts", "cron/loop.ts", "entity/account.ts"];
/** Given an example whose process is killed three times, when it is run once more, it prints what it always prints. */
async function killed(file: string, database: string, out: string): Promise<void> {
  let life: Life | undefined;
  const span = LONGER.includes(file) ? 1800 : 700, { count, expected } = SHORTER[file] ?? { expected: EXPECTED[file] };
  for (let i = 0; i < 3; i++) {
    life = await run(["run", example(file)], database, out, { killAfterMs: 450 + Math.random() * span, count });
    if (life.status === 0) break;
    expect(life.status, life.err).toBe("SIGKILL");
  }
  if (life?.status !== 0) life = await run(["run", example(file)], database, out, { count });
  expect(life.out, life.err).toBe(expected);
  const { out: list } = await run(["runs", "ls", "--json", "--limit", "1000"], database, out);
  // Printed by `runs ls --json`. A life killed after its run had ended leaves the next one to start another.
  const runs = JSON.parse(list) as { runId: string; state: string }[];
  expect(runs.filter(({ state }) => !["completed", "failed", "cancelled"].includes(state)), "unfinished").toEqual([]);
  for (const { runId } of runs.slice(0, LOOKED_AT)) {
    const { out: text } = await run(["runs", "events", runId, "--json"], database, out);
    // Printed by `runs events --json`.
    const ends = (JSON.parse(text) as { type: string; key?: string }[]).filter(({ type }) => type === "TaskCompleted");
    expect(new Set(ends.map(({ key }) => key)).size, "one result for each task").toBe(ends.length);
  }
}

// On PGlite: examples-kill.test.ts.
describe("killed with SIGKILL at any moment and run again at once, the example", () => {
  for (const file of Object.keys(EXPECTED)) {
    test.skipIf(url === "")(`${file} ends as if nothing had happened, on PostgreSQL`, async () => {
      await killed(file, await freshDatabase(url), join(folder, `kill-pg-${file.replace("/", "-")}`));
    });
  }
});
