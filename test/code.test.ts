/** Runs in flight against the code that is loaded: what GET /code says of them, and what a worker then does. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { CodeCheck, type RunEngine, type WorkflowSpec } from "../engine/index.ts";
import { patchFor, saysOf, type CodeDifference, type CodeNow } from "../replay-viewer/model/code.ts";
import { codeAnswer, type CodeAnswer, type CodeWorkflow } from "../replay-viewer/server/wire-code.ts";
import { patched, task, waitFor, workflow, z, type Workflow } from "../sdk/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { loadedCode } from "../sdk/viewer.ts";
import { served } from "./served.ts";
import { ask, clear, cli, endAll, project, reprise, start } from "./talking.ts";

const house = served();
const email = task("email", async (id: number) => `email ${id}`);
const letter = task("letter", async (id: number) => `letter ${id}`);
const paid = (): Promise<unknown> => waitFor(z.object({ paid: z.boolean() }), { name: "payment" });
type Way = (id: number) => Promise<unknown>;
/** Each definition replaces the one before, as a save does. */
const define = (way: Way, evolve?: "strict" | "append" | "pin"): Workflow<[number], unknown> =>
  workflow("upgraded", evolve === undefined ? {} : { evolve }, async (id: number) => way(id));

const old: Way = async (id) => { const sent = await email(id); await paid(); return sent };
const other: Way = async (id) => { const sent = await letter(id); await paid(); return sent };
const both: Way = async (id) => {
  const sent = patched("letter") ? await letter(id) : await email(id);
  await paid();
  return sent;
};

/** Runs that wait for the payment, with their letters sent. */
async function waiting(n: number, flow: Workflow<[number], unknown>): Promise<readonly string[]> {
  const ids = await Promise.all(Array.from({ length: n }, async (_, i) => (await flow.start(i)).id));
  for (const id of ids) {
    await expect.poll(async () => (await house.engine.history(id)).some(({ type }) => type === "WaitOpened"))
      .toBe(true);
  }
  return ids;
}
/** What the route says when it has looked at all runs. */
async function told(): Promise<CodeAnswer> {
  await expect.poll(async () => {
    const { at, checked, total } = await house.get("/code", codeAnswer);
    return at !== null && checked === total;
  }).toBe(true);
  return house.get("/code", codeAnswer);
}
const one = ({ workflows }: CodeAnswer): CodeWorkflow => {
  const [first] = workflows;
  if (first === undefined) throw new Error("no workflow is told of");
  return first;
};
const withCode = (): Promise<void> => house.anew({ code: loadedCode(house.engine) });

