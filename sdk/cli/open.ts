/** Opens what commands work on: the configured database, users' files, a run by whatever a person calls it. */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { openRunEngine, realClock, RepriseError, stayAlive, TERMINAL_STATES, type RunEngine, type RunRow,
  type WorkflowSpec } from "../../engine/index.ts";
import { databaseSetting, packageRoot } from "../config.ts";
import { consoleObserver } from "../console.ts";
import { endAsBySignal, offerDefault, withdrawDefault } from "../default-engine.ts";
import { loadDefinitions } from "../loading.ts";
import { definedWorkflows, workflowNames, workflowSpec } from "../registry.ts";
import { keepingSources } from "../sources.ts";
import { callsMade } from "../start.ts";
import { loadUserModules } from "../user-modules.ts";
import { say, sayError } from "./output.ts";
import { CODES, endWaiting, signalled, type Ending } from "./signals.ts";

/** Runs `work` with an engine on the configured database, and closes it. `serve`: other processes may use it too. One
 *  that works gives its runs back at Ctrl-C, and the process ends with 130. */
export async function withEngine<T>(claims: "all" | "own" | "none",
  work: (engine: RunEngine) => Promise<T>, serve = false): Promise<T> {
  let opened: RunEngine | undefined;
  const engine = opened = await openRunEngine({
    database: databaseSetting().value, workflow: workflowSpec, workflows: workflowNames, claims, serve,
    observer: keepingSources(consoleObserver(), () => opened?.store),
  });
  inUse = engine;
  if (claims !== "none") offerDefault(engine); // tasks of the runs here may start others
  let ending = false;
  if (claims !== "none") void signalled().then((signal) => { ending = true; void giveBack(engine, signal) });
  try { return await work(engine) } finally {
    if (ending) await new Promise<never>(() => undefined); // the process ends when the runs have been given back
    inUse = undefined;
    await withdrawDefault(engine);
    await engine.close(30_000);
  }
}
async function giveBack(engine: RunEngine, ending: Ending): Promise<void> {
  stayAlive(realClock); // until the engine is closed
  const { unfinished } = engine;
  try { await engine.close(30_000) } catch (error) { sayError(error) }
  if (unfinished > 0) say(`${unfinished} unfinished ${unfinished === 1 ? "run" : "runs"}: npx reprise resume`);
  process.exit(ending === "SIGINT" || unfinished > 0 ? CODES[ending] : 0);
}
let inUse: RunEngine | undefined;

/** Nobody reads what the command prints, as behind `| head -1`: it ends, and gives back the runs that it has. Where the
 *  user's program opened an engine itself, that program goes on. */
export function endUnread(): void {
  const codeOf = (unfinished: number): number => unfinished > 0 ? CODES.EPIPE : Number(process.exitCode ?? 0);
  if (endAsBySignal(codeOf) || endWaiting()) return;
  if (inUse !== undefined) void inUse.close(0).catch(() => undefined).then(() => process.exit());
  else if (callsMade() === 0) process.exit();
}

/** The engine of the command that runs: for work of ours that is itself a run. */
export function engineInUse(): RunEngine {
  if (inUse === undefined) throw new Error("corrupt command: no engine is open");
  return inUse;
}

/** Imports a user's file for its definitions; a top-level call in it is refused and what stands above is kept. */
export async function loadFile(file: string): Promise<void> {
  const path = userFile(file);
  await loadDefinitions(() => importUserFile(path), path);
}

/** Imports a user's file as the program. */
export async function importUserFile(path: string): Promise<void> {
  loadUserModules();
  await import(pathToFileURL(path).href);
}

/** The real path of a file with code that a user named. @throws FILE_NOT_FOUND */
export function userFile(file: string): string { return namedFile(file, "a .ts, .js or .mjs file") }

/** The real path of a file that a user named. `wanted`: what it is to be. @throws FILE_NOT_FOUND */
export function namedFile(file: string, wanted: string): string {
  const path = resolve(file);
  if (existsSync(path)) return realpathSync(path);
  throw new RepriseError("FILE_NOT_FOUND", `there is no file ${path}`, `Give the path of ${wanted}.`);
}

