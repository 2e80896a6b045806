/**
 * Suite A: every workflow of the corpus is stopped at every call to the store, four ways, and resumed on a fresh
 * engine.
 * However it died: the same outcome, one history without gaps, every recorded task executed once.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openStore, rehearse, type Event, type RunEngine, type Store } from "../engine/index.ts";
import { withFaults, type Fault } from "../engine/store/faults.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { effects, specimens, type Specimen } from "./corpus/workflows.ts";
import "./corpus/surface.ts";
import "./corpus/tasks.ts";
import { checkHistory } from "./checker.ts";
import { engineOn, keptOpen, outcome } from "./conversing.ts";
import { conversations } from "./corpus/conversations.ts";
import { crashed as talked, deathOf, everyPrefixReplays as everyPrefixOfAll } from "./crashing.ts";

const folder = mkdtempSync(join(tmpdir(), "reprise-crash-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

const wanted = ({ name, result }: Specimen): unknown => name === "fails" ? { error: result } : { value: result };

/** Runs a specimen whose store fails at call `at`; whoever dies is followed by a fresh engine on the same store. */
async function crashed(specimen: Specimen, base: Store, at: number, fault: Fault): Promise<{ reached: boolean;
  events: readonly Event[]; runId: string }> {
  effects.length = 0;
  let opened = 0;
  const faulty = withFaults(keptOpen(base), (call) => opened > 0 && call - opened === at ? fault : "none");
  const id = randomUUID(), workflow = workflowSpec(specimen.run.workflowName);
  if (workflow === undefined) throw new Error(`no workflow ${specimen.name}`);
  const begin = async (engine: RunEngine): Promise<string> =>
    (await engine.start({ workflow, input: undefined, id })).runId;
  const first = engineOn(faulty).then(async (engine) => {
    opened = faulty.calls;
    return { engine, end: await outcome(engine, await begin(engine)) };
  });
  first.catch(() => undefined);
  const death = deathOf(faulty);
  const before = await Promise.race([first, death.came]), reached = faulty.calls - opened >= at;
  const engine = await engineOn(keptOpen(base)), runId = await begin(engine);
  expect(before?.end ?? await outcome(engine, runId), `${specimen.name}: ${fault} at call ${at}`)
    .toEqual(wanted(specimen));
  const events = await engine.history(runId);
  checkHistory(events, `${specimen.name}: ${fault} at call ${at}`);
  expect(await engine.row(runId)).toMatchObject({ owner: null, asOf: events.length });
  await engine.close(0);
  await Promise.race([before?.engine.close(0), death.came]); // it may die in closing, too
  death.forget();
  return { reached, events, runId };
}

/** Given a finished history: every prefix replays, deciding what was decided by then (E1). */
async function everyPrefixReplays(specimen: Specimen, events: readonly Event[], runId: string): Promise<void> {
  const workflow = workflowSpec(specimen.run.workflowName);
  if (workflow === undefined) throw new Error(`no workflow ${specimen.name}`);
  for (let k = 1; k <= events.length; k++) {
    const found = await rehearse(runId, workflow, events.slice(0, k), { partial: true });
    expect(found.diff, `${specimen.name}: first ${k} events`).toBeUndefined();
  }
}

describe("in memory, runs that talk and die at any call to the store", () => {
  for (const [index, talk] of conversations.entries()) {
    test(`come to the same end: ${talk.name}`, async () => {
      for (const fault of ["die-before", "die-after", "drop", "lose-answer"] as const) {
        const dies = fault.startsWith("die"); // whoever only loses a call waits a while: every third of those
        const every = (talk.every ?? 1) * (dies ? 1 : 3);
        for (let at = every === 1 ? 1 : 1 + index % every; at <= 60; at += every) {
          const store = await openStore("memory:");
          const { reached } = await talked(talk, store, at, fault);
          points++;
          if (fault === "die-after" && !reached) await everyPrefixOfAll(store, talk.name);
          if (!reached) break;
        }
      }
    }, 600_000);
  }
  afterAll(() => { process.stderr.write(`${conversations.length} conversations, ${points} crash points\n`) });
});
let points = 0;

describe("in memory, a run that dies at any call to the store", () => {
  for (const specimen of specimens) {
    test(`goes on to the same end: ${specimen.name}`, async () => {
      for (const fault of ["die-before", "die-after", "drop", "lose-answer"] as const) {
        for (let at = 1; ; at++) {
          const store = await openStore("memory:");
          const { reached, events, runId } = await crashed(specimen, store, at, fault);
          if (fault === "die-after" && !reached) await everyPrefixReplays(specimen, events, runId);
          if (!reached || at > 60) break;
        }
      }
    });
  }
});

describe("on PGlite, a run that dies at every third call to the store", () => {
  test("goes on to the same end, whatever the workflow", async () => {
    const store = await openStore(join(folder, "pglite"));
    for (const [index, specimen] of specimens.entries()) {
      for (let at = 1 + index % 3; at < 30; at += 3) {
        const { reached } = await crashed(specimen, store, at, index % 2 === 0 ? "die-before" : "die-after");
        await store.reset();
        if (!reached) break;
      }
    }
    await store.close();
  }, 600_000);

  test("or its children, or whoever it talks to", async () => {
    const store = await openStore(join(folder, "talking"));
    for (const [index, talk] of conversations.entries()) {
      for (let at = 1 + index % 9; at < 60; at += 9) {
        const { reached } = await talked(talk, store, at, index % 2 === 0 ? "die-before" : "die-after");
        onPGlite++;
        await store.reset();
        if (!reached) break;
      }
    }
    process.stderr.write(`${onPGlite} crash points on PGlite\n`);
    await store.close();
  }, 600_000);
});
let onPGlite = 0;
