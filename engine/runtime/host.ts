/** Between a worker and the runs that it holds: what it gives them, and how they leave. */
import type { RepriseError } from "../core/errors.ts";
import type { Event } from "../core/events.ts";
import type { RunInfo, WorkflowSpec } from "../core/policy.ts";
import type { LogLevel } from "../replay/identity.ts";
import type { Store } from "../store/port.ts";
import type { Birth } from "./birth.ts";
import type { Clock } from "./clock.ts";
import type { Committer } from "./committer.ts";
import type { Ids } from "./ids.ts";
import type { Patience } from "./patience.ts";
import type { Slots } from "./slots.ts";

/** What a worker gives to the runs that it holds. */
export interface DriverHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly committer: Committer;
  readonly patience: Patience;
  /** The database's clock, as this worker estimates it. */
  now(): number;
  /** This worker, as leases know it. */
  readonly id: string;
  workflow(name: string): WorkflowSpec | undefined;
  /** Has it room for a run of this pool? */
  takes(pool: string | undefined): boolean;
  /** A run of this process's own will be there to claim. */
  expect(runId: string): void;
  /** Holds a run that has just been made for it. */
  adopt(born: Birth): void;
  readonly slots: Slots;
  /** Is enough of the lease left to start an attempt? */
  mayStart(): boolean;
  /** Calls back when the lease has been renewed; never, if it has lapsed. */
  whenRenewed(fn: () => void): void;
  /** Events of a run that have just become durable, values inline. */
  observe(run: RunInfo, events: readonly Event[]): void;
  log(run: RunInfo, line: { readonly seq: number; readonly level: LogLevel; readonly text: string;
    readonly data: object | undefined; readonly key?: string; readonly attempt?: number }): void;
  /** The run is no longer here: ended, released, parked or lost. */
  gone(driver: HeldRun, how: Departure): void;
}

/** A run in a worker's hands, as the worker's other parts see it. */
export interface HeldRun { readonly run: RunInfo }

/** How a run left this worker. */
export type Departure =
  | { readonly how: "ended"; readonly event: Event }
  /** `wakeAt`: when the run can move by itself again, if it can. */
  | { readonly how: "released"; readonly wakeAt: number | undefined }
  | { readonly how: "lost" }
  | { readonly how: "parked"; readonly error: RepriseError };
