/** Variables of past runs in the viewer: a real server process, asked over HTTP and looked at in a real browser. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { localsAnswer, logPointsAnswer } from "../replay-viewer/server/wire-debug.ts";
import { calm, violations, watch } from "./browser.ts";
import { CHROMIUM_ARGS, chromiumForTests } from "./chromium.ts";
import { endAll, start } from "./talking.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "reprise-locals-viewer-"));
const environment: NodeJS.ProcessEnv = { ...process.env, VITEST: "", REPRISE_DATABASE_URL: "", REPRISE_TOKEN: "",
  REPRISE_LOG_LEVEL: "error", REPRISE_PROOF: "off" };
const command = join(root, "dist/sdk/cli/main.js");
const reprise = (...args: readonly string[]): string => spawnSync(process.execPath, [command, ...args],
  { cwd: folder, encoding: "utf8", env: environment, timeout: 150_000 }).stdout;

const CODE = `import { isMain, task, workflow } from "reprise";
const charge = task("charge", async (cents: number) => ({ cents, at: new Date(0) }));
export const pay = workflow("pay", async (user: { name: string; password: string }) => {
  const nested = { one: { two: { three: { four: "deep down" } } } };
  let total = 0;
  for (const cents of [100, 250]) {
    const done = await charge(cents);
    total += done.cents;
  }
  return { total, nested, greeting: "hello " + user.name };
});
if (isMain(import.meta)) await pay({ name: "ada", password: "hunter2hunter2" });
`;

/** A server process; its address without the token, and the token. */
async function serve(...args: readonly string[]): Promise<{ readonly child: ChildProcess; readonly origin: string;
  readonly token: string }> {
  const child = spawn(process.execPath, [command, "server", "start", "--port", "0", ...args],
    { cwd: folder, env: environment, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk) => { resolve(String(chunk).trim()) });
    child.once("exit", (code) => { reject(new Error(`the server ended with ${String(code)}`)) });
  });
  const { origin, hash } = new URL(url);
  return { child, origin, token: hash.replace("#token=", "") };
}
async function end({ child }: { readonly child: ChildProcess }): Promise<void> {
  const ended = new Promise((resolve) => { child.once("exit", resolve) });
  child.kill("SIGTERM");
  await ended;
}

let runId = "";
beforeAll(() => {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/reprise"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "pay.ts"), CODE);
  reprise("run", "pay.ts");
  runId = reprise("runs", "ls", "--quiet").trim();
  expect(runId).toMatch(/^\w{26}$/);
});
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

describe("a server", () => {
  test("that was not told to debug refuses with 403, and runs nothing", async () => {
    const server = await serve();
    for (const [path, body] of [["locals", { at: 3 }], ["log-points",
      { points: [{ file: "pay.ts", line: 8, expression: "total" }] }]] as const) {
      const response = await fetch(`${server.origin}/api/v1/runs/${runId}/${path}`, { method: "POST",
        headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
        body: JSON.stringify(body) });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { code: "DEBUG_OFF" } });
    }
    await end(server);
  });
});

describe("reprise replay", () => {
  const SEEN = ["--at", "6", "--watch", "user.password", "--log-point", "pay.ts:8=Object.values(user).join()"];
  test("prints no secret that the viewer would hide, in words or JSON, unless it is told to", () => {
    for (const style of [[], ["--json"]]) {
      const printed = reprise("replay", runId, ...SEEN, ...style);
      expect(printed).toContain("[redacted]");
      expect(printed).toContain("ada");
      expect(printed).not.toContain("hunter2");
    }
    expect(reprise("replay", runId, ...SEEN)).toContain('user    { name: "ada", password: [redacted] }');
    const shown = reprise("replay", runId, ...SEEN, "--show-secrets");
    expect(shown).toContain('password: "hunter2hunter2"');
    expect(shown).toContain('watch  user.password = "hunter2hunter2"');
  });

  test("says at an event inside a task that the task's own variables are not kept", () => {
    const inside = reprise("replay", runId, "--at", "4");
    expect(inside).toContain("AttemptStarted task:charge#0");
    expect(inside).toContain("This happened inside task:charge#0. Only the code of the workflow is replayed");
    expect(inside).toContain("const done = await charge(cents);");
    expect(reprise("replay", runId, "--at", "6")).not.toContain("This happened inside");
  });
});

