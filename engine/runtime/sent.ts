/** What leaves with a decision, in its commit: runs that it starts, mail to other runs. */
import type { CancelRequested, ChildStarted, Decision, Delivery, Draft, ErrorRecord, RunFailed, RunParent, RunStarted,
  SignalReceived, UpdateReceived } from "../core/events.ts";
import { callerIdentity, type RunInfo } from "../core/policy.ts";
import type { Open } from "../replay/calls.ts";
import { delayBefore } from "../core/retry.ts";
import { fromErrorRecord } from "../codec/error-record.ts";
import type { Sent, SentMail, SentRun } from "../store/port.ts";
import { birth, type Birth } from "./birth.ts";
import { forkRow } from "./fork.ts";
import type { DriverHost } from "./host.ts";
import type { RowChange } from "./outbox.ts";

/** The run that decides. */
export interface Sender {
  readonly run: RunInfo;
  readonly started: Pick<RunStarted, "parent" | "chain" | "tags" | "signals" | "pool" |
    "priority" | "deadlineAt" | "retry">;
  readonly host: DriverHost;
  /** Letters that came and that the code has not read: they go along when the run continues as another. */
  readonly unread: () => readonly Unread[];
  /** Those of them that the code has not been given, either. */
  readonly ahead: () => readonly Unread[];
  /** Was it cancelled, or is its time over? */
  readonly stopped: () => boolean;
  readonly open: () => Iterable<Open>;
  /** The open call of this key. */
  readonly call: (key: string) => Open | undefined;
  /** Up to where a further try shares the history. */
  readonly retryFrom: () => number;
  /** The turns that the run takes. */
  readonly slot: { readonly slotKey: string; readonly slotMax: number } | undefined;
}
/** What came by mail, and is another link's if this one ends before it reads. */
export type Unread = Draft<SignalReceived | UpdateReceived | CancelRequested>;
/** Does this delivery go along with a chain? */
export function goesAlong<E extends Draft<Delivery>>(event: E): event is Extract<E, Pick<Unread, "type">> {
  return event.type === "SignalReceived" || event.type === "UpdateReceived" || event.type === "CancelRequested";
}
/** Mail and births; `born` are those that this worker holds from their first row on. */
export interface Sending { readonly sent: readonly Sent[]; readonly born?: Birth }

const SENDING: ReadonlySet<string> = new Set(["ChildStarted", "ChildCancelRequested", "SignalSent", "RunContinued",
  "ResultInjected", "TaskFailed", "RunCompleted", "RunFailed", "RunCancelled"]);
/** May something go with this event? */
export function sends(event: { readonly type: string }): boolean { return SENDING.has(event.type) }

/** What goes with this event, if anything does. */
export function sentWith(decision: Draft, sender: Sender): Sending | undefined {
  const { run } = sender;
  switch (decision.type) {
    case "ChildStarted": return childOf(decision, sender);
    case "ChildCancelRequested":
      return { sent: [giveUp(run, decision, decision.reason ?? "its parent gave it up")] };
    case "SignalSent": return { sent: [{ from: run.id, runId: decision.to, kind: "signal",
      dedupe: `${run.id}/${decision.key}`, payload: JSON.stringify({ name: decision.name, value: decision.value }) }] };
    case "RunContinued": return nextLink(decision, sender);
    case "ResultInjected": case "TaskFailed": { // of a task's call in a pool: it is no longer wanted there
      const call = sender.call(decision.key);
      return call?.kind !== "child" || call.task === undefined ? undefined : { sent: [giveUp(run, call,
        decision.type === "TaskFailed" ? "nobody began it in time" : "a person gave its result")] };
    }
    case "RunCompleted": case "RunFailed": case "RunCancelled": {
      const again = decision.type === "RunFailed" && decision.retriedAs !== undefined
        ? nextTry(decision.retriedAs, decision.error, sender) : endMail(decision, sender);
      const sent = [...again, ...orphans(sender)];
      return sent.length === 0 ? undefined : { sent };
    }
    default: return undefined;
  }
}

