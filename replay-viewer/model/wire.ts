/** What comes over the wire to the page, and what a recording holds: plain data, no behaviour. */
import type { Event, Json } from "../../engine/core/events.ts";

export type RunState =
  | "scheduled" | "pending" | "running" | "waiting" | "paused" | "cancelling" | "parked"
  | "completed" | "failed" | "cancelled" | "crashed";
/** In the order in which a list of choices shows them. */
export const RUN_STATES: readonly RunState[] = ["running", "waiting", "pending", "scheduled", "paused", "cancelling",
  "parked", "failed", "crashed", "cancelled", "completed"];

/** One row of the list of runs: a projection of history up to `asOf`. Instants are milliseconds since 1970. */
export interface RunRow {
  readonly runId: string; readonly workflow: string; readonly name: string; readonly state: RunState;
  readonly asOf: number; readonly epoch: number; readonly owner: string | null; readonly ownerAlive: boolean;
  readonly crashes: number; readonly readyAt: number | null; readonly parked: string | null;
  readonly mailHead: number; readonly mailRead: number; readonly pool: string; readonly priority: number;
  readonly tags: readonly string[]; readonly codeVersion: string; readonly file: string | null;
  readonly idempotencyKey: string | null; readonly scriptKey: string | null;
  readonly parentId: string | null; readonly rootId: string | null;
  readonly retriedAs: string | null;
  /** Runs that share the key take turns. */
  readonly slotKey: string | null; readonly slotMax: number | null; readonly slotHeld: boolean;
  readonly createdAt: number; readonly startedAt: number | null; readonly endedAt: number | null;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "critical";
/** From the least to the most serious. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "critical"];

/** One line that user code wrote. */
export interface LogLine {
  readonly runId: string;
  /** The event that the line follows; 0 when only its task is known. */
  readonly seq: number;
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  /** Key of the task that wrote it, if one did. */
  readonly key?: string;
  readonly attempt?: number;
  /** JSON text. */
  readonly data?: string;
}

/** The files of the version that ran, by path relative to the package root. */
export interface Sources {
  readonly codeVersion: string;
  readonly files: { readonly [path: string]: string };
}

/** A page of history. `now` is the server's clock, so that what is open can be drawn up to it. */
export interface HistoryPage {
  readonly events: readonly Event[]; readonly head: number; readonly now: number;
}

/** Every error of the engine and its server. */
export interface Problem {
  readonly code: string; readonly message: string; readonly hint?: string; readonly docs?: string;
}

/** A whole run in one document. */
export interface Recording {
  readonly format: "reprise/recording/1";
  readonly run: RunRow;
  readonly events: readonly Event[];
  readonly logs: readonly LogLine[];
  readonly sources?: Sources;
  /** Large values that were kept apart, by hash, where the recording includes them. */
  readonly payloads?: { readonly [hash: string]: Json };
  /** When it was made. */
  readonly now?: number;
}

/** True for a document that says it is a recording and has its parts; the events themselves are not looked at. */
export function isRecording(value: unknown): value is Recording {
  return typeof value === "object" && value !== null && "format" in value && value.format === "reprise/recording/1"
    && "run" in value && typeof value.run === "object" && value.run !== null
    && "events" in value && Array.isArray(value.events) && "logs" in value && Array.isArray(value.logs);
}

/** True for `reprise runs export`: a history without logs and sources. */
export function isHistoryExport(value: unknown): value is Pick<Recording, "run" | "events"> {
  return typeof value === "object" && value !== null && "format" in value && value.format === "reprise/history/1"
    && "run" in value && typeof value.run === "object" && value.run !== null
    && "events" in value && Array.isArray(value.events);
}

/** Has the run ended for good? */
export function isOver(state: RunState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled" || state === "crashed";
}
