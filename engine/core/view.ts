/** The state of a run, as the fold rebuilds it at any event. Only the fold writes into it. */
import type { ErrorRecord, Payload } from "./events.ts";

export type ViewState =
  "pending" | "running" | "waiting" | "cancelling" | "parked" | "completed" | "failed" | "cancelled";
export interface AttemptView {
  /** From 1. */
  readonly attempt: number; readonly startedAt: number; endedAt: number | undefined; error: ErrorRecord | undefined;
  readonly worker: string | undefined;
}
export interface TaskView {
  readonly key: string; readonly name: string;
  state: "scheduled" | "running" | "retrying" | "completed" | "failed" | "cancelled";
  readonly input: Payload | undefined; result: Payload | undefined; error: ErrorRecord | undefined;
  readonly attempts: AttemptView[];
  readonly scheduledAt: number; endedAt: number | undefined;
  /** When the next attempt is due, while retrying. */
  retryAt: number | undefined;
  /** seq of the delivery whose turn scheduled it. */
  readonly by: number; readonly site: string | undefined; readonly retries: number;
}
export interface TimerView {
  readonly key: string; readonly dueAt: number; readonly startedAt: number; state: "open" | "fired" | "cancelled";
  readonly purpose: string; readonly by: number; readonly site: string | undefined;
}
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
  readonly notes: { readonly seq: number; readonly code: string; readonly message: string }[];
}

/** A run before its first event. */
export function emptyView(): RunView {
  return { workflow: "", name: "", state: "pending", input: undefined, result: undefined, error: undefined,
    reason: undefined,
    epoch: 0, worker: undefined, startedAt: 0, endedAt: undefined, tags: [], codeVersion: undefined, parked: undefined,
    head: 0, mailRead: 0, tasks: new Map(), timers: new Map(), values: new Map(), notes: [] };
}
