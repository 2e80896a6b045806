/** `workflow()`: a function made durable. */
import {
  callSite, currentFrame, originals, renderTemplate, RepriseError, toMs, type ClosePolicy,
  type Duration, type Execute, type RetryDelay, type WorkflowFrame, type WorkflowSpec,
} from "../engine/index.ts";
import { defaultEngine } from "./default-engine.ts";
import { childHandle, runHandle, type RunHandle } from "./handle.ts";
import { checkName, defineWorkflow, inPlace, isLoading, workflowSpec } from "./registry.ts";
import { checked, jsonSchemaOf, validated, type InputOf, type OutputOf, type Schema } from "./schema.ts";
import { codeVersionOf, fileOf } from "./sources.ts";
import { refuseWhileLoading, runAtTopLevel, startAtTopLevel, type StartFields } from "./start.ts";
import { visualize, type VisualizeOptions } from "./visualize.ts";

/** What a workflow takes: nothing, one input, or one optional input. */
export type Inputs = readonly [input?: unknown];
type StartArgs<A extends Inputs> = A extends readonly [] ? [input?: undefined, options?: StartOptions]
  : [...A, options?: StartOptions];
type SchemaArgs<S> = undefined extends InputOf<S> ? [input?: InputOf<S>] : [input: InputOf<S>];
export interface StartOptions {
  /** An id of your own: the idempotency key, unique per workflow. */
  id?: string;
  /** What happens when the id is taken; default "attach". */
  ifExists?: "attach" | "fail" | "replace";
  /** Not before this instant, or after this delay. */
  at?: Date | Duration;
  name?: string;
  tags?: readonly string[];
  /** Higher is claimed first; default 0. */
  priority?: number;
  pool?: string;
  /** Creates the run inside your own transaction: it begins when that commits, and never was if it does not. Any client
   *  fits that can execute a text with one value and give back the rows. Runs must be in the same PostgreSQL
   *  database. */
  tx?: Execute;
  /** For a run started by another: what becomes of it when that one ends first; default "cancel". */
  onParentClose?: ClosePolicy;
  /** The same as onParentClose: "abandon". */
  detached?: boolean;
}
export interface WorkflowOptions<S extends Schema = Schema> {
  /** Checked before the run starts; defaults are filled in. */
  input?: S;
  description?: string;
  version?: string;
  tags?: readonly string[];
  /** A template such as `"{name}-on-{date:%A}"`, or a function of the input. */
  runName?: string | ((input: OutputOf<S>) => string);
  /** Calls still open when the function has ended; default "cancel". */
  dangling?: "cancel" | "await" | "error";
  /** Further tries of a run that fails, each from the call that failed; default 0. */
  retries?: number;
  retryDelay?: RetryDelay;
  /** Limit of the whole run: its calls then reject with TimedOut. Children have no more than their parent. */
  deadline?: Duration;
  /** May a waiting run go on with other code? "append" (default): where the code only adds to its history; "strict":
   *  where
   *  nothing at all differs; "pin": never, it waits for a worker with the code that it began with. */
  evolve?: "strict" | "append" | "pin";
  /** Runs with the same `key` (default: all of the workflow) take turns, `max` at once, from their start to their end;
   *  `onFull`: a new run waits in line ("queue", the default), is not made ("skip", CONCURRENCY_FULL), ends as
   * cancelled
   *  ("cancelNew"), or the oldest that has its turn is cancelled ("cancelRunning"). */
  concurrency?: { max: number; key?: (input: OutputOf<S>) => string;
    onFull?: "queue" | "skip" | "cancelNew" | "cancelRunning" };
  /** What it reads; other signals are refused. Without it, any are kept. */
  signals?: readonly { readonly signalName: string }[];
}
export interface Workflow<A extends Inputs, Out> {
  /** Starts a run and waits for its result. */
  (...args: A): Promise<Out>;
  readonly workflowName: string;
  /** The function itself, for ordinary tests. */
  readonly fn: (...args: A) => Promise<Out>;
  /** Starts a run; resolves when it is recorded. @throws INPUT_INVALID, RUN_EXISTS */
  start(...args: StartArgs<A>): Promise<RunHandle<Out>>;
  /** start and result. */
  run(...args: StartArgs<A>): Promise<Out>;
  /** The same workflow, started with these options. */
  with(options: StartOptions): Workflow<A, Out>;
  /** A handle by a run's id, or by the `id` that its start gave. No I/O; its first call finds out. */
  get(id: string): RunHandle<Out>;
  /** A picture of what it calls: of its newest run, or of a dry run, in which no task runs. @throws VALUE_MISSING */
  visualize(options?: VisualizeOptions<A[0]>): Promise<string>;
}

