/**
 * Every example, killed three times with SIGKILL in the middle of its work: it prints and writes what it does when
 * nobody kills it, and what was recorded at a kill is not executed after it. The same SEED kills after the same lines.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

interface Fixtures { readonly url: string; close(): Promise<void> }
interface Life { readonly out: string; readonly err: string; readonly status: number | string | null }
interface Place { readonly database: string; readonly out: string; readonly ledger: string }
/** A kill that the next life resumed from: the last event of the run that it found, and the executions until then. */
interface Kill { readonly name: string; readonly seq: number; readonly executions: number }
interface Row { readonly runId: string; readonly name: string; readonly state: string }
interface Recorded extends Row {
  readonly events: readonly { readonly seq: number; readonly type: string; readonly key?: string }[] }

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "reprise-examples-kill-"));
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = 3;
/** More lives than this mean that an example ends before it can be killed: the test would prove nothing. */
const LIVES = 12;
/** A life is killed after at most so many lines on stderr: three such lives are shorter than the whole. */
const EXAMPLES: { readonly [file: string]: number } = {
  "poller/render.ts": 6,
  "sales/daily.ts": 3, "btc/hourly.ts": 3, "orders/order.ts": 3, "race/quote.ts": 2, "many/map.ts": 2500,
};
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

/** Whole numbers below `below`, the same for the same start (xorshift of 32 bits). */
function drawFrom(start: number): (below: number) => number {
  let state = (start ^ 0x5EED) | 1;
  return (below) => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One life of a command, killed when it has printed `lines` lines on stderr: one for the run, one for each task. */
function live(args: readonly string[], where: Place, server: string, lines = Infinity): Promise<Life> {
  const env: NodeJS.ProcessEnv = { ...process.env, REPRISE_DATABASE_URL: where.database, OUT: where.out,
    LEDGER: where.ledger, PRICES_URL: server, RENDERS_URL: server };
  for (const name of ["VITEST", "REPRISE_LOG_LEVEL", "REPRISE_FRESH", "COUNT"]) delete env[name];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [here("../dist/sdk/cli/main.js"), ...args],
      { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "", err = "", seen = 0;
    child.stdout.on("data", (chunk) => { out += String(chunk) });
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
      seen += String(chunk).split("\n").length - 1;
      if (seen >= lines) child.kill("SIGKILL");
    });
    child.once("close", (code, signal) => { resolve({ out, err, status: signal ?? code }) });
  });
}

function place(name: string): Place {
  const root = join(folder, name.replace("/", "-"));
  mkdirSync(root);
  return { database: join(root, "runs"), out: join(root, "out"), ledger: join(root, "ledger") };
}
/** `run key` of each execution so far, in order. */
const executions = ({ ledger }: Place): readonly string[] =>
  existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").filter((line) => line !== "") : [];
function filesIn(path: string): { readonly [name: string]: string } {
  if (!existsSync(path)) return {};
  return Object.fromEntries(readdirSync(path).sort().map((name) => [name, readFileSync(join(path, name), "utf8")]));
}

/** Every run of a place, as the command line tells it. */
async function recorded(where: Place): Promise<readonly Recorded[]> {
  const json = async (...args: readonly string[]): Promise<unknown> => {
    const { out, err, status } = await live(["runs", ...args, "--json"], where, "");
    expect(status, err).toBe(0);
    return JSON.parse(out);
  };
  const runs: Recorded[] = [];
  for (const row of await json("ls") as readonly Row[]) { // printed by `runs ls --json`
    runs.push({ ...row, events: await json("events", row.runId) as Recorded["events"] }); // and by `runs events --json`
  }
  return runs;
}
/** `run key` of each result up to event `last`, as the ledger writes it. */
const results = ({ runId, events }: Recorded, last = Infinity): readonly string[] =>
  events.flatMap(({ seq, type, key }) => type === "TaskCompleted" && seq <= last ? [`${runId} ${key ?? ""}`] : []);

/** Kills the example `KILLS` times, lets it end, and gives back the kills that were resumed from. */
async function killed(file: string, where: Place, server: string, expected: string): Promise<readonly Kill[]> {
  const most = EXAMPLES[file] ?? 1, draw = drawFrom(seed + most), resumed: Kill[] = [];
  for (let kills = 0, lives = 0, before = 0; ; lives++) {
    expect(lives, "the example lives long enough to be killed").toBeLessThan(LIVES);
    const last = kills === KILLS;
    const life = await live(["run", here(`../examples/${file}`)], where, server, last ? Infinity : 1 + draw(most));
    const found = /Resuming run '(.+)' at event (\d+)/.exec(life.err);
    if (found?.[1]) resumed.push({ name: found[1], seq: Number(found[2]), executions: before });
    if (life.status === "SIGKILL") kills++;
    else expect(life, life.err).toMatchObject({ status: 0, out: expected });
    before = executions(where).length;
    if (last) return resumed;
  }
}

describe(`an example killed ${KILLS} times (SEED=${seed})`, () => {
  for (const file of Object.keys(EXAMPLES)) {
    test(`${file} ends as if nobody had killed it, and executes nothing again that was recorded`, async () => {
      // Plain JavaScript of the examples; its comment says what it gives.
      const { startFixtureServer } = await import("../examples/fixture-server.mjs" as string) as
        { startFixtureServer: (options: { failFirst: number }) => Promise<Fixtures> };
      const server = await startFixtureServer({ failFirst: 2 });
      try {
        const calm = place(`calm-${file}`), rough = place(`rough-${file}`);
        const undisturbed = await live(["run", here(`../examples/${file}`)], calm, server.url);
        expect(undisturbed.status, undisturbed.err).toBe(0);
        const kills = await killed(file, rough, server.url, undisturbed.out);
        expect(kills.length, "some kill came in the middle").toBeGreaterThan(0);
        expect(filesIn(rough.out)).toEqual(filesIn(calm.out));

        const runs = await recorded(rough), all = executions(rough);
        expect(runs.filter(({ state }) => state !== "completed" && state !== "failed"), "left unfinished").toEqual([]);
        const keys = runs.flatMap((run) => results(run));
        expect(new Set(keys).size, "one result for each task").toBe(keys.length);
        for (const { name, seq, executions: from } of kills) {
          // A later run may have the same name: what had executed nothing at the kill had nothing recorded.
          const then = runs.filter((run) => run.name === name
            && all.slice(0, from).some((line) => line.startsWith(`${run.runId} `)));
          const kept = new Set(then.flatMap((run) => results(run, seq)));
          expect(all.slice(from).filter((line) => kept.has(line)), "executed again though recorded").toEqual([]);
        }
      } finally { await server.close() }
    });
  }
});
