/** `openEngine()`: for programs that embed. */
import { encodeRecorded, openRunEngine, realClock, stayAlive, toMs, type Duration, type RunEngine,
  type RunState } from "../engine/index.ts";
import { databaseSetting } from "./config.ts";
import { consoleObserver } from "./console.ts";
import { offerDefault, withdrawDefault } from "./default-engine.ts";
import { runHandle, type RunHandle } from "./handle.ts";
import { workflowNames, workflowSpec } from "./registry.ts";
import { keepingSources } from "./sources.ts";
import { noteCall, refuseWhileLoading } from "./start.ts";
import { asksForViewer, serveIfAsked, type ProgramViewer, type ServedViewer } from "./viewer.ts";
import { definitionOf, prepared, type Inputs, type StartOptions, type Workflow } from "./workflow.ts";

type StartArgs<A extends Inputs> = A extends readonly [] ? [input?: undefined, options?: StartOptions]
  : [...A, options?: StartOptions];
export interface EngineOptions {
  /** `postgres://...`, a directory, or `memory:`; default as configured. */
  database?: string;
  /** What this worker is called where workers are shown. */
  name?: string;
  /** false: only starts and asks, runs nothing. */
  work?: boolean | { pool?: string; concurrency?: number };
  /** false: never becomes the engine of calls outside runs. */
  default?: boolean;
  /** true: this process is a service. It lives until `close()`; SIGINT and SIGTERM drain and exit. */
  signals?: boolean;
  /** true: this process serves the replay viewer while the engine is open, and prints its link. It keeps no process
   *  alive. Default false, or as REPRISE_VIEWER says. */
  viewer?: boolean | ProgramViewer;
}
export interface Engine extends AsyncDisposable {
  start<A extends Inputs, Out>(workflow: Workflow<A, Out>, ...rest: StartArgs<A>): Promise<RunHandle<Out>>;
  /** A handle by a run's id, or by the `id` that its start gave. No I/O; its first call finds out. */
  get(id: string): RunHandle<unknown>;
  /** Newest first. */
  list(filter?: { state?: RunState; workflow?: string; limit?: number }): AsyncIterable<RunHandle<unknown>>;
  /** Gives runs back after waiting up to `drain` (default 30 s) for running attempts; closes the database. */
  close(options?: { drain?: Duration }): Promise<void>;
}

/** Opens an engine; unfinished runs are recovered in the background. @throws STORE_LOCKED, STORE_UNAVAILABLE,
 *  SCHEMA_NEWER; RUN_WHILE_LOADING where the file is only loaded for its definitions, by a thread or `reprise check` */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  refuseWhileLoading("an engine was opened");
  const work = options.work ?? true;
  noteCall();
  const database = options.database ?? databaseSetting().value;
  let viewer: ServedViewer | undefined, opened: RunEngine | undefined;
  const engine = opened = await openRunEngine({
    database, workflow: workflowSpec, workflows: workflowNames, serve: asksForViewer(options.viewer),
    observer: keepingSources(consoleObserver((runId, seq) => viewer?.link(runId, seq)), () => opened?.store),
    claims: work === false ? "none" : "all",
    ...(options.name !== undefined && { name: options.name }),
    ...(typeof work === "object" && work.pool !== undefined && { pools: [work.pool] }),
    ...(typeof work === "object" && work.concurrency !== undefined && { concurrency: work.concurrency }),
  });
  try { viewer = await serveIfAsked(engine, options.viewer, database) } catch (error) {
    await engine.close(0);
    throw error;
  }
  if (options.default !== false) offerDefault(engine);
  let release: (() => void) | undefined;
  const close = async (how: { drain?: Duration } = {}): Promise<void> => {
    release?.();
    await withdrawDefault(engine);
    await viewer?.close();
    await engine.close(toMs(how.drain ?? "30s", "drain"));
  };
  if (options.signals) release = liveUntilSignal(close);
  return {
    start: async (workflow, ...rest) => {
      // an input and its options, whatever the types of the input
      const [input, how] = rest as [unknown, StartOptions?];
      return startOn(engine, workflow, input, how);
    },
    get: (id) => runHandle(id, id, engine, {}),
    list: (filter = {}) => listed(engine, filter),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** Starts a run on this engine. @throws INPUT_INVALID, RUN_EXISTS */
export async function startOn<Out>(engine: RunEngine, workflow: object, input: unknown, how: StartOptions = {}):
  Promise<RunHandle<Out>> {
  const made = definitionOf(workflow), { value, fields } = await prepared(made, input, how);
  const payload = encodeRecorded(value, `input of ${made.spec.name}`);
  const started = await engine.start({ workflow: made.spec, input: payload, ...fields });
  return runHandle(started.runId, started.name, engine);
}

async function* listed(engine: RunEngine, filter: { state?: RunState; workflow?: string; limit?: number }):
  AsyncGenerator<RunHandle<unknown>> {
  const { state, workflow, limit = Infinity } = filter;
  let before: string | undefined, given = 0;
  while (given < limit) {
    const rows = await engine.list({
      limit: Math.min(100, limit - given), ...(state !== undefined && { states: [state] }),
      ...(workflow !== undefined && { workflow }), ...(before !== undefined && { before }),
    });
    for (const row of rows) { given++; yield runHandle(row.runId, row.name, engine) }
    before = rows.at(-1)?.runId;
    if (before === undefined) return;
  }
}

/** Keeps the process alive until what it returns is called. First signal: drain, exit 0. Second: exit at once. */
function liveUntilSignal(close: () => Promise<void>): () => void {
  const letGo = stayAlive(realClock);
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (asked) process.exit(signal === "SIGINT" ? 130 : 143);
      asked = true;
      void close().then(() => process.exit(signal === "SIGINT" ? 130 : 0));
    });
  }
  return letGo;
}
