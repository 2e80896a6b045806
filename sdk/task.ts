/** `task()`: a unit of real-world work. Inside a workflow its result is recorded once and never computed again. */
import {
  callSite, Cancelled, currentFrame, renderTemplate, RepriseError, TaskError, toMs, type Duration, type RetryDelay,
  type TaskPolicy, type TaskSpec, type TransactionSpec, type WorkflowFrame,
} from "../engine/index.ts";
import { cachePolicy, type CacheOptions } from "./cache.ts";
import { notInRun } from "./frame.ts";
import { limitsOf, type Limit } from "./limit.ts";
import { mockOf } from "./mocks.ts";
import { callPooled, pooledBy, takeCalls, type Pooled } from "./pooled.ts";
import { rememberUndo } from "./scope.ts";
import { captureTaskConsole } from "./console-capture.ts";
import { checkName, defineTask, defineWorkflow, workflowSpec } from "./registry.ts";
import { runnerFor } from "./runner.ts";
import { runAtTopLevel } from "./start.ts";
import { fileOf } from "./sources.ts";

export type TaskState = "scheduled" | "running" | "retrying" | "completed" | "failed" | "cancelled" | "cached";
/** How a task ended, without a throw. */
export type Settled<R> =
  | { readonly ok: true; readonly value: R; readonly state: "completed" | "cached" }
  | { readonly ok: false; readonly error: TaskError | Cancelled; readonly state: "failed" | "cancelled" };
/** Options of a task; durations as everywhere, numbers are milliseconds. */
export interface TaskOptions<A extends readonly unknown[], R> {
  /** Further attempts after the first one fails; default 0. */
  retries?: number;
  /** Delay before each further attempt; default none. */
  retryDelay?: RetryDelay;
  /** False = this error is final. What it throws fails the task with both errors. */
  retryIf?: (error: Error, attempt: number) => boolean | Promise<boolean>;
  /** Limit of one attempt; the attempt then counts as failed with TimedOut, and its abortSignal fires. */
  timeout?: Duration;
  /** Limit of all attempts together, delays included. */
  deadline?: Duration;
  /** What every attempt must pass before it begins, by limit() and rate(), or their names. */
  limits?: readonly (Limit | string)[];
  /** Limit from the call until the first attempt begins. */
  queueTimeout?: Duration;
  /** Limit of silence: an attempt that does not call `taskContext().heartbeat()` so long has failed. */
  heartbeat?: Duration;
  /** Results shared across runs: how long they are good, or how. */
  cache?: Duration | CacheOptions<A>;
  /** Where attempts are made: in this thread, in worker threads, or in processes; default "inline". */
  runner?: "inline" | "thread" | "process";
  /** Who makes the calls: workers of this pool, in other processes; default the worker that runs the workflow. */
  pool?: string;
  tags?: readonly string[];
  description?: string;
  version?: string;
  runName?: string | ((...args: A) => string);
  /** Takes back what the task did, when the saga around it fails. */
  undo?: (result: R, ...args: A) => void | Promise<void>;
  onCompleted?: (result: R) => void | Promise<void>;
  onFailed?: (error: TaskError) => void | Promise<void>;
  /** `console.*` inside the task also becomes log lines of the run. */
  captureConsole?: boolean;
}
/** A task that has begun: awaitable, cancellable. */
export interface TaskFuture<R> extends PromiseLike<R> {
  readonly key: string;
  readonly state: TaskState;
  result(): Promise<R>;
  cancel(reason?: string): void;
}
type First<A extends readonly unknown[]> =
  A extends readonly [infer H, ...unknown[]] ? H : A extends readonly [(infer H)?, ...unknown[]] ? H
    : A extends readonly (infer H)[] ? H : never;
