/** Worker processes as the tests start, stop and kill them. */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Event } from "../engine/index.ts";
import { checkHistory } from "./checker.ts";

const WORKERS = new URL("./processes/", import.meta.url);

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Resolves with the first line on stdout that matches. */
  says(pattern: RegExp): Promise<string>;
  /** Resolves when the process has ended, with what it ended by. */
  readonly ended: Promise<string | number | null>;
}

/** `script`: a file in test/processes; default worker.mjs. */
export function startWorker(env: { readonly [name: string]: string }, script = "worker.mjs"): WorkerProcess {
  const child =
    spawn(process.execPath, [fileURLToPath(new URL(script, WORKERS))], { env: { ...process.env, VITEST: "", ...env },
      stdio: ["ignore", "pipe", "pipe"] });
  let text = "", errors = "";
  const waiting = new Set<() => void>();
  child.stdout.on("data", (chunk) => { text += String(chunk); for (const look of waiting) look() });
  child.stderr.on("data", (chunk) => { errors += String(chunk) });
  if (process.env["SHOW_WORKERS"]) child.stderr.pipe(process.stderr);
  const ended = new Promise<string | number | null>((resolve) =>
    { child.once("exit", (code, signal) => resolve(signal ?? code)) });
  return {
    child, ended,
    says: (pattern) => new Promise((resolve, reject) => {
      const look = (): void => {
        const found = text.split("\n").find((line) => pattern.test(line));
        if (found !== undefined) { waiting.delete(look); resolve(found) }
      };
      waiting.add(look);
      void ended.then((how) =>
        { look(); reject(new Error(`the worker ended (${how}) before it said ${pattern}: ${errors}`)) });
      look();
    }),
  };
}

/** One execution of a task, as the task itself wrote it down. */
interface Execution { readonly run: string; readonly key: string; readonly id: string; readonly pid: string }
export function readLedger(path: string): readonly Execution[] {
  return readFileSync(path, "utf8").trim().split("\n").filter((line) => line !== "").map((line) => {
    const [, run = "", key = "", id = "", pid = ""] = /^(\S+) (.+) \d+ (\S+) (\S+)$/.exec(line) ?? [];
    return { run, key, id, pid };
  });
}

/** Given a finished run: one result per task, and no execution after the one that was recorded. */
export function checkAgainstLedger(runId: string, events: readonly Event[], ledger: readonly Execution[]): void {
  checkHistory(events, runId);
  for (const event of events) {
    if (event.type !== "TaskCompleted" || event.result === undefined || !("p" in event.result)) continue;
    const executions = ledger.filter(({ run, key }) => run === runId && key === event.key);
    expect(String(event.result.p).trim(), `${runId} ${event.key}: recorded is the last execution`).toBe(
      executions.at(-1)?.id);
  }
}
