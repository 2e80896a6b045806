/**
 * A call of a task that is made in a pool: a child run there, whose code is that one call. The decision names the pool
 * and not a worker, and it stands under the task's own key, so that code is replayed the same wherever the call was
 * made. What the caller hears is what a task made here would have told it.
 */
import { TaskError } from "../core/errors.ts";
import type { ErrorRecord, Payload } from "../core/events.ts";
import { waitLimit, type TaskSpec } from "../core/policy.ts";
import type { Skip } from "./calls.ts";
import type { Execution } from "./execution.ts";
import type { Scope } from "./scope.ts";

/** Where a task's call is to be made, and what of it the workers there do not know. */
export interface PoolCall {
  readonly pool: string;
  /** The workflow that makes the call there. */
  readonly workflow: string;
  readonly key: string | undefined;
  readonly options: Payload | undefined;
}

/** Calls a task in a pool; the promise settles as that of a task made here does. */
export function callInPool(execution: Execution, scope: Scope, spec: TaskSpec, args: readonly unknown[],
  { pool, workflow, options, ...at }: PoolCall, skip: Skip): { readonly key: string;
  readonly promise: Promise<unknown> } {
  const { now } = execution.permit(`task '${spec.name}'`), { values } = execution;
  const key = execution.key("task", spec.name, at.key);
  const limit = waitLimit(spec.name, spec.policy, true);
  const childId = values.childId(execution.run.id, key, now);
  const input = values.encode(args, `${spec.name}(...)`);
  const promise = execution.begin(scope, {
    type: "ChildStarted", key, childId, workflow, onClose: "cancel", pool, inputHash: values.hash(input),
    ...(input && { input }), ...(spec.label && { name: spec.label(args, now) }), ...(spec.tags && { tags: spec.tags }),
    task: { name: spec.name, ...(options && { options }), ...(spec.description && { description: spec.description }) },
  }, { key, kind: "child", childId, onClose: "cancel", task: spec.name,
    ...(limit && { beginBy: { ...limit, dueAt: now + limit.limitMs } }) }, skip);
  return { key, promise };
}

/** What the caller of the task hears when its call in a pool has failed. `decode` and `rebuild` as everywhere. */
export function failureOf(task: string, error: ErrorRecord, decode: (payload: Payload | undefined) => unknown,
  rebuild: (record: ErrorRecord) => Error): TaskError {
  const { cause, data } = error;
  if (error.name !== "TaskError" || cause === undefined) return new TaskError(task, 0, rebuild(error));
  // The error of the child's own call, as the child threw it on.
  const { attempts = 0, data: told } = (decode(data) ?? {}) as { readonly attempts?: number; readonly data?: unknown };
  return new TaskError(task, attempts, rebuild(cause), told);
}