interface AnyWorkflow { spec: WorkflowSpec; options: WorkflowOptions }
const definitions = new WeakMap<object, AnyWorkflow>();
const byName = new Map<string, AnyWorkflow>();

/** Makes `fn` durable under a name that is its identity. @throws INVALID_NAME, INVALID_OPTION, DUPLICATE_WORKFLOW,
 *  NOT_YET */
export function workflow<A extends Inputs, Out>(name: string, fn: (...args: A) => Promise<Out> | Out): Workflow<A, Out>;
export function workflow<S extends Schema, Out>(name: string, options: WorkflowOptions<S> & { input: S },
  fn: (input: OutputOf<S>) => Promise<Out> | Out): Workflow<SchemaArgs<S>, Out>;
export function workflow<A extends Inputs, Out>(name: string, options: WorkflowOptions & { input?: never },
  fn: (...args: A) => Promise<Out> | Out): Workflow<A, Out>;
export function workflow(name: string, ...rest: readonly unknown[]): unknown {
  checkName("workflow", name);
  const [options, fn] = rest.length > 1 ? rest : [{}, rest[0]];
  if (typeof fn !== "function") {
    throw new RepriseError("INVALID_OPTION", `workflow '${name}' has no function: the last argument is ${typeof fn}`,
      "Write workflow(name, options?, async (input) => ...).");
  }
  // The overloads say what callers may pass; inside, every workflow is a function of one untyped input.
  const checked = checkOptions(name, (options ?? {}) as WorkflowOptions);
  const run = fn as (input: unknown) => unknown; // as above
  const file = fileOf(callSite(workflow));
  const spec: WorkflowSpec = {
    name, fn: run, dangling: checked.dangling ?? "cancel", ...(file !== undefined && { file }),
    // Its key is called with what the schema gave, as its types say.
    ...(checked.concurrency && { concurrency: checked.concurrency as NonNullable<WorkflowSpec["concurrency"]> }),
    ...runPolicyOf(name, checked), ...(checked.version !== undefined && { version: checked.version }),
    ...(checked.signals && { signals: checked.signals.map(({ signalName }) => signalName) }),
    get codeVersion() { return codeVersionOf(file).version },
  };
  defineWorkflow(spec, file, true, { description: checked.description,
    schema: () => checked.input && jsonSchemaOf(checked.input),
    prepare: (input, how) => prepared({ spec, options: checked }, input, how) });
  byName.set(name, { spec, options: checked });
  return makeWorkflow({ spec, options: checked }, {});
}

const KNOWN =
  new Set(["input", "description", "version", "tags", "runName", "dangling", "signals", "concurrency", "retries",
  "retryDelay", "deadline", "evolve"]);

function checkOptions(name: string, options: WorkflowOptions): WorkflowOptions {
  for (const option of Object.keys(options)) {
    if (!KNOWN.has(option)) throw new RepriseError("INVALID_OPTION", `workflow '${name}' has no option '${option}'`,
      `Options: ${[...KNOWN].join(", ")}.`);
  }
  if (options.input !== undefined && !("~standard" in options.input)) throw new RepriseError("INVALID_OPTION",
    `workflow '${name}': input is not a schema`, "Give a zod schema, such as z.object({ ... }).");
  if (options.signals?.some((one) => typeof Object(one).signalName !== "string")) throw new RepriseError(
    "INVALID_OPTION", `workflow '${name}': its signals are not what signal() gave`, "Write signals: [approved, ...].");
  const { concurrency } = options;
  if (concurrency !== undefined && !(Number.isInteger(concurrency.max) && concurrency.max >= 1)) {
    throw new RepriseError("INVALID_OPTION", `workflow '${name}': the max of its concurrency is ${concurrency.max}`,
      "Give a whole number from 1.");
  }
  return options;
}

