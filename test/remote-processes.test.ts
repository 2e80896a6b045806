/** Real processes on one embedded directory: who holds it serves the others, and is killed with SIGKILL. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { openStore } from "../engine/index.ts";
import { clear, cli, endAll, project, reprise, start, type Talking } from "./talking.ts";

afterEach(endAll);
afterAll(clear);

/** Each task writes a line when it runs; the third waits for a file, so that a test decides what happens meanwhile. */
const SCRIPT = `import { appendFileSync, existsSync } from "node:fs";
import { task, workflow } from "reprise";
const step = task("step", async (n) => {
  appendFileSync("ledger", n + " " + process.pid + "\\n");
  console.log("ran " + n);
  while (n === 3 && !existsSync("go")) await new Promise((resolve) => { setTimeout(resolve, 20) });
  return n;
});
const count = workflow("count", async () => {
  let sum = 0;
  for (let n = 1; n <= 6; n++) sum += await step(n);
  return sum;
});
console.log("result", await count());
`;
const given = (name: string): string => project(name, { "a.mjs": SCRIPT, ledger: "" });
const go = (folder: string): void => { writeFileSync(join(folder, "go"), "") };
const ran = (folder: string): readonly string[] =>
  readFileSync(join(folder, "ledger"), "utf8").trim().split("\n").map((line) => line.split(" ")[0] ?? "");
const ONCE = ["1", "2", "3", "4", "5", "6"];

async function server(folder: string): Promise<Talking> {
  const program = start(folder, [cli, "server", "start", "--port", "0"]);
  await program.until(/Ctrl-C stops it/);
  return program;
}
async function killed(program: Talking): Promise<void> {
  program.child.kill("SIGKILL");
  await program.ended;
}
/** The one run as the command line lists it. */
function listed(folder: string): readonly { readonly state: string; readonly runId: string }[] {
  const { stdout, stderr, status } = reprise(folder, "runs", "ls", "--json");
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as { state: string; runId: string }[]; // our own format
}

