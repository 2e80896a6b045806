/** A handle of a run: by its id, or by that which its start gave, in any process. Making one does no I/O; its first
 *  call finds out. */
import {
  decodeValue, encodeRecorded, openFold, RepriseError, toMs, type Duration, type Payload, type RunEngine,
  type RunState, type WaitView, type WorkflowFrame, type WorkflowSpec,
} from "../engine/index.ts";
import { readEvents, readLogs, readStream, type Event, type StreamItem } from "./reading.ts";
import { recordingOf } from "./recording.ts";
import { workflowSpec } from "./registry.ts";
import { validated } from "./schema.ts";
import type { Stream } from "./show.ts";
import { sendSignal, type SignalDef } from "./signal.ts";
import { schemaOfUpdate, type QueryDef, type UpdateDef } from "./update.ts";
import { viewerOf } from "./viewer.ts";

export interface RunHandle<Out> extends AsyncIterable<Event> {
  readonly id: string;
  readonly name: string;
  /** Where a viewer shows the run; undefined while none is served. */
  readonly url: string | undefined;
  /** Waits for the end. @throws RunError */
  result(): Promise<Out>;
  /** The state now, or rebuilt from history at event `at` (from 1). */
  state(options?: { at?: number }): Promise<{ state: RunState; head: number }>;
  /** Events from `from` on (from 1), as recorded so far. */
  history(options?: { from?: number }): AsyncIterable<Event>;
  logs(): AsyncIterable<{ seq: number; level: string; text: string }>;
  /** Items of a stream from offset `from` on (from 0): until the run has ended, or with `follow: false` those that are
   *  there. */
  stream<T>(of: Stream<T> | string, options?: { from?: number; follow?: boolean }): AsyncIterable<StreamItem<T>>;
  /** Sends a signal; those with the same `key` arrive once. @throws INPUT_INVALID, RUN_ENDED,
   *  SIGNAL_UNDECLARED */
  signal(def: SignalDef<void>, value?: undefined, options?: { key?: string }): Promise<void>;
  signal<T>(def: SignalDef<T>, value: T, options?: { key?: string }): Promise<void>;
  /** What the run exposes, now or after event `at` (from 1). Its code is replayed here, so that it must be loaded.
   *  @throws QUERY_UNKNOWN, WORKFLOW_NOT_LOADED, REPLAY_DIVERGED */
  query<R>(def: QueryDef<R>, options?: { at?: number }): Promise<R>;
  /** Asks the run to change something and waits for its reply, or only until it is accepted. @throws INPUT_INVALID,
   *  UPDATE_REFUSED, UPDATE_PENDING, RUN_ENDED; what its handler threw */
  update<I, R>(def: UpdateDef<I, R>, value: I, options?: { wait?: "accepted" | "completed"; key?: string }): Promise<R>;
  /** What the run waits for, in the order of opening; `schema` is the JSON schema of a form's answer. */
  waits(): Promise<readonly OpenWaitInfo[]>;
  /** Answers an open form, by name or key. @throws ANSWER_REFUSED, RUN_ENDED */
  answer(name: string, value: unknown, options?: { by?: string }): Promise<void>;
  /** Asks the run to stop; it ends as cancelled when its code has let go. `grace`: how long attempts in threads and
   *  processes may go on after their signal; 1 s. */
  cancel(options?: { reason?: string; grace?: Duration }): Promise<void>;
  /** Holds the run: what is under way ends and is recorded, nothing begins. */
  pause(): Promise<void>;
  /** Lets a paused or parked run go on. */
  resume(): Promise<void>;
  /** Tries an ended or parked run again from the call that failed: a new run with the same past, of which this handle
   *  speaks from now on, too. @throws NOTHING_TO_RETRY */
  retry(): Promise<RunHandle<Out>>;
  /** A new run whose past is this one's up to `at`: a seq (from 1), or the key of a call to be made anew. `edit` gives
   *  calls other results by key, `input` the run another input. @throws FORK_REFUSED, NO_SUCH_EVENT */
  fork(options: { at?: number | string; edit?: Record<string, unknown>; input?: unknown; by?: string }):
    Promise<RunHandle<Out>>;
  /** Settles an open call with a value of your own; `key` as in the history, such as `task:charge#0`. */
  inject(key: string, value: unknown, options: { by: string; reason: string }): Promise<void>;
  /** Settles an open call without a value: it gives `undefined`, and is not made again. */
  skip(key: string, options: { by: string; reason: string }): Promise<void>;
  /** The run with its whole history as JSON: what `reprise runs export` writes, and `replay()` and `reprise view`
   *  take. */
  export(): Promise<string>;
}
/** One open wait of a run. */
export interface OpenWaitInfo {
  readonly name: string; readonly key: string; readonly kind: WaitView["kind"];
  readonly description: string | undefined;
  /** JSON schema of what it takes; `{}` where nothing is said. */
  readonly schema: object;
  readonly since: Date; readonly until: Date | undefined;
}

