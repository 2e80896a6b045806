/** Structured concurrency: `scope`, `shield`, `saga`. */
import { Cancelled, inFrame, RepriseError, saidBy, Scope, type TaskSpec, type WorkflowFrame } from "../engine/index.ts";
import { workflowFrame } from "./frame.ts";

/** Runs `fn`; when it has returned or thrown, the durable calls that are still open inside are cancelled: the losers of
 *  a race, for instance. */
export async function scope<T>(fn: () => Promise<T>): Promise<T> {
  const { execution, scope: parent } = workflowFrame("scope()");
  const inner = new Scope(parent);
  try { return await within({ execution, scope: inner }, fn) }
  finally { execution.cancelScope(inner, new Cancelled("its scope has ended")) }
}

/** Runs `fn` so that no cancellation reaches it: for the cleanup in a `finally` that must itself wait. */
export async function shield<T>(fn: () => Promise<T>): Promise<T> {
  const { execution } = workflowFrame("shield()");
  return within({ execution, scope: new Scope(undefined) }, fn);
}

/**
 * Runs `fn`; when it fails or is cancelled, undoes what its tasks did, last in first out, each undo a recorded task
 * with
 * the retries of its own. Tasks with an undo that are still running are waited for first, so that nothing is forgotten.
 * An undo that fails for good parks the run as UNDO_FAILED. (The pattern: Garcia-Molina and Salem, "Sagas", 1987.)
 */
export async function saga<T>(fn: () => Promise<T>): Promise<T> {
  const { execution, scope: parent } = workflowFrame("saga()");
  const inner = new SagaScope(parent);
  try { return await within({ execution, scope: inner }, fn) }
  catch (error) {
    await Promise.allSettled(inner.pending);
    execution.cancelScope(inner, new Cancelled("the saga has failed"));
    await undoAll(execution, inner.done);
    throw error;
  }
}

type Undo = (result: unknown, ...args: readonly unknown[]) => unknown;
interface Done { readonly spec: TaskSpec; readonly undo: Undo; readonly args: readonly unknown[];
  readonly result: unknown }

class SagaScope extends Scope {
  readonly done: Done[] = [];
  readonly pending = new Set<Promise<unknown>>();
}

/** Remembers a task's undo in the nearest saga, if there is one, from when it completes. */
export function rememberUndo(scope: Scope, spec: TaskSpec, undo: Undo, args: readonly unknown[],
  outcome: Promise<unknown>): void {
  let saga: Scope | undefined = scope;
  while (saga !== undefined && !(saga instanceof SagaScope)) saga = saga.parent;
  if (saga === undefined) return;
  const { done, pending } = saga;
  const settled: Promise<unknown> = outcome.then((result) => { done.push({ spec, undo, args, result }) },
    () => undefined)
    .then(() => { pending.delete(settled) });
  pending.add(settled);
}

async function undoAll(execution: WorkflowFrame["execution"], done: Done[]): Promise<void> {
  const shielded = new Scope(undefined);
  for (let one = done.pop(); one !== undefined; one = done.pop()) {
    const { spec, undo, args, result } = one;
    const { retries, retryDelay, retryIf, timeoutMs } = spec.policy;
    const task: TaskSpec = { name: `undo ${spec.name}`, fn: undo, policy: { retries, retryDelay,
      ...(retryIf && { retryIf }), ...(timeoutMs !== undefined && { timeoutMs }) } };
    try { await execution.callTask(shielded, task, [result, ...args], undefined, saga).promise }
    catch (error) { await execution.park(undoFailed(spec.name, done.map((left) => left.spec.name), error)) }
  }
}

function undoFailed(name: string, left: readonly string[], error: unknown): RepriseError {
  const rest = left.length === 0 ? "" : `; still to be undone: ${left.toReversed().join(", ")}`;
  return new RepriseError("UNDO_FAILED",
    `the undo of task '${name}' failed: ${saidBy(error)}${rest}`,
    "Correct the cause, then let the undo be tried again: reprise runs retry <run>");
}

function within<T>(frame: Pick<WorkflowFrame, "execution" | "scope">, fn: () => Promise<T>): Promise<T> {
  return inFrame({ in: "workflow", ...frame }, fn);
}
