/** What an event says to a person, and how loudly. Undefined: nothing. */
import { causedBy, formatMs, messageOf, taskRunName, usersStack, wholeMessage, type ErrorRecord, type Event,
  type RunInfo } from "../engine/index.ts";
import type { LOG_LEVELS } from "./config.ts";
import { nextCommand } from "./next-command.ts";

export type Level = (typeof LOG_LEVELS)[number];
/** One line: who, how loudly, what. */
export interface Said { readonly who: string; readonly level: Level; readonly text: string }

export function workflowRun(run: RunInfo): string { return `Workflow run '${run.name}'` }
export function taskRun(run: RunInfo, key: string): string { return `Task run '${taskRunName(run.id, key)}'` }

/** The line of an event. */
export function describe(run: RunInfo, event: Event): Said | undefined {
  const flow = (level: Level, text: string): Said => ({ who: workflowRun(run), level, text });
  const task = (key: string, level: Level, text: string): Said => ({ who: taskRun(run, key), level, text });
  switch (event.type) {
    case "RunStarted": return flow("info", `Beginning run '${run.name}' of workflow '${run.workflow}'`);
    case "TaskScheduled": return task(event.key, "debug", `Created for task '${event.name}'`);
    case "AttemptStarted": return task(event.key, "debug", `Attempt ${event.attempt} started`);
    case "AttemptFailed": return task(event.key, "error",
      `Attempt ${event.attempt} failed: ${thrown(event.error)}`);
    case "RetryScheduled": return task(event.key, "info",
      `Attempt ${event.attempt} comes in ${formatMs(Math.max(0, event.dueAt - event.at))}`);
    case "TaskCompleted": return task(event.key, "info", event.cached === undefined
      ? "Finished in state Completed()" : `Finished in state Cached(run ${event.cached.run})`);
    case "TaskFailed": return task(event.key, "error", failed(event.error));
    case "TaskCancelRequested": return task(event.key, "debug", "Finished in state Cancelled()");
    case "TimerStarted": return event.purpose === "sleep"
      ? flow("debug", `Sleeping for ${formatMs(Math.max(0, event.dueAt - event.at))}`) : undefined;
    case "RunCompleted": return flow("info", "Finished in state Completed()");
    case "RunFailed": return flow("error", failed(event.error));
    case "RunCancelled": return flow("info", "Finished in state Cancelled()");
    case "RunParked": return flow("error", `Parked (${event.code}): ${event.message}`);
    default: {
      const said = message(run, event);
      return said === undefined ? undefined : flow(...said);
    }
  }
}

/** Messages, children, and a person's hand. */
function message(run: RunInfo, event: Event): readonly [Level, string] | undefined {
  switch (event.type) {
    case "WaitOpened": return waiting(run, event);
    case "WaitAnswered": return ["info", `The form ${named(event.key)} was answered${by(event.who)}`];
    case "SignalReceived": return ["info", `Received signal '${event.name}'`];
    case "SignalSent": return ["debug", `Sent signal '${event.name}' to run ${event.to}`];
    case "UpdateReceived": return ["info", `Received update '${event.name}'`];
    case "UpdateCompleted": return event.error === undefined ? ["debug", "Replied to an update"]
      : ["warn", `An update failed: ${wholeMessage(event.error)}`];
    case "ChildStarted": return event.task !== undefined
      ? ["info", `Task ${named(event.key)} goes to pool '${event.pool}' as run ${event.childId}`]
      : ["debug", `Started child run ${event.childId} of workflow '${event.workflow}'`];
    case "ChildFailed": return ["warn", `Child run ${named(event.key)} failed: ${wholeMessage(event.error)}`];
    case "ResultInjected": return ["warn", `Call ${event.key} was ${event.value === undefined ? "skipped"
      : "given a value"}${by(event.who)}: ${event.reason}`];
    case "CancelRequested": return ["info", `Asked to stop${event.reason === undefined ? "" : `: ${event.reason}`}`];
    case "RunPaused": return ["info", `Paused${by(event.who)}: npx reprise runs resume ${run.id}`];
    case "RunUnpaused": return ["info", `Goes on${by(event.who)}`];
    case "RunContinued": return ["info", `Goes on as run ${event.nextId}`];
    case "PatchDecided": return ["debug", `Takes the new way at ${named(event.key)}`];
    default: return undefined;
  }
}

/** A form is for a person: that one is told what to type. */
function waiting(run: RunInfo, event: Extract<Event, { type: "WaitOpened" }>): readonly [Level, string] | undefined {
  if (event.taken !== undefined) return undefined;
  if (event.kind === "condition") return ["debug", "Waiting for a condition"];
  if (event.kind === "signal") return ["debug", `Waiting for signal '${event.name}'`];
  return ["info", `Waiting for an answer to '${event.name}': ${nextCommand(run.id, event) ?? ""}`];
}

/** `wait:expense#0` without its kind and, where it is the first, its number. */
function named(key: string): string { return `'${key.replace(/^\w+:/, "").replace(/#0$/, "")}'` }
/** With the lines of the user's code that it passed. */
function thrown(error: ErrorRecord): string {
  return error.stack === undefined ? `${error.name}: ${wholeMessage(error)}`
    : `${usersStack(error.stack)}${causedBy(error, "\n    ")}`;
}
function failed(error: ErrorRecord): string {
  return `Finished in state Failed('${messageOf(error)}')${causedBy(error)}`;
}
function by(who: string | undefined): string { return who === undefined ? "" : ` by ${who}` }
