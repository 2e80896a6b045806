/** What a person sees while runs go by: one line per thing that happened, with milliseconds, on stderr. */
import { styleText } from "node:util";
import { formatMs, originals, taskRunName, type Event, type Observer, type RunInfo } from "../engine/index.ts";
import { LOG_LEVELS, logLevelSetting } from "./config.ts";
import { frameOf } from "./failure.ts";

type Level = (typeof LOG_LEVELS)[number];
const NAMES: { readonly [L in Level]: string } =
  { debug: "DEBUG", info: "INFO", warn: "WARNING", error: "ERROR", critical: "CRITICAL" };
const COLOURS = { debug: "gray", info: "cyan", warn: "yellow", error: "red", critical: "magenta" } as const;

/** Prints what an engine observes, from the configured level on. @param link where a viewer shows an event of a run */
export function consoleObserver(link: (runId: string, seq: number) => string | undefined = () => undefined):
  Observer {
  const least = LOG_LEVELS.findIndex((level) => level === logLevelSetting().value);
  const shows = (level: Level): boolean => LOG_LEVELS.indexOf(level) >= least;
  const print = (at: number, level: Level, text: string): void => {
    if (shows(level)) process.stderr.write(`${line(at, level, text)}\n`);
  };
  return {
    events: (run, events) => {
      if (!shows("error")) return;
      for (const event of events) {
        const said = describe(run, event);
        if (said !== undefined) print(event.at, said.level, `${said.who} - ${said.text}`);
        if (event.type === "RunFailed") {
          for (const more of [frameOf(event.error), link(run.id, event.seq)]) {
            if (more !== undefined) process.stderr.write(`${more.replace(/^(?! )/, "  ")}\n`);
          }
        }
      }
    },
    line: (run, { at, level, text, key }) => {
      print(at, level, `${key === undefined ? workflowRun(run) : taskRun(run, key)} - ${text}`);
    },
    blocked: (ms) => print(originals.now(), "warn", `Process - Its event loop stood still for ${formatMs(ms)}: ` +
      "a task computes without pause; no run here could move"),
    outage: (error) => print(originals.now(), error === undefined ? "info" : "error",
      error === undefined ? "Database - Back; going on" : `Database - ${error.message}; trying again`),
  };
}

/** `14:52:32.473 | INFO    | text`, local time. */
export function line(at: number, level: Level, text: string): string {
  const when = new originals.Date(at);
  const clock = [when.getHours(), when.getMinutes(), when.getSeconds()].map((n) => String(n).padStart(2, "0")).join(
    ":");
  const name = NAMES[level].padEnd(7);
  const coloured = process.stderr.isTTY && process.env["NO_COLOR"] === undefined;
  return `${clock}.${String(when.getMilliseconds()).padStart(3, "0")} | ` +
  `${coloured ? styleText(COLOURS[level], name) : name} | ${text}`;
}

function workflowRun(run: RunInfo): string { return `Workflow run '${run.name}'` }
function taskRun(run: RunInfo, key: string): string { return `Task run '${taskRunName(run.id, key)}'` }

interface Said { readonly who: string; readonly level: Level; readonly text: string }

function describe(run: RunInfo, event: Event): Said | undefined {
  const flow = (level: Level, text: string): Said => ({ who: workflowRun(run), level, text });
  const task = (key: string, level: Level, text: string): Said => ({ who: taskRun(run, key), level, text });
  switch (event.type) {
    case "RunStarted": return flow("info", `Beginning run '${run.name}' of workflow '${run.workflow}'`);
    case "TaskScheduled": return task(event.key, "debug", `Created for task '${event.name}'`);
    case "AttemptStarted": return task(event.key, "debug", `Attempt ${event.attempt} started`);
    case "AttemptFailed": return task(event.key, "error",
      `Attempt ${event.attempt} failed: ${event.error.stack ?? `${event.error.name}: ${event.error.message}`}`);
    case "RetryScheduled": return task(event.key, "info",
      `Attempt ${event.attempt} comes in ${formatMs(Math.max(0, event.dueAt - event.at))}`);
    case "TaskCompleted": return task(event.key, "info", "Finished in state Completed()");
    case "TaskFailed": return task(event.key, "error", `Finished in state Failed('${event.error.message}')`);
    case "TaskCancelRequested": return task(event.key, "debug", "Finished in state Cancelled()");
    case "TimerStarted": return event.purpose === "sleep"
      ? flow("debug", `Sleeping for ${formatMs(Math.max(0, event.dueAt - event.at))}`) : undefined;
    case "RunCompleted": return flow("info", "Finished in state Completed()");
    case "RunFailed": return flow("error", `Finished in state Failed('${event.error.message}')`);
    case "RunCancelled": return flow("info", "Finished in state Cancelled()");
    case "RunParked": return flow("error", `Parked (${event.code}): ${event.message}`);
    default: return undefined;
  }
}
