/** A durable call and a worker's hold: what the events of one key, or of one owner, add up to. */
import type { ErrorRecord, Payload, WaitKind } from "../../engine/core/events.ts";

export type CallState =
  | "scheduled" | "running" | "retrying" | "interrupted" | "completed" | "cached" | "failed" | "cancelled"
  | "sleeping" | "fired" | "recorded" | "waiting" | "met" | "closed";

/** One attempt. */
export interface Try {
  /** From 1. */
  readonly attempt: number;
  readonly seq: number;
  readonly at: number;
  readonly worker: string | undefined;
  endSeq: number | undefined;
  endAt: number | undefined;
  /** `lost`: its worker went away; nobody knows how far it came. `left`: it was under way where the
   *  shared history of a fork ends; the other run went on with it, this one did not. */
  outcome: "running" | "completed" | "failed" | "cancelled" | "lost" | "left";
  error: ErrorRecord | undefined;
  /** It was another run's, whose history this one shares. */
  shared: boolean;
}
/** A further attempt that was planned. */
export interface Retry { readonly seq: number; readonly at: number; readonly attempt: number; readonly dueAt: number }

/** An attempt that had to wait for a limit: for a slot, or until `dueAt`. */
export interface Queue { readonly seq: number; readonly at: number; readonly attempt: number; readonly limit: string;
  readonly dueAt: number | undefined }
/** What a wait waits for. */
export interface Waited { readonly kind: WaitKind; readonly until: number | undefined;
  readonly description: string | undefined; readonly schema: Payload | undefined;
  /** seq of the signal that had come before and ended it at once. */
  readonly taken: number | undefined }

export type CallKind = "task" | "timer" | "value" | "wait" | "child";
/** A task, a timer, a recorded value, a wait or a child run: everything with one key. */
export interface Call {
  readonly key: string;
  readonly kind: CallKind;
  /** The task's name; for a timer its purpose, for a child its workflow, for a wait what is waited for. */
  readonly name: string;
  /** The `runName` of a task's call. */
  readonly label: string | undefined;
  /** What tells it from its namesakes: `#2`, or the explicit key; empty for a first without one. */
  readonly nth: string;
  readonly seq: number;
  readonly at: number;
  /** seq of the delivery whose turn decided it; 0 where that is not recorded. */
  readonly by: number;
  readonly site: string | undefined;
  readonly input: Payload | undefined;
  /** Attempts allowed in all, from 1. */
  readonly allowed: number;
  /** When a timer is due. */
  readonly dueAt: number | undefined;
  readonly wait: Waited | undefined;
  /** The run that a child call started. */
  readonly childId: string | undefined;
  /** Where a task's call is made, when that is another run. */
  readonly pool: string | undefined;
  readonly tries: Try[];
  readonly retries: Retry[];
  readonly queues: Queue[];
  state: CallState;
  endSeq: number | undefined;
  endAt: number | undefined;
  result: Payload | undefined;
  error: ErrorRecord | undefined;
  reason: string | undefined;
  /** It ended in the history that this run shares with another: nothing of it ran here. */
  shared: boolean;
  /** Place in the order of calling, from 0. */
  readonly row: number;
}

/** A time in which somebody held the run. */
export interface Pause { readonly seq: number; readonly at: number; readonly who: string | undefined;
  endSeq: number | undefined; endAt: number | undefined }

/** One ownership of the run by a worker. */
export interface Hold {
  readonly worker: string;
  readonly epoch: number;
  readonly seq: number;
  readonly at: number;
  /** The last event that the owner appended: it was alive then. */
  lastAt: number;
  endSeq: number | undefined;
  endAt: number | undefined;
  end: "held" | "released" | "lost" | "parked" | "ended" | "left";
}

/** `task:charge#2` in parts; `n` is -1 for an explicit key. */
export function partsOfKey(key: string): { readonly kind: string; readonly name: string; readonly n: number } {
  const colon = key.indexOf(":"), hash = key.lastIndexOf("#");
  const kind = colon < 0 ? "other" : key.slice(0, colon);
  const n = hash > colon ? Number(key.slice(hash + 1)) : NaN;
  if (!Number.isInteger(n) || hash === key.length - 1) return { kind, name: key.slice(colon + 1), n: -1 };
  return { kind, name: key.slice(colon + 1, hash), n };
}

/** The distinguishing part of a key, next to the call's name. */
export function nthOf(key: string, name: string): string {
  const { n, name: inKey } = partsOfKey(key);
  if (n < 0) return inKey === name ? "" : inKey;
  return n === 0 ? "" : `#${n}`;
}

/** Does it only limit other calls? */
export function isTimeout(call: Call): boolean { return call.kind === "timer" && call.name === "timeout" }

/** The attempt that a task waits to make; undefined when it does not. */
export function nextTry(call: Call): Retry | undefined {
  return call.state === "retrying" ? call.retries.at(-1) : undefined;
}

/** How a person calls it: its `runName`, else `charge`, `charge #2`, `sleep`, `pack A-1`. */
export function titleOf(call: Pick<Call, "name" | "nth"> & { readonly label?: string | undefined }): string {
  return call.label ?? (call.nth === "" ? call.name : `${call.name} ${call.nth}`);
}