/** A child's end is one commit with the mail to its parent. */
function endMail(end: Draft<Extract<Decision, { readonly type: "RunCompleted" | "RunFailed" | "RunCancelled" }>>,
  { run, started: { parent } }: Sender): readonly SentMail[] {
  if (parent === undefined) return [];
  const outcome = end.type === "RunCompleted" ? { state: "completed", result: end.result, cached: end.cached }
    : end.type === "RunFailed" ? { state: "failed", error: end.error } : { state: "cancelled", reason: end.reason };
  return [endLetter(run.id, parent, { endedAt: end.at, ...outcome })];
}
/** What a child tells of its end. It names the run that called it: a letter goes along to the next link or try, and a
 *  call of that one may have the same key. */
export function endLetter(child: string, { id, key }: RunParent, outcome: object): SentMail {
  return { from: child, runId: id, kind: "child", dedupe: `${child}/end`,
    payload: JSON.stringify({ key, caller: id, ...outcome }) };
}

/** Is this failure followed by another try? Then the end says by which run. */
export function withRetry(failed: Draft<RunFailed>, { run, started, host, stopped }: Sender): Draft<RunFailed> {
  const more = (host.workflow(run.workflow)?.retries ?? 0) - (started.retry ?? 0);
  return more <= 0 || stopped() ? failed : { ...failed, retriedAs: host.ids.run(host.now()) };
}

/** The further try, and what had come and is not in the past that it shares. */
function nextTry(runId: string, error: ErrorRecord, sender: Sender): readonly Sent[] {
  const { run } = sender;
  return [retryOf(runId, error, sender), ...along(sender.ahead(), run.id, runId), { from: run.id, moveTo: runId }];
}
/** The further try: a fork before the failure, waited for by the same parent, when its delay is over. */
function retryOf(runId: string, error: ErrorRecord, { run, started, host, retryFrom, slot }: Sender): SentRun {
  const { parent, deadlineAt, pool, priority, tags = [], retry = 0 } = started, at = host.now();
  const { codeVersion = "", file, retryDelay = 0 } = host.workflow(run.workflow) ?? {};
  const first = forkRow(run.id, { seqs: retryFrom(), replaced: {}, injected: {} }, { name: run.name, at, why: "retry",
    kept: { retry: retry + 1, ...(parent && { parent }), ...(deadlineAt !== undefined && { deadlineAt }) } });
  return { from: run.id, create: {
    runId, retryOf: run.id, workflow: run.workflow, name: run.name, pool: pool ?? "default", priority: priority ?? 0,
    tags, codeVersion, appendId: host.ids.uuid(), ...first, ...slot, ...(file !== undefined && { file }),
    ...(parent && { parentId: parent.id, rootId: parent.root }),
    readyAt: at + delayBefore(retryDelay, retry + 1, fromErrorRecord(error), host.ids.random),
  } };
}

/** Children still open when the engine, not the code, ended the run. */
function orphans({ run, open }: Sender): readonly SentMail[] {
  return [...open()].flatMap((call) => call.kind !== "child" || call.onClose === "abandon" ? []
    : [giveUp(run, call, "its parent has ended")]);
}
/** Asks a child to stop: once, whoever asks. */
function giveUp(run: RunInfo, { childId, key }: { readonly childId: string; readonly key: string }, reason: string):
  SentMail {
  return { from: run.id, runId: childId, kind: "cancel", dedupe: `${run.id}/${key}`, control: true,
    payload: JSON.stringify({ reason }) };
}

function childOf(decision: Draft<Extract<Decision, { readonly type: "ChildStarted" }>>, sender: Sender): Sending {
  const { run, started, host } = sender, spec = host.workflow(decision.workflow);
  const { childId: runId, input, name, pool, priority, tags, task } = decision;
  const made = birth({
    runId, input, name, pool, priority, tags, deadlineAt: started.deadlineAt, at: host.now(), worker: spec
      && host.takes(pool) ? host.id : undefined,
    workflow: spec ?? { name: decision.workflow, codeVersion: "" },
    parent: { id: run.id, key: decision.key, root: started.parent?.root ?? run.id },
    ...(task && { task: { ...task, caller: callerIdentity(run) } }),
  }, host.ids);
  return { sent: [{ from: run.id, create: made.run }], ...(made.run.worker !== undefined && { born: made }) };
}