type Find = () => Promise<RunEngine>;

/** @param where the engine, or what gives it when it is first needed
 *  @param own `first` may be an own id, of this workflow: looked up at the first call */
export function runHandle<Out>(first: string, name: string, where: RunEngine | Find,
  own?: { readonly workflow?: string }): RunHandle<Out> {
  let id = first, open = own; // a retry goes on as another run
  const find: Find = async () => {
    const engine = typeof where === "function" ? await where() : where;
    if (open !== undefined) { id = (await engine.find(id, open.workflow)).runId; open = undefined }
    return engine;
  };
  const found = async () => ({ engine: await find(), id });
  return {
    id, name,
    get url() { return typeof where === "function" ? undefined : viewerOf(where)?.link(id) },
    // A run's result is what its workflow returned, as its types say.
    result: async () => (await find()).result(id) as Promise<Out>,
    state: async (options = {}) => stateOf(await find(), id, options.at),
    history: (options = {}) => readEvents(found, { from: options.from ?? 1, follow: false }),
    logs: () => readLogs(found),
    stream: (of, { from = 0, follow = true } = {}) => readStream(found, of, { from, follow }),
    signal: (def: { readonly signalName: string }, value?: unknown, options: { key?: string } = {}) =>
      sendSignal(def, id, value, options, found),
    query: async <R>(def: QueryDef<R>, options: { at?: number } = {}) => {
      const engine = await find(); // what it gives is its reader's
      return await engine.operator.query(id, await loadedWorkflow(engine, id), def.queryName, options.at) as R;
    },
    update: async <I, R>(def: UpdateDef<I, R>, value: I, options = {}) =>
      await askUpdate(await find(), id, def, value, options) as R, // what its handler returns
    waits: async () => (await (await find()).operator.waits(id)).map(shownWait),
    answer: async (waitName, value, options = {}) => {
      await (await find()).operator.answer(id, waitName, encodeRecorded(value, `answer to '${waitName}'`), options.by);
    },
    pause: async () => (await find()).operator.pause(id),
    resume: async () => (await find()).operator.resume(id),
    retry: async () => {
      const made = await (await find()).retry(id);
      id = made.runId;
      return forkHandle(where, made);
    },
    fork: async ({ at, edit = {}, by, ...rest }) => forkHandle(where, await (await find()).fork(id, {
      ...(at !== undefined && { at }), ...inputEdit(rest), results: Object.fromEntries(Object.entries(edit)
        .map(([key, value]) => [key, encodeRecorded(value, `result of '${key}'`)])),
    }, by)),
    inject: async (key, value, { by, reason }) => {
      await (await find()).operator.inject(id, key, encodeRecorded(value, `value for '${key}'`), by, reason);
    },
    skip: async (key, { by, reason }) => { await (await find()).operator.inject(id, key, undefined, by, reason) },
    export: async () => {
      const engine = await find();
      return JSON.stringify(recordingOf({ run: await engine.row(id), events: await engine.history(id) }));
    },
    cancel: async (options = {}) => {
      const asked = await (await find()).cancel(id, {
        ...(options.reason !== undefined && { reason: options.reason }),
        ...(options.grace !== undefined && { graceMs: toMs(options.grace, "grace") }),
      });
      if (!asked) throw new RepriseError("RUN_ENDED", `run ${id} has ended; it cannot be cancelled`,
        `See how: reprise runs inspect ${id}`);
    },
    [Symbol.asyncIterator]: () => readEvents(found, { from: 1, follow: true }),
  };
}