type Rest<A extends readonly unknown[]> = A extends readonly [unknown, ...infer T] ? T : [];
export interface MapOptions<A extends readonly unknown[]> {
  /** Calls open at once; default all. */
  concurrency?: number;
  /** Constants for the other parameters. */
  args?: Rest<A>;
  /** An explicit key for each call; index from 0. */
  key?: (item: First<A>, index: number) => string;
}
export interface TaskForms<A extends readonly unknown[], R> {
  readonly taskName: string;
  /** Begins and returns a future. */
  submit(...args: A): TaskFuture<R>;
  /** Never throws: the outcome as a value. */
  settle(...args: A): Promise<Settled<R>>;
  /** One call per item, results in the order of the items. */
  map(items: Iterable<First<A>>, options: MapOptions<A> & { settle: true }): Promise<Settled<R>[]>;
  map(items: Iterable<First<A>>, options?: MapOptions<A> & { settle?: false }): Promise<R[]>;
  /** The same task with other options. */
  with(options: Partial<TaskOptions<A, R>> & { key?: string }): Task<(...args: A) => Promise<R>>;
}
/** `A`, taken from the function and not from the options: an `undo` may leave parameters out. */
export type Later<A extends unknown[]> = [A][A extends unknown ? 0 : never];
type AsyncFn = (...args: never) => Promise<unknown>;
/** `F` itself, so parameter names, optional parameters and generics survive. */
export type Task<F extends AsyncFn> = F & TaskForms<Parameters<F>, Awaited<ReturnType<F>>> & { readonly fn: F };

/** Options whose function nobody has looked at. */
export type AnyOptions = TaskOptions<readonly unknown[], unknown> & { key?: string };
type AnyFn = (...args: readonly unknown[]) => unknown;

/** Makes `fn` durable. @throws INVALID_NAME, INVALID_OPTION, INVALID_DURATION */
export function task<F extends AsyncFn>(name: string, fn: F): Task<F>;
export function task<A extends unknown[], R>(name: string, fn: (...args: A) => R): Task<(...args: A) =>
  Promise<Awaited<R>>>;
export function task<A extends unknown[], R>(name: string, options: TaskOptions<Later<A>, NoInfer<Awaited<R>>>,
  fn: (...args: A) => R): Task<(...args: A) => Promise<Awaited<R>>>;
export function task(name: string, ...rest: readonly unknown[]): unknown {
  checkName("task", name);
  const [options, fn] = rest.length > 1 ? rest : [{}, rest[0]];
  if (typeof fn !== "function") {
    throw new RepriseError("INVALID_OPTION", `task '${name}' has no function: the last argument is ${typeof fn}`,
      "Write task(name, options?, async (...) => ...).");
  }
  const file = fileOf(callSite(task));
  // The overloads say what callers may pass; inside, every task is an untyped function of its arguments.
  const run = fn as AnyFn, given = (options ?? {}) as AnyOptions; // as was just said
  defineTask(name, file, run);
  const made = makeTask(name, given, run, file);
  takeCalls(name, file, (changed) => specOf(name, { ...given, ...changed }, run, file));
  return made;
}

const KNOWN = new Set(["retries", "retryDelay", "retryIf", "timeout", "deadline", "tags", "description", "version",
  "runName", "onCompleted", "onFailed", "captureConsole", "undo", "limits", "cache", "runner", "heartbeat",
  "queueTimeout", "key", "pool"]);

/** Options as the engine wants them. @throws INVALID_OPTION */
function policyOf(name: string, options: AnyOptions, file: string | undefined): TaskPolicy {
  for (const option of Object.keys(options)) {
    if (!KNOWN.has(option)) throw new RepriseError("INVALID_OPTION", `task '${name}' has no option '${option}'`,
      `Options: ${[...KNOWN].join(", ")}.`);
  }
  const { retries = 0 } = options;
  if (!Number.isInteger(retries) || retries < 0) throw new RepriseError("INVALID_OPTION",
    `task '${name}': retries is ${String(retries)}`, "Give a whole number from 0: further attempts after the first.");
  const { runner = "inline" } = options;
  if (!["inline", "thread", "process"].includes(runner)) throw new RepriseError("INVALID_OPTION",
    `task '${name}': runner is ${JSON.stringify(runner)}`, "Use \"inline\", \"thread\" or \"process\".");
  if (options.captureConsole) captureTaskConsole();
  return {
    retries, retryDelay: options.retryDelay ?? 0,
    ...(options.limits && { get limits() { return limitsOf(name, options.limits ?? []) } }),
    ...(options.retryIf && { retryIf: options.retryIf }),
    ...(options.timeout !== undefined && { timeoutMs: toMs(options.timeout, `timeout of task '${name}'`) }),
    ...(options.deadline !== undefined && { deadlineMs: toMs(options.deadline, `deadline of task '${name}'`) }),
    ...(options.queueTimeout !== undefined
      && { queueTimeoutMs: toMs(options.queueTimeout, `queueTimeout of task '${name}'`) }),
    ...(options.heartbeat !== undefined && { heartbeatMs: toMs(options.heartbeat, `heartbeat of task '${name}'`) }),
    ...(options.cache !== undefined && { cache: cachePolicy(name, file, options.version, options.cache) }),
    ...(options.captureConsole && { captureConsole: true }),
    ...(options.onCompleted && { onCompleted: options.onCompleted }),
    // The engine calls it with the error that ended the task.
    ...(options.onFailed && { onFailed: options.onFailed as (error: Error) => void }),
  };
}