/** The children that were open where a fork began are its own: made once, under ids of its own. */
export async function bearAgain(child: ChildStarted, sender: Sender): Promise<void> {
  const { host } = sender, made = sentWith(child, sender);
  for (const one of made?.sent ?? []) {
    if (!("create" in one)) continue;
    const answer = await host.patience.insist(() => host.store.create(one.create));
    if (answer.result === "created" && made?.born !== undefined) host.adopt(made.born);
  }
}

/** The next link of a chain takes the parent, the tags and the unread mail along. */
function nextLink(decision: Draft<Extract<Decision, { readonly type: "RunContinued" }>>, sender: Sender): Sending {
  const { run, started, host } = sender, { parent, chain, tags, pool, priority, deadlineAt } = started;
  const made = birth({
    runId: decision.nextId, input: decision.input, name: run.name, tags, pool, priority, deadlineAt, at: host.now(),
      parent,
    worker: host.takes(pool) ? host.id : undefined,
    workflow: host.workflow(run.workflow) ?? { name: run.workflow, codeVersion: "" },
    chain: { first: chain?.first ?? run.id, link: (chain?.link ?? 1) + 1 },
  }, host.ids);
  const letters = along(sender.unread(), run.id, decision.nextId);
  return { sent: [{ from: run.id, create: made.run }, ...letters, { from: run.id, moveTo: decision.nextId }],
    ...(made.run.worker !== undefined && { born: made }) };
}

function along(unread: readonly Unread[], from: string, runId: string): readonly SentMail[] {
  return unread.map((event) => ({ from, runId, ...letterOf(event, from) }));
}
/** The letter that an event was, under a key of its own; an update keeps its key, its caller may ask again. */
function letterOf(event: Unread, runId: string): Pick<SentMail, "kind" | "dedupe" | "payload" | "control"> {
  const dedupe = `${runId}/unread/${event.n}`;
  switch (event.type) {
    case "SignalReceived": return { kind: "signal", dedupe, payload: JSON.stringify({ name: event.name,
      value: event.value }) };
    case "UpdateReceived": return { kind: "update", dedupe: `update/${event.id}`,
      payload: JSON.stringify({ id: event.id, name: event.name, value: event.value }) };
    case "CancelRequested": return { kind: "cancel", control: true, dedupe,
      payload: JSON.stringify({ reason: event.reason, graceMs: event.graceMs }) };
    default: { const unknown: never = event; throw new Error(`corrupt letter ${JSON.stringify(unknown)}`) }
  }
}

/** How a decision changes the run's row: the four that end a run end its row. */
export function changeOf(decision: { readonly type: string }): RowChange | undefined {
  const state = ({ RunCompleted: "completed", RunContinued: "completed", RunFailed: "failed",
    RunCancelled: "cancelled" } as const)[
    // Looked up by any decision's type; those that end nothing are simply not there.
    decision.type as "RunCompleted"];
  return state === undefined ? undefined : { state, release: true };
}

const NOWHERE: Sender["started"] = {};
/** What a run passes on, kept only where there is something: a run that waits is small. */
export function originOf({ parent, chain, tags, signals, pool, priority, deadlineAt, retry }: RunStarted):
  Sender["started"] {
  if (parent === undefined && chain === undefined && tags === undefined && signals === undefined && pool === undefined
    && priority === undefined && deadlineAt === undefined && retry === undefined) return NOWHERE;
  return { ...(parent && { parent }), ...(chain && { chain }), ...(tags && { tags }), ...(signals && { signals }),
    ...(pool !== undefined && { pool }), ...(priority !== undefined && { priority }),
      ...(deadlineAt !== undefined && { deadlineAt }),
    ...(retry !== undefined && { retry }) };
}
