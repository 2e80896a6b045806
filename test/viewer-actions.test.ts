/** The actions of the viewer's API, each over HTTP, on a real engine. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../engine/index.ts";
import { Families } from "../replay-viewer/server/family.ts";
import * as bodies from "../replay-viewer/server/wire-actions.ts";
import * as wire from "../replay-viewer/server/wire.ts";
import { offerDefault, withdrawDefault } from "../sdk/default-engine.ts";
import { continueWith, limit, signal, sleep, task, update, waitFor, workflow, z } from "../sdk/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { serveViewer } from "../sdk/viewer.ts";
import { served, type Told } from "./served.ts";

const house = served(), { ask } = house;
async function act(path: string, body: object): Promise<z.output<typeof bodies.actionAnswer>> {
  const told = await ask(path, body);
  expect(told.status, JSON.stringify(told.body)).toBe(200);
  return bodies.actionAnswer.parse(told.body);
}
const refusal = ({ status, body }: Told): readonly [number, string, string] => {
  const { error } = wire.problem.parse(body);
  return [status, error.code, error.message];
};
const types = (events: readonly Event[]): readonly string[] => events.map(({ type }) => type);

let broken = true, charged = 0;
const reserve = task("reserve", async (id: number) => `hold-${id}`);
const charge = task("charge", async (hold: string) => {
  charged++;
  if (broken) throw new Error("402");
  return `paid ${hold}`;
});
const order = workflow("act-order", { input: z.object({ id: z.number() }) }, async ({ id }) =>
  charge(await reserve(id)));
const go = signal("go", z.object({ to: z.string() })), rename = update("rename", z.string(), z.string());
const asks = workflow("act-asks", async () => {
  let name = "nobody";
  rename.handle((next) => {
    if (next === "bad") throw new Error("not that name");
    return (name = next);
  }, { validate: (next) => { if (next === "") throw new Error("a name is needed") } });
  const { to } = await go.wait();
  const answer = await waitFor(z.object({ amount: z.number().min(1), note: z.string().optional() }),
    { name: "approve", description: "May it be sent?" });
  return { to, name, ...answer };
});

describe("a run that has ended", () => {
  test("is retried from its failed call, and says before what is kept", async () => {
    broken = true;
    charged = 0;
    const run = await order.start({ id: 7 });
    await run.result().catch(() => undefined);
    const { plan } = await act(`/runs/${run.id}/retry`, { dryRun: true });
    expect(plan).toMatchObject({ open: ["task:charge#0"], replaced: [], injected: [] });
    expect(await house.engine.list({ workflow: "act-order" })).toHaveLength(1);
    broken = false;
    const { run: made = "" } = await act(`/runs/${run.id}/retry`, { by: "ada" });
    expect([await house.engine.result(made), charged]).toEqual(["paid hold-7", 2]);
    expect((await house.engine.history(made)).find(({ type }) => type === "RunForked")).toMatchObject({ from: run.id,
      who: "ada", why: "retry", seqs: plan?.seqs });
    expect(refusal(await ask(`/runs/${made}/retry`, {}))).toEqual([409, "NOTHING_TO_RETRY",
      `run ${made} has completed`]);
    for (const body of [{}, { dryRun: true }]) {
      expect(refusal(await ask(`/runs/${run.id}/retry`, body))).toEqual([409, "NOTHING_TO_RETRY",
        `run ${run.id} has been tried again: its newest try is ${made}, which is completed`]);
    }
  });

  test("is forked with another result, and says before what is replaced", async () => {
    broken = false;
    const run = await order.start({ id: 8 });
    await run.result();
    const edit = { "task:reserve#0": "hold-x" };
    const { plan } = await act(`/runs/${run.id}/fork`, { edit, dryRun: true });
    expect(plan).toMatchObject({ open: [], replaced: ["task:reserve#0"], injected: [] });
    const { run: made = "" } = await act(`/runs/${run.id}/fork`, { edit, by: "ada" });
    expect(await house.engine.result(made)).toBe("paid hold-x");
    expect(await ask(`/runs/${run.id}/fork`, { edit: { "task:none#0": 1 } })).toMatchObject({ status: 409 });
    expect(await ask(`/runs/${run.id}/fork`, { at: 999 })).toMatchObject({ status: 404 });
    expect(await ask(`/runs/${run.id}/pause`, {})).toMatchObject({ status: 409 });
  });
});

describe("a run that waits", () => {
  test("tells what for, takes a signal and an answer, and refuses what its schema does not accept", async () => {
    const run = await asks.start(), waits = async (): Promise<z.output<typeof bodies.waitsAnswer>["waits"]> =>
      bodies.waitsAnswer.parse((await ask(`/runs/${run.id}/waits`)).body).waits;
    await expect.poll(async () => (await waits()).map(({ name, kind }) => `${kind} ${name}`)).toEqual(["signal go"]);
    expect(await act(`/runs/${run.id}/signal`, { name: "go", value: { to: "Rome" } })).toEqual({ ok: true });
    await expect.poll(async () => (await waits())[0]).toMatchObject({ kind: "form", name: "approve", until: null,
      description: "May it be sent?", schema: { type: "object", required: ["amount"],
        properties: { amount: { type: "number", minimum: 1 } } } });
    const [status, code, message] = refusal(await ask(`/runs/${run.id}/answer`, { name: "approve",
      value: { amount: 0 } }));
    expect([status, code]).toEqual([422, "ANSWER_REFUSED"]);
    expect(message).toContain("amount: Too small");
    expect(await act(`/runs/${run.id}/answer`, { name: "approve", value: { amount: 5 }, by: "ada" }))
      .toEqual({ ok: true, pending: false });
    expect(await run.result()).toEqual({ to: "Rome", name: "nobody", amount: 5 });
    expect(await waits()).toEqual([]);
    expect(refusal(await ask(`/runs/${run.id}/answer`, { name: "approve", value: 1 })).slice(0, 2))
      .toEqual([409, "RUN_ENDED"]);
  });

  test("does an update and gives the reply, the refusal or the error", async () => {
    const run = await asks.start();
    await expect.poll(async () => types(await house.engine.history(run.id))).toContain("WaitOpened");
    expect(await act(`/runs/${run.id}/update`, { name: "rename", value: "Ada" })).toEqual({ ok: true,
      reply: { p: "Ada" } });
    expect(await act(`/runs/${run.id}/update`, { name: "rename", value: "bad" })).toEqual({ ok: true,
      error: "Error: not that name" });
    expect(refusal(await ask(`/runs/${run.id}/update`, { name: "rename", value: "" })).slice(0, 2))
      .toEqual([422, "UPDATE_REFUSED"]);
    await run.cancel();
  });

  test("has an open call settled by a person, who says why", async () => {
    const run = await asks.start();
    await expect.poll(async () => types(await house.engine.history(run.id))).toContain("WaitOpened");
    expect(await ask(`/runs/${run.id}/inject`, { key: "wait:go#0", value: { to: "Oslo" } })).toMatchObject(
      { status: 400 });
    const why = { by: "ada", reason: "the sender is down" };
    expect(await act(`/runs/${run.id}/inject`, { key: "wait:go#0", value: { to: "Oslo" }, ...why }))
      .toEqual({ ok: true, pending: false });
    expect((await house.engine.history(run.id)).find(({ type }) => type === "ResultInjected")).toMatchObject({
      who: "ada", reason: why.reason });
    expect(refusal(await ask(`/runs/${run.id}/inject`, { key: "task:none#0", ...why })).slice(0, 2))
      .toEqual([409, "INJECT_REFUSED"]);
    await act(`/runs/${run.id}/answer`, { name: "approve", value: { amount: 1 } });
    expect(await run.result()).toMatchObject({ to: "Oslo" });
  });
  test("has an open call skipped by a person, who says why", async () => {
    const run = await asks.start(), why = { by: "ada", reason: "nobody sends it" };
    await expect.poll(async () => types(await house.engine.history(run.id))).toContain("WaitOpened");
    expect(await ask(`/runs/${run.id}/skip`, { key: "wait:go#0", value: 1, ...why })).toMatchObject({ status: 400 });
    expect(await act(`/runs/${run.id}/skip`, { key: "wait:go#0", ...why })).toEqual({ ok: true, pending: false });
    const skipped = (await house.engine.history(run.id)).find(({ type }) => type === "ResultInjected");
    expect(skipped).toMatchObject({ key: "wait:go#0", who: "ada", reason: why.reason });
    expect(skipped).not.toHaveProperty("value");
  });

  test("is paused and resumed", async () => {
    const run = await asks.start();
    await expect.poll(async () => types(await house.engine.history(run.id))).toContain("WaitOpened");
    await act(`/runs/${run.id}/pause`, { by: "ada" });
    await expect.poll(async () => (await house.engine.row(run.id)).state).toBe("paused");
    await act(`/runs/${run.id}/resume`, { by: "ada" });
    await expect.poll(async () => types(await house.engine.history(run.id))).toContain("RunUnpaused");
    await run.cancel();
  });
});

describe("how things stand", () => {
  test("a run is told with the runs that it started", async () => {
    const leaf = workflow("act-leaf", async (n: number) => n);
    const tree = workflow("act-tree", async () => (await Promise.all([leaf(1), leaf(2)])).length);
    const run = await tree.start();
    await run.result();
    const told = bodies.treeAnswer.parse((await ask(`/runs/${run.id}/tree`)).body);
    expect(told.runs.map(({ workflow: name, key, parentId }) => [name, key, parentId])).toEqual([
      ["act-tree", null, null], ["act-leaf", "child:act-leaf#0", run.id], ["act-leaf", "child:act-leaf#1", run.id]]);
    expect(told.above).toEqual([]);
    const [, leafRun] = told.runs, below = bodies.treeAnswer.parse((await ask(`/runs/${leafRun?.runId}/tree`)).body);
    expect(below).toMatchObject({ above: [{ runId: run.id, key: null }],
      runs: [{ runId: leafRun?.runId, key: "child:act-leaf#0" }], more: false });
    const { run: fork } = await act(`/runs/${run.id}/fork`, {});
    const shared = bodies.treeAnswer.parse((await ask(`/runs/${fork ?? ""}/tree`)).body);
    expect(shared.runs.map(({ runId, parentId }) => [runId, parentId])).toEqual([[fork, null],
      ...told.runs.slice(1).map(({ runId }) => [runId, fork])]);
  });

  test("a run is told with the next link of its chain", async () => {
    const count = workflow("act-count", async (left: number): Promise<string> => {
      for (let n = 0; n < 3; n++) await sleep(1);
      return left === 0 ? "done" : continueWith(left - 1);
    });
    const run = await count.start(1);
    await run.result();
    const families = new Families(house.engine), { children, continuedAs } = await families.offspring(run.id);
    expect(children).toEqual([]);
    expect(await house.engine.row(continuedAs ?? "")).toMatchObject({ workflow: "act-count", state: "completed" });
    expect(await families.offspring(continuedAs ?? "")).toEqual({ children: [], continuedAs: undefined });
  });

  test("a run that goes on is told with the newest completed one of its code, and with its calls", async () => {
    const add = task("act-add", async (n: number) => n + 1), more = signal("more");
    const steps = workflow("act-steps", async (wait: boolean) => {
      const one = await add(1);
      if (wait) await more.wait();
      return add(one);
    });
    const expected = async (id: string): Promise<z.output<typeof bodies.expectedAnswer>["earlier"]> =>
      bodies.expectedAnswer.parse((await ask(`/runs/${id}/expected`)).body).earlier;
    const first = await steps.start(true);
    await expect.poll(async () => types(await house.engine.history(first.id))).toContain("WaitOpened");
    expect(await expected(first.id), "nothing has completed").toBeNull();
    const older = await steps.start(false), newer = await steps.with({ name: "brave-ibis" }).start(false);
    await Promise.all([older.result(), newer.result()]);
    const failing = await steps.start(true);
    await failing.cancel();
    expect(await expected(first.id)).toMatchObject({ runId: newer.id, name: "brave-ibis", more: false, calls: [
      { key: "task:act-add#0", kind: "task", name: "act-add", nth: "", attempts: 1 }, { key: "task:act-add#1" }] });
    const spec = workflowSpec("act-steps");
    if (spec === undefined) throw new Error("the workflow is not defined");
    const edited = await house.engine.start({ workflow: { ...spec, codeVersion: "edited" }, input: { p: true } });
    expect(await expected(edited.runId), "of other code").toBeNull();
    await house.engine.cancel(edited.runId, {});
    await first.signal(more);
    await first.result();
    expect(await expected(first.id), "it has ended").toBeNull();
    expect((await ask("/runs/01JZZZZZZZZZZZZZZZZZZZZZZZ/expected")).status).toBe(404);
  });

  test("a limit is told with who holds its slots and who is in line", async () => {
    limit("act-db", 1);
    let open = (): void => undefined;
    const until = new Promise<void>((resolve) => { open = resolve });
    const slow = task("act-slow", { limits: ["act-db"] }, async (n: number) => { await until; return n });
    const run = await workflow("act-limited", async () => Promise.all([slow(1), slow(2)])).start();
    const one = async (): Promise<unknown> => bodies.limitsAnswer.parse((await ask("/limits")).body).limits
      .find(({ name }) => name === "act-db");
    await expect.poll(one).toEqual({ name: "act-db", max: 1, perMs: null, nextAt: null, held: 1, waiting: 1 });
    const { slots } = bodies.slotsAnswer.parse((await ask("/limits/act-db")).body);
    const { name } = await house.engine.row(run.id);
    expect(slots.map(({ runId, name: of, key, granted }) => [runId, of, key, granted])).toEqual([
      [run.id, name, "task:act-slow#0", true], [run.id, name, "task:act-slow#1", false]]);
    open();
    await run.result();
  });

  test("the turns of a workflow are told with the run that has one and those in line", async () => {
    let open = (): void => undefined;
    const until = new Promise<void>((resolve) => { open = resolve });
    const hold = task("act-hold", async () => { await until });
    const flow = workflow("act-turns", { concurrency: { max: 1, key: (who: string) => who } },
      async (_who: string) => hold());
    const first = await flow.start("a b"), second = await flow.start("a b");
    const told = async (): Promise<unknown> => bodies.limitsAnswer.parse((await ask("/limits")).body).turns;
    await expect.poll(told).toEqual([{ key: "act-turns/a b", workflow: "act-turns", max: 1, held: 1, waiting: 1 }]);
    const { turns, more } = bodies.turnsAnswer.parse((await ask("/turns?key=act-turns%2Fa%20b")).body);
    expect(turns.map(({ runId, workflow: of, held }) => [runId, of, held])).toEqual([
      [first.id, "act-turns", true], [second.id, "act-turns", false]]);
    expect(more).toBe(false);
    open();
    await Promise.all([first.result(), second.result()]);
    expect(await told()).toEqual([]);
  });
});

describe("a run is started", () => {
  test("of workflows that are told with the JSON schemas of their inputs, where this process has them", async () => {
    expect((await ask("/workflows")).body).toEqual({ canStart: false, workflows: [], elsewhere: [] });
    await Promise.all([workflow("act-known", async () => 1)(), reserve(1)]);
    expect((await ask("/workflows")).body, "from its run, of a task's none").toEqual({ canStart: false, workflows: [],
      elsewhere: [{ name: "act-known", file: expect.stringContaining("viewer-actions.test.ts") }] });
    const own = await serveViewer(house.engine, { port: 0 }, "program", mkdtempSync(join(tmpdir(), "names-")));
    const { origin, hash } = new URL(own.url);
    const told = bodies.workflowsAnswer.parse((await ask("/workflows", undefined, origin, hash.slice(7))).body);
    expect([told.canStart, told.elsewhere]).toEqual([true, []]);
    expect(told.workflows.find(({ name }) => name === "act-order")).toMatchObject({ description: null,
      schema: { type: "object", properties: { id: { type: "number" } }, required: ["id"] } });
    expect(told.workflows.find(({ name }) => name === "act-asks")).toMatchObject({ schema: null });
    expect(told.workflows.filter(({ name }) => name.startsWith("task:"))).toEqual([]);
    await own.close();
  });

  test("where the process has its workflow, with its input checked", async () => {
    broken = false;
    expect(refusal(await ask("/runs", { workflow: "act-order", input: { id: 1 } })).slice(0, 2))
      .toEqual([409, "WORKFLOW_NOT_LOADED"]);
    const own = await serveViewer(house.engine, { port: 0 }, "program", mkdtempSync(join(tmpdir(), "actions-")));
    const { origin, hash } = new URL(own.url), token = hash.replace("#token=", "");
    const start = (body: object): Promise<Told> => ask("/runs", { workflow: "act-order", ...body }, origin, token);
    const told = bodies.startAnswer.parse((await start({ input: { id: 2 }, name: "red-crane", tags: ["web"] })).body);
    expect(await house.engine.result(told.run)).toBe("paid hold-2");
    expect(await house.engine.row(told.run)).toMatchObject({ name: "red-crane", tags: ["web"] });
    expect(refusal(await start({ input: { id: "x" } }))).toEqual([422, "INPUT_INVALID",
      expect.stringContaining("id: ")]);
    expect(refusal(await start({ workflow: "act-none" })).slice(0, 2)).toEqual([409, "WORKFLOW_NOT_LOADED"]);
    await own.close();
  });

  test("not where actions are off", async () => {
    await house.anew({ allowActions: false });
    const run = await asks.start();
    for (const [path, body] of [["/runs", { workflow: "act-order" }], [`/runs/${run.id}/answer`, { name: "x" }],
      [`/runs/${run.id}/inject`, { key: "x", by: "a", reason: "b" }], [`/runs/${run.id}/retry`, { dryRun: true }],
      [`/runs/${run.id}/update`, { name: "x" }], [`/runs/${run.id}/cancel`, {}]] as const) {
      expect(refusal(await ask(path, body)).slice(0, 2), path).toEqual([403, "ACTIONS_OFF"]);
    }
    await run.cancel();
  });
});