/** The code of a run's workflow; its recorded file is loaded if need be. @throws WORKFLOW_NOT_LOADED */
export async function codeOf(row: RunRow, files: readonly string[] = []): Promise<WorkflowSpec> {
  for (const file of files) await loadFile(file);
  if (workflowSpec(row.workflow) === undefined && row.file !== null) {
    const path = resolve(packageRoot(), row.file);
    if (existsSync(path)) await loadFile(path);
  }
  const found = workflowSpec(row.workflow);
  if (found !== undefined) return found;
  const loaded = definedWorkflows().map(({ name }) => name).join(", ") || "none";
  throw new RepriseError("WORKFLOW_NOT_LOADED",
    `run '${row.name}' is of workflow '${row.workflow}', which no loaded file ` +
    `defines (recorded file: ${row.file ?? "unknown"}; loaded workflows: ${loaded})`,
      "Name its file on the command line.");
}

/** A run by id, unique id prefix, run name, own id (where that one stands now), `-1` (the last) or `@failed`.
 *  @throws RUN_NOT_FOUND, AMBIGUOUS_RUN */
export async function findRun(engine: RunEngine, wanted: string): Promise<RunRow> {
  if (/^@?-\d+$/.test(wanted)) {
    const back = -Number(wanted.replace("@", ""));
    const rows = await engine.list({ limit: back });
    return onlyOf(rows.slice(back - 1), `-${back}`);
  }
  if (wanted === "@failed") return onlyOf(await lastFailed(engine), wanted);
  const exact = await engine.store.run(wanted);
  if (exact !== undefined) return exact;
  const named = await engine.list({ name: wanted, limit: COUNTED });
  if (named.length > 0) return onlyOf(named, wanted);
  const keyed = await engine.list({ idempotencyKey: wanted, limit: COUNTED });
  if (keyed.length > 0) return engine.latest(onlyOf(keyed, wanted));
  return onlyOf(await engine.list({ idPrefix: wanted.toUpperCase(), limit: COUNTED }), wanted);
}

/** The newest run that failed and was not tried again. */
async function lastFailed(engine: RunEngine): Promise<readonly RunRow[]> {
  for (let before: string | undefined, limit = 20; ; limit = 1000) {
    const rows = await engine.list({ states: ["failed"], limit, ...(before !== undefined && { before }) });
    const last = rows.find(({ retriedAs }) => retriedAs === null);
    before = rows.at(-1)?.runId;
    if (last !== undefined || before === undefined) return last === undefined ? [] : [last];
  }
}

/** Runs that a text fits are counted up to here. */
const COUNTED = 100;

/** The run that `wanted` fits, of those that it fits. @throws RUN_NOT_FOUND, AMBIGUOUS_RUN */
export function onlyOf(rows: readonly RunRow[], wanted: string): RunRow {
  const [first, second] = rows;
  if (first === undefined) throw new RepriseError("RUN_NOT_FOUND", `no run is called '${wanted}'`,
    "List them, newest first: reprise runs ls");
  if (second === undefined) return first;
  const more = rows.length - 2, byId = first.runId.startsWith(wanted.toUpperCase());
  const others = more === 0 ? "" : `, or ${more}${rows.length < COUNTED ? "" : " or more"} others`;
  throw new RepriseError("AMBIGUOUS_RUN", `'${wanted}' could be ${first.runId} (${first.name})` +
    `${more === 0 ? " or" : ","} ${second.runId} (${second.name})${others}`,
    byId ? "Give more of the id." : "Give an id, which `reprise runs ls` lists; or -1, the newest run of all.");
}

export function hasEnded(row: RunRow): boolean { return TERMINAL_STATES.includes(row.state) }
/** What a person calls the state: parked stands above what the run was doing. */
export function stateOf(row: RunRow): string { return row.parked === null ? row.state : "parked" }
