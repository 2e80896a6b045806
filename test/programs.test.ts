/**
 * Suite C: random workflow programs, each crashed at random and gone on with by an engine with the same code or newer.
 * Oracles that know nothing of the engine say what must come of it: the end of every program that has only one possible
 * end (language/ends.ts), and what each primitive must have done (language/). Every prefix of every history replays
 * (E1), and what those outside were told is what the histories say.
 */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRunEngine, openStore, rehearse, TERMINAL_STATES, type RunEngine,
  type Store, type WorkflowSpec } from "../engine/index.ts";
import { withFaults } from "../engine/store/faults.ts";
import { workflowNames } from "../sdk/registry.ts";
import { familyFrom, keptOpen } from "./conversing.ts";
import { checkFamily } from "./family.ts";
import { checkEnds, checkResults } from "./language/ends.ts";
import { eventTypes, NOT_IN_PROGRAMS } from "./language/event-types.ts";
import { beginCounting, takenOver } from "./language/limited.ts";
import type { Release, World } from "./language/part.ts";
import { useStore } from "./language/paid.ts";
import { kinds, parts, ran } from "./language/parts.ts";
import { act, acts, checkActs, type Act, type Told } from "./outsiders.ts";
import { freshDatabase } from "./postgres-server.ts";
import { codeOf, program, random, type Given } from "./random-programs.ts";

/** Two programs in a row; how many further links; when somebody cancels the run, in milliseconds from its start; what
 *  else is done to it meanwhile; the code of the first engine, and of the one that goes on. */
const programs: fc.Arbitrary<Wanted> = fc.record({
  p: fc.record({ k: fc.constant("seq" as const), xs: fc.tuple(program, program).map((pair) => [...pair]) }),
  links: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  cancelAt: fc.option(fc.nat(20), { freq: 5 }),
  acts: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: acts }),
  releases: fc.constantFrom<Wanted["releases"][]>(["old", "old"], ["old", "new"], ["new", "new"], ["new", "newest"],
    ["newest", "newest"]),
}).map((wanted) => wanted.acts.some((one) => one.do === "answer") // else answers would seldom find a form
  ? { ...wanted, p: { k: "all", xs: [{ k: "form", name: 0, ms: 10 }, wanted.p] } } : wanted);
interface Wanted extends Given { readonly cancelAt: number | null; readonly acts: readonly Act[];
  readonly releases: readonly [Release, Release] }

const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
const open = (store: Store, release: Release, claims: "all" | "none" = "all"): Promise<RunEngine> =>
  openRunEngine({ database: "", store: keptOpen(store), workflow: codeOf(release), workflows: workflowNames,
    observer: silent, claims });
function specOf(name: string, release: Release): WorkflowSpec {
  const spec = codeOf(release)(name);
  if (spec === undefined) throw new Error(`the workflow ${name} is not defined`);
  return spec;
}
const settle = (result: Promise<unknown>): Promise<unknown> =>
  result.then((value) => ({ value }), (error: unknown) => ({ error: String(error) }));

/** Runs a program; at call `crash` of the store the engine dies and a fresh one goes on. */
async function live(wanted: Wanted, store: Store, crash: number): Promise<void> {
  const { p, links, cancelAt, releases: [before, after] } = wanted;
  const what = `crash at ${crash}, ${JSON.stringify(wanted)}`;
  let opened = 0;
  beginCounting();
  await useStore(store);
  const faulty = withFaults(store, (call) => opened > 0 && call - opened === crash ? "die-after" : "none");
  const outsider = await open(store, after, "none"), first = await open(faulty, before);
  opened = faulty.calls;
  const request = { workflow: specOf(random.workflowName, before), input: { p: { p, links } as never },
    id: randomUUID() };
  let watch: NodeJS.Timeout | undefined;
  const died =
    new Promise<undefined>((resolve) => { watch = setInterval(() => { if (faulty.dead) resolve(undefined) }, 1) });
  let told: Promise<readonly Told[]> = Promise.resolve([]);
  const outcome = await Promise.race([first.start(request).then(async ({ runId }) => {
    if (cancelAt !== null) setTimeout(() => { first.operator.cancel(runId, {}).catch(() => undefined) }, cancelAt);
    told = Promise.all(wanted.acts.map((one, index) => act(outsider, runId, one, `act-${index}`)));
    return settle(first.result(runId));
  }), died]);
  clearInterval(watch);
  const lives = await livesOf(store, faulty.dead);
  takenOver(lives);
  const engine = await open(store, after); // the first may have died after the run's end: nothing of it can be asked
  const { runId } = await engine.start(request);
  if (outcome === undefined) await inTime(engine, runId, settle(engine.result(runId)), what);
  let family = await familyFrom(store, runId);
  const ends = async (): Promise<boolean> => {
    family = await familyFrom(store, runId);
    return [...family.values()].every(({ row }) => TERMINAL_STATES.includes(row.state));
  };
  await inTime(engine, runId, until(ends), `${what}, its children`);
  await inTime(engine, runId, told, `${what}, those outside`);
  await check({ what, root: runId, family, store, lives }, await told, after);
  await engine.close(0);
  await outsider.close(0);
  if (crash === 0) await first.close(0); // otherwise it dies somewhere, perhaps in closing
}
/** Does anything go on that the second engine takes from the first? */
async function livesOf(store: Store, dead: boolean): Promise<World["lives"]> {
  if (dead) return "crashed";
  const rows = await store.listRuns({ limit: 1000 });
  return rows.every(({ state }) => TERMINAL_STATES.includes(state)) ? "one" : "overlapping";
}

