/**
 * Runs whose history begins with that of another, by reference: nothing is copied, nothing of it runs again. A retry is
 * a fork before the call that failed.
 */
import { RepriseError } from "../core/errors.ts";
import { isTerminal, type Draft, type Event, type Payload, type RunForked, type RunParent,
  type RunStarted } from "../core/events.ts";
import { childRunId } from "../core/names.ts";
import { inputHash } from "../codec/hash.ts";
import type { HistoryRow, RunRow } from "../store/port.ts";

/** What is to be different in the fork. */
export interface ForkEdits {
  /** The call to be made anew, by key; or the seq of the last event that is shared. Absent: after the edited
   *  results. */
  readonly at?: number | string;
  /** Results by key: `task:charge#0` -> what it gave. */
  readonly results?: { readonly [key: string]: Payload | undefined };
  readonly input?: Payload;
}
/** Where a fork leaves the run that it comes from. */
export interface ForkPlan {
  /** Events 1 to here are shared. */
  readonly seqs: number;
  /** Results that replace shared ones. */
  readonly replaced: { readonly [key: string]: Payload | undefined };
  /** Results of calls that are open there. */
  readonly injected: { readonly [key: string]: Payload | undefined };
}
/** The first row of a fork, as JSON. */
interface ForkRow {
  readonly fork: { readonly run: string; readonly seqs: number; readonly name: string; readonly input?: Payload;
    /** Of a further try that nobody asked for: who waits for it, its time, and which try it is. */
    readonly parent?: RunParent; readonly deadlineAt?: number; readonly retry?: number;
    readonly replaced?: { readonly [key: string]: Payload | undefined } };
  readonly events: readonly Draft[];
}

/** Where to leave a history for these edits. @throws FORK_REFUSED, NO_SUCH_EVENT */
export function planFork(runId: string, events: readonly Event[], { at, results = {} }: ForkEdits): ForkPlan {
  const ends = new Map(Object.keys(results).map((key) => [key, endOf(events, key)]));
  let seqs = typeof at === "number" ? checkedSeq(runId, events, at) : typeof at === "string" ? before(events, at)
    : lastShared(events);
  for (const [key, end] of ends) {
    if (!events.some((event) => "key" in event && event.key === key)) throw refused(runId, `it has no call '${key}'`);
    if (end !== undefined && end <= seqs) seqs = end; // what follows an edited result followed the old one
  }
  const inside = (key: string): boolean => (ends.get(key) ?? Infinity) <= seqs;
  const pick = (wanted: boolean): { readonly [key: string]: Payload | undefined } =>
    Object.fromEntries(Object.entries(results).filter(([key]) => inside(key) === wanted));
  return { seqs, replaced: pick(true), injected: pick(false) };
}

/** Where an ended or parked run is to be tried again: before the failure that ended it. @throws NOTHING_TO_RETRY */
export function planRetry(runId: string, events: readonly Event[]): ForkPlan {
  const last = events.findLast((event) => isTerminal(event) || event.type === "RunParked");
  const plan = (seqs: number): ForkPlan => ({ seqs, replaced: {}, injected: {} });
  if (last?.type === "RunParked" && last.code === "UNDO_FAILED") {
    const failed = events.findLast((event) => event.type === "TaskFailed");
    if (failed !== undefined) return plan(failed.seq - 1);
  }
  if (last?.type === "RunFailed") {
    const cause = events[last.by - 1];
    return plan(cause?.type === "TaskFailed" || cause?.type === "ChildFailed" ? cause.seq - 1 : lastShared(events));
  }
  if (last?.type === "RunCancelled") {
    const asked = events.find((event) => event.type === "CancelRequested");
    return plan(asked === undefined ? lastShared(events) : asked.seq - 1);
  }
  throw new RepriseError("NOTHING_TO_RETRY", `run ${runId} ${last?.type === "RunCompleted" ? "has completed"
    : "has not failed"}`, `See it: reprise runs inspect ${runId}; ` +
    `to change its past: reprise runs fork ${runId} --at N`);
}

/** Why a run that was tried again is not tried from here once more: what its later tries did would be done again. */
export function triedAgain(row: RunRow, newest: RunRow): RepriseError {
  const state = newest.parked === null ? newest.state : "parked", { runId } = newest;
  const next = state === "failed" || state === "cancelled" ? `Retry that one: reprise runs retry ${runId}`
    : `See it: reprise runs inspect ${runId}`;
  return new RepriseError("NOTHING_TO_RETRY",
    `run ${row.runId} has been tried again: its newest try is ${runId}, which is ${state}`,
    `${next}; to begin at this one on purpose: reprise runs fork ${row.runId} --at N`);
}

/** The text and length of the first row of a fork, its own first events included. */
export function forkRow(from: string, plan: ForkPlan, own: { readonly name: string; readonly at: number;
  readonly input?: Payload | undefined; readonly why: RunForked["why"]; readonly who?: string | undefined;
  readonly kept?: Pick<RunStarted, "parent" | "deadlineAt" | "retry"> }):
  { readonly events: string; readonly count: number } {
  const { name, at, input, why, who, kept } = own, edited = [...Object.keys(plan.replaced),
    ...Object.keys(plan.injected)];
  const events: Draft[] = [{ type: "RunForked", at, from, seqs: plan.seqs, why, ...(who !== undefined && { who }),
    ...(edited.length > 0 && { edited }) }];
  for (const [key, value] of Object.entries(plan.injected)) {
    events.push({ type: "ResultInjected", at, n: 0, key, who: who ?? "", reason: "fork", ...(value && { value }) });
  }
  const row: ForkRow = { fork: { run: from, seqs: plan.seqs, name, ...(input && { input }), replaced: plan.replaced,
    ...kept },
    events };
  return { events: JSON.stringify(row), count: plan.seqs + events.length };
}