/** A template is filled from the first argument. */
function labelOf(name: string, runName: NonNullable<AnyOptions["runName"]>): NonNullable<TaskSpec["label"]> {
  const named = { of: `task '${name}'`, given: "first argument" } as const;
  return typeof runName === "string" ? ([first], now) => renderTemplate(runName, first, new Date(now), named)
    : (args) => runName(...args);
}

function specOf(name: string, options: AnyOptions, fn: AnyFn, file: string | undefined): TaskSpec {
  const { runner = "inline" } = options;
  return { name, fn, policy: policyOf(name, options, file),
    ...(options.tags?.length && { tags: options.tags }), ...(options.version && { version: options.version }),
    ...(options.description && { description: options.description }),
    ...(options.runName && { label: labelOf(name, options.runName) }),
    ...(runner !== "inline" && { runner: runnerFor(runner, name, file) }) };
}

/** A task as it is called: `pooled` where its calls are made elsewhere. */
interface Made {
  readonly spec: TaskSpec; readonly options: AnyOptions; readonly file: string | undefined;
  readonly pooled: Pooled | undefined;
}

/** `inside`: the function is given a transaction before its arguments. `changed`: options that are not those of the
 *  definition. */
export function makeTask(name: string, options: AnyOptions, fn: AnyFn, file: string | undefined,
  inside?: TransactionSpec, changed: AnyOptions = {}): (...args: readonly unknown[]) => Promise<unknown> {
  const { runner = "inline", cache, pool } = options;
  if (inside !== undefined && (cache !== undefined || pool !== undefined || runner !== "inline")) {
    throw new RepriseError("INVALID_OPTION", `transaction '${name}' has a cache, a runner or a pool`,
      "Leave them out: its writes must be made here, and each time.");
  }
  const spec: TaskSpec = { ...specOf(name, options, fn, file), ...(inside && { transaction: inside }) };
  const task: Made = { spec, options, file,
    pooled: pool === undefined ? undefined : pooledBy(name, pool, changed, file) };
  const call = (...args: readonly unknown[]): Promise<unknown> => begin(task, mapped(fn, args), call).promise;
  const settle = (...args: readonly unknown[]): Promise<Settled<unknown>> =>
    settled(begin(task, mapped(fn, args), settle));
  return Object.assign(call, {
    taskName: name, fn, settle,
    submit: (...args: readonly unknown[]) => submit(task, args),
    map: (items: Iterable<unknown>, how: MapAny = {}) => mapAll(items, how, (item, index) => {
      const key = how.key?.(item, index);
      const keyed = key === undefined ? task : { ...task, options: { ...options, key } };
      const made = begin(keyed, [item, ...(how.args ?? [])], call);
      return how.settle ? settled(made) : made.promise;
    }),
    with: (more: AnyOptions) => makeTask(name, { ...options, ...more }, fn, file, inside, { ...changed, ...more }),
  });
}
interface MapAny {
  concurrency?: number; args?: readonly unknown[]; key?: (item: unknown, index: number) => string; settle?: boolean;
}

/** `urls.map(extract)` passes (item, index, array): a task of one parameter is given the item only. */
function mapped(fn: AnyFn, args: readonly unknown[]): readonly unknown[] {
  const [item, index, array] = args;
  const byMap = args.length === 3 && fn.length <= 1 && Array.isArray(array) && typeof index === "number"
    && Object.is(array[index], item);
  return byMap ? [item] : args;
}

/** A call that has begun. `cached`, when it has ended: was its result an earlier call's? */
interface Begun { readonly key: string; readonly promise: Promise<unknown>; cached(): boolean }

