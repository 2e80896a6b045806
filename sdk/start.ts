/** Calls outside any run: start a run and wait, or resume the one that this script left unfinished. */
import { relative, sep } from "node:path";
import { realpathSync } from "node:fs";
import { currentFrame, encodeRecorded, inputHash, RepriseError, TERMINAL_STATES, type ForkedRun, type Payload,
  type RunEngine, type RunRow, type StartRequest, type WorkflowSpec } from "../engine/index.ts";
import { packageRoot } from "./config.ts";
import { defaultEngine, unlessEnding } from "./default-engine.ts";
import { inPlace, isLoading, workflowSpec } from "./registry.ts";
import { continueRun, retryRun } from "./resume.ts";
import { startFromPlace } from "./runs-of-places.ts";
import { keepSources } from "./sources.ts";
import { isFree } from "./unfinished.ts";

/** How often this process made the same call: part of the script key, from 0. */
const calls = new Map<string, number>();

/** Calls outside any run so far in this process, engines opened among them. */
export function callsMade(): number { return made }
/** A program that opens an engine decides itself what runs. */
export function noteCall(): void { made++; tellFirst() }
let made = 0;
let tellFirst = (): void => undefined;
/** Resolves when a workflow is called at the top level for the first time. */
export const firstCall = new Promise<void>((resolve) => { tellFirst = resolve });

/** What `start` needs beside the input. */
export type StartFields = Pick<StartRequest,
  "name" | "id" | "ifExists" | "at" | "delayMs" | "tags" | "priority" | "pool" | "tx">;

/** Starts a run on the default engine and waits for its result; resumes the run that an earlier life of the script
 *  left. */
export async function runAtTopLevel(name: string, input: unknown, fields: StartFields = {}): Promise<unknown> {
  return unlessEnding(startAtTopLevel(name, input, fields).then(({ result }) => result()));
}

/** Starts (or resumes, or attaches to) a run. @throws RUN_WHILE_LOADING, UNSERIALIZABLE, RUN_EXISTS */
export async function startAtTopLevel(name: string, input: unknown, fields: StartFields): Promise<Started> {
  if (inPlace() && currentFrame() !== undefined) {
    return startFromPlace(name, encodeRecorded(input, `input of ${name}`), fields);
  }
  const { engine, ...run } = await startHere(name, input, fields);
  return { ...run, engine: () => Promise.resolve(engine), result: () => engine.result(run.runId) };
}
/** A run that was started; `engine`: what else can be asked of it. */
export interface Started {
  readonly runId: string;
  readonly name: string;
  result(): Promise<unknown>;
  engine(): Promise<RunEngine>;
}

/** Before anything else of the call is looked at: what it was given comes from a program that does not run now.
 *  @throws RUN_WHILE_LOADING */
export function refuseWhileLoading(done: string): void {
  if (isLoading() && currentFrame() === undefined) throw new RepriseError("RUN_WHILE_LOADING",
    `${done} while its file is only being loaded for its definitions`,
    "Guard the call: if (isMain(import.meta)) await ...");
}

async function startHere(name: string, input: unknown, fields: StartFields):
  Promise<{ readonly engine: RunEngine; readonly runId: string; readonly name: string }> {
  refuseWhileLoading(`workflow '${name}' was called`);
  noteCall();
  const workflow = workflowSpec(name);
  if (workflow === undefined) throw new Error(`corrupt registry: '${name}' is not defined`);
  const payload = encodeRecorded(input, `input of ${name}`);
  const { engine, script, failed } = await defaultEngine();
  const nameless = script && fields.id === undefined && fields.tx === undefined;
  const scriptKey = nameless ? scriptKeyOf(name, payload) : undefined;
  const left = scriptKey === undefined || process.env["REPRISE_FRESH"] !== undefined
    ? undefined : (await engine.list({ scriptKey, limit: 1 }))[0];
  if (left !== undefined && await goesOn(engine, left, workflow)) return { engine, runId: left.runId, name: left.name };
  const retried = scriptKey === undefined || failed === undefined || failed.size === 0 ? undefined
    : await retriedRun(engine, workflow, scriptKey, failed);
  if (retried !== undefined) return { engine, ...retried };
  const started =
    await engine.start({ workflow, input: payload, ...fields, ...(scriptKey !== undefined && { scriptKey }) });
  if (script && started.existed) await goesOn(engine, await engine.row(started.runId), workflow);
  keepSources(engine.store, workflow.file).catch(() => undefined); // for the viewer only; the run does not need them
  return { engine, ...started };
}

/** Goes on here with the run, or with the link at which its chain stands: true. False when it has ended, or somebody
 *  alive has it. The chain keeps the id of its first link, by which keys of messages are known. */
async function goesOn(engine: RunEngine, first: RunRow, workflow: WorkflowSpec): Promise<boolean> {
  const row = first.state === "completed" ? await engine.row(await engine.operator.lastLink(first.runId)) : first;
  if (TERMINAL_STATES.includes(row.state)) return false;
  if (engine.holds(row.runId)) return true; // claimed in the background: each call of this process has a key of its own
  if (row.state === "scheduled" || !await isFree(engine, row)) return false;
  await continueRun(engine, row, workflow);
  return true;
}

/** The newest run of this call, if it failed and may be tried again with the code as it is now. */
async function retriedRun(engine: RunEngine, workflow: WorkflowSpec, scriptKey: string,
  failed: ReadonlySet<string>): Promise<ForkedRun | undefined> {
  const [first] = await engine.list({ scriptKey, limit: 1 }), row = first && await engine.newestTry(first);
  return row?.state === "failed" && failed.has(row.runId) ? retryRun(engine, row, workflow) : undefined;
}

function scriptKeyOf(workflow: string, input: Payload | undefined): string {
  const entry = process.argv[1] === undefined ? "" : relative(realpathSync(packageRoot()), real(process.argv[1]));
  const key = `${entry.split(sep).join("/")}+${workflow}+${inputHash(input)}`;
  const n = calls.get(key) ?? 0;
  calls.set(key, n + 1);
  return `${key}+#${n}`;
}

function real(path: string): string { try { return realpathSync(path) } catch { return path } }
