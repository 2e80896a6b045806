/** Suite A's hands: run a workflow, let its process die at one call to the store, go on with a fresh engine. */
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { rehearse, type Event, type RunEngine, type Store } from "../engine/index.ts";
import { withFaults, type Fault } from "../engine/store/faults.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { allEnded, engineOn, familyOf, keptOpen, outcome, outsideOf } from "./conversing.ts";
import { ledger, type Conversation } from "./corpus/conversations.ts";
import "./corpus/pools.ts";
import "./corpus/tries.ts";
import { checkFamily, ownOf } from "./family.ts";

/** Every run of the store replays, whatever the prefix (E1). */
export async function everyPrefixReplays(store: Store, what: string): Promise<void> {
  for (const [runId, { row, events }] of await familyOf(store)) {
    const spec = workflowSpec(row.workflow);
    if (spec === undefined) throw new Error(`no workflow ${row.workflow}`);
    for (let k = 1; k <= events.length; k++) {
      const found = await rehearse(runId, spec, events.slice(0, k), { partial: true });
      expect(found.diff, `${what}: ${row.workflow}, first ${k} of ${events.length} events`).toBeUndefined();
    }
  }
}

/** Starts a conversation whose store fails at call `at`; whoever dies is followed by a fresh engine on the same
 *  store, and somebody outside by another who knows nothing of what was done. All that must hold then is checked. */
export async function crashed(talk: Conversation, base: Store, at: number, fault: Fault): Promise<{
  readonly reached: boolean; readonly runs: number }> {
  const what = `${talk.name}: ${fault} at call ${at}`, id = randomUUID();
  ledger.length = 0;
  let opened = 0;
  const faulty = withFaults(keptOpen(base), (call) => opened > 0 && call - opened === at ? fault : "none");
  const workflow = workflowSpec(talk.run.workflowName);
  if (workflow === undefined) throw new Error(`no workflow ${talk.name}`);
  const live = async (engine: RunEngine): Promise<unknown> => {
    const { runId } = await engine.start({ workflow, input: undefined, id });
    const [end] = await Promise.all([outcome(engine, runId), talk.outside?.(outsideOf(engine, base, runId))]);
    return end;
  };
  const first = engineOn(faulty).then(async (engine) => {
    opened = faulty.calls;
    return { engine, end: await live(engine) };
  });
  first.catch(() => undefined);
  const death = deathOf(faulty), before = await Promise.race([first, death.came]);
  if (before !== undefined) await Promise.race([allEnded(base, what), death.came]); // its children may outlive it
  const recorded = faulty.dead ? await resultsIn(base) : new Map<string, number>();
  const second = faulty.dead ? await engineOn(keptOpen(base)) : undefined;
  const end = before?.end ?? await live(second as RunEngine);
  expect(end, what).toEqual(talk.end);
  await allEnded(base, what);
  const family = await familyOf(base);
  checkFamily(family, what);
  for (const { row, events } of family.values()) {
    expect(row, `${what} ${row.workflow}`).toMatchObject({ owner: null, asOf: events.length });
  }
  for (const [call, times] of recorded) expect(executions().get(call), `${what}: ${call} was recorded`).toBe(times);
  if (!faulty.dead) {
    for (const [call, times] of executions()) {
      const attempts = [...family].flatMap(([run, { events }]) => ownOf(events).filter((event) =>
        event.type === "AttemptStarted" && callIn(events, run, event.key) === call)).length;
      expect(times, `${what}: executions of ${call}`).toBe(attempts);
    }
  }
  if (second !== undefined) await second.close(0);
  else await Promise.race([before?.engine.close(0), death.came]); // it may die in closing, too
  death.forget();
  return { reached: faulty.calls - opened >= at, runs: family.size };
}

/** Resolves when the process is dead to its store. */
export function deathOf(faulty: { readonly dead: boolean }): { readonly came: Promise<undefined>; forget(): void } {
  let watch: NodeJS.Timeout | undefined;
  const came = new Promise<undefined>((resolve) => { watch = setInterval(() => { if (faulty.dead) resolve(undefined) },
    1) });
  return { came, forget: () => clearInterval(watch) };
}

/** How often each call was executed so far. */
function executions(): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { run, key } of ledger) times.set(`${run}\t${key}`, (times.get(`${run}\t${key}`) ?? 0) + 1);
  return times;
}
/** The calls whose result is recorded, with their executions: there may be no other from now on. */
async function resultsIn(store: Store): Promise<ReadonlyMap<string, number>> {
  const all = executions(), found = new Map<string, number>();
  for (const [runId, { events }] of await familyOf(store)) for (const event of events) {
    if (event.type !== "TaskCompleted" && event.type !== "TaskFailed") continue;
    const call = callIn(events, runId, event.key), times = all.get(call);
    if (times !== undefined) found.set(call, times);
  }
  return found;
}
/** A call as its task is told of it: where that is made for another run, it is that run's. */
function callIn([started]: readonly Event[], runId: string, key: string): string {
  const caller = started?.type === "RunStarted" && started.task !== undefined ? started.parent : undefined;
  return caller === undefined ? `${runId}\t${key}` : `${caller.id}\t${caller.key}`;
}
