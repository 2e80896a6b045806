/** Running the corpus's conversations: an engine on a store, somebody outside, and all that came of it. */
import { encodeRecorded, openRunEngine, RepriseError, RunError, TERMINAL_STATES, type Event, type RunEngine,
  type RunRow, type Store } from "../engine/index.ts";
import { loadHistory } from "../engine/runtime/load.ts";
import type { Mail } from "../engine/store/port.ts";
import { namedPools } from "../sdk/pooled.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import type { Outside } from "./corpus/conversations.ts";

const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
export function engineOn(store: Store): Promise<RunEngine> {
  return openRunEngine({ database: "", store, workflow: workflowSpec, workflows: workflowNames, observer: silent,
    claims: "all", pools: namedPools() });
}

/** The store stays open when an engine on it closes. */
export function keptOpen(store: Store): Store {
  return new Proxy(store, { get: (target, name) => {
    const value: unknown = name === "close" ? () => Promise.resolve() : Reflect.get(target, name, target);
    return typeof value === "function" ? value.bind(target) as unknown : value;
  } });
}
/** The outcome in one comparable value. */
export async function outcome(engine: RunEngine, runId: string): Promise<unknown> {
  try { return { value: await engine.result(runId) } } catch (error) {
    let root: unknown = error;
    while (root instanceof Error && (root instanceof RunError || root.cause instanceof Error)) root = root.cause;
    return { error: root instanceof Error ? `${root.constructor.name}: ${root.message}` : String(root) };
  }
}

/** One run with everything that is known of it. */
export interface Member { readonly row: RunRow; readonly events: readonly Event[]; readonly mail: readonly Mail[] }
export type Family = ReadonlyMap<string, Member>;

async function memberOf(store: Store, row: RunRow): Promise<Member> {
  return { row, mail: await store.mail(row.runId, 0), events: (await loadHistory(store, row.runId)).events };
}
/** All runs of a store, up to a thousand. */
export async function familyOf(store: Store): Promise<Family> {
  const rows = await store.listRuns({ limit: 1000 });
  return new Map(await Promise.all(rows.map(async (row): Promise<[string, Member]> =>
    [row.runId, await memberOf(store, row)])));
}
/** A run with its children and the links of its chain, and theirs. */
export async function familyFrom(store: Store, runId: string): Promise<Family> {
  const family = new Map<string, Member>(), wanted = [runId];
  for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
    const row = await store.run(id);
    if (row === undefined) throw new Error(`run ${id} was never made`);
    const member = await memberOf(store, row);
    family.set(id, member);
    for (const event of member.events) {
      if (event.type === "ChildStarted") wanted.push(event.childId);
      if (event.type === "RunContinued") wanted.push(event.nextId);
    }
  }
  return family;
}

/** Resolves when every run of the store has ended. @throws when that takes a minute */
export async function allEnded(store: Store, what: string): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const open = (await store.listRuns({ limit: 1000 })).filter(({ state }) => !TERMINAL_STATES.includes(state));
    if (open.length === 0) return;
    if (Date.now() > until) throw new Error(`${what}: runs do not end: ${JSON.stringify(open)}`);
    await new Promise((resolve) => { setTimeout(resolve, 3) });
  }
}

/** Somebody outside, who looks at the store itself and acts through the engine; what was done is not done again. */
export function outsideOf(engine: RunEngine, base: Store, runId: string): Outside {
  const { operator } = engine;
  const events = async (id: string): Promise<readonly Event[]> => (await familyOf(base)).get(id)?.events ?? [];
  const until = async <T>(look: () => Promise<T | undefined | false>): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await new Promise((resolve) => { setTimeout(resolve, 1) });
    }
  };
  const over = async (id: string): Promise<boolean> => (await familyOf(base)).get(id)?.row.endedAt !== null;
  const has = async (type: Event["type"], count = 1, id = runId): Promise<boolean> =>
    (await events(id)).filter((event) => event.type === type).length >= count;
  const forked = async (): Promise<boolean> => [...(await familyOf(base)).values()].some((one) =>
    one.events.some((event) => event.type === "RunForked" && event.from === runId));
  /** Once the run has ended, or the thing is done, there is nothing to do. */
  const asked = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try { return await ask() } catch (error) {
      const code = error instanceof RepriseError ? error.code : "";
      if (["RUN_ENDED", "ANSWER_REFUSED", "INJECT_REFUSED"].includes(code)) return undefined;
      throw error;
    }
  };
  return {
    sees: async (type, count) => { await until(async () => await has(type, count) || over(runId)) },
    seesIn: async (id, type) => { await until(async () => await has(type, 1, id) || over(id)) },
    child: (nth, of = runId) => until(async () => {
      const found = (await events(of)).filter((event) => event.type === "ChildStarted")[nth];
      return found?.type === "ChildStarted" && found.childId;
    }),
    signal: async (name, value, key) => {
      await asked(() => operator.signal(runId, name, encodeRecorded(value, name), key)); },
    answer: async (name, value) => { await asked(() => operator.answer(runId, name, encodeRecorded(value, name))) },
    update: (name, value, key) => operator.update(runId, name, encodeRecorded(value, name), { key }),
    inject: async (key, value) => {
      if ((await events(runId)).some((event) => event.type === "ResultInjected" && event.key === key)) return;
      await asked(() => operator.inject(runId, key, encodeRecorded(value, key), "ada", "test"));
    },
    query: async (name) => {
      const workflow = workflowSpec((await base.run(runId))?.workflow ?? "");
      if (workflow === undefined) throw new Error(`run ${runId} is of no workflow`);
      return operator.query(runId, workflow, name);
    },
    pause: async () => {
      if (await has("RunPaused")) return;
      await asked(() => operator.pause(runId));
      await until(async () => await has("RunPaused") || over(runId));
    },
    resume: async () => {
      await asked(() => operator.resume(runId));
      await until(async () => await has("RunUnpaused") || over(runId));
    },
    retry: async () => { if (!await forked()) await engine.retry(runId, "ada") },
    fork: async ({ at, results = {} }) => {
      if (!await forked()) await engine.fork(runId, { ...(at !== undefined && { at }), results: Object.fromEntries(
        Object.entries(results).map(([key, value]) => [key, encodeRecorded(value, key)])) }, "ada");
    },
    cancel: async (id = runId) => { await operator.cancel(id, { reason: "enough" }) },
  };
}
