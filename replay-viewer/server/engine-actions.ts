/** What the viewer's actions do: letters to runs, forks and retries by the engine that it is served over. */
import { encodeRecorded, openFold, type ForkEdits, type Payload, type RunEngine } from "../../engine/index.ts";
import type { ForkBody, Plan, SignalBody, StartBody, UpdateBody } from "./wire-actions.ts";

/** What can be done with runs. Values are JSON; each throws the engine's own errors. */
export interface RunActions {
  resume(runId: string, by?: string): Promise<void>;
  pause(runId: string, by?: string): Promise<void>;
  /** Resolves with the new run. */
  retry(runId: string, by?: string): Promise<string>;
  planRetry(runId: string): Promise<Plan>;
  /** Resolves with the new run. */
  fork(runId: string, edits: ForkBody, by?: string): Promise<string>;
  planFork(runId: string, edits: ForkBody): Promise<Plan>;
  signal(runId: string, signal: SignalBody): Promise<void>;
  answer(runId: string, name: string, value: unknown, by?: string): Promise<"accepted" | "pending">;
  /** Resolves with the reply. */
  update(runId: string, update: UpdateBody): Promise<Payload | undefined>;
  inject(runId: string, key: string, value: unknown, why: { readonly by: string; readonly reason: string }):
    Promise<"accepted" | "pending">;
  /** Starts a run and resolves with its id; only where the process has workflows. @throws WORKFLOW_NOT_LOADED */
  start?(workflow: string, input: unknown, options: StartBody): Promise<string>;
  /** What `start` starts. */
  workflows?(): readonly Startable[];
}
/** A workflow that this process has loaded. `schema`: the JSON schema of its input, where it has one. */
export interface Startable { readonly name: string; readonly file: string | undefined;
  readonly description: string | undefined; readonly schema: unknown }

/** The actions of this engine. */
export function engineActions(engine: RunEngine): RunActions {
  const { operator } = engine;
  const planned = async (runId: string, plan: Awaited<ReturnType<RunEngine["planFork"]>>): Promise<Plan> => ({
    seqs: plan.seqs, open: await openCalls(engine, runId, plan.seqs), replaced: Object.keys(plan.replaced),
    injected: Object.keys(plan.injected) });
  return {
    pause: (runId, by) => operator.pause(runId, by),
    resume: (runId, by) => operator.resume(runId, by),
    retry: async (runId, by) => (await engine.retry(runId, by)).runId,
    planRetry: async (runId) => planned(runId, await engine.planRetry(runId)),
    fork: async (runId, edits, by) => (await engine.fork(runId, editsOf(edits), by)).runId,
    planFork: async (runId, edits) => planned(runId, await engine.planFork(runId, editsOf(edits))),
    signal: (runId, { name, value, key }) => operator.signal(runId, name, encoded(value, `signal '${name}'`), key),
    answer: (runId, name, value, by) => operator.answer(runId, name, encoded(value, `answer to '${name}'`), by),
    update: async (runId, { name, value, key, wait }) => encoded(await operator.update(runId, name,
      encoded(value, `update '${name}'`), { ...(key !== undefined && { key }), ...(wait && { wait }) }),
    `reply to update '${name}'`),
    inject: (runId, key, value, { by, reason }) => operator.inject(runId, key, encoded(value, `value for '${key}'`), by,
      reason),
  };
}

function encoded(value: unknown, what: string): Payload | undefined {
  return value === undefined ? undefined : encodeRecorded(value, what);
}
function editsOf({ at, edit = {}, input }: ForkBody): ForkEdits {
  const payload = encoded(input, "input of the fork");
  return { ...(at !== undefined && { at }), ...(payload && { input: payload }), results: Object.fromEntries(
    Object.entries(edit).map(([key, value]) => [key, encodeRecorded(value, `result of '${key}'`)])) };
}

/** Keys of the calls under way after event `seqs`: they are done anew. */
async function openCalls(engine: RunEngine, runId: string, seqs: number): Promise<string[]> {
  const fold = openFold();
  for (const event of (await engine.history(runId)).slice(0, seqs)) fold.apply(event);
  const { tasks, timers, waits, children } = fold.view;
  return [...[...tasks.values()].filter(({ endedAt }) => endedAt === undefined),
    ...[...timers.values()].filter(({ state }) => state === "open"),
    ...[...waits.values()].filter(({ state }) => state === "open"),
    ...[...children.values()].filter(({ state }) => state === "running")].map(({ key }) => key);
}