function forkHandle<Out>(where: RunEngine | Find, { runId, name }: { readonly runId: string; readonly name: string }):
  RunHandle<Out> { return runHandle<Out>(runId, name, where) }
function inputEdit(options: { input?: unknown }): { readonly input?: Payload } {
  const input = "input" in options ? encodeRecorded(options.input, "input of the fork") : undefined;
  return input === undefined ? {} : { input };
}

/** A child's handle inside its parent: what can be replayed works, the rest is for tasks. */
export function childHandle(frame: WorkflowFrame, id: string, name: string, key: string, outcome: Promise<unknown>):
  RunHandle<unknown> {
  const outside = (verb: string) => (): never => {
    throw new RepriseError("NOT_IN_TASK", `${verb}() of child run ${id} was called in workflow code`,
      "Ask in a task: what it answers is not in this run's history.");
  };
  return {
    id, name, url: undefined, result: () => outcome,
    signal: (def: { readonly signalName: string }, value?: unknown) => sendSignal(def, id, value),
    cancel: async (options = {}) => { frame.execution.cancelCall(key, options.reason) },
    state: outside("state"), history: outside("history"), logs: outside("logs"), query: outside("query"),
    update: outside("update"), waits: outside("waits"), answer: outside("answer"), pause: outside("pause"),
    resume: outside("resume"), inject: outside("inject"), skip: outside("skip"), export: outside("export"),
    stream: outside("stream"), retry: outside("retry"), fork: outside("fork"),
    [Symbol.asyncIterator]: outside("reading"),
  };
}

async function loadedWorkflow(engine: RunEngine, id: string): Promise<WorkflowSpec> {
  const { workflow } = await engine.row(id), spec = workflowSpec(workflow);
  if (spec !== undefined) return spec;
  throw new RepriseError("WORKFLOW_NOT_LOADED", `run ${id} is of workflow '${workflow}', which is not loaded here`,
    "Import the file that defines it.");
}

async function askUpdate(engine: RunEngine, id: string, def: { readonly updateName: string }, value: unknown,
  options: { wait?: "accepted" | "completed"; key?: string }): Promise<unknown> {
  const schema = schemaOfUpdate(def), what = `update '${def.updateName}'`;
  const asked = schema === undefined ? value : await validated(schema, value, what);
  return engine.operator.update(id, def.updateName, encodeRecorded(asked, what), options);
}

function shownWait({ name, key, kind, description, schema, openedAt, until }: WaitView): OpenWaitInfo {
  return { name, key, kind, description, schema: (decodeValue(schema) ?? {}) as object, // recorded as JSON schema
    since: new Date(openedAt), until: until === undefined ? undefined : new Date(until) };
}

async function stateOf(engine: RunEngine, id: string, at: number | undefined): Promise<{ state: RunState;
  head: number }> {
  const row = await engine.row(id);
  if (at === undefined) return { state: row.parked === null ? row.state : "parked", head: row.asOf };
  const history = await engine.history(id);
  if (!Number.isInteger(at) || at < 1 || at > history.length) throw new RepriseError("NO_SUCH_EVENT",
    `run ${id} has the events 1 to ${history.length}, not ${at}`, "Give a seq in that range.");
  const fold = openFold();
  for (const event of history.slice(0, at)) fold.apply(event);
  return { state: fold.view.state, head: at };
}
