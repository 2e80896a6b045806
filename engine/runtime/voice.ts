/** A task while it is open, and what the code of its attempts says. */
import { TimedOut } from "../core/errors.ts";
import type { Payload } from "../core/events.ts";
import { Identity, type RunInfo } from "../core/policy.ts";
import type { Abort } from "../replay/abort.ts";
import type { OpenTask } from "../replay/calls.ts";
import type { Voice } from "./attempt.ts";
import type { Driver } from "./driver.ts";
import type { DriverHost } from "./host.ts";
import { Pulse } from "./pulse.ts";

/** An open task in this worker's hands. */
export interface Task {
  readonly call: OpenTask;
  /** When it was scheduled: its deadline counts from here. */
  readonly scheduledAt: number;
  /** Failed attempts, those of earlier owners included. */
  failures: number;
  /** The number of its last attempt, those of earlier owners included. */
  attempts: number;
  /** An attempt of it is being made, or is about to be. */
  underway: boolean;
  abort: Abort | undefined;
  /** What its attempts said last. */
  beat: Payload | undefined;
  /** Of the attempt under way, where it beats or must. */
  pulse: Pulse | undefined;
  /** Takes back the limit on beginning. */
  begun: (() => void) | undefined;
  retry: { readonly dueAt: number; readonly cancel: () => void } | undefined;
}
/** Where the task is at home. */
interface Home { readonly driver: Driver; readonly host: DriverHost }

/** The run and the call that an attempt is told it belongs to: of a call in a pool, those of the caller. */
export function homeOf({ call: { key } }: Pick<Task, "call">, run: RunInfo): { readonly run: RunInfo;
  readonly key: string } {
  return Identity.callOf(run)?.caller ?? { run, key };
}

/** What the code of an attempt says, and hears of the attempts before. `wants`: is the task's end still wanted? */
export function voiceOf(task: Task, attempt: number, abort: Abort, home: Home & { wants(): boolean }): Voice {
  const { driver, host, wants } = home, { key } = task.call, at = homeOf(task, driver.run);
  return {
    lastHeartbeat: task.beat, clock: host.clock,
    log: (level, text, data) => host.log(at.run, { seq: 0, level, text, data, key: at.key, attempt }),
    show: (shown, value) => driver.add({ type: "Reported", at: host.now(), key, ...shown, ...(value && { value }) }),
    heartbeat: (details) => {
      if (!wants() || abort.aborted || task.abort !== abort) return;
      task.beat = details;
      (task.pulse ??= pulseOf(task, attempt, abort, home)).beat(details);
    },
  };
}

/** The signs of life of one attempt. */
export function pulseOf(task: Task, attempt: number, abort: Abort, { driver, host }: Home): Pulse {
  const { key, spec: { name, policy: { heartbeatMs } } } = task.call;
  return new Pulse({ clock: host.clock, limitMs: heartbeatMs,
    record: (value) => driver.add({ type: "Heartbeat", at: host.now(), key, attempt, ...(value && { value }) }),
    silent: () => abort.abort(new TimedOut(`the silence of attempt ${attempt} of task '${name}'`, heartbeatMs ?? 0)) });
}
