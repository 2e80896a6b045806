/**
 * `reprise dev [files...]`: the viewer, a worker, and the user's files, watched. User code lives in a child process, so
 * that a saved file is met by a fresh one; this process only watches, starts and ends it.
 */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { RepriseError } from "../../engine/index.ts";
import { databaseSetting, packageRoot } from "../config.ts";
import { portNumber } from "./numbers.ts";
import { userFile, withEngine } from "./open.ts";
import { out, say } from "./output.ts";
import { splitTarget } from "./run.ts";
import { watchFiles } from "./watch-files.ts";

interface DevOptions { readonly port?: number; readonly params?: readonly string[]; readonly readOnly?: boolean }
/** What the child is told on its command line, as JSON. */
export interface DevTask {
  /** The first is run as the program, as `reprise run` does; the others are loaded. */
  readonly files: readonly string[];
  readonly workflow?: string;
  readonly params?: readonly string[];
  /** As the user wrote it, or the one that the first child got. */
  readonly port?: number;
  readonly readOnly: boolean;
  /** The user's files were changed since the last child. */
  readonly again: boolean;
  /** Runs that failed, and were not tried again since. */
  readonly failed: readonly string[];
}
/** What the child says: where its viewer is served, and which run has failed. */
export type DevNews = { readonly url: string; readonly port: number } | { readonly failed: string };

const CHILD = fileURLToPath(new URL("dev-child.js", import.meta.url));
/** A child that does not end is killed: what it did is taken up by the next one. */
const STOP_MS = 8_000;

/** `reprise dev`. */
export function addDev(program: Command): void {
  program.command("dev").argument("[files...]", "the first is run, as by `reprise run`; the others are loaded")
    .description("run, watch and show: saving a file starts its process anew, and unfinished runs go on")
    .option("-p, --params <k=v|@file|json...>", "input of the workflow, for file:workflow")
    .option("--port <n>", "of the viewer; 0 = any that is free", portNumber)
    .option("--read-only", "the viewer changes no run")
    .action(async (files: string[], options: DevOptions) => { await dev(files, options) });
}

async function dev(targets: readonly string[], options: DevOptions): Promise<void> {
  const { file, workflow } = splitTarget(targets[0] ?? "");
  const files = targets.length === 0 ? await recordedFiles()
    : [file, ...targets.slice(1)].map(userFile);
  if (databaseSetting().value === "memory:") say("Runs are kept in memory: a save begins with none.");
  const task = { files, readOnly: options.readOnly ?? false, ...(workflow !== undefined && { workflow }),
    ...(options.params !== undefined && { params: options.params }),
    ...(options.port !== undefined && { port: options.port }) };
  const house = new DevHouse(task);
  house.start();
  const unwatch = watchFiles(files, (paths) => { house.changed(paths) });
  const code = await ended(() => { house.kill() });
  unwatch();
  await house.stop();
  process.exitCode = code;
}

/** The child of the moment. */
class DevHouse {
  #task: Omit<DevTask, "again" | "failed">;
  #failed: string[] = [];
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #turn: Promise<void> = Promise.resolve();
  #over = false;
  #shown = false;

  constructor(task: Omit<DevTask, "again" | "failed">) { this.#task = task }

  start(again = false): void {
    if (this.#over) return;
    const task: DevTask = { ...this.#task, again, failed: this.#failed };
    const child = fork(CHILD, [JSON.stringify(task)], { stdio: "inherit" });
    this.#child = child;
    this.#failed = [];
    child.on("message", (news: DevNews) => { // the child says nothing else
      if ("failed" in news) { this.#failed.push(news.failed); return }
      this.#task = { ...this.#task, port: news.port };
      if (!this.#shown) out(news.url);
      this.#shown = true;
    });
    this.#gone = new Promise((resolve) => {
      child.once("error", (error) => { say(`The process could not be started: ${error.message}`); resolve() });
      child.once("exit", (code, signal) => {
        if (this.#child === child) {
          this.#child = undefined;
          say(`The process ended ${signal === null ? `with code ${code}` : `by ${signal}`}. ` +
            "Save a file to start it again, or Ctrl-C.");
        }
        resolve();
      });
    });
  }

  /** Ends the child and begins the next, one change after the other. */
  changed(paths: readonly string[]): void {
    this.#turn = this.#turn.then(async () => {
      say(`\n${paths.join(", ")} changed: starting again`);
      await this.#end();
      this.start(true);
    });
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#turn;
    await this.#end();
  }
  kill(): void { this.#child?.kill("SIGKILL") }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined; // its end is expected
    if (child.connected) child.disconnect();
    const limit = setTimeout(() => { child.kill("SIGKILL") }, STOP_MS);
    await this.#gone;
    clearTimeout(limit);
  }
}

/** The exit code, when a signal asks for the end; a second one kills. */
function ended(kill: () => void): Promise<number> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 0]] as const) {
      process.on(signal, () => {
        if (asked) { kill(); process.exit(signal === "SIGINT" ? 130 : 143) }
        asked = true;
        resolve(code);
      });
    }
  });
}

/** Nothing named: the files that the newest runs were started from. @throws USAGE */
async function recordedFiles(): Promise<readonly string[]> {
  const rows = await withEngine("none", (engine) => engine.list({ limit: 500 }));
  const files = [...new Set(rows.flatMap(({ file }) => file ?? []))].map((file) => resolve(packageRoot(), file))
    .filter((file) => existsSync(file));
  if (files.length > 0) return files;
  throw new RepriseError("USAGE", "no file was named, and no recorded run names one that is there",
    "Name the file with your workflow: reprise dev etl.ts");
}
