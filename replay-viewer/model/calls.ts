/** A durable call and a worker's hold: what the events of one key, or of one owner, add up to. */
import type { ErrorRecord, Payload } from "../../engine/core/events.ts";

export type CallState =
  | "scheduled" | "running" | "retrying" | "interrupted" | "completed" | "failed" | "cancelled"
  | "sleeping" | "fired" | "recorded";

/** One attempt. */
export interface Try {
  /** From 1. */
  readonly attempt: number;
  readonly seq: number;
  readonly at: number;
  readonly worker: string | undefined;
  endSeq: number | undefined;
  endAt: number | undefined;
  /** `lost`: its worker went away; nobody knows how far it came. */
  outcome: "running" | "completed" | "failed" | "cancelled" | "lost";
  error: ErrorRecord | undefined;
}
/** A further attempt that was planned. */
export interface Retry { readonly seq: number; readonly at: number; readonly attempt: number; readonly dueAt: number }

/** A task, a timer or a recorded value: everything with one key. */
export interface Call {
  readonly key: string;
  readonly kind: "task" | "timer" | "value" | "other";
  /** The task's name; for a timer its purpose. */
  readonly name: string;
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
  readonly tries: Try[];
  readonly retries: Retry[];
  state: CallState;
  endSeq: number | undefined;
  endAt: number | undefined;
  result: Payload | undefined;
  error: ErrorRecord | undefined;
  reason: string | undefined;
  /** Place in the order of calling, from 0. */
  readonly row: number;
}

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
  end: "held" | "released" | "lost" | "parked" | "ended";
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

/** How a person calls it: `charge`, `charge #2`, `sleep`, `pack A-1`. */
export function titleOf(call: Pick<Call, "name" | "nth">): string {
  return call.nth === "" ? call.name : `${call.name} ${call.nth}`;
}