/** What the engine needs to know of retries, deadline and evolution. @throws INVALID_OPTION, INVALID_DURATION */
function runPolicyOf(name: string, { retries = 0, retryDelay, deadline, evolve }: WorkflowOptions):
  Pick<WorkflowSpec, "retries" | "retryDelay" | "deadlineMs" | "evolve"> {
  if (!Number.isInteger(retries) || retries < 0) throw new RepriseError("INVALID_OPTION",
    `workflow '${name}': retries is ${String(retries)}`, "Give a whole number from 0: further tries after the first.");
  if (evolve !== undefined && !["strict", "append", "pin"].includes(evolve)) throw new RepriseError("INVALID_OPTION",
    `workflow '${name}': evolve is ${JSON.stringify(evolve)}`, "Give \"strict\", \"append\" or \"pin\".");
  return { ...(retries > 0 && { retries }), ...(retryDelay !== undefined && { retryDelay }), ...(evolve && { evolve }),
    ...(deadline !== undefined && { deadlineMs: toMs(deadline, `deadline of workflow '${name}'`) }) };
}

/** A run finds its code by name: one whose name was given away since would run another's. @throws DUPLICATE_WORKFLOW */
function checkStanding(spec: WorkflowSpec): void {
  const { name, file } = spec;
  if (!isLoading() && workflowSpec(name) !== spec) throw new RepriseError("DUPLICATE_WORKFLOW",
    `the workflow '${name}' was called after ${file ?? "its file"} had given its name to another workflow`,
    "Give one of them another name; the name is how a run finds its code after a restart.");
}

function makeWorkflow(made: AnyWorkflow, preset: StartOptions): unknown {
  const { spec } = made;
  const start = async (input: unknown, options: StartOptions = {}): Promise<RunHandle<unknown>> => {
    const frame = currentFrame();
    if (frame?.in === "workflow") return startChild(frame, made, input, { ...preset, ...options }, start);
    const { value, fields } = await prepared(made, input, { ...preset, ...options });
    const { engine, result, runId, name } = await startAtTopLevel(spec.name, value, fields);
    return Object.assign(runHandle(runId, name, engine), inPlace() ? { result } : {});
  };
  const run = async (input: unknown, options: StartOptions = {}): Promise<unknown> => {
    const frame = currentFrame();
    if (frame?.in === "workflow") return (await startChild(frame, made, input, { ...preset, ...options },
      run)).result();
    const { value, fields } = await prepared(made, input, { ...preset, ...options });
    if (fields.tx !== undefined) throw new RepriseError("INVALID_OPTION",
      `workflow '${spec.name}' was to be waited for inside the transaction that it waits for`,
      "Use start(input, { tx }), and result() after the commit.");
    return runAtTopLevel(spec.name, value, fields);
  };
  const call = (input?: unknown): Promise<unknown> => run(input);
  const handle = Object.assign(call, {
    workflowName: spec.name, fn: spec.fn, start, run,
    with: (options: StartOptions) => makeWorkflow(made, { ...preset, ...options }),
    get: (id: string) => runHandle(id, id, async () => (await defaultEngine()).engine, { workflow: spec.name }),
    visualize: (options: VisualizeOptions<unknown> = {}) => visualize(spec, options,
      async () => (await prepared(made, options.input, preset)).value, async () => (await defaultEngine()).engine),
  });
  definitions.set(handle, made);
  return handle;
}

