/** Local variables of past runs: real runs, replayed by the real host process, the command line and the inspector. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../engine/index.ts";
import { Declarations } from "../sdk/debug/declared.ts";
import { openDebugger, type Locals, type ReplayedRun, type RunDebugger } from "../sdk/debug/host.ts";
import { inLine } from "../sdk/debug/seen.ts";
import { seen } from "../sdk/debug/walker.ts";
import { lives } from "./talking.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "reprise-locals-"));
const environment: NodeJS.ProcessEnv = { ...process.env, VITEST: "", REPRISE_DATABASE_URL: "",
  REPRISE_LOG_LEVEL: "error", REPRISE_PROOF: "off", NO_COLOR: "1" };
const reprise = (...args: readonly string[]): { readonly stdout: string; readonly stderr: string;
  readonly status: number | null } => spawnSync(process.execPath, [join(root, "dist/sdk/cli/main.js"), ...args],
  { cwd: folder, encoding: "utf8", env: environment, timeout: 150_000 });

const SHOP = `import { isMain, sleep, task, workflow } from "reprise";
interface Item { sku: string; qty: number }
const label = task("label", async (sku: string): Promise<string> => "label-" + sku);
const track = task("track", async (name: string): Promise<string> => "track-" + name);

async function ship(sku: string, qty: number): Promise<string> {
  const box = { sku, weight: qty * 2 };
  const name = await label(box.sku);
  const tracking = await track(name);
  return name + "/" + tracking;
}

export const shop = workflow("shop", async (order: { items: Item[]; limit: number }) => {
  const shipped: string[] = [];
  for (const item of order.items) {
    const sent = await ship(item.sku, item.qty);
    shipped.push(sent);
  }
  await sleep("1ms");
  const many = Array.from({ length: 50 }, (_, n) => ({ n, deep: { er: { still: n } } }));
  await label("last");
  if (shipped.length > order.limit) {
    const excess = shipped.length - order.limit;
    throw new Error("too many: " + excess);
  }
  return { shipped, many: many.length };
});
const items = [{ sku: "pen", qty: 2 }, { sku: "ink", qty: 1 }];
if (isMain(import.meta)) {
  await shop({ items, limit: 9 });
  await shop({ items, limit: 1 }).catch(() => undefined);
}
`;

interface Exported { readonly run: { readonly runId: string; readonly workflow: string; readonly codeVersion: string };
  readonly events: readonly Event[] }
let good: Exported, bad: Exported;
beforeAll(() => {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/reprise"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "shop.ts"), SHOP);
  const ran = reprise("run", "shop.ts");
  expect(ran.status, ran.stderr).toBe(0);
  const exported = (state: string): Exported => {
    const [id = ""] = reprise("runs", "ls", "--state", state, "--quiet").stdout.trim().split("\n");
    const { stdout } = reprise("runs", "export", id);
    writeFileSync(join(folder, `${state}.json`), stdout);
    return JSON.parse(stdout) as Exported; // what the command writes
  };
  good = exported("completed");
  bad = exported("failed");
});
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

const seqOf = ({ events }: Exported, type: Event["type"], key: string): number =>
  events.find((event) => event.type === type && "key" in event && event.key === key)?.seq ?? 0;
/** A copy of the workflow's file, edited, beside the original. */
function edited(name: string, change: (text: string) => string): string {
  const file = join(folder, name);
  writeFileSync(file, change(SHOP));
  return file;
}
const toReplay = ({ run, events }: Exported, file = join(folder, "shop.ts")): ReplayedRun =>
  ({ runId: run.runId, workflow: run.workflow, codeVersion: run.codeVersion, files: [file], events });

type More = Omit<Parameters<RunDebugger["locals"]>[0], "runId" | "head" | "at">;
const look = (host: RunDebugger, run: ReplayedRun, at: number, more: More = {}): Promise<Locals> =>
  host.locals({ runId: run.runId, head: run.events.length, at, ...more }, () => Promise.resolve(run));
/** `name = value` of each frame, in words. */
const words = ({ frames }: Locals): readonly unknown[] => frames.map(({ site, scopes, asOf }) => ({
  at: site, ...(asOf !== undefined && { asOf }),
  variables: scopes.filter(({ kind }) => kind !== "module").flatMap(({ variables }) =>
    variables.map(([name, value]) => `${name} = ${inLine(value)}`)) }));

