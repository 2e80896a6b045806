/**
 * Suite C: random workflow programs. An oracle says what the recorded deliveries must lead to: the same program is
 * interpreted again by replay for every prefix (E1), and the result of a run that was crashed at random equals the
 * result its own history replays to. What those outside were told must be what the histories say.
 */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRunEngine, openStore, rehearse, TERMINAL_STATES, type RunEngine, type Store } from "../engine/index.ts";
import { withFaults } from "../engine/store/faults.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { familyFrom, keptOpen } from "./conversing.ts";
import { checkFamily } from "./family.ts";
import { act, acts, checkActs, type Act, type Told } from "./outsiders.ts";
import { freshDatabase } from "./postgres-server.ts";
import { program, random, type Given } from "./random-programs.ts";

/** Two programs in a row; how many further links; when somebody cancels the run, in milliseconds from its start; what
 *  else is done to it meanwhile. */
const programs: fc.Arbitrary<Wanted> = fc.record({
  p: fc.record({ k: fc.constant("seq" as const), xs: fc.tuple(program, program).map((pair) => [...pair]) }),
  links: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  cancelAt: fc.option(fc.nat(20), { freq: 5 }),
  acts: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: acts }),
}).map((wanted) => wanted.acts.some((one) => one.do === "answer") // else answers would seldom find a form
  ? { ...wanted, p: { k: "all", xs: [{ k: "form", name: 0, ms: 10 }, wanted.p] } } : wanted);
interface Wanted extends Given { readonly cancelAt: number | null; readonly acts: readonly Act[] }

const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
const open = (given: Store): Promise<RunEngine> => openEngineOn(keptOpen(given));
const openEngineOn = (store: Store, claims: "all" | "none" = "all"): Promise<RunEngine> =>
  openRunEngine({ database: "", store, workflow: workflowSpec, workflows: workflowNames, observer: silent, claims });
const spec = workflowSpec(random.workflowName);
if (spec === undefined) throw new Error("the program's workflow is not defined");
const settle = (result: Promise<unknown>): Promise<unknown> =>
  result.then((value) => ({ value }), (error: unknown) => ({ error: String(error) }));

/** Runs a program; at call `crash` of the store the engine dies and a fresh one goes on. */
async function live({ p, links, cancelAt, acts: wanted }: Wanted, store: Store, crash: number): Promise<void> {
  const what = `crash at ${crash}, cancel at ${cancelAt}, ${JSON.stringify(wanted)}, ${links} links of ` +
    JSON.stringify(p);
  let opened = 0;
  const faulty = withFaults(store, (call) => opened > 0 && call - opened === crash ? "die-after" : "none");
  const outsider = await openEngineOn(keptOpen(store), "none");
  const first = await open(faulty);
  opened = faulty.calls;
  const id = randomUUID(), request = { workflow: spec as NonNullable<typeof spec>,
    input: { p: { p, links } as never }, id };
  let watch: NodeJS.Timeout | undefined;
  const died =
    new Promise<undefined>((resolve) => { watch = setInterval(() => { if (faulty.dead) resolve(undefined) }, 1) });
  let told: Promise<readonly Told[]> = Promise.resolve([]);
  const outcome = await Promise.race([first.start(request).then(async ({ runId }) => {
    if (cancelAt !== null) setTimeout(() => { first.operator.cancel(runId, {}).catch(() => undefined) }, cancelAt);
    told = Promise.all(wanted.map((one, index) => act(outsider, runId, one, `act-${index}`)));
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
  await inTime(engine, runId, told, `${what}, those outside`);
  checkFamily(family, what);
  checkActs([...family.values()].map(({ events }) => events), await told, what);
  for (const { act: { do: kind }, how } of await told) {
    tally.set(`${kind} ${how}`, (tally.get(`${kind} ${how}`) ?? 0) + 1);
  }
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
  await outsider.close(0);
  if (crash === 0) await first.close(0); // otherwise it dies somewhere, perhaps in closing
}
let runs = 0;
/** What those outside were told, so that whoever reads the output sees that all of it happens. */
const tally = new Map<string, number>();
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
    const outside = [...tally].sort().map(([what, times]) => `${what} ${times}`).join(", ");
    process.stderr.write(`${count} programs made ${runs} runs; from outside: ${outside}\n`);
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
