/** Attempts that are made elsewhere than in the engine's own thread: what the engine asks of a pool of places. */
import type { ErrorRecord, Payload, Shown } from "./events.ts";
import type { RunInfo } from "./policy.ts";

/** Where the attempts of one task are made. */
export interface Runner {
  /** Asks for a place; `got` is called with one when it is free, never at once. The answer takes the request back. */
  queue(got: (place: Place) => void): () => void;
}
/** A thread or process that is reserved for one attempt. */
export interface Place {
  /** Makes the attempt. Never rejects. */
  run(job: Job): Promise<JobEnd>;
  /** Tells the attempt to stop; one that goes on all the same, for `graceMs` or the place's own, is ended with its
   *  thread or process. */
  abort(reason: ErrorRecord, graceMs: number | undefined): void;
  /** It is not needed after all. */
  leave(): void;
}
/** One attempt, as it crosses: values are payloads. */
export interface Job {
  readonly run: RunInfo;
  readonly key: string;
  /** From 1. */
  readonly attempt: number;
  /** The array of the task's arguments. */
  readonly input: Payload | undefined;
  readonly captureConsole: boolean;
  /** What the attempts before said last. */
  readonly lastHeartbeat: Payload | undefined;
  heartbeat(details: Payload | undefined): void;
  show(shown: Omit<Shown, "value">, value: Payload | undefined): void;
  log(level: "debug" | "info" | "warn" | "error" | "critical", text: string, data?: object): void;
}
/** `final`: no further attempt can end otherwise. */
export type JobEnd =
  | { readonly ok: true; readonly result: Payload | undefined }
  | { readonly ok: false; readonly error: ErrorRecord; readonly final: boolean };
