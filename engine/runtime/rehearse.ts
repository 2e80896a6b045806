/** Replays a history against code with no effect on anything: the proof behind `replay --check` and `check`. */
import { Cancelled, RepriseError, RunError, TaskError } from "../core/errors.ts";
import { isDelivery, type Delivery, type Event } from "../core/events.ts";
import { Identity, type WorkflowSpec } from "../core/policy.ts";
import { fromErrorRecord, toErrorRecord } from "../codec/error-record.ts";
import { inputHash } from "../codec/hash.ts";
import { encodeRecorded } from "../codec/limits.ts";
import { decodeValue } from "../codec/value.ts";
import { afterOf, describeDivergence, DIVERGENCE_HINT, type Divergence } from "../replay/divergence.ts";
import type { DecisionDraft, Values } from "../replay/calls.ts";
import { Execution } from "../replay/execution.ts";
import { failureOf } from "../replay/pooled.ts";
import { siteLine } from "../replay/site.ts";
import { afterTurns } from "../replay/turns.ts";
import { childIdOf } from "./fork.ts";
import { guardRejections } from "./rejections.ts";

/** What a replay found. */
export interface Rehearsal {
  readonly ok: boolean;
  /** The first difference, also as lines for a person. */
  readonly divergence: Divergence | undefined;
  readonly diff: string | undefined;
  /** Differences that a worker would note and go on with. */
  readonly notes: readonly Divergence[];
  /** Events of the history that were replayed. */
  readonly events: number;
  /** Decisions that the code makes beyond the history: what it would do next. */
  readonly decisions: readonly DecisionDraft[];
}

/** How replay turns values into payloads, everywhere. */
export const values: Values = { encode: encodeRecorded, decode: decodeValue, hash: inputHash, toRecord: toErrorRecord,
  childId: childIdOf };

/** The code of `workflow` as it stands after `history`. @throws REPLAY_DIVERGED; HISTORY_CORRUPT */
export async function replayTo(runId: string, workflow: WorkflowSpec, history: readonly Event[]): Promise<Execution> {
  const { execution, divergence, diff } = await rehearsed(runId, workflow, history, { partial: true });
  if (divergence === undefined) return execution;
  throw new RepriseError("REPLAY_DIVERGED", `run ${runId} no longer matches its code.\n${diff ?? ""}`, DIVERGENCE_HINT);
}

interface HowRehearsed {
  /** The history may end within the decisions of one turn. */
  readonly partial?: boolean;
  /** What a worker would note and go on with is no difference, unless the workflow is `evolve: "strict"`. */
  readonly asWorker?: boolean;
}

/** Runs the code of `workflow` through `history`. Tasks are never run; nothing is written. */
export function rehearse(runId: string, workflow: WorkflowSpec, history: readonly Event[],
  options: HowRehearsed = {}): Promise<Rehearsal> {
  return rehearsed(runId, workflow, history, options);
}

function rehearsed(runId: string, workflow: WorkflowSpec, history: readonly Event[],
  options: HowRehearsed): Promise<Rehearsal & { readonly execution: Execution }> {
  const started = history[0];
  if (started?.type !== "RunStarted") throw new RepriseError("HISTORY_CORRUPT",
    "the history does not begin with RunStarted",
    "Export the run again.");
  guardRejections();
  const sameCode = (started.codeVersion ?? "") === workflow.codeVersion; // else the recorded line is not on disk
  const decisions: DecisionDraft[] = [], notes: Divergence[] = [];
  const tolerate = (found: Divergence): void => {
    const delivery = history[found.after.seq - 1];
    notes.push(delivery !== undefined && isDelivery(delivery) ? { ...found, after: afterOf(delivery) } : found);
  };
  return new Promise((resolve) => {
    const end = (divergence: Divergence | undefined): void => resolve({
      execution, ok: divergence === undefined, divergence, events: history.length, decisions, notes,
      diff: divergence && describeDivergence(divergence, (site, side) => side === "issued" || sameCode ? siteLine(site)
        : undefined),
    });
    const execution = new Execution({
      run: new Identity(runId, started),
      seed: started.seed, workflow, history: withoutEngineEnd(history), partial: options.partial ?? false,
      values, strict: workflow.evolve === "strict" || options.asWorker !== true,
      host: { line: () => undefined, tolerate, fatal: () => afterTurns(() => end(undefined)),
        park: () => afterTurns(() => end(undefined)) },
    });
    const deliveries = history.filter(isDelivery);
    const feed = (index: number): void => {
      const delivery = deliveries[index];
      if (delivery === undefined) { end(undefined); return }
      execution.deliver(delivery, valueOf(delivery, execution), (result) => {
        decisions.push(...result.decisions);
        if (result.diverged !== undefined) end(result.diverged); else feed(index + 1);
      });
    };
    feed(0);
  });
}

/** What a delivery brings to the code: a fresh copy of its value, or its error rebuilt. */
export function valueOf(delivery: Delivery, execution: Execution): unknown {
  switch (delivery.type) {
    case "RunStarted": return decodeValue(delivery.input);
    case "TaskCompleted": return decodeValue(delivery.result);
    case "TaskFailed": {
      const call = execution.open.get(delivery.key);
      const name = call?.kind === "task" ? call.spec.name : pooled(delivery.key, execution) ?? delivery.key;
      return new TaskError(name, delivery.attempts, fromErrorRecord(delivery.error), decodeValue(delivery.error.data));
    }
    case "SignalReceived": case "WaitAnswered": case "UpdateReceived": case "ResultInjected":
      return decodeValue(delivery.value);
    case "ChildCompleted": return decodeValue(delivery.result);
    case "ChildFailed": {
      const task = pooled(delivery.key, execution);
      if (task !== undefined) return failureOf(task, delivery.error, decodeValue, fromErrorRecord);
      const cause = fromErrorRecord(delivery.error), id = childOf(delivery.key, execution);
      return new RunError(id, "failed", `child run ${id} failed: ${cause.message}`, cause);
    }
    case "ChildCancelled": {
      if (pooled(delivery.key, execution) !== undefined) return new Cancelled(delivery.reason);
      const id = childOf(delivery.key, execution);
      return new RunError(id, "cancelled", `child run ${id} was cancelled`, new Cancelled(delivery.reason));
    }
    default: return undefined;
  }
}

/** The task of which a child is a call, if it is. */
function pooled(key: string, execution: Execution): string | undefined {
  const call = execution.open.get(key);
  return call?.kind === "child" ? call.task : undefined;
}
function childOf(key: string, execution: Execution): string {
  const call = execution.open.get(key);
  return call?.kind === "child" ? call.childId : key;
}

/** An end that the engine decided (a foreign await) is not one that the code can decide again. */
function withoutEngineEnd(history: readonly Event[]): readonly Event[] {
  const last = history.at(-1);
  const byEngine = last?.type === "RunFailed"
    && (last.error.code === "FOREIGN_AWAIT" || last.error.code === "STUCK_OUTSIDE_ENGINE");
  return byEngine ? history.slice(0, -1) : history;
}
