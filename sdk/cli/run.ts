/** `reprise run <file>[:workflow]`: run a file as the program, or one workflow of it with input from the command
 *  line. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { realClock, RepriseError, stayAlive } from "../../engine/index.ts";
import { viewerSetting } from "../config.ts";
import { closeDefault, defaultEngine } from "../default-engine.ts";
import { definedWorkflows } from "../registry.ts";
import { callsMade, firstCall } from "../start.ts";
import { viewerOf } from "../viewer.ts";
import { workflowByName } from "../workflow.ts";
import { importUserFile, loadFile, userFile } from "./open.ts";
import { exitCodeOf, out, outJson, say, sayError } from "./output.ts";

/** A program that is busy for so long and has called nothing is told how to start a workflow of it. */
const PATIENCE_MS = 5000;

interface RunOptions { params?: string[]; fresh?: boolean; json?: boolean; quiet?: boolean; view?: boolean }

/** `reprise run`. */
export function addRun(program: Command): void {
  program.command("run").argument("<file>", "a file, or file:workflow")
    .description("run a file; a run that an earlier life of it left unfinished is resumed")
    .option("-p, --params <k=v|@file|json...>", "input of the workflow; repeat for more fields")
    .option("--fresh", "start anew, though an unfinished run is there")
    .option("--view", "serve the viewer beside the run, and on until Ctrl-C; or set REPRISE_VIEWER to a port")
    .option("--json", "print the result as one JSON document")
    .option("--quiet", "print no result")
    .action(async (target: string, options: RunOptions) =>
      { if (options.view) await runAndView(target, options); else await run(target, options) });
}

/** The viewer goes on when the run has ended, however it ended: then there is something to look at. */
async function runAndView(target: string, options: RunOptions): Promise<void> {
  if (viewerSetting().value === "off") process.env["REPRISE_VIEWER"] = "on";
  try { await run(target, options) } catch (error) {
    sayError(error);
    process.exitCode = exitCodeOf(error);
  }
  if (callsMade() === 0 || viewerOf((await defaultEngine()).engine) === undefined) return;
  say("The viewer stays until Ctrl-C.");
  stayAlive(realClock); // what a signal does has been said when the engine was opened
}

async function run(target: string, options: RunOptions): Promise<void> {
  const { file, workflow } = splitTarget(target);
  const path = userFile(file);
  process.argv = [process.argv[0] ?? "node", path];
  if (options.fresh) process.env["REPRISE_FRESH"] = "1";
  if (workflow === undefined && options.params === undefined) {
    await importUserFile(path);
    await firstCallOrNone(file);
    if (callsMade() > 0) return;
  } else await loadFile(path);
  const name = chooseWorkflow(workflow, file);
  const result = await workflowByName(name).run(parseParams(options.params));
  if (options.json) outJson({ workflow: name, result: result ?? null });
  else if (!options.quiet && result !== undefined) out(typeof result === "string" ? result
    : JSON.stringify(result, bigints, 2));
  if (!options.view) await closeDefault((await defaultEngine()).engine);
}

function bigints(_key: string, value: unknown): unknown { return typeof value === "bigint" ? value.toString() : value }

/** Resolves when the program has called a workflow, or cannot any more: its main() may have things to do before. */
async function firstCallOrNone(file: string): Promise<void> {
  if (callsMade() > 0) return;
  const told = setTimeout(() => say(`${file} has called no workflow yet and is still busy. To start one of it ` +
    `without waiting for it: reprise run ${file}:<workflow>`), PATIENCE_MS).unref();
  await Promise.race([firstCall, new Promise<void>((resolve) => { process.once("beforeExit", () => resolve()) })]);
  clearTimeout(told);
}

/** A file, and the workflow of it if one is named: `etl.ts:etl`; a drive letter's colon is no separator. */
export function splitTarget(target: string): { readonly file: string; readonly workflow: string | undefined } {
  const match = /^(.+\.[cm]?[jt]sx?):([^\\/]+)$/.exec(target);
  return match?.[1] === undefined ? { file: target, workflow: undefined } : { file: match[1], workflow: match[2] };
}

/** The workflow that is meant. @throws WORKFLOW_NOT_LOADED, USAGE */
export function chooseWorkflow(wanted: string | undefined, file: string): string {
  const names = definedWorkflows().map(({ name }) => name);
  if (wanted !== undefined && names.includes(wanted)) return wanted;
  const list = names.length === 0 ? "none" : names.join(", ");
  if (wanted !== undefined) throw new RepriseError("WORKFLOW_NOT_LOADED",
    `${file} defines no workflow '${wanted}'; it defines: ${list}`,
    "Give one of those after the colon.");
  const [only, another] = names;
  if (only !== undefined && another === undefined) return only;
  throw new RepriseError("USAGE", `${file} started nothing and defines ${names.length} workflows: ${list}`,
    only === undefined ? "Define one with workflow(name, fn)." : `Choose one: reprise run ${file}:${only}`);
}

/** `k=v` pairs (v is JSON, else text), `@file.json`, or one JSON document. @throws USAGE */
export function parseParams(params: readonly string[] | undefined): unknown {
  if (params === undefined) return undefined;
  const [first] = params;
  if (params.length === 1 && first !== undefined && (first.startsWith("@") || /^[[{"\d]/.test(first))) {
    const text = first.startsWith("@") ? readFileSync(first.slice(1), "utf8") : first;
    try { return JSON.parse(text) } catch (error) {
      throw new RepriseError("USAGE", `--params is not JSON: ${String(error)}`,
        "Give k=v, @file.json or a JSON document.");
    }
  }
  return Object.fromEntries(params.map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw new RepriseError("USAGE", `--params got '${pair}'`, "Give k=v, @file.json or a JSON document.");
    return [pair.slice(0, at), jsonOrText(pair.slice(at + 1))];
  }));
}

function jsonOrText(text: string): unknown { try { return JSON.parse(text) } catch { return text } }