describe("GET /code", () => {
  test("counts runs in flight by workflow and version, and says so where the server has no code", async () => {
    await waiting(2, define(old));
    const found = await told();
    expect(found).toMatchObject({ code: "none", checked: 2, total: 2, more: false });
    const version = workflowSpec("upgraded")?.codeVersion;
    expect(one(found)).toMatchObject({ name: "upgraded", file: "test/code.test.ts", version: null, missing: { runs: 2 },
      versions: [{ began: version, last: version, runs: 2, missing: 2, fits: 0, parked: 0 }] });
  });

  test("says that runs go on, which would be set aside and where, and that patched() lets them go on",
    async () => {
      const ids = await waiting(3, define(old));
      await withCode();
      expect(one(await told()).versions).toMatchObject([{ runs: 3, fits: 3, differs: 0 }]);
      define(other);
      await expect.poll(async () => one(await told()).differences.length).toBe(1);
      const [found] = one(await told()).differences;
      expect(found).toMatchObject({ kind: "INSERTED", runs: 3, after: { seq: 1, type: "RunStarted" },
        recorded: { type: "TaskScheduled", key: "task:email#0" }, issued: { key: "task:letter#0" } });
      expect(new Set(found?.named.map(({ runId }) => runId))).toEqual(new Set(ids));
      for (const side of ["recorded", "issued"] as const) {
        expect(found?.[side]?.code?.file, side).toBe("test/code.test.ts");
        expect(found?.[side]?.code?.lines.length, side).toBe(7);
      }
      define(both);
      await expect.poll(async () => one(await told()).versions[0]?.fits).toBe(3);
      expect(one(await told()).differences).toEqual([]);
    });

  test("tells runs that are pinned to other code, and files that no run can be read by, apart from those that differ",
    async () => {
      await waiting(1, define(old));
      define(other, "pin"); // the file of this test has one version: these runs began with it
      await withCode();
      expect(one(await told()).versions).toMatchObject([{ differs: 1, pinned: 0 }]);
      const source = loadedCode(house.engine), ofAnother = (name: string): WorkflowSpec | undefined => {
        const spec = workflowSpec(name);
        return spec && { ...spec, codeVersion: "another" };
      };
      const check = new CodeCheck(house.engine.store, { codeOf: ({ workflow: name }) => ofAnother(name) });
      await house.anew({ code: { ...source, verdict: (row) => check.verdict(row) } });
      expect(one(await told())).toMatchObject({ pinned: { runs: 1, named: [{ parked: false }] }, differences: [] });
      const broken = new CodeCheck(house.engine.store, { codeOf: () => { throw new SyntaxError("password=hunter2") } });
      await house.anew({ code: { ...source, verdict: (row) => broken.verdict(row) } });
      const [reason] = one(await told()).broken;
      expect(reason).toMatchObject({ runs: 1, why: expect.stringContaining("test/code.test.ts does not load") });
      expect(reason?.why, "and no secret").not.toContain("hunter2");
    });

  test("answers with what it knows while it looks, and does not keep other requests waiting", async () => {
    const ids = await waiting(3, define(old)), source = loadedCode(house.engine), gates: (() => void)[] = [];
    await house.anew({ code: { ...source, verdict: async (row) => {
      await new Promise<void>((go) => { gates.push(go) });
      return source.verdict(row);
    } } });
    await expect.poll(async () => (await house.get("/code", codeAnswer)).total).toBe(3);
    for (const [i] of ids.entries()) {
      await expect.poll(() => gates.length).toBe(i + 1);
      expect(await house.get("/code", codeAnswer)).toMatchObject({ checked: i, total: 3, at: null });
      expect((await house.ask("/health")).status).toBe(200);
      gates[i]?.();
    }
    expect(one(await told()).versions).toMatchObject([{ fits: 3 }]);
  });

  test("forgets runs that have ended, and is told of a failure of the database instead of silence", async () => {
    const [id = ""] = await waiting(1, define(old));
    const said: unknown[] = [];
    await house.anew({ code: loadedCode(house.engine), onError: (error) => { said.push(error) } });
    expect((await told()).total).toBe(1);
    await house.engine.cancel(id, {});
    await expect.poll(async () => (await told()).total).toBe(0);
    const failing: RunEngine["list"] = () => Promise.reject(new Error("the disk is gone"));
    house.engine.list = failing;
    await expect.poll(async () => (await house.ask("/code")).status).toBe(500);
    expect(String(said[0])).toBe("Error: the disk is gone");
  });
});

describe("reprise server start <files>", () => {
  afterEach(endAll);
  afterAll(clear);
  const NAP = `import { sleep, task, workflow } from "reprise";
const step = task("step", async (n) => n);
const nap = workflow("nap", async () => { await step(1); await sleep("3d"); });
void nap;
`;

  test("compares runs with the files, which it does not run itself, at every save; one that does not load, too",
    async () => {
      const folder = project("served-files", { "a.mjs": NAP });
      const program = start(folder, [cli, "run", "a.mjs:nap"], { REPRISE_LOG_LEVEL: "debug" });
      await program.until(/Sleeping for/);
      program.child.kill("SIGINT");
      await program.ended;
      const server = start(folder, [cli, "server", "start", "a.mjs", "--port", "0"]);
      const [url] = await server.until(/http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+/);
      const first = async (): Promise<CodeWorkflow | undefined> => (await ask<CodeAnswer>(url, "/code")).workflows[0];
      await expect.poll(async () => (await first())?.versions[0]?.fits).toBe(1);
      writeFileSync(join(folder, "a.mjs"), NAP.replace("await sleep", "await step(2); await sleep"));
      await expect.poll(async () => (await first())?.differences[0]?.issued?.code?.lines).toContainEqual(
        expect.stringContaining("await step(2)"));
      writeFileSync(join(folder, "a.mjs"), "const = 1;");
      await server.until(/SyntaxError|TransformError/);
      await expect.poll(async () => (await first())?.missing.runs).toBe(1);
      writeFileSync(join(folder, "a.mjs"), NAP);
      await expect.poll(async () => (await first())?.versions[0]?.fits).toBe(1);
      expect(reprise(folder, "runs", "inspect", "-1").stdout, "nobody went on with it").toContain("waiting");
      server.child.kill("SIGINT");
      expect(await server.ended, server.said()).toBe(0);
    });
});

