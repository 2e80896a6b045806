/** `reprise check` and `reprise replay`: one verdict on a run and the code on disk, and what it says of the change. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { changeLines, changesOf } from "../engine/replay/changes.ts";
import { encodeRecorded } from "../engine/index.ts";
import { clear, cli, endAll, project, reprise, start, type Outcome } from "./talking.ts";

afterEach(endAll);
afterAll(clear);

const op = (second: string, nap = "20s", name = "op"): string => `import { sleep, task, workflow } from "reprise";
const step = task("step", async (n) => n);
export const op = workflow("${name}", async () => {
  const a = await step(1);
  const b = await step(${second});
  await sleep("${nap}");
  return b;
});
`;
/** A folder with a run of `op.mjs` that was killed in its sleep. */
async function killed(name: string, code: string): Promise<string> {
  const folder = project(name, { "op.mjs": code });
  const program = start(folder, [cli, "run", "op.mjs"], { REPRISE_LOG_LEVEL: "debug" });
  await program.until(/Sleeping for/);
  program.child.kill("SIGKILL");
  await program.ended;
  return folder;
}
const save = (folder: string, text: string): void => { writeFileSync(join(folder, "op.mjs"), text) };
/** What `check` and `replay --check` say. */
const both = (folder: string): readonly [Outcome, Outcome] =>
  [reprise(folder, "check", "op.mjs"), reprise(folder, "replay", "-1", "--check", "op.mjs")];

const CHANGED = `CHANGED: the call is made with another input, after event 5 (TaskCompleted task:step#0)
  - history : TaskScheduled task:step#1  at op.mjs:5:19
      const b = await step(a + 1);
  + code now: TaskScheduled task:step#1  at op.mjs:5:19
      const b = await step(100);
      - input[0] = 2
      + input[0] = 100`;