describe("the variables of a past run", () => {
  let host: RunDebugger;
  beforeAll(() => { host = openDebugger({ cwd: folder }) });
  afterAll(() => host.close());

  test("at a call are those of each function on the stack, and none whose declaration lies ahead", async () => {
    const at = seqOf(good, "TaskScheduled", "task:label#1"), found = await look(host, toReplay(good), at);
    expect(found).toMatchObject({ moment: at, standing: "here", otherVersion: false });
    expect(words(found)).toEqual([
      { at: "shop.ts:8:22 ship", variables: ['sku = "ink"', "qty = 1", 'box = { sku: "ink", weight: 2 }'] },
      // `sent` still holds the round before in the engine's registers, and is not shown
      { at: "shop.ts:16:24", variables: ['item = { sku: "ink", qty: 1 }',
        'order = { items: [ { sku: "pen", qty: 2 }, { sku: "ink", qty: 1 } ], limit: 9 }',
        'shipped = [ "label-pen/track-label-pen" ]'] },
    ]);
    expect(found.frames[0]?.code).toBe("const name = await label(box.sku);");
  });

  test("at a result are those where the code goes on, and the suspended workflow's as they were last", async () => {
    const at = seqOf(good, "TaskCompleted", "task:label#1"), found = await look(host, toReplay(good), at);
    expect(words(found)[0]).toEqual({ at: "shop.ts:9:20 ship", variables: ['sku = "ink"', "qty = 1",
      'box = { sku: "ink", weight: 2 }', 'name = "label-ink"'] });
    expect(words(found)[1]).toMatchObject({ at: "shop.ts:16:24", asOf: seqOf(good, "TaskScheduled", "task:label#1") });
  });

  test("at an event that the code does not see are those where it waits", async () => {
    const at = seqOf(good, "AttemptStarted", "task:track#0"), found = await look(host, toReplay(good), at);
    expect(found).toMatchObject({ standing: "waiting", moment: seqOf(good, "TaskScheduled", "task:track#0") });
    expect(words(found)[0]).toMatchObject({ at: "shop.ts:9:26 ship" });
  });

  test("at the failure of a run are those where it was thrown", async () => {
    const found = await look(host, toReplay(bad), bad.events.length);
    expect(words(found)[0]).toMatchObject({ at: expect.stringMatching(/^shop\.ts:24:/),
      variables: expect.arrayContaining(["excess = 1"]) });
  });

  test("are there for every event, and each moment leads to the ones before and after", async () => {
    const run = toReplay(good), moments = new Set<number>();
    for (const { seq, type } of good.events) {
      const found = await look(host, run, seq);
      expect(found.frames.length, `${seq} ${type}`).toBeGreaterThan(0);
      moments.add(found.moment);
    }
    const steps = [good.events.length];
    for (let at = steps[0] ?? 0; ;) {
      const { previous } = await look(host, run, at);
      if (previous === undefined) break;
      steps.push(at = previous);
    }
    expect(steps.at(-1)).toBe(1);
    expect([...moments].filter((one) => !steps.includes(one))).toEqual([]);
  });

  test("of a long run are recorded around the one asked for, and are the same as of a fresh replay", async () => {
    writeFileSync(join(folder, "sum.ts"), `import { isMain, task, workflow } from "reprise";
const add = task("add", async (a: number, b: number) => a + b);
export const sum = workflow("sum", async (upTo: number) => {
  let total = 0;
  for (let i = 1; i <= upTo; i++) { const next = await add(total, i); total = next }
  return total;
});
if (isMain(import.meta)) await sum(1100);\n`);
    expect(reprise("run", "sum.ts").status).toBe(0);
    const [id = ""] = reprise("runs", "ls", "--quiet", "--state", "completed").stdout.split("\n");
    const long = JSON.parse(reprise("runs", "export", id).stdout) as Exported; // what the command writes
    const run = toReplay(long, join(folder, "sum.ts")), middle = seqOf(long, "TaskCompleted", "task:add#500");
    expect(run.events.length).toBeGreaterThan(3000);
    await look(host, run, middle);
    for (let at = middle; at > middle - 12; at--) {
      const quick = await look(host, run, at), { watches: _, ...fresh } = await look(host, run, at, { watches: ["1"] });
      expect(quick, String(at)).toEqual(fresh);
      expect(quick.frames).toHaveLength(1);
    }
    const { frames } = await look(host, run, seqOf(long, "TaskScheduled", "task:add#1000"));
    expect(words({ frames } as Locals)).toEqual([{ at: expect.stringMatching(/^sum\.ts:5:/),
      variables: ["i = 1001", "upTo = 1100", "total = 500500"] }]);
  });

  test("are copied three levels deep and twenty wide; what lies deeper is opened by its path", async () => {
    const at = seqOf(good, "TaskScheduled", "task:label#2"), run = toReplay(good);
    const [frame] = (await look(host, run, at)).frames;
    const many = frame?.scopes.flatMap(({ variables }) => variables).find(([name]) => name === "many")?.[1];
    expect(many).toMatchObject({ kind: "array", size: 50 });
    expect(many?.parts).toHaveLength(20);
    expect(inLine(many?.parts?.[3]?.[1] ?? { kind: "null", text: "" })).toBe("{ n: 3, deep: { er: {…1} } }");
    const { opened } = await look(host, run, at, { open: { frame: 0, name: "many", path: [3, 1, 0] } });
    expect(opened?.names).toEqual(["many", "3", "deep", "er"]);
    expect(opened && inLine(opened.value)).toBe("{ still: 3 }");
    const rest = await look(host, run, at, { open: { frame: 0, name: "many", path: [], from: 48 } });
    expect(rest.opened?.value.parts?.map(([name]) => name)).toEqual(["48", "49"]);
  });

  test("can be watched by expressions that change nothing; the others are refused", async () => {
    const watches = ["shipped.map((one) => one.length)", "order.limit * 2", "order.limit = 0", "shipped.push('x')",
      "fetch('http://127.0.0.1:9')", "nobody", "(() => { for (;;); })()"];
    const found = await look(host, toReplay(good), seqOf(good, "TaskScheduled", "task:label#2"), { watches });
    expect(found.watches?.map(({ value, refused }) => value === undefined ? refused : inLine(value))).toEqual([
      "[ 25, 25 ]", "18", ...Array<string>(3).fill("it would change something, or call what may: a watch only reads"),
      "ReferenceError: nobody is not defined", "it could not be evaluated"]);
    expect(words(found)[0]).toMatchObject({ variables: expect.arrayContaining([expect.stringContaining("limit: 9")]) });
  });

  test("are printed by log points whenever the code passes, through the whole run", async () => {
    const run = toReplay(good), query = { runId: run.runId, head: run.events.length };
    const there: unknown = expect.stringContaining("shop.ts:17:");
    const { hits } = await host.logPoints({ ...query,
      points: [{ file: "shop.ts", line: 17, expression: "sent" }] }, () => Promise.resolve(run));
    expect(hits.map(({ after, site, watched }) => [after, site, watched.value?.text])).toEqual([
      [seqOf(good, "TaskCompleted", "task:track#0"), there, '"label-pen/track-label-pen"'],
      [seqOf(good, "TaskCompleted", "task:track#1"), there, '"label-ink/track-label-ink"']]);
    await expect(host.logPoints({ ...query, points: [{ file: "shop.ts", line: 2, expression: "1" }] },
      () => Promise.resolve(run))).rejects.toMatchObject({ code: "NO_CODE_AT_LINE" });
  });

  test("end where the edited code diverges: earlier events are shown, later ones refused", async () => {
    const file = edited("diverged.ts", (text) => text.replace('await sleep("1ms");', 'await label("new");'));
    const run = { ...toReplay(good, file), runId: "diverged" };
    const early = seqOf(good, "TaskScheduled", "task:track#0"), late = seqOf(good, "TimerFired", "timer:sleep#0");
    expect((await look(host, run, early)).otherVersion).toBe(true);
    const parts = seqOf(good, "TaskCompleted", "task:track#1");
    await expect(look(host, run, late)).rejects.toMatchObject({ code: "REPLAY_DIVERGED",
      message: expect.stringContaining(`diverged from the run at event ${parts}`) });
  });

  test("are shown though the code leaves a rejection to nobody", async () => {
    const file = edited("floating.ts", (text) => text.replace("const name = await label(box.sku);",
      'const a = label(box.sku); void a.then(() => { throw new Error("floating") });\n  const name = await a;'));
    const run = { ...toReplay(good, file), runId: "floating" };
    const found = await look(host, run, seqOf(good, "TimerFired", "timer:sleep#0"));
    expect(words(found)[0]).toMatchObject({ variables: expect.arrayContaining([expect.stringContaining("shipped")]) });
    expect(reprise("replay", "completed.json", file)).toMatchObject({ status: 0, stderr: "" });
  });

  test("are those of the file as it is now: an edit is seen by the next question", async () => {
    const file = edited("harmless.ts", (text) => text), run = { ...toReplay(good, file), runId: "harmless" };
    const at = seqOf(good, "TaskScheduled", "task:label#0");
    expect(JSON.stringify(words(await look(host, run, at)))).not.toContain("fresh");
    edited("harmless.ts", (text) => text.replace("const box", 'const fresh = "yes", box'));
    expect(JSON.stringify(words(await look(host, run, at)))).toContain('fresh = \\"yes\\"');
  });
});