/** All that must hold of a program that has been run. */
async function check(world: World, told: readonly Told[], release: Release): Promise<void> {
  const { root, family } = world, what = `${world.what}, lives: ${world.lives}`;
  checkFamily(family, what);
  checkActs([...family.values()].map(({ events }) => events), told, what);
  for (const { act: { do: kind }, how } of told) count(`${kind} ${how}`);
  known += checkEnds(world);
  checkResults(world);
  await parts.check(world);
  for (const [id, { row, events }] of family) {
    runs++;
    for (const { type } of events) types.add(type);
    const step = Math.max(1, Math.floor(events.length / (id === root ? 24 : 6)));
    for (let k = events.length; k >= 1; k -= step) {
      const found = await rehearse(id, specOf(row.workflow, release), events.slice(0, k), { partial: true });
      expect(found.diff, `first ${k} of ${events.length} events of ${row.runId}, ${what}`).toBeUndefined();
      if (k === events.length) expect(found.decisions.map(({ key }) => key), what).toEqual([]);
    }
  }
}
let runs = 0, known = 0;
const types = new Set<string>();
/** What those outside were told, so that whoever reads the output sees that all of it happens. */
const tally = new Map<string, number>();
function count(what: string): void { tally.set(what, (tally.get(what) ?? 0) + 1) }
async function until(done: () => Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => { setTimeout(resolve, 2) });
}

const STUCK_MS = 60_000;
/** A run that never ends says where it stands. */
async function inTime(engine: RunEngine, runId: string, end: Promise<unknown>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => { timer = setTimeout(resolve, STUCK_MS, "late") });
  const how = await Promise.race([end, late]);
  clearTimeout(timer);
  if (how !== "late") return;
  const events = (await engine.history(runId)).map((event) =>
    `${event.seq} ${event.type} ${"key" in event ? event.key : ""}${"message" in event ? event.message : ""}`);
  throw new Error(`no end after a minute, ${what}:\n${JSON.stringify(await engine.row(runId))}\n${events.join("\n")}`);
}

const url = inject("postgresUrl");
/** Fixed, so that two runs of the suite make the same programs; SEED=random looks for others. */
const { SEED = "2009521411" } = process.env;
const seed = SEED === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);

const programCount = Number(process.env["PROGRAMS"] ?? 1000);

describe(`random programs (SEED=${seed})`, () => {
  test("1,000 in memory, each crashed once, replay without a divergence, whatever the prefix", async () => {
    await fc.assert(fc.asyncProperty(programs, fc.integer({ min: 1, max: 30 }), async (given, crash) => {
      await live(given, await openStore("memory:"), crash);
    }), { numRuns: programCount, seed, endOnFailure: true });
    const outside = [...tally].sort().map(([what, times]) => `${what} ${times}`).join(", ");
    process.stderr.write(`${programCount} programs made ${runs} runs, the end of ${known} known beforehand; ` +
      `from outside: ${outside}\n`);
    expect(programCount < 1000 ? [] : kinds.filter((kind) => !ran.has(kind)), "never made").toEqual([]);
    expect(programCount < 1000 ? [] : eventTypes.filter((type) => !types.has(type) && !(type in NOT_IN_PROGRAMS)),
      "events that never came").toEqual([]);
  }, 600_000);

  test("100 on PGlite", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reprise-programs-"));
    const store = await openStore(join(folder, "db"));
    await fc.assert(fc.asyncProperty(programs, async (given) => { await live(given, store, 0) }),
      { numRuns: 100, seed });
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }, 600_000);

  test.skipIf(url === "")("100 on PostgreSQL", async () => {
    const store = await openStore(await freshDatabase(url));
    await fc.assert(fc.asyncProperty(programs, async (given) => { await live(given, store, 0) }),
      { numRuns: 100, seed });
    await store.close();
  }, 600_000);
});