describe("a run that is checked as a worker would take it", () => {
  test("goes on where a worker only notes a difference, unless the workflow is strict", async () => {
    const twice: Way = async (id) => { const sent = await email(id + 1); await paid(); return sent };
    const [id = ""] = await waiting(1, define(old));
    define(twice);
    await withCode();
    expect(one(await told()).versions, "its result is recorded: another input cannot matter")
      .toMatchObject([{ fits: 1 }]);
    define(twice, "strict");
    await expect.poll(async () => one(await told()).differences[0]?.kind).toBe("CHANGED");
    expect((await house.engine.history(id)).map(({ type }) => type)).not.toContain("RunParked");
  });
});

describe("the words of the page", () => {
  const side = (key: string, ...lines: readonly string[]): CodeDifference["recorded"] => ({ type: "TaskScheduled", key,
    by: 1, site: "a.ts:2:1", code: { file: "a.ts", line: 2, from: 1, lines } });
  const difference = (recorded: CodeDifference["recorded"], issued: CodeDifference["issued"]): CodeDifference => ({
    runs: 1, named: [], kind: "INSERTED", cause: "", after: { seq: 1, type: "RunStarted" }, began: [], recorded,
    issued });

  test("propose patched() around what was added, taken away or replaced", () => {
    const before = side("sleep", "a();", "await sleep(1);", "c();"), after = side("b", "a();", "await b();",
      "await sleep(1);");
    expect(patchFor(difference(before, after), "x")).toBe('if (patched("x")) {\n  await b();\n}');
    expect(patchFor(difference(after, before), "x")).toBe('if (!patched("x")) {\n  await b();\n}');
    expect(patchFor(difference(null, after), "x")).toBe('if (patched("x")) {\n  await b();\n}');
    expect(patchFor(difference(after, null), "x")).toBe('if (!patched("x")) {\n  await b();\n}');
    expect(patchFor(difference(side("email", "", "const { a } = await email();"),
      side("letter", "", "const { a } = await letter(1);")), "x"))
      .toBe('const { a } = patched("x")\n  ? await letter(1)\n  : await email();');
    expect(patchFor(difference(side("email", "", "await email();"), side("letter", "", "await letter();")), "x"))
      .toBe('if (patched("x")) {\n  await letter();\n} else {\n  await email();\n}');
  });

  test("say in one sentence how it stands", () => {
    const none = { runs: 0, named: [] };
    const now = (counts: object, more: Partial<CodeNow> = {}): CodeNow => ({ code: "watched", checked: 3, total: 3,
      more: false, at: 1, now: 1, workflows: [{ name: "w", file: null, version: "v", differences: [], pinned: none,
        aside: none, missing: none, long: none, broken: [], versions: [{ began: "", last: "", runs: 3, fits: 0,
          differs: 0, pinned: 0, missing: 0, broken: 0, long: 0, parked: 0, ...counts }] }], ...more });
    expect(saysOf(now({ fits: 3 })).text).toBe("All 3 runs in flight go on with the code on disk");
    expect(saysOf(now({ fits: 3 }, { code: "loaded" })).text).toContain("the code that is loaded");
    expect(saysOf(now({ fits: 1, differs: 2 }))).toEqual({ tone: "bad",
      text: "2 runs would be set aside by the code on disk; 1 goes on" });
    expect(saysOf(now({ pinned: 1, missing: 2 }))).toEqual({ tone: "wait",
      text: "1 run waits for older code; of 2 runs it is not known; none goes on" });
    expect(saysOf(now({ missing: 3 }, { code: "none" })).text).toBe("3 runs are in flight");
    expect(saysOf(now({ fits: 3 }, { total: 9 })).text).toBe("3 of 9 runs looked at");
  });
});
