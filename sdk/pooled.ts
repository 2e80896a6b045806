/** The option `pool` of tasks: a call is made by whoever works for the pool, in a child run that makes it there. */
import { callInPool, currentFrame, decodeValue, encodeRecorded, Identity, RepriseError, type Payload, type TaskSpec,
  type WorkflowFrame } from "../engine/index.ts";
import { definesWorkflow, defineWorkflow } from "./registry.ts";
import { codeVersionOf } from "./sources.ts";
import type { AnyOptions } from "./task.ts";

/** Options that matter to the caller alone; all others go along with a call. */
const CALLERS: ReadonlySet<string> = new Set(["key", "pool", "undo", "tags", "description", "runName"]);
const named = ["default"];

/** Pools that tasks of this process have named, "default" first: one list that grows with what is loaded. For engines
 *  that must work for all of them, since nobody else does: in tests, in `reprise dev`. */
export function namedPools(): readonly string[] { return named }

/** What a task's calls in its pool need. */
export interface Pooled {
  readonly pool: string;
  readonly file: string | undefined;
  readonly options: Payload | undefined;
}

/** The pool of a task, and what was changed since its definition, which the workers there have loaded themselves.
 *  @throws INVALID_OPTION */
export function pooledBy(name: string, pool: unknown, changed: AnyOptions, file: string | undefined): Pooled {
  if (typeof pool !== "string" || pool === "") throw new RepriseError("INVALID_OPTION",
    `task '${name}': pool is ${JSON.stringify(pool)}`, "Give the name of a pool, such as \"gpu\".");
  if (!named.includes(pool)) named.push(pool);
  const sent = Object.entries(changed).filter(([option]) => !CALLERS.has(option)).map(([option, value]) => {
    const fn = typeof value === "function" ? option : typeof Object(value).key === "function" ? `${option}.key`
      : undefined;
    if (fn !== undefined) throw new RepriseError("INVALID_OPTION",
      `task '${name}': ${fn} was given by with(), and a function cannot reach the workers of pool '${pool}'`,
      `Give ${fn} where the task is defined: the workers of the pool load that, too.`);
    return [option, option === "limits" ? namesOf(changed.limits) : value] as const;
  });
  return { pool, file, options: sent.length === 0 ? undefined
    : encodeRecorded(Object.fromEntries(sent), `options of task '${name}'`) };
}
function namesOf(limits: AnyOptions["limits"]): readonly string[] | undefined {
  return limits?.map((one) => typeof one === "string" ? one : one.limitName);
}

/** Calls a task in its pool. */
export function callPooled({ execution, scope }: WorkflowFrame, spec: TaskSpec, { pool, file, options }: Pooled,
  args: readonly unknown[], key: string | undefined, skip: (...args: never[]) => unknown):
  { readonly key: string; readonly promise: Promise<unknown> } {
  return callInPool(execution, scope, spec, args, { pool, workflow: workflowOf(spec.name, file), key, options }, skip);
}

/** Lets this process make calls of a task for runs in other pools. `specOf`: the task with other options. */
export function takeCalls(name: string, file: string | undefined, specOf: (changed: AnyOptions) => TaskSpec): void {
  defineWorkflow({
    name: workflowOf(name, file), dangling: "cancel", callsTask: true, ...(file !== undefined && { file }),
    // Each version is looked for by a claim of its own: files of tasks alone share one.
    get codeVersion() { return definesWorkflow(file) ? codeVersionOf(file).version : "" },
    fn: (args) => {
      const frame = currentFrame();
      if (frame?.in !== "workflow") throw new Error("corrupt frame: a run without one");
      const { execution, scope } = frame;
      // Written by pooledBy() as options; the run's name is what its caller calls it.
      const changed = (decodeValue(Identity.callOf(execution.run)?.options) ?? {}) as AnyOptions;
      const { label: _named, ...spec } = specOf(changed);
      // The run was started with the array of the task's arguments.
      return execution.callTask(scope, spec, args as readonly unknown[], undefined, takeCalls).promise;
    },
  }, file, false);
}

/** Task names are unique in a file, those of workflows in a process. */
function workflowOf(name: string, file: string | undefined): string { return `task:${file ?? ""}#${name}` }