describe("a replay that does not come back", () => {
  test("is ended at the limit, and the host answers the next question", async () => {
    const host = openDebugger({ limitMs: 6000, cwd: folder });
    const file = edited("endless.ts", (text) => text.replace('await label("last");', "for (;;);"));
    const run = { ...toReplay(good, file), runId: "endless" }, at = seqOf(good, "TimerFired", "timer:sleep#0");
    await expect(look(host, run, at)).rejects.toMatchObject({ code: "REPLAY_STUCK" });
    expect((await look(host, toReplay(good), 1)).frames).toHaveLength(1);
    await host.close();
  });
});

describe("the host process", () => {
  test("ends when whoever started it dies, even while it is still loading", async () => {
    const script = `import { openDebugger } from ${JSON.stringify(join(root, "dist/sdk/debug/host.js"))};
      import { ChildProcess } from "node:child_process";
      const real = ChildProcess.prototype.spawn;
      ChildProcess.prototype.spawn = function (options) {
        const result = real.call(this, options);
        console.log(this.pid);
        return result;
      };
      openDebugger().logPoints({ runId: "x", head: 1, points: [] }, async () => ({})).catch(() => undefined);
      setTimeout(() => undefined, 60_000);`;
    for (const wait of [0, 300]) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], { cwd: folder });
      const pid = await new Promise<number>((resolve) => {
        child.stdout.on("data", (chunk) => { resolve(Number(chunk)) });
      });
      await new Promise((resolve) => { setTimeout(resolve, wait) });
      child.kill("SIGKILL");
      await expect.poll(() => lives(pid)).toBe(false);
    }
  });
});

