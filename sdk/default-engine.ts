/** The engine that calls outside any run use: the first one a program opened, or one that opens itself for a script. */
import { openRunEngine, realClock, RepriseError, stayAlive, type RunEngine } from "../engine/index.ts";
import { databaseSetting, withoutPassword } from "./config.ts";
import { consoleObserver } from "./console.ts";
import { proving } from "./proof.ts";
import { inPlace, workflowNames, workflowSpec } from "./registry.ts";
import { keepingSources } from "./sources.ts";
import { unfinishedRuns } from "./unfinished.ts";
import { asksForViewer, serveIfAsked, viewerOf, type ServedViewer } from "./viewer.ts";

/** `script`: opened by itself for a plain script, which adopts only its own runs. */
export interface DefaultEngine {
  readonly engine: RunEngine;
  readonly script: boolean;
  /** Failed runs that a call of the script goes on with, from the call that failed: `reprise dev` after a save. */
  readonly failed?: ReadonlySet<string>;
}

let current: Promise<DefaultEngine> | undefined;
const DRAIN_MS = 30_000;
/** A signal ends this process: what it still waits for is not coming, and is no error of the user's code. */
let ending = false;
const closed = new WeakSet<RunEngine>();

/** The same promise; while a signal ends the process it stays open instead of rejecting. */
export function unlessEnding<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!ending) throw error;
    return new Promise<never>(() => undefined);
  });
}

/** The default engine, opened when first needed. */
export function defaultEngine(): Promise<DefaultEngine> {
  current ??= openForScript().catch((error: unknown) => { current = undefined; throw error });
  return current;
}

/** Makes an opened engine the default, if there is none. `script`: calls adopt what an earlier life of them left. */
export function offerDefault(engine: RunEngine, script = false, failed: ReadonlySet<string> = new Set()): void {
  current ??= Promise.resolve({ engine, script, failed });
}

/** Makes an engine the default, whatever was before; the answer puts that back. */
export function takeDefault(engine: RunEngine): () => void {
  const before = current, mine = current = Promise.resolve({ engine, script: false });
  return () => { if (current === mine) current = before };
}

/** Forgets an engine that closes. */
export async function withdrawDefault(engine: RunEngine): Promise<void> {
  if ((await current)?.engine === engine) current = undefined;
}

async function openForScript(): Promise<DefaultEngine> {
  const database = databaseSetting();
  if (database.from === "default under Vitest") {
    process.stderr.write("reprise: no database is configured; under Vitest runs are kept in memory\n");
  }
  let viewer: ServedViewer | undefined, opened: RunEngine | undefined;
  const told = keepingSources(consoleObserver((runId, seq) => viewer?.link(runId, seq)), () => opened?.store);
  const observer = proving(told, async () => (await defaultEngine()).engine, notDeterministic);
  const engine = opened = await openRunEngine({
    database: database.value, workflow: workflowSpec, workflows: workflowNames, observer,
    claims: inPlace() ? "none" : "own", serve: asksForViewer(undefined),
  });
  try { viewer = await serveIfAsked(engine, undefined, database.value) } catch (error) {
    await engine.close(0);
    throw error;
  }
  closeWithProcess(engine);
  return { engine, script: true };
}

/** Closes an engine that this file opened, and its viewer before it. */
export async function closeDefault(engine: RunEngine): Promise<void> {
  closed.add(engine);
  await viewerOf(engine)?.close();
  await engine.close(DRAIN_MS);
}

/** A script's process ends by itself when its runs are done; signals drain, unless the program has handlers. */
function closeWithProcess(engine: RunEngine): void {
  process.once("beforeExit", () => {
    if (ending || closed.has(engine)) return; // a signal closes it, and exits when that is done; or it is closed
    void sayUnfinished(engine).then(() => closeDefault(engine)).catch(report);
  });
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    if (process.listenerCount(signal) > 0) continue;
    let asked = false;
    process.on(signal, () => {
      if (asked) process.exit(code);
      asked = true;
      endScript(engine, (unfinished) => signal === "SIGINT" || unfinished > 0 ? code : 0);
    });
  }
  endedBy = (codeOf) => { if (!ending) endScript(engine, codeOf) };
}

type CodeOf = (unfinished: number) => number;
let endedBy: ((codeOf: CodeOf) => void) | undefined;

/** Ends the process of a script as a signal does: its runs are given back first. False: no engine opened itself. */
export function endAsBySignal(codeOf: CodeOf): boolean {
  endedBy?.(codeOf);
  return endedBy !== undefined;
}

function endScript(engine: RunEngine, codeOf: CodeOf): void {
  ending = true;
  stayAlive(realClock); // until the engine is closed
  const { unfinished } = engine;
  void closeDefault(engine).catch(report).then(() => {
    if (unfinished > 0) process.stderr.write(`${unfinished} unfinished ${unfinished === 1 ? "run" : "runs"}: ` +
      "run the same command again, or: npx reprise resume\n");
    process.exit(codeOf(unfinished));
  });
}

/** The run's result stands; whoever waits for the process learns that it would not survive a crash. */
function notDeterministic(error: RepriseError): void {
  process.stderr.write(`error ${error.code}: ${error.message}\n  ${error.hint}\n  ${error.docs}\n`);
  process.exitCode ||= 3;
}

/** Runs that earlier lives left, and that this one did not continue. */
async function sayUnfinished(engine: RunEngine): Promise<void> {
  const { length } = await unfinishedRuns(engine);
  if (length > 0) process.stderr.write(
    `${length} other unfinished ${length === 1 ? "run" : "runs"}: npx reprise resume\n`);
}

function report(error: unknown): void {
  const message = error instanceof RepriseError ? `${error.code}: ${error.message}` : String(error);
  process.stderr.write(`reprise: closing failed: ${withoutPassword(message)}\n`);
}
