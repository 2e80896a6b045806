/**
 * Suite C: random workflow programs. An oracle says what the recorded deliveries must lead to: the same program is
 * interpreted again by replay for every prefix (E1), and the result of a run that was crashed at random equals the
 * result its own history replays to.
 */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRunEngine, openStore, rehearse, TERMINAL_STATES, type ClosePolicy, type RunEngine,
  type Store } from "../engine/index.ts";
import { withFaults } from "../engine/store/faults.ts";
import { attributes, condition, context, continueWith, saga, scope, shield, signal, sleep, stream, task, withTimeout,
  workflow, z } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { familyFrom, keptOpen } from "./conversing.ts";
import { checkFamily } from "./family.ts";
import { freshDatabase } from "./postgres-server.ts";

type Program =
  | { k: "task"; v: number; fails: boolean; hops: number } | { k: "sleep"; ms: number } | { k: "chance" }
  | { k: "seq" | "all" | "race" | "any" | "settled"; xs: Program[] } | { k: "try"; body: Program; rescue: Program }
  | { k: "branch"; on: Program; even: Program; odd: Program } | { k: "limit"; ms: number; body: Program }
  | { k: "child"; body: Program; onClose: ClosePolicy } | { k: "stopped"; body: Program; hops: number }
  | { k: "send"; name: number; v: number } | { k: "read"; name: number; ms: number }
  | { k: "condition"; of: number; ms: number } | { k: "undoable"; v: number } | { k: "show"; v: number }
  | { k: "scope" | "shield" | "saga"; body: Program };
/** What a run is given: its program, how often it goes on as another, the run that its children send to. */
interface Given { readonly p: Program; readonly links: number; readonly root?: string }

const work = task("work", async (value: number, shared: number, fails: boolean) => {
  if (fails) throw new Error(`no ${value}`);
  // Tasks of one program end in an order that nobody planned.
  await new Promise((resolve) => { if (value % 3 === 0) setImmediate(resolve); else setTimeout(resolve, value % 3) });
  return value + shared % 7;
});

const undoable = task("undoable", { undo: async (_: number, v: number) => v }, async (value: number) => value);
const signals = [signal("left", z.number()), signal("right", z.number())] as const;

interface State { shared: number; readonly root: string }
async function interpret(program: Program, state: State): Promise<number> {
  switch (program.k) {
    case "task": {
      const value = await work(program.v, state.shared, program.fails);
      for (let i = 0; i < program.hops; i++) await null;
      state.shared = (state.shared * 31 + value + Math.floor(Math.random() * 10) + Date.now() % 7) % 100_003;
      return value;
    }
    case "sleep": await sleep(program.ms); state.shared += 1; return 1;
    case "chance": return Math.floor(Math.random() * 100);
    case "seq": { let sum = 0; for (const part of program.xs) sum += await interpret(part, state); return sum }
    case "all": return (await Promise.all(program.xs.map((part) => interpret(part, state)))).reduce((a, b) => a + b, 0);
    case "race": return Promise.race(program.xs.map((part) => interpret(part, state)));
    case "any": return Promise.any(program.xs.map((part) => interpret(part, state)));
    case "settled": return (await Promise.allSettled(program.xs.map((part) => interpret(part, state)))).filter(
      ({ status }) => status === "fulfilled").length;
    case "try": try { return await interpret(program.body, state) } catch { return interpret(program.rescue, state) }
    case "branch": await interpret(program.on, state); return interpret(state.shared % 2 === 0 ? program.even
      : program.odd, state);
    case "child": {
      const child = await random.start({ p: program.body, links: 0, root: state.root },
        { onParentClose: program.onClose });
      return (await child.result())[0];
    }
    case "stopped": {
      const child = await random.start({ p: program.body, links: 0, root: state.root });
      for (let i = 0; i < program.hops; i++) await work(i, 0, false);
      await child.cancel({ reason: "stopped" });
      return child.result().then(([value]) => value, () => -4);
    }
    case "send": await signals[program.name as 0].send(state.root, program.v); return program.v;
    case "read": {
      const value = await signals[program.name as 0].wait({ timeout: program.ms, else: -3 });
      state.shared += value;
      return value;
    }
    case "condition": return Number(await condition(() => state.shared % program.of === 0, { timeout: program.ms }));
    case "undoable": return undoable(program.v);
    case "show": attributes({ v: program.v }); stream<number>("shown").write(state.shared); return program.v;
    case "scope": return scope(() => interpret(program.body, state));
    case "shield": return shield(() => interpret(program.body, state));
    case "saga": try { return await saga(() => interpret(program.body, state)) } catch { return -5 }
    case "limit": try { return await withTimeout(program.ms, () => interpret(program.body, state)) } catch { return -1 }
  }
}
const random = workflow("random-program", async ({ p, links, root = context().run.id }: Given):
  Promise<readonly [number, number]> => {
  const state = { shared: 1, root };
  const result = await interpret(p, state);
  return links > 0 ? continueWith({ p, links: links - 1, root }) : [result, state.shared];
});

