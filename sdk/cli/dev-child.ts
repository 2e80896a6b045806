/** The process that `reprise dev` starts for the user's code: an engine that works, the viewer over it, the files. */
import { isA, openRunEngine, rehearse, RepriseError, type Event, type Observer, type RunEngine, type RunInfo,
  type RunRow } from "../../engine/index.ts";
import { databaseSetting } from "../config.ts";
import { consoleObserver } from "../console.ts";
import { offerDefault } from "../default-engine.ts";
import { placeOf } from "../failure.ts";
import { namedPools } from "../pooled.ts";
import { workflowNames, workflowSpec } from "../registry.ts";
import { beganHere, continueRun, retryRun, sayKept } from "../resume.ts";
import { keepingSources } from "../sources.ts";
import { callsMade } from "../start.ts";
import { whenUnread } from "../unread.ts";
import { serveViewer, type ServedViewer } from "../viewer.ts";
import { workflowByName } from "../workflow.ts";
import type { DevNews, DevTask } from "./dev.ts";
import { offerDebug, type DebugOffer } from "./debug-offer.ts";
import { frameLines } from "./frames.ts";
import { importUserFile, loadFile } from "./open.ts";
import { say, sayError } from "./output.ts";
import { chooseWorkflow, parseParams } from "./run.ts";

/** Attempts that have not ended by then run again in the next process. */
const DRAIN_MS = 1_000;

/** The process ends: whoever still waits for a run is told nothing. */
let ending = false;
// The parent's own words: it wrote them a moment ago.
const task = JSON.parse(process.argv[2] ?? "{}") as DevTask;
whenUnread(() => undefined); // the viewer goes on
void main().catch((error: unknown) => { sayError(error); process.exit(1) });

async function main(): Promise<void> {
  process.on("SIGINT", () => undefined); // a terminal sends it to both; the parent decides
  process.on("unhandledRejection", (error) => { told(error) });
  let viewer: ServedViewer | undefined;
  const opened: { engine?: RunEngine; offer?: DebugOffer } = {};
  const alone = new Promise<void>((resolve) => { process.once("disconnect", () => { resolve() }) });
  const observer = keepingSources(telling(consoleObserver((runId, seq) => viewer?.link(runId, seq)), opened),
    () => opened.engine?.store);
  const engine = await openRunEngine({ database: databaseSetting().value, workflow: workflowSpec,
    workflows: workflowNames, observer, claims: "all", pools: namedPools(), serve: true });
  opened.engine = engine;
  void alone.then(() => close(engine, viewer));
  const offer = opened.offer = offerDebug(engine);
  viewer = await serveViewer(engine, { readOnly: task.readOnly, debug: offer.debug,
    ...(task.port !== undefined && { port: task.port }) }, "dev");
  tellParent({ url: viewer.url, port: viewer.port });
  offerDefault(engine, true, new Set(task.failed));
  await begin().catch(told);
  await retryFailed(engine).catch(told);
  if (task.again) await freeParked(engine).catch(told);
}

async function close(engine: RunEngine, viewer: ServedViewer | undefined): Promise<void> {
  ending = true;
  await viewer?.close();
  await engine.close(DRAIN_MS).catch(sayError);
  process.exit(0);
}

function tellParent(news: DevNews): void { if (process.connected) process.send?.(news) }

/** Loads the files, and runs the first as the program. */
async function begin(): Promise<void> {
  const [entry, ...others] = task.files;
  for (const file of others) await loadFile(file);
  if (entry === undefined) return;
  process.argv = [process.argv[0] ?? "node", entry];
  if (task.workflow === undefined && task.params === undefined) {
    await importUserFile(entry);
  } else {
    await loadFile(entry);
    await workflowByName(chooseWorkflow(task.workflow, entry)).run(parseParams(task.params));
  }
  if (callsMade() === 0) say("Loaded. Nothing was started: the file makes no call of its own. Runs are waited for.");
}

/** What a failed run has to say its observer said, with the lines of code; all else is told here. */
function told(error: unknown): void {
  if (ending || (isA(error, RepriseError) && error.code === "RUN_FAILED")) return;
  // A file that does not compile: the stack is the compiler's own.
  if (isA(error, Error) && !isA(error, RepriseError) && placeOf(error.stack) === undefined) {
    say(`error ${error.name}: ${error.message}`);
  } else sayError(error);
}

/** The same observer, which also says what a run had kept when it goes on here. */
function telling(observer: Observer, opened: { readonly engine?: RunEngine; readonly offer?: DebugOffer }): Observer {
  return { ...observer, events: (run, events) => {
    observer.events(run, events);
    if (events.some(({ type }) => type === "RunFailed")) tellParent({ failed: run.id });
    if (events[0]?.seq === 1) beganHere(run.id);
    else if (events.some(({ type }) => type === "RunClaimed")) {
      tell(opened.engine, run, events).catch(() => undefined); // a courtesy
    }
    const failed = events.find(({ type }) => type === "RunFailed");
    if (failed !== undefined) tellVariables(opened.offer, run, failed.seq).catch(() => undefined); // a courtesy, too
  } };
}
async function tell(engine: RunEngine | undefined, run: RunInfo, events: readonly Event[]): Promise<void> {
  if (engine === undefined) return;
  const row = await engine.row(run.id), until = events[0]?.seq ?? 1;
  const before = (await engine.history(run.id)).filter(({ seq }) => seq < until);
  if (before.at(-1)?.type !== "RunForked") sayKept(row, before); // a retry has told it
}

/** Failed runs that no call of the script went on with. Children are tried again by their parents. */
async function retryFailed(engine: RunEngine): Promise<void> {
  for (const runId of task.failed) {
    const row = await engine.row(runId), workflow = workflowSpec(row.workflow);
    if (row.state !== "failed" || row.retriedAs !== null || row.parentId !== null || workflow === undefined) continue;
    if (await triedAgain(engine, row)) continue;
    if (await retryRun(engine, row, workflow) !== undefined) continue;
    tellParent({ failed: runId });
    say(`Run '${row.name}' cannot go on from its failed call: the code before it is another now.`);
  }
}
/** Has a call of the script gone on with it, or begun anew? */
async function triedAgain(engine: RunEngine, { scriptKey, runId }: RunRow): Promise<boolean> {
  const [newest] = scriptKey === null ? [] : await engine.list({ scriptKey, limit: 1 });
  return newest !== undefined && newest.runId !== runId;
}

/** The variables where a run failed. */
async function tellVariables(offer: DebugOffer | undefined, run: RunInfo, seq: number): Promise<void> {
  const frames = await offer?.frames(run.id, seq) ?? [];
  if (frames.length === 0 || ending) return;
  const lines = frames.map((frame) => frameLines(frame).join("\n"));
  say(`\nThe variables where run '${run.name}' failed:\n\n${lines.join("\n\n")}\n`);
}

/** Parked runs that the code on disk fits again go on; of the others it is said why not. */
async function freeParked(engine: RunEngine): Promise<void> {
  for (const row of await engine.list({ parked: true, limit: 100 })) {
    const workflow = workflowSpec(row.workflow);
    if (workflow === undefined || engine.holds(row.runId)) continue;
    const { ok } = await rehearse(row.runId, workflow, await engine.history(row.runId));
    if (ok) await continueRun(engine, row, workflow); else say(stillParked(row));
  }
}
function stillParked(row: RunRow): string {
  return `Run '${row.name}' stays parked as ${row.parked ?? ""}: the code does not fit its history. ` +
    `See: reprise replay ${row.runId} --check`;
}