describe("reprise dev", () => {
  afterAll(endAll);
  test("prints the variables where a run failed, and its viewer shows them", async () => {
    const file = join(folder, "fails.ts");
    writeFileSync(file, CODE.replaceAll('"pay"', '"fails"').replace("return {",
      'const sum = total * 2;\n  if (sum > 1) throw new Error("no");\n  return {'));
    const program = start(folder, [command, "dev", "fails.ts", "--port", "0"]);
    const [, origin = "", token = ""] = await program.until(/(http:\/\/127\.0\.0\.1:\d+)\/#token=([\w-]+)\n/);
    await program.until(/The variables where run '[a-z-]+' failed:\n\nfails {2}fails\.ts:11:\d+\n/);
    await program.until(/\n {2}user {4}\{ name: "ada", password: \[redacted\] \}\n/);
    await program.until(/\n {2}sum {5}700\n/);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const { runs } = z.object({ runs: z.array(z.object({ runId: z.string(), asOf: z.number() })) })
      .parse(await (await fetch(`${origin}/api/v1/runs?workflow=fails`, { headers })).json());
    const answer = await fetch(`${origin}/api/v1/runs/${runs[0]?.runId ?? ""}/locals`, { method: "POST", headers,
      body: JSON.stringify({ at: runs[0]?.asOf }) });
    expect(localsAnswer.parse(await answer.json()).frames[0]).toMatchObject({ workflow: "fails",
      code: 'if (sum > 1) throw new Error("no");' });
    program.child.kill("SIGINT");
    expect(await program.ended).toBe(130);
  });
});

describe("a server with --allow-debug", () => {
  let server: Awaited<ReturnType<typeof serve>>, browser: Browser | undefined;
  beforeAll(async () => { server = await serve("--allow-debug") });
  afterAll(async () => {
    await browser?.close();
    await end(server);
  });
  const ask = async (path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }> => {
    const response = await fetch(`${server.origin}/api/v1/runs/${runId}/${path}`, { method: "POST",
      headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  };

  test("tells the variables at an event, and never a secret: by its name, by its value, by a watch", async () => {
    const { status, body } = await ask("locals", { at: 6, watches: ["total + 1", "user.password", "total = 9",
      "Object.values(user)", "`pw is ${Object.entries(user)[1][1]}`"] });
    expect(status).toBe(200);
    const { frames, watches, moment, previous } = localsAnswer.parse(body);
    expect(moment).toBe(6);
    expect(previous).toBe(5);
    expect(Object.fromEntries(frames[0]?.scopes.flatMap(({ variables }) => variables) ?? [])).toMatchObject({
      cents: { text: "250" }, total: { text: "100" },
      user: { parts: [["name", { text: '"ada"' }], ["password", { kind: "redacted", text: "[redacted]" }]] } });
    expect(watches?.map(({ value, refused }) => value?.text ?? refused)).toEqual(["101", "[redacted]",
      expect.stringContaining("a watch only reads"), "", '"pw is [redacted]"']);
    expect(JSON.stringify(body)).not.toContain("hunter2");
  });

  test("opens what lies deeper, prints at lines, and says what is wrong with a question", async () => {
    const { body } = await ask("locals", { at: 6, open: { frame: 0, name: "nested", path: [0, 0, 0] } });
    expect(localsAnswer.parse(body).opened).toEqual({ names: ["nested", "one", "two", "three"],
      value: { kind: "object", text: "", size: 1, parts: [["four", { kind: "string", text: '"deep down"' }]] } });
    const hidden = await ask("locals", { at: 6, open: { frame: 0, name: "user", path: [1] } });
    expect(localsAnswer.parse(hidden.body).opened?.value).toEqual({ kind: "redacted", text: "[redacted]" });
    const printed = await ask("log-points", { points: [{ file: "pay.ts", line: 8, expression: "done.cents" }] });
    expect(logPointsAnswer.parse(printed.body).hits.map(({ watched }) => watched.value?.text)).toEqual(["100", "250"]);
    expect(await ask("locals", { at: 99 })).toMatchObject({ status: 404, body: { error: { code: "NO_SUCH_EVENT" } } });
    expect(await ask("locals", { at: 1, run: "rm" })).toMatchObject({ status: 400 });
    expect(await ask("log-points", { points: [{ file: "pay.ts", line: 4000, expression: "1" }] }))
      .toMatchObject({ status: 422, body: { error: { code: "NO_CODE_AT_LINE" } } });
  });

  const executablePath = chromiumForTests();
  test.skipIf(executablePath === undefined)("shows them beside the source, steps back, watches, opens", async () => {
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...CHROMIUM_ARGS] });
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await watch(page);
    await page.goto(`${server.origin}/runs/${runId}?e=6&tab=source#token=${server.token}`);
    const panel = page.getByRole("region", { name: "Variables" });
    await panel.getByText("const done = await charge(cents);").waitFor();
    await panel.getByRole("listitem").filter({ hasText: "cents" }).getByText("250").waitFor();
    expect(await panel.getByRole("button", { name: "done", exact: true }).count()).toBe(0);
    await panel.getByPlaceholder(/Watch an expression/).fill("cents * 2");
    await page.keyboard.press("Enter");
    await panel.getByText("500").waitFor();
    await panel.getByRole("button", { name: "step back" }).click();
    await page.waitForURL(/e=5/);
    await panel.getByText("total += done.cents;").waitFor();
    await page.getByRole("button", { name: "Event before (left)" }).click();
    await panel.getByText(/This happened inside task:charge#0\..*the variables of the task’s own code are not kept/)
      .waitFor();
    await page.getByRole("button", { name: "Next event (right)" }).click();
    await panel.getByText("total += done.cents;").waitFor();
    await panel.getByPlaceholder(/Print at a line/).fill("pay.ts:8=done.at");
    await page.keyboard.press("Enter");
    await panel.getByText("2 passes").waitFor();
    for (const name of ["nested", "one", "two"]) {
      await panel.getByRole("button", { name, exact: true, expanded: false }).click();
    }
    await panel.getByRole("button", { name: "open 1" }).click();
    await panel.getByRole("button", { name: "three", exact: true, expanded: false }).click();
    await panel.getByText('"deep down"').first().waitFor();
    await page.screenshot({ path: process.env["SHOT"] ?? join(folder, "page.png") });
    expect(await violations(page)).toEqual([]);
    calm(page);
  });
});