/** Does this row begin with another run's history? */
export function isForkRow(row: HistoryRow): boolean { return row.firstSeq === 1 && row.events.startsWith('{"fork":') }

/** The row with the shared events in it; `source` gives the events of the run that it comes from. */
export async function resolveFork(row: HistoryRow, source: (runId: string) => Promise<readonly Event[]>):
  Promise<HistoryRow> {
  const { fork, events: own } = JSON.parse(row.events) as ForkRow; // written by forkRow()
  const shared = (await source(fork.run)).slice(0, fork.seqs);
  if (shared.length < fork.seqs) throw new RepriseError("HISTORY_CORRUPT",
    `run ${row.runId} begins with ${fork.seqs} events of run ${fork.run}, which has ${shared.length}`,
    "Restore that run from a backup; see reprise db verify.");
  const ended = new Set(shared.flatMap((event) => CHILD_ENDS.has(event.type) && "key" in event ? [event.key] : []));
  const events: Draft[] = shared.map((event) => {
    if (event.type === "RunStarted") return startOfFork(event, fork);
    // As the code makes it: of the instant of its turn, which the event's own may be after.
    if (event.type === "ChildStarted" && !ended.has(event.key)) return { ...event, childId: childIdOf(row.runId,
      event.key, shared[event.by - 1]?.at ?? event.at) };
    const value = "key" in event && Object.hasOwn(fork.replaced ?? {}, event.key ?? "") ? withResult(event,
      fork.replaced?.[event.key ?? ""]) : event;
    return "n" in value ? { ...value, n: 0 } : value; // its own mail begins at 1
  });
  const text = JSON.stringify([...events.map((event) => ({ ...event, seq: undefined })), ...own]);
  return { ...row, events: text, count: events.length + own.length };
}

/** The id of the child that call `key` of a run starts; the same in every replay. */
export function childIdOf(runId: string, key: string, at: number): string {
  return childRunId(at, inputHash({ p: `${runId}/${key}` }) + inputHash({ p: `${key}/${runId}` }));
}

const CHILD_ENDS: ReadonlySet<string> = new Set(["ChildCompleted", "ChildFailed", "ChildCancelled",
  "ChildCancelRequested", "TaskFailed"]);
const ENDS: ReadonlySet<string> = new Set(["TaskCompleted", "TaskFailed", "WaitAnswered", "ChildCompleted",
  "ChildFailed", "ChildCancelled", "ResultInjected", "TimerFired"]);

/** A fork has a name of its own, and nobody waits for it; a further try is waited for as the one before was. */
function startOfFork(event: RunStarted, { name, input, parent, deadlineAt, retry }: ForkRow["fork"]): Draft {
  const { parent: _parent, deadlineAt: _deadlineAt, retry: _retry, ...rest } = event;
  return { ...rest, name, ...(input && { input }), ...(parent && { parent }),
    ...(deadlineAt !== undefined && { deadlineAt }), ...(retry !== undefined && { retry }) };
}

/** A call's end with another result: a failure becomes a success. */
function withResult(event: Event, result: Payload | undefined): Draft {
  const { at } = event;
  switch (event.type) {
    case "TaskCompleted": return { type: "TaskCompleted", at, key: event.key, attempt: event.attempt,
      ...(result && { result }) };
    case "TaskFailed": return { type: "TaskCompleted", at, key: event.key, attempt: event.attempts,
      ...(result && { result }) };
    case "ChildCompleted": case "ChildFailed": case "ChildCancelled":
      return { type: "ChildCompleted", at, n: 0, key: event.key, ...(result && { result }) };
    case "WaitAnswered": case "ResultInjected":
      return { type: "ResultInjected", at, n: 0, key: event.key, who: "", reason: "fork",
        ...(result && { value: result }) };
    default: return event;
  }
}

/** seq of the delivery that ended a call. */
function endOf(events: readonly Event[], key: string): number | undefined {
  return events.find((event) => ENDS.has(event.type) && "key" in event && event.key === key)?.seq;
}
/** All but the end of the run. */
function lastShared(events: readonly Event[]): number {
  const last = events.at(-1);
  return last !== undefined && isTerminal(last) ? last.seq - 1 : last?.seq ?? 0;
}
function checkedSeq(runId: string, events: readonly Event[], at: number): number {
  if (Number.isInteger(at) && at >= 1 && at <= events.length) return Math.min(at, lastShared(events));
  throw new RepriseError("NO_SUCH_EVENT", `run ${runId} has the events 1 to ${events.length}, not ${at}`,
    "Give a seq in that range, or the key of a call.");
}
/** Up to the delivery after which the call was made. */
function before(events: readonly Event[], wanted: string): number {
  const call = events.find((event) => "by" in event && "key" in event
    && (event.key === wanted || event.key === `${wanted}#0`));
  if (call !== undefined && "by" in call) return call.by;
  throw refused(events[0]?.type === "RunStarted" ? events[0].name : "", `it has no call '${wanted}'`);
}
function refused(run: string, why: string): RepriseError {
  return new RepriseError("FORK_REFUSED", `run ${run} cannot be forked there: ${why}`,
    "See its calls and their keys: reprise runs events <run>");
}