/** A run started by a run: recorded as a decision, made in its commit. */
function startChild(frame: WorkflowFrame, { spec, options }: AnyWorkflow, input: unknown, start: StartOptions,
  skip: (...args: never[]) => unknown): RunHandle<unknown> | Promise<RunHandle<unknown>> {
  checkStanding(spec);
  if (start.tx !== undefined) throw new RepriseError("INVALID_OPTION",
    `child workflow '${spec.name}' was given a tx, which a workflow cannot have`,
    "Leave it out: the run's own commit makes the child; or start it from a transaction().");
  if (start.id !== undefined || start.at !== undefined) throw new RepriseError("INVALID_OPTION",
    `child workflow '${spec.name}' was given an ${start.id === undefined ? "instant" : "id"} of its own`,
    "A child's id comes from its parent, and it starts at once: leave the option out, or start it from a task.");
  const begin = (value: unknown): RunHandle<unknown> => {
    const named = start.name ?? runNameOf({ spec, options }, value, Date.now());
    const tags = [...new Set([...options.tags ?? [], ...start.tags ?? []])];
    const { id, key, promise } = frame.execution.startChild(frame.scope, {
      workflow: spec.name, input: value, onClose: start.detached ? "abandon" : start.onParentClose ?? "cancel",
      ...(named !== undefined && { name: named }), ...(tags.length > 0 && { tags }),
      ...(start.pool !== undefined && { pool: start.pool }),
      ...(start.priority !== undefined && { priority: start.priority }),
    }, skip);
    promise.catch(() => undefined); // whoever awaits it hears of it; a child that nobody awaits is its own affair
    return childHandle(frame, id, named ?? id, key, promise);
  };
  const value = options.input === undefined ? input : checked(options.input, input, `workflow '${spec.name}'`);
  return value instanceof Promise ? value.then(begin) : begin(value);
}

/** A loaded workflow by its name. @throws WORKFLOW_NOT_LOADED */
export function workflowByName(name: string): Workflow<Inputs, unknown> {
  const made = byName.get(name);
  if (made === undefined) throw new RepriseError("WORKFLOW_NOT_LOADED", `no loaded file defines a workflow '${name}'`,
    "Import the file that defines it.");
  // Every workflow takes one input, checked when it starts.
  return makeWorkflow(made, {}) as Workflow<Inputs, unknown>;
}

/** The name and options behind a workflow value, for `engine.start(workflow, ...)`. */
export function definitionOf(value: object): AnyWorkflow {
  const made = definitions.get(value);
  if (made === undefined) throw new RepriseError("INVALID_OPTION", "this is not a workflow",
    "Give what workflow() returned.");
  return made;
}

/** Input checked and options resolved: all that can be refused is refused before anything starts. */
export async function prepared({ spec, options }: AnyWorkflow, input: unknown, start: StartOptions):
  Promise<{ readonly value: unknown; readonly fields: StartFields }> {
  refuseWhileLoading(`workflow '${spec.name}' was called`);
  checkStanding(spec);
  const frame = currentFrame();
  if (frame?.in === "workflow") throw new RepriseError("NOT_IN_TASK",
    `an engine's start() of workflow '${spec.name}' was called inside a run of '${frame.execution.run.workflow}'`,
    `Call ${spec.name}(input) or ${spec.name}.start(input): that makes a child run.`);
  if (start.tx === undefined && frame?.inTransaction) throw new RepriseError("IN_TRANSACTION",
    `workflow '${spec.name}' was started inside transaction '${frame.task.name}', but not within it`,
    `Use ${spec.name}.start(input, { tx: sql.unsafe }), or start it from the workflow.`);
  if (start.tx !== undefined && start.ifExists === "replace") throw new RepriseError("INVALID_OPTION",
    `workflow '${spec.name}': ifExists "replace" would hold a run's row until your transaction ends`,
    "Use \"attach\" or \"fail\" with tx.");
  const value = options.input === undefined ? input : await validated(options.input, input, `workflow '${spec.name}'`);
  const now = originals.now();
  const named = start.name ?? runNameOf({ spec, options }, value, now);
  const id = start.id ?? (frame === undefined ? undefined : `${frame.idempotencyKey}/${frame.startedRuns++}`);
  const tags = [...new Set([...options.tags ?? [], ...start.tags ?? []])];
  return { value, fields: {
    tags, ...(named !== undefined && { name: named }), ...(id !== undefined && { id }),
    ...(start.tx !== undefined && { tx: start.tx }),
    ...(start.ifExists !== undefined && { ifExists: start.ifExists }),
    ...(start.priority !== undefined && { priority: start.priority }),
      ...(start.pool !== undefined && { pool: start.pool }),
    ...(start.at instanceof Date ? { at: start.at.getTime() } : start.at !== undefined && {
      delayMs: toMs(start.at, "at") }),
  } };
}

function runNameOf({ spec, options: { runName } }: AnyWorkflow, input: unknown, now: number): string | undefined {
  if (typeof runName === "string") {
    return renderTemplate(runName, input, new Date(now), { of: `workflow '${spec.name}'`, given: "input" });
  }
  return runName?.(input as never); // the schema's output is what the function was typed with
}