const leaf: fc.Arbitrary<Program> = fc.oneof(
  { weight: 6,
    arbitrary: fc.record({ k: fc.constant("task" as const), v: fc.nat(20), fails: fc.boolean().map((yes) => yes),
      hops: fc.nat(3) }) },
  { weight: 3,
    arbitrary: fc.record({ k: fc.constant("task" as const), v: fc.nat(20), fails: fc.constant(false),
      hops: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("sleep" as const), ms: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant<Program>({ k: "chance" }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constant("send" as const), name: fc.nat(1), v: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constant("read" as const), name: fc.nat(1), ms: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("condition" as const), of: fc.integer({ min: 1, max: 3 }),
    ms: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("undoable" as const), v: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("show" as const), v: fc.nat(20) }) },
);
const { program } = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf,
    fc.record({ k: fc.constantFrom("seq" as const, "all" as const, "settled" as const),
      xs: fc.array(tie("program"), { maxLength: 4 }) }),
    fc.record({ k: fc.constantFrom("race" as const, "any" as const),
      xs: fc.array(tie("program"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ k: fc.constant("try" as const), body: tie("program"), rescue: tie("program") }),
    fc.record({ k: fc.constant("branch" as const), on: tie("program"), even: tie("program"), odd: tie("program") }),
    fc.record({ k: fc.constant("limit" as const), ms: fc.nat(6), body: tie("program") }),
    fc.record({ k: fc.constant("child" as const), body: tie("program"),
      onClose: fc.constantFrom("cancel" as const, "abandon" as const, "wait" as const) }),
    fc.record({ k: fc.constant("stopped" as const), body: tie("program"), hops: fc.nat(2) }),
    fc.record({ k: fc.constantFrom("scope" as const, "shield" as const, "saga" as const), body: tie("program") })),
}));
/** Two programs in a row; how many further links; when somebody cancels the run, in milliseconds from its start. */
const programs: fc.Arbitrary<Wanted> = fc.record({
  p: fc.record({ k: fc.constant("seq" as const), xs: fc.tuple(program, program).map((pair) => [...pair]) }),
  links: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  cancelAt: fc.option(fc.nat(20), { freq: 5 }),
});
interface Wanted extends Given { readonly cancelAt: number | null }

const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
const open = (given: Store): Promise<RunEngine> => openEngineOn(keptOpen(given));
const openEngineOn = (store: Store): Promise<RunEngine> =>
  openRunEngine({ database: "", store, workflow: workflowSpec, workflows: workflowNames, observer: silent,
    claims: "all" });
const spec = workflowSpec(random.workflowName);
if (spec === undefined) throw new Error("the program's workflow is not defined");
const settle = (result: Promise<unknown>): Promise<unknown> =>
  result.then((value) => ({ value }), (error: unknown) => ({ error: String(error) }));

