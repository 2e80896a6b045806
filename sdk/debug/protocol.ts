/** What the debug host is asked, and what it answers: plain data that crosses processes and threads. */
import type { Event } from "../../engine/index.ts";
import type { Standing } from "./moments.ts";
import type { Seen, SeenFrame } from "./seen.ts";

/** The code and the history that are replayed. */
export interface ReplayedRun {
  readonly runId: string;
  readonly workflow: string;
  /** Files to load for the workflow, absolute. */
  readonly files: readonly string[];
  /** The version of the code that ran, as the run's history says. */
  readonly codeVersion: string;
  readonly events: readonly Event[];
}

/** A value to open further: of a frame, by the name of its variable and the places of parts in it, from 0. */
export interface Opening {
  readonly frame: number; readonly name: string; readonly path: readonly number[]; readonly from?: number;
}
/** What was opened, and the names that led there, the variable's first. */
export interface Opened { readonly names: readonly string[]; readonly value: Seen }
/** A line at which an expression is printed whenever the code passes it. Lines from 1. */
export interface LogPoint { readonly file: string; readonly line: number; readonly expression: string }

/** What an expression gave: a value, or why it gave none. */
export interface Watched { readonly expression: string; readonly value?: Seen; readonly refused?: string }

/** The frames at one moment, by the seq of its event. */
export interface Captured {
  readonly frames: readonly SeenFrame[];
  readonly watches?: readonly Watched[];
  readonly opened?: Opened;
}
/** One pass of a log point. `after`: the event whose delivery the code was answering. */
export interface Hit { readonly after: number; readonly site: string; readonly watched: Watched }

/** One replay in a thread. */
export interface Job {
  readonly run: Omit<ReplayedRun, "events">;
  /** JSON text: a thread reads that five times faster than it is given objects. */
  readonly events: string;
  /** Events whose moments are wanted; "all" records every one. */
  readonly wanted: readonly number[] | "all";
  /** From this event on the workflow's own function is looked at, in case it will be suspended; default a few moments
   *  before the last that is wanted. */
  readonly lookFrom?: number;
  /** The delivery after which nothing more is replayed. */
  readonly until: number;
  readonly watches: readonly string[];
  readonly open?: Opening;
  readonly logPoints: readonly LogPoint[];
}
/** A file as it was when it was loaded. */
export interface LoadedFile { readonly path: string; readonly modifiedAt: number; readonly size: number }
/** What a replay showed. */
export interface Replayed {
  readonly captured: readonly (readonly [seq: number, captured: Captured])[];
  /** Why the replay went no further; `at` is the delivery in whose turn code and history part. */
  readonly diverged?: { readonly at: number; readonly diff: string };
  /** The version of the code on disk, which was replayed. */
  readonly codeVersion: string;
  readonly files: readonly LoadedFile[];
  readonly hits: readonly Hit[];
  /** Moments beyond these were left out: there was too much to keep. */
  readonly recordedUntil?: number;
}

/** Where a run's code stood at an event. */
export interface Locals extends Captured {
  /** The event that was asked for, and the one whose moment is shown. */
  readonly at: number;
  readonly moment: number;
  readonly standing: Standing;
  /** The moments to step to, backwards and forwards. */
  readonly previous?: number;
  readonly next?: number;
  /** The version of the code that was replayed is another than the one that ran; history agrees with both. */
  readonly otherVersion: boolean;
}

/** What the parent asks of its host. */
export type HostRequest =
  | { readonly id: number; readonly load: ReplayedRun }
  | { readonly id: number; readonly locals: { readonly runId: string; readonly at: number;
    readonly watches: readonly string[]; readonly open?: Opening } }
  | { readonly id: number; readonly logPoints: { readonly runId: string; readonly points: readonly LogPoint[] } };
/** And what it is told. */
export type HostReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string; readonly hint: string } };