describe("reprise replay", () => {
  test("prints the frames, the line and the variables at an event, and a watch", () => {
    const at = String(seqOf(bad, "TaskScheduled", "task:label#1"));
    const { stdout, stderr, status } = reprise("replay", "@failed", "--at", at, "--locals", "--watch",
      "shipped.length");
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/at event \d+, TaskScheduled task:label#1 {2}\(before: --at \d+, after: --at \d+\)/);
    expect(stdout).toContain("ship  shop.ts:8:22\n    const name = await label(box.sku);\n");
    expect(stdout).toMatch(/^ {2}box {2}\{ sku: "ink", weight: 2 \}$/m);
    expect(stdout).toContain("watch  shipped.length = refused: ReferenceError");
  });

  test("prints log points of an exported run, as one JSON document if asked", () => {
    const { stdout } = reprise("replay", "completed.json", "--log-point", "shop.ts:10=name", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ hits: [
      { site: expect.stringMatching(/^shop\.ts:10:\d+ ship$/), watched: { value: { text: '"label-pen"' } } },
      { watched: { value: { text: '"label-ink"' } } }] });
  });

  test("ends with 3 where the code diverged, and with 2 at an event that is not there", () => {
    const file = edited("other.ts", (text) => text.replace('await sleep("1ms");', ""));
    expect(reprise("replay", "completed.json", file, "--locals")).toMatchObject({ status: 3,
      stderr: expect.stringContaining("REPLAY_DIVERGED") });
    expect(reprise("replay", "completed.json", "--at", "999")).toMatchObject({ status: 2 });
  });

  test("--inspect waits for a debugger, and stops with the user's function on the stack", async () => {
    const at = seqOf(good, "TaskScheduled", "task:track#1");
    const child = spawn(process.execPath, [join(root, "dist/sdk/cli/main.js"), "replay", "completed.json", "--inspect",
      "--at", String(at)], { cwd: folder, env: environment });
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stderr.on("data", (chunk) => {
        said += String(chunk);
        const found = /ws:\/\/\S+/.exec(said)?.[0];
        if (found !== undefined) resolve(found);
      });
      child.once("exit", () => { reject(new Error(said)) });
    });
    const socket = new WebSocket(url), ended = new Promise((resolve) => { child.once("exit", resolve) });
    const paused = new Promise<readonly { readonly functionName: string }[]>((resolve) => {
      socket.on("message", (text) => {
        // The inspector's own protocol.
        const { method, params } = JSON.parse(String(text)) as { readonly method?: string;
          readonly params: { readonly callFrames: readonly { readonly functionName: string }[] } };
        if (method === "Debugger.paused") resolve(params.callFrames);
      });
    });
    await new Promise((resolve) => { socket.once("open", resolve) });
    for (const [i, method] of ["Debugger.enable", "Runtime.enable", "Runtime.runIfWaitingForDebugger"].entries()) {
      socket.send(JSON.stringify({ id: i + 1, method }));
    }
    expect((await paused).map(({ functionName }) => functionName)).toContain("ship");
    socket.send(JSON.stringify({ id: 9, method: "Debugger.resume" }));
    socket.close();
    expect(await ended).toBe(0);
  });
});

