/** The state of a run, as the fold rebuilds it at any event. Only the fold writes into it. */
import type { ClosePolicy, ErrorRecord, Payload, Shown, WaitKind } from "./events.ts";

export type ViewState =
  "pending" | "running" | "waiting" | "paused" | "cancelling" | "parked" | "completed" | "failed" | "cancelled";
export interface AttemptView {
  /** From 1. */
  readonly attempt: number; readonly startedAt: number; endedAt: number | undefined; error: ErrorRecord | undefined;
  readonly worker: string | undefined;
}
export interface TaskView {
  readonly key: string; readonly name: string;
  state: "scheduled" | "running" | "retrying" | "completed" | "failed" | "cancelled" | "cached";
  readonly input: Payload | undefined; result: Payload | undefined; error: ErrorRecord | undefined;
  readonly attempts: AttemptView[];
  readonly scheduledAt: number; endedAt: number | undefined;
  /** What the next attempt waits for: a limit's slot, or its instant. */
  queued: { readonly limit: string; readonly since: number; readonly dueAt: number | undefined } | undefined;
  /** When the next attempt is due, while retrying. */
  retryAt: number | undefined;
  /** What its attempts said last, and when. */
  beat: { readonly at: number; readonly value: Payload | undefined } | undefined;
  /** The call that made the result, where it came from the cache. */
  cached: { readonly run: string; readonly key: string; readonly at: number } | undefined;
  /** seq of the delivery whose turn scheduled it. */
  readonly by: number; readonly site: string | undefined; readonly retries: number;
  readonly tags: readonly string[]; readonly description: string | undefined;
}
export interface TimerView {
  readonly key: string; readonly dueAt: number; readonly startedAt: number; state: "open" | "fired" | "cancelled";
  readonly purpose: string; readonly by: number; readonly site: string | undefined;
}
/** A wait for a message, a person or a condition. */
export interface WaitView {
  readonly key: string; readonly seq: number; readonly kind: WaitKind; readonly name: string; readonly openedAt: number;
  endedAt: number | undefined; state: "open" | "met" | "closed"; value: Payload | undefined;
  readonly until: number | undefined; readonly description: string | undefined; readonly schema: Payload | undefined;
  readonly token: string | undefined; readonly by: number; readonly site: string | undefined;
}
/** A run that this run started. */
export interface ChildView {
  readonly key: string; readonly childId: string; readonly workflow: string; readonly input: Payload | undefined;
  readonly onClose: ClosePolicy; readonly startedAt: number; endedAt: number | undefined;
  state: "running" | "completed" | "failed" | "cancelled";
  result: Payload | undefined; error: ErrorRecord | undefined; readonly by: number; readonly site: string | undefined;
  /** The task of which it is one call, and the pool that it waits in, where it is not the default one. */
  readonly task: string | undefined; readonly pool: string | undefined;
}
/** A signal that came; `unread` until a wait took it. */
export interface SignalView { readonly seq: number; readonly name: string; readonly value: Payload | undefined;
  unread: boolean }
/** An update that came, and its reply. */
export interface UpdateView {
  readonly id: string; readonly name: string; readonly input: Payload | undefined; readonly receivedAt: number;
  state: "open" | "completed" | "failed"; result: Payload | undefined; error: ErrorRecord | undefined;
}
/** What the run shows: the last value of each name, or all items of a stream. */
export interface ShownView extends Shown { readonly seq: number; readonly at: number }
export interface ParkedView { readonly code: string; readonly message: string; readonly hint: string | undefined }
export interface RunView {
  workflow: string; name: string; state: ViewState; input: Payload | undefined; result: Payload | undefined;
  error: ErrorRecord | undefined; reason: string | undefined; epoch: number; worker: string | undefined;
  startedAt: number; endedAt: number | undefined; tags: readonly string[]; codeVersion: string | undefined;
  parked: ParkedView | undefined;
  /** seq of the last event folded; 0 before the first. */
  head: number;
  /** Mail consumed up to this n. */
  mailRead: number;
  readonly tasks: Map<string, TaskView>;
  readonly timers: Map<string, TimerView>;
  readonly values: Map<string, Payload | undefined>;
  readonly waits: Map<string, WaitView>;
  readonly children: Map<string, ChildView>;
  /** By seq. */
  readonly signals: Map<number, SignalView>;
  readonly updates: Map<string, UpdateView>;
  /** Attributes, progress and artifacts by `kind:name`: the last of each. */
  readonly shown: Map<string, ShownView>;
  /** Items of streams by name, in order. */
  readonly streams: Map<string, ShownView[]>;
  readonly patches: Set<string>;
  /** The next link of the chain, when the run continued as another. */
  continuedAs: string | undefined;
  /** The run whose history this one shares, and up to which event. */
  forkedFrom: { readonly run: string; readonly seqs: number } | undefined;
  readonly notes: { readonly seq: number; readonly code: string; readonly message: string }[];
}

/** A run before its first event. */
export function emptyView(): RunView {
  return { workflow: "", name: "", state: "pending", input: undefined, result: undefined, error: undefined,
    reason: undefined,
    epoch: 0, worker: undefined, startedAt: 0, endedAt: undefined, tags: [], codeVersion: undefined, parked: undefined,
    head: 0, mailRead: 0, tasks: new Map(), timers: new Map(), values: new Map(), waits: new Map(),
    children: new Map(), signals: new Map(), updates: new Map(), shown: new Map(), streams: new Map(),
      patches: new Set(),
    continuedAs: undefined, forkedFrom: undefined, notes: [] };
}
