/** The viewer inside a program, beside `reprise run`, over a file; and what the command line knows of it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { ask, clear, cli, endAll, project, reprise, start } from "./talking.ts";

afterEach(endAll);
afterAll(clear);
interface Row { readonly runId: string; readonly state: string }
const runs = async (url: string): Promise<readonly Row[]> => (await ask<{ runs: Row[] }>(url, "/runs")).runs;
const LINK = /Viewer: (http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+)\n/;
const SUM = `import { openEngine, task, workflow } from "reprise";
const add = task("add", async (a: number, b: number) => a + b);
export const sum = workflow("sum", async () => add(1, 2));
`;

describe("openEngine({ viewer })", () => {
  test("serves the viewer and says where; handles know their page; it ends with the engine", async () => {
    const folder = project("engine", { "a.ts": `${SUM}
const engine = await openEngine({ viewer: { port: 0 } });
const handle = await engine.start(sum);
await handle.result();
console.log("url " + handle.url);
process.stdin.once("data", async () => {
  await engine.close();
  console.log("after " + handle.url);
  process.stdin.destroy();
});` });
    const program = start(folder, [cli, "run", "a.ts"]);
    const [, url = ""] = await program.until(LINK);
    const [, page = ""] = await program.until(/url (\S+)/);
    const [run] = await runs(url);
    expect(page).toBe(`${url.split("/#")[0]}/runs/${run?.runId}`);
    expect((await fetch(page, { headers: { accept: "text/html" } })).status).toBe(200);
    program.child.stdin?.write("go\n");
    await program.until(/after undefined/);
    expect(await program.ended, program.said()).toBe(0);
    await expect(fetch(page)).rejects.toThrow();
  });

  test("keeps no process alive, and takes another port when the usual one is taken", async () => {
    const code = `${SUM}console.log(await sum());`;
    const [one, two] = ["first", "second"].map((name) => project(`script-${name}`, { "a.ts":
      name === "first" ? `${code}await new Promise((r) => setTimeout(r, 60_000));` : code })) as [string, string];
    const first = start(one, [cli, "run", "a.ts"], { REPRISE_VIEWER: "on" });
    const [, a = ""] = await first.until(LINK);
    const second = start(two, [cli, "run", "a.ts"], { REPRISE_VIEWER: "on" });
    const [, b = ""] = await second.until(LINK);
    expect(await second.ended, second.said()).toBe(0);
    expect(b.split("#")[0]).not.toBe(a.split("#")[0]);
  });
});

describe("reprise run --view", () => {
  test("shows a failed run's code and link, stays until Ctrl-C, and ends with 130", async () => {
    const folder = project("view", { "a.ts": `${SUM}interface Card { readonly n: number }
const charge = task("charge", async (card: Card) => {
  throw new TypeError("no money on " + card.n);
});
const pay = workflow("pay", async () => charge({ n: 7 }));
await pay();` });
    const program = start(folder, [cli, "run", "a.ts", "--view"], { REPRISE_VIEWER: "" });
    const [, url = ""] = await program.until(LINK);
    await program.until(/The viewer stays until Ctrl-C/);
    expect(program.said()).toContain(`  a.ts:6:9
       4 | interface Card { readonly n: number }
       5 | const charge = task("charge", async (card: Card) => {
  >    6 |   throw new TypeError("no money on " + card.n);
         |         ^`);
    const [run] = await runs(url);
    expect(run?.state).toBe("failed");
    expect(program.said()).toMatch(new RegExp(`${url.split("/#")[0]}/runs/${run?.runId}\\?e=\\d+\n`));
    expect(reprise(folder, "server", "status").stdout).toContain(`a program of yours, process ${program.child.pid}`);
    expect(reprise(folder, "server", "stop"), "a user's program is not ended from outside")
      .toMatchObject({ status: 2 });
    const [origin, token] = url.split("/#");
    expect(reprise(folder, "open", "-1").stdout).toBe(`${origin}/runs/${run?.runId}#${token}\n`);
    program.child.kill("SIGINT");
    expect(await program.ended, program.said()).toBe(130);
    expect(reprise(folder, "server", "status"), "the note is gone").toMatchObject({ status: 4 });
  });
});

describe("reprise server", () => {
  test("is known by status and ended by stop", async () => {
    const folder = project("server", {});
    const server = start(folder, [cli, "server", "start", "--port", "0"]);
    const [url] = await server.until(/http:\/\/127\.0\.0\.1:\d+/);
    const status = JSON.parse(reprise(folder, "server", "status", "--json").stdout) as object; // its own format
    expect(status).toMatchObject({ origin: url, pid: server.child.pid, by: "server",
      holder: { pid: server.child.pid } });
    const stop = start(folder, [cli, "server", "stop"]);
    expect(await server.ended).toBe(0);
    expect(await stop.ended, stop.said()).toBe(0);
    expect(reprise(folder, "server", "stop").stderr).toContain("NOT_SERVED");
  });
});

describe("reprise view", () => {
  test("serves a recording, .json or .html, where nobody can guess it, with its secrets taken out", async () => {
    const folder = project("file", { "a.ts": `${SUM}
const login = task("login", async (who: { user: string; password: string }) => who.user);
const enter = workflow("enter", async () => login({ user: "ada", password: "hunt" + "er2" }));
await enter();` });
    expect(reprise(folder, "run", "a.ts")).toMatchObject({ status: 0 });
    writeFileSync(join(folder, "run.json"), reprise(folder, "runs", "export", "-1").stdout);
    writeFileSync(join(folder, "run.html"), reprise(folder, "runs", "export", "-1", "--html").stdout);
    expect(readFileSync(join(folder, "run.json"), "utf8").includes("hunter2")).toBe(true);
    for (const file of ["run.json", "run.html"]) {
      const viewer = start(folder, [cli, "view", file]);
      const [url] = await viewer.until(/http:\S+/);
      const page = await fetch(url), text = await page.text();
      expect(page.headers.get("content-type")).toContain("text/html");
      expect(["reprise/recording/1", '"login"', "hunter2"].map((one) => text.includes(one)))
        .toEqual([true, true, false]);
      for (const path of ["/", "/x", "/run.json", "/../package.json"]) {
        expect((await fetch(new URL(path, url))).status, path).toBe(404);
      }
      const other = await fetch(url, { headers: { origin: "https://example.com" } });
      expect([other.status, await other.text()]).toEqual([403, ""]);
      viewer.child.kill("SIGINT");
      expect(await viewer.ended, viewer.said()).toBe(0);
    }
    expect(reprise(folder, "view", "a.ts")).toMatchObject({ status: 2,
      stderr: expect.stringContaining("is no recording of a run") });
  });
});