describe("`check` and `replay --check`", () => {
  test("note what a worker only notes of a run in flight, which then goes on; the ended run is compared exactly",
    async () => {
      const folder = await killed("noted", op("a + 1", "2s"));
      save(folder, op("100", "2s"));
      for (const said of both(folder)) {
        expect(said.status, said.stderr).toBe(0);
        expect(said.stderr, "both lines, and what has changed").toContain(CHANGED);
      }
      expect(reprise(folder, "replay", "-1").stdout).toContain("every decision the same but 1, which a worker only");
      expect(reprise(folder, "resume", "-1"), "it goes on").toMatchObject({ status: 0 });
      expect(reprise(folder, "runs", "inspect", "-1").stdout).toContain("completed");
      for (const said of both(folder)) {
        expect(said.status).toBe(3);
        expect(said.stdout + said.stderr).toContain(CHANGED);
      }
    });

  test("refuse both what a worker would park, in a workflow that is strict and in one that is not", async () => {
    const folder = await killed("parked", op("a + 1").replace('"op", ', '"op", { evolve: "strict" }, '));
    save(folder, op("100").replace('"op", ', '"op", { evolve: "strict" }, '));
    for (const { status } of both(folder)) expect(status).toBe(3);
    save(folder, op("a + 1").replace("await sleep", 'await step(3);\n  await sleep'));
    for (const said of both(folder)) {
      expect(said.status).toBe(3);
      expect(said.stderr).toContain("INSERTED");
    }
  });

  test("say that a file does not load, and why, with no stack of the loader", async () => {
    const folder = await killed("unloadable", op("a + 1"));
    save(folder, op("a + 1").replace("const b", "const = b"));
    for (const said of [...both(folder), reprise(folder, "check")]) {
      expect(said.status).toBe(3);
      expect(said.stderr).toContain("CODE_NOT_LOADED: op.mjs does not load: Unexpected token '='");
      expect(said.stderr).not.toMatch(/REPLAY_DIVERGED|Undo the edit|\n\s+at /);
    }
    expect(reprise(folder, "check").stdout)
      .toMatch(/^0 runs replayed, 0 diverged, 1 could not be replayed\n\n1 run \(/);
  });
});

describe("`reprise check`", () => {
  test("fails when a run in flight has lost its workflow in a file that is there; leaves out what is not here",
    async () => {
      const folder = await killed("gone", op("a + 1"));
      save(folder, op("a + 1", "20s", "op9"));
      for (const args of [[], ["op.mjs"]]) {
        const { status, stdout, stderr } = reprise(folder, "check", ...args);
        expect(stdout).toMatch(/^0 runs replayed, 0 diverged, 1 without code\n\n1 run \([a-z-]+\)\nop\.mjs no longer/);
        expect(stderr).toMatch(/WORKFLOW_GONE: run '[a-z-]+' is in flight, and op\.mjs no longer defines its workflow/);
        expect(status).toBe(3);
      }
      expect(JSON.parse(reprise(folder, "check", "--json").stdout)).toMatchObject({ checked: 0, unloaded: 1,
        gone: [{ workflow: "op", ok: false }], leftOut: [] });
      writeFileSync(join(folder, "moved.mjs"), op("a + 1"));
      expect(reprise(folder, "check", "moved.mjs"), "its code is in another file").toMatchObject({ status: 0,
        stdout: "1 run replayed, 0 diverged\n" });
      rmSync(join(folder, "op.mjs"));
      const { status, stderr } = reprise(folder, "check");
      expect(stderr).toContain("1 run was left out: no file that was loaded defines its workflow; name it on the " +
        "command line: op (op.mjs)");
      expect(status).toBe(0);
    });

  test("fails when a file that was named does not load, though no run is of it", async () => {
    const folder = await killed("named", op("a + 1"));
    writeFileSync(join(folder, "other.mjs"), 'throw new Error("no such setting")');
    const { status, stdout, stderr } = reprise(folder, "check", "other.mjs");
    expect(stdout).toContain("1 run replayed, 0 diverged\n\nother.mjs does not load: no such setting");
    expect(stderr).toContain("CODE_NOT_LOADED");
    expect(status).toBe(3);
  });

  test("shows no secret among the values that changed", async () => {
    const login = (password: string): string => op("a + 1").replace("step(a + 1)", `step({ password: "${password}" })`);
    const folder = await killed("secret", login("hunter2"));
    save(folder, login("letmein3"));
    for (const { stdout, stderr } of both(folder)) {
      expect(stdout + stderr).toContain("- input[0].password");
      const told = (stdout + stderr).split("\n").filter((line) => line.includes("input[0]")).join();
      expect(told).not.toMatch(/hunter2|letmein3/);
    }
  });
});

describe("what has changed", () => {
  const lines = (was: unknown, now: unknown): readonly string[] => changeLines(changesOf(
    { input: encodeRecorded(was, "was") }, { input: encodeRecorded(now, "now") }));

  test("is told by path: what was and what is now, or only one of them", () => {
    expect(lines({ a: { b: [1, 2] }, c: 1 }, { a: { b: [1, 3] }, d: 1 })).toEqual(
      ["- input.a.b[1] = 2", "+ input.a.b[1] = 3", "- input.c = 1", "+ input.d = 1"]);
    expect(lines([1], { "0": 1 }), "a list is no object").toEqual(["- input = [1]", '+ input = {"0":1}']);
    expect(lines({ "a b": 1 }, { "a b": 2 })).toEqual(['- input["a b"] = 1', '+ input["a b"] = 2']);
    expect(lines({ a: 1, b: 2 }, { b: 2, a: 1 }), "order does not count").toEqual([]);
  });

  test("is told of values that JSON cannot say, an entry of a Map by its key", () => {
    expect(lines(new Map([["lamp", 2n]]), new Map([["lamp", 3n]])))
      .toEqual(['- input[0].lamp = "2"', '+ input[0].lamp = "3"']);
    expect(lines([new Date(0)], ["1970-01-01T00:00:00.000Z"]).join("\n"), "other kinds of the same text")
      .toMatch(/types in input.*Date/);
  });

  test("is cut to a readable length around the first difference, and to a few places", () => {
    const long = "x".repeat(500), [was = "", now = ""] = lines(`${long}a${long}`, `${long}b${long}`);
    expect(was).toMatch(/^- input = "…x{24}ax+…"$/);
    expect(now).toMatch(/^\+ input = "…x{24}bx+…"$/);
    expect(was.length).toBeLessThan(110);
    const many = lines(Array.from({ length: 50 }, (_, i) => i), Array.from({ length: 50 }, (_, i) => i + 1));
    expect(many).toHaveLength(11);
    expect(many.at(-1)).toBe("and more");
  });

  test("is told of timers as instants", () => {
    expect(changeLines(changesOf({ dueAt: 0 }, { dueAt: 1000 })))
      .toEqual(['- dueAt = "1970-01-01T00:00:00.000Z"', '+ dueAt = "1970-01-01T00:00:01.000Z"']);
  });
});
