/**
 * Determinism is proven on the first run, not discovered after the first crash: in development a run that has ended is
 * replayed once, in a thread with a module graph of its own. What differs there would differ after a crash.
 */
import { Worker as Thread } from "node:worker_threads";
import { resolve } from "node:path";
import { isTerminal, RepriseError, type Event, type Observer, type RunEngine, type RunInfo } from "../engine/index.ts";
import { packageRoot, proofSetting } from "./config.ts";
import { workflowSpec } from "./registry.ts";
import { userModulesLoaded } from "./user-modules.ts";

/** What the thread is given, and what it found. */
export interface ProofData { readonly file: string; readonly workflow: string; readonly runId: string;
  readonly events: readonly Event[];
  readonly userModules: boolean }
export interface Verdict { readonly diff: string | undefined }

/** Runs of one workflow that are proven in one process: later ones would hardly tell more. */
const RUNS = 3;
/** A longer history would cost more time than it is worth. */
const EVENTS = 20_000;
const LIMIT_MS = 30_000;
const proven = new Map<string, number>();

/** The same observer, which also has each of the first runs of a workflow replayed when it ends. */
export function proving(observer: Observer, engine: () => Promise<RunEngine>,
  report: (error: RepriseError) => void): Observer {
  if (proofSetting().value === "off") return observer;
  return { ...observer, events: (run, events) => {
    observer.events(run, events);
    if (events.some(isTerminal)) void prove(run, engine, report).catch(() => undefined); // no proof, no verdict
  } };
}

async function prove(run: RunInfo, engine: () => Promise<RunEngine>,
  report: (error: RepriseError) => void): Promise<void> {
  const file = workflowSpec(run.workflow)?.file, before = proven.get(run.workflow) ?? 0;
  if (file === undefined || before >= RUNS) return;
  proven.set(run.workflow, before + 1);
  const events = await (await engine()).history(run.id);
  if (events.length > EVENTS) return;
  const { diff } = await inThread({ file: resolve(packageRoot(), file), workflow: run.workflow, runId: run.id, events,
    userModules: userModulesLoaded() });
  if (diff === undefined) return;
  report(new RepriseError("NOT_DETERMINISTIC",
    `run '${run.name}' of '${run.workflow}' ended, but its code decided otherwise when it was replayed; after a ` +
    `crash it would park\n${diff}`,
    "What differs comes from outside the run: move it into a task() or record(); if a library keeps Math.random or " +
    "Date for itself, load reprise before it: node --import reprise/register <file>. Local time and Intl follow the " +
    "time zone and locale of the process (TZ, LANG): use the UTC methods, or format in a task."));
}

function inThread(data: ProofData): Promise<Verdict> {
  return new Promise((resolve) => {
    // Its lines are those of a second loading of the user's file: nobody wants them.
    const thread =
      new Thread(new URL(import.meta.url.endsWith(".ts") ? "../dist/sdk/proof-thread.js" : "proof-thread.js",
        import.meta.url),
      { workerData: data, stdout: true, stderr: true });
    const end = (verdict: Verdict): void => { clearTimeout(timer); void thread.terminate(); resolve(verdict) };
    const timer = setTimeout(() => end({ diff: undefined }), LIMIT_MS);
    thread.once("message", (verdict: Verdict) => end(verdict));
    thread.once("error", () => end({ diff: undefined }));
    thread.once("exit", () => end({ diff: undefined }));
  });
}