describe("a copy of a value", () => {
  test("runs no code of the user's: no getter, no proxy, no toJSON", () => {
    const touched: string[] = [];
    const value = { get trap() { touched.push("getter"); return 1 }, toJSON() { touched.push("toJSON"); return 1 },
      proxy: new Proxy({}, { get: () => touched.push("get"), ownKeys: () => { touched.push("keys"); return [] },
        getPrototypeOf: () => { touched.push("prototype"); return null } }),
      odd: Object.assign(Object.create({ get constructor() { touched.push("maker"); return Object } }), { a: 1 }) };
    expect(inLine(seen(value))).toBe("{ trap: (getter), toJSON: ƒ toJSON, proxy: Proxy, odd: { a: 1 } }");
    expect(touched).toEqual([]);
  });

  test("tells kinds apart that JSON cannot, and says what was cut", () => {
    class Money { readonly cents = 5 }
    const line = (value: unknown): string => inLine(seen(value), 200);
    expect([new Map([["a", 1]]), new Set([1n]), new Date(0), /a+/gi, new URL("http://x/y"), new Money(), -0, undefined,
      new Uint8Array(3), Promise.resolve(1), new Error("gone"), Symbol("s"), [, 1]].map(line)).toEqual([
      "Map(1) { a => 1 }", "Set(1) [ 1n ]", "1970-01-01T00:00:00.000Z", "/a+/gi", "http://x/y", "Money { cents: 5 }",
      "-0", "undefined", "Uint8Array(3 bytes)", "Promise", expect.stringMatching(/^Error: gone \{ message: "gone"/),
      "Symbol(s)", "[ empty, 1 ]"]);
    expect(seen("x".repeat(300))).toMatchObject({ kind: "string", size: 300 });
    const loop: { self?: object } = {};
    loop.self = loop;
    expect(line(loop)).toBe("{ self: { self: { self: {…1} } } }");
  });
});

describe("a name", () => {
  const ahead = (text: string, name: string): boolean =>
    new Declarations(text.replace("|", "")).isAhead(name, text.indexOf("|"));
  test("is ahead until its declarator has ended, in its own block and function", () => {
    expect(ahead("async () => { | ; const a = 1 }", "a")).toBe(true);
    expect(ahead("async () => { const a = await |f() }", "a")).toBe(true);
    expect(ahead("async () => { const a = 1; | }", "a")).toBe(false);
    expect(ahead("async () => { for (const a of b) { | } }", "a")).toBe(false);
    expect(ahead("async () => { for (const a of await |b()) { } }", "a")).toBe(true);
    expect(ahead("async () => { for (;;) { await |f(); let { x: [a = 1], ...b } = c } }", "b")).toBe(true);
    expect(ahead("async () => { var a; | ; { let a } }", "a")).toBe(false);
    expect(ahead("async () => { const g = () => { | }; const a = 1 }", "a")).toBe(false); // a closure's: V8 knows
    expect(ahead("async () => { |; class A {} }", "A")).toBe(true);
    const { module } = new Declarations('import x from "y"; export const a = 1; { let b } class C {} () => { let d }');
    expect([...module]).toEqual(["a", "C"]);
  });
});

test("the engine has one debugger statement, and asks for it in one place", () => {
  const files = ["engine/replay/moment.ts", "engine/replay/execution.ts", "engine/replay/turns.ts",
    "engine/runtime/rehearse.ts"].map((file) => readFileSync(join(root, file), "utf8"));
  expect(files.map((text) => (text.match(/\bdebugger;/g) ?? []).length)).toEqual([1, 0, 0, 0]);
});
