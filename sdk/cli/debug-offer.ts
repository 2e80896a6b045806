/** Variables of past runs for a viewer that is served here: the engine's histories, the package's files, a debugger. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { RepriseError, type RunEngine, type RunRow } from "../../engine/index.ts";
import type { SeenRedactor } from "../../replay-viewer/server/debug.ts";
import type { RunDebug } from "../../replay-viewer/server/viewer.ts";
import { packageRoot } from "../config.ts";
import type { Locals, ReplayedRun, RunDebugger } from "../debug/host.ts";
import type { SeenFrame } from "../debug/seen.ts";
import { userFile } from "./open.ts";

/** A debugger to hand to a viewer, and how to end it. Its process is started by the first question. */
export interface DebugOffer {
  readonly debug: RunDebug;
  /** The user's functions at an event of a run, without secrets: nobody asked to see them. */
  frames(runId: string, at: number): Promise<readonly SeenFrame[]>;
  close(): Promise<void>;
}

/** Offers the runs of an engine. */
export function offerDebug(engine: RunEngine): DebugOffer {
  let host: RunDebugger | undefined;
  const opened = async (): Promise<RunDebugger> => {
    const { openDebugger } = await import("../debug/host.ts");
    return host ??= openDebugger();
  };
  const locals = async (runId: string, { at, watches, open }: Parameters<RunDebug["locals"]>[1]): Promise<Locals> => {
    const row = await engine.row(runId);
    return (await opened()).locals({ runId, head: row.asOf, at, ...(watches !== undefined && { watches }),
      ...(open !== undefined && { open }) }, () => replayedRun(engine, row));
  };
  const debug: RunDebug = {
    locals,
    logPoints: async (runId, points) => {
      const row = await engine.row(runId);
      return (await opened()).logPoints({ runId, head: row.asOf, points }, () => replayedRun(engine, row));
    },
  };
  return {
    debug, close: async () => { await host?.close() },
    frames: async (runId, at) => (await redaction()).locals(await locals(runId, { at })).frames,
  };
}

/** What takes secrets out of what is printed: the same as over HTTP. */
export async function redaction(): Promise<SeenRedactor> {
  const [{ SeenRedactor: Redaction }, { Redactor }] = await Promise.all([
    import("../../replay-viewer/server/debug.ts"), import("../../replay-viewer/server/redact.ts")]);
  return new Redaction(new Redactor());
}

async function replayedRun(engine: RunEngine, row: RunRow): Promise<ReplayedRun> {
  return { runId: row.runId, workflow: row.workflow, codeVersion: row.codeVersion, files: filesOfRun(row, []),
    events: await engine.history(row.runId) };
}

/** Named files, else the one that the run recorded. @throws WORKFLOW_NOT_LOADED, FILE_NOT_FOUND */
export function filesOfRun(run: RunRow, files: readonly string[]): readonly string[] {
  if (files.length > 0) return files.map(userFile);
  const path = run.file === null ? undefined : resolve(packageRoot(), run.file);
  if (path !== undefined && existsSync(path)) return [userFile(path)];
  throw new RepriseError("WORKFLOW_NOT_LOADED", `run '${run.name}' is of workflow '${run.workflow}', whose file is ` +
    `not here (recorded: ${run.file ?? "unknown"})`, "Name its file on the command line.");
}