function begin(task: Made, args: readonly unknown[], skip: (...args: never[]) => unknown): Begun {
  const frame = currentFrame(), { spec, options } = task;
  if (frame?.in === "workflow") {
    const { execution, scope } = frame;
    try {
      const { key, promise } = durably(frame, task, args, skip);
      // Its undo is known to the nearest saga.
      if (options.undo !== undefined) rememberUndo(scope, spec, options.undo, args, promise);
      return { key, promise, cached: () => execution.wasCached(key) };
    } catch (error) { return outside(spec, Promise.reject(error)) }
  }
  return outside(spec, frame === undefined ? runAtTopLevel(taskWorkflow(task), args)
    : callInside(spec, options, args));
}
function durably(frame: WorkflowFrame, { spec, options, pooled }: Made, args: readonly unknown[],
  skip: (...args: never[]) => unknown): { readonly key: string; readonly promise: Promise<unknown> } {
  return pooled === undefined ? frame.execution.callTask(frame.scope, spec, args, options.key, skip)
    : callPooled(frame, spec, pooled, args, options.key, skip);
}
function outside(spec: TaskSpec, promise: Promise<unknown>): Begun {
  return { key: `task:${spec.name}`, promise, cached: () => false };
}

/** Within an attempt a task is a plain call, so what only the engine can give is refused. */
async function callInside(spec: TaskSpec, options: AnyOptions, args: readonly unknown[]): Promise<unknown> {
  if (spec.transaction !== undefined) throw new RepriseError("TASK_IN_TASK",
    `transaction '${spec.name}' is called inside another task, where it could not commit with a result of its own`,
    "Call it from the workflow.");
  const lost = (["retries", "timeout", "deadline", "undo", "limits", "cache", "runner", "pool",
    "heartbeat", "queueTimeout"] as const)
    .filter((option) => options[option] !== undefined && options[option] !== "inline");
  if (lost.length > 0) throw new RepriseError("TASK_IN_TASK",
    `task '${spec.name}' is called inside another task, where its ${lost.join(" and ")} would not apply`,
    `Call it from the workflow, or call ${spec.name}.fn(...) if a plain call is meant.`);
  return (mockOf(spec.fn) ?? spec.fn)(...args);
}

/** A task called outside any run is a run of one task. */
function taskWorkflow(task: Made): string {
  const { spec, file, pooled } = task, name = `task:${spec.name}${pooled === undefined ? "" : `@${pooled.pool}`}`;
  if (workflowSpec(name)?.file !== file || workflowSpec(name) === undefined) {
    defineWorkflow({
      name, dangling: "cancel", codeVersion: "", ...(file !== undefined && { file }),
      fn: (args) => {
        const frame = currentFrame();
        if (frame?.in !== "workflow") throw new Error("corrupt frame: a run without one");
        // A run of one task is started with the array of the task's arguments.
        return durably(frame, { ...task, options: {} }, args as readonly unknown[], begin).promise;
      },
    }, file, false);
  }
  return name;
}

async function settled(begun: Begun): Promise<Settled<unknown>> {
  try {
    const value = await begun.promise;
    return { ok: true, value, state: begun.cached() ? "cached" : "completed" };
  } catch (error) {
    if (error instanceof Cancelled) return { ok: false, error, state: "cancelled" };
    if (error instanceof TaskError) return { ok: false, error, state: "failed" };
    throw error;
  }
}

function submit(task: Made, args: readonly unknown[]): TaskFuture<unknown> {
  const frame = currentFrame();
  const made = begin(task, args, submit);
  let state: TaskState = "running";
  const promise = made.promise.then(
    (value) => { state = made.cached() ? "cached" : "completed"; return value },
    (error: unknown) => { state = error instanceof Cancelled ? "cancelled" : "failed"; throw error });
  return {
    key: made.key,
    get state() { return state },
    result: () => promise,
    then: (onFulfilled, onRejected) => promise.then(onFulfilled, onRejected),
    cancel: (reason) => {
      if (frame?.in !== "workflow") throw notInRun("cancel() of a future");
      frame.execution.cancelCall(made.key, reason);
    },
  };
}

async function mapAll(items: Iterable<unknown>, how: MapAny, call: (item: unknown, index: number) => Promise<unknown>):
  Promise<unknown[]> {
  const list = [...items];
  const { concurrency = list.length } = how;
  if (!(concurrency >= 1) && list.length > 0) throw new RepriseError("INVALID_OPTION",
    `map: concurrency is ${String(concurrency)}`, "Give a whole number from 1.");
  const results = new Array<unknown>(list.length);
  let next = 0, failed = false;
  const lane = async (): Promise<void> => {
    while (next < list.length && !failed) {
      const index = next++;
      try { results[index] = await call(list[index], index) } catch (error) { failed = true; throw error }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, lane));
  return results;
}