describe("beside `reprise server start`", () => {
  test("a script runs its workflow through the server, and the command line looks at it meanwhile", async () => {
    const folder = given("beside"), holder = await server(folder);
    const script = start(folder, ["a.mjs"]);
    await script.until(/ran 3/);
    expect(listed(folder)).toMatchObject([{ state: "running" }]);
    const doctor = reprise(folder, "doctor");
    expect(doctor.stdout).toMatch(new RegExp(`ok  holder +process ${holder.child.pid} .* serves it at `));
    expect(doctor.stdout).toMatch(/ok {2}database +remote at .*\.reprise answers/);
    expect(reprise(folder, "config", "view").stdout).toMatch(/holder +process \d+ .*the database's lock/);
    expect(reprise(folder, "server", "status").stdout).toContain(
      `is open to scripts and commands through process ${holder.child.pid}`);
    go(folder);
    await script.until(/result 21/);
    expect(await script.ended).toBe(0);
    expect(ran(folder)).toEqual(ONCE);
    expect(listed(folder)).toMatchObject([{ state: "completed" }]);
    holder.child.kill("SIGTERM");
    expect(await holder.ended, holder.said()).toBe(0);
    expect(listed(folder), "without the server").toMatchObject([{ state: "completed" }]);
  });

  test("two scripts work at once, each on its own run", async () => {
    const folder = given("two");
    await server(folder);
    go(folder);
    const scripts = [1, 2].map(() => start(folder, ["a.mjs"], { REPRISE_FRESH: "1" }));
    for (const script of scripts) { await script.until(/result 21/); expect(await script.ended).toBe(0) }
    expect(listed(folder)).toMatchObject([{ state: "completed" }, { state: "completed" }]);
  });

  test("a script that is killed leaves its run to the next, which resumes it at once", async () => {
    const folder = given("script-killed");
    await server(folder);
    const first = start(folder, ["a.mjs"]);
    await first.until(/ran 3/);
    await killed(first);
    go(folder);
    const second = start(folder, ["a.mjs"]);
    await second.until(/Resuming run '[a-z]+-[a-z]+' at event \d+: 2 tasks kept/);
    await second.until(/result 21/);
    expect(await second.ended).toBe(0);
    expect(ran(folder)).toEqual(["1", "2", "3", "3", "4", "5", "6"]);
    expect(listed(folder)).toHaveLength(1);
  });

  test("a script that is started again long after it was killed resumes its run just so", async () => {
    const folder = given("long-after");
    await server(folder);
    const first = start(folder, ["a.mjs"]);
    await first.until(/ran 3/);
    await killed(first);
    const store = await openStore(join(folder, ".reprise"));
    await expect.poll(async () => (await store.workers()).filter(({ alive }) => alive))
      .toEqual([]);
    await store.close();
    go(folder);
    const second = start(folder, ["a.mjs"]);
    await second.until(/Resuming run '[a-z]+-[a-z]+' at event \d+: 2 tasks kept/);
    await second.until(/result 21/);
    expect(await second.ended).toBe(0);
  });
});

describe("when the server is killed", () => {
  test("a script says so, waits, and goes on with the next server; its task was not run again", async () => {
    const folder = given("server-back"), first = await server(folder);
    const script = start(folder, ["a.mjs"]);
    await script.until(/ran 3/);
    await killed(first);
    go(folder);
    await script.until(/Database - the process that (serves|held) .*; trying again/);
    const second = await server(folder);
    await script.until(/Database - Back; going on/);
    await script.until(/result 21/);
    expect(await script.ended).toBe(0);
    expect(ran(folder)).toEqual(ONCE);
    expect(listed(folder)).toMatchObject([{ state: "completed" }]);
    await killed(second);
    expect(listed(folder), "in the directory that it left").toMatchObject([{ state: "completed" }]);
  });

  test("and no other comes, the script takes the directory over, serves it, and goes on", async () => {
    const folder = given("server-gone"), first = await server(folder);
    const script = start(folder, ["a.mjs"]);
    await script.until(/ran 3/);
    await killed(first);
    await script.until(/Database - .*this one takes the directory over; trying again/);
    await expect.poll(() => reprise(folder, "doctor").stdout)
      .toMatch(new RegExp(`holder +process ${script.child.pid} .* serves it`));
    expect(listed(folder)).toMatchObject([{ state: "running" }]);
    go(folder);
    await script.until(/result 21/);
    expect(await script.ended).toBe(0);
    expect(ran(folder)).toEqual(ONCE);
    expect(listed(folder)).toMatchObject([{ state: "completed" }]);
  });

  test("with the script, the next script resumes the run at once, in the directory itself", async () => {
    const folder = given("both-killed"), holder = await server(folder);
    const first = start(folder, ["a.mjs"]);
    await first.until(/ran 3/);
    await Promise.all([killed(holder), killed(first)]);
    go(folder);
    const second = start(folder, ["a.mjs"]);
    await second.until(/Resuming run '[a-z]+-[a-z]+' at event \d+: 2 tasks kept/);
    await second.until(/result 21/);
    expect(await second.ended).toBe(0);
    expect(listed(folder)).toMatchObject([{ state: "completed" }]);
  });

  test("no more than stopped for some seconds, a script waits for it and goes on", async () => {
    const folder = given("stopped"), holder = await server(folder);
    const script = start(folder, ["a.mjs"]);
    await script.until(/ran 3/);
    holder.child.kill("SIGSTOP");
    await script.until(/Database - .* does not answer: it said nothing for 5000 ms; trying again/);
    holder.child.kill("SIGCONT");
    go(folder);
    await script.until(/result 21/);
    expect(await script.ended).toBe(0);
    expect(ran(folder)).toEqual(ONCE);
    expect(listed(folder)).toMatchObject([{ state: "completed" }]);
  });

  test("again and again, while two scripts work, no recorded task runs twice and both end", async () => {
    const folder = given("again");
    go(folder);
    writeFileSync(join(folder, "b.mjs"), SCRIPT.replace('workflow("count"', 'workflow("slow"')
      .replace("n <= 6", "n <= 60")
      .replace("return n;", "await new Promise((on) => { setTimeout(on, 100) });\n  return n;")
      .replace('"ledger"', "process.argv[2]"));
    for (const name of ["x", "y"]) appendFileSync(join(folder, name), "");
    let holder = await server(folder);
    const scripts = ["x", "y"].map((name) => start(folder, ["b.mjs", name], { REPRISE_FRESH: "1" }));
    for (const n of [10, 25, 40]) {
      await scripts[0]?.until(new RegExp(`ran ${n}\\b`));
      await killed(holder);
      holder = await server(folder);
    }
    for (const script of scripts) { await script.until(/result 1830/); expect(await script.ended).toBe(0) }
    expect(listed(folder)).toMatchObject([{ state: "completed" }, { state: "completed" }]);
    for (const name of ["x", "y"]) {
      const lines = readFileSync(join(folder, name), "utf8").trim().split("\n").map((line) => line.split(" ")[0]);
      expect(lines).toEqual(Array.from({ length: 60 }, (_, i) => String(i + 1)));
    }
  });
});

describe("beside a program", () => {
  const HOLDER = `import { openEngine } from "reprise";
const engine = await openEngine({ viewer: VIEWER });
console.log("open");
setTimeout(() => undefined, 60_000);
process.once("SIGTERM", () => { void engine.close().then(() => process.exit(0)) });
`;

  test("with `viewer: true` a script runs through it; without, it is refused and told who holds the directory",
    async () => {
      const folder = given("program");
      go(folder);
      for (const viewer of ["{ port: 0 }", "false"]) {
        writeFileSync(join(folder, "holder.mjs"), HOLDER.replace("VIEWER", viewer));
        const holder = start(folder, ["holder.mjs"]);
        await holder.until(/open/);
        const script = start(folder, ["a.mjs"], { REPRISE_FRESH: "1" });
        if (viewer === "false") await script.until(new RegExp(`is held by process ${holder.child.pid}`));
        else { await script.until(/result 21/); expect(await script.ended).toBe(0) }
        holder.child.kill("SIGTERM");
        expect(await holder.ended, holder.said()).toBe(0);
      }
    });
});

describe("beside `reprise dev`", () => {
  test("a script runs through it, and a save that starts it anew does not disturb the script", async () => {
    const folder = given("dev");
    writeFileSync(join(folder, "other.mjs"), `import { workflow } from "reprise";
workflow("other", async () => 1);
`);
    const dev = start(folder, [cli, "dev", "other.mjs", "--port", "0"]);
    await dev.until(/Nothing was started/);
    const script = start(folder, ["a.mjs"]);
    await script.until(/ran 3/);
    appendFileSync(join(folder, "other.mjs"), "// saved\n");
    await dev.until(/Nothing was started/, 2);
    go(folder);
    await script.until(/result 21/);
    expect(await script.ended).toBe(0);
    expect(ran(folder)).toEqual(ONCE);
    dev.child.kill("SIGINT");
    expect(await dev.ended, dev.said()).toBe(130);
  });
});