/** Runs a program; at call `crash` of the store the engine dies and a fresh one goes on. */
async function live({ p, links, cancelAt }: Wanted, store: Store, crash: number): Promise<void> {
  const what = `crash at ${crash}, cancel at ${cancelAt}, ${links} links of ${JSON.stringify(p)}`;
  let opened = 0;
  const faulty = withFaults(store, (call) => opened > 0 && call - opened === crash ? "die-after" : "none");
  const first = await open(faulty);
  opened = faulty.calls;
  const id = randomUUID(), request = { workflow: spec as NonNullable<typeof spec>,
    input: { p: { p, links } as never }, id };
  let watch: NodeJS.Timeout | undefined;
  const died =
    new Promise<undefined>((resolve) => { watch = setInterval(() => { if (faulty.dead) resolve(undefined) }, 1) });
  const outcome = await Promise.race([first.start(request).then(async ({ runId }) => {
    if (cancelAt !== null) setTimeout(() => { first.operator.cancel(runId, {}).catch(() => undefined) }, cancelAt);
    return settle(first.result(runId));
  }), died]);
  clearInterval(watch);
  const engine = await open(store); // the first may have died after the run's end: nothing of it can be asked any more
  const { runId } = await engine.start(request);
  if (outcome === undefined) await inTime(engine, runId, settle(engine.result(runId)), what);
  let family = await familyFrom(store, runId);
  const ends = async (): Promise<boolean> => {
    family = await familyFrom(store, runId);
    return [...family.values()].every(({ row }) => TERMINAL_STATES.includes(row.state));
  };
  await inTime(engine, runId, until(ends), `${what}, its children`);
  checkFamily(family, what);
  for (const [id, { row, events }] of family) {
    runs++;
    const step = Math.max(1, Math.floor(events.length / (id === runId ? 40 : 10)));
    for (let k = events.length; k >= 1; k -= step) {
      const found = await rehearse(id, request.workflow, events.slice(0, k), { partial: true });
      expect(found.diff, `first ${k} of ${events.length} events of ${row.runId}, ${what}`).toBeUndefined();
      if (k === events.length) expect(found.decisions.map(({ key }) => key), what).toEqual([]);
    }
  }
  await engine.close(0);
  if (crash === 0) await first.close(0); // otherwise it dies somewhere, perhaps in closing
}
let runs = 0;
async function until(done: () => Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => { setTimeout(resolve, 2) });
}

/** A run that never ends says where it stands. */
async function inTime(engine: RunEngine, runId: string, end: Promise<unknown>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => { timer = setTimeout(resolve, 10_000, "late") });
  const how = await Promise.race([end, late]);
  clearTimeout(timer);
  if (how !== "late") return;
  const events = (await engine.history(runId)).map((event) =>
    `${event.seq} ${event.type} ${"key" in event ? event.key : ""}`);
  throw new Error(`no end after 10 s, ${what}:\n${JSON.stringify(await engine.row(runId))}\n${events.join("\n")}`);
}

const url = inject("postgresUrl");
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const count = Number(process.env["PROGRAMS"] ?? 1000);

describe(`random programs (SEED=${seed})`, () => {
  test("1,000 in memory, each crashed once, replay without a divergence, whatever the prefix", async () => {
    await fc.assert(fc.asyncProperty(programs, fc.integer({ min: 1, max: 30 }), async (given, crash) => {
      await live(given, await openStore("memory:"), crash);
    }), { numRuns: count, seed, endOnFailure: true });
    process.stderr.write(`${count} programs made ${runs} runs\n`);
  }, 600_000);

  test("100 on PGlite", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reprise-programs-"));
    const store = await openStore(join(folder, "db"));
    await fc.assert(fc.asyncProperty(programs, async (given) => { await live(given, store, 0) }),
      { numRuns: 100, seed });
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }, 300_000);

  test.skipIf(url === "")("100 on PostgreSQL", async () => {
    const store = await openStore(await freshDatabase(url));
    await fc.assert(fc.asyncProperty(programs, async (given) => { await live(given, store, 0) }),
      { numRuns: 100, seed });
    await store.close();
  }, 300_000);
});
