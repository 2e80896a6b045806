/** What a person sees while runs go by: one line per thing that happened, with milliseconds, on stderr. */
import { styleText } from "node:util";
import { formatMs, originals, type Observer } from "../engine/index.ts";
import { LOG_LEVELS, logLevelSetting } from "./config.ts";
import { describe, taskRun, workflowRun, type Level } from "./console-lines.ts";
import { frameOf } from "./failure.ts";

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
