/** `reprise resume [run]`: go on with what was left unfinished. */
import type { Command } from "commander";
import { RepriseError, type RunEngine, type RunRow } from "../../engine/index.ts";
import { continueRun } from "../resume.ts";
import { isFree, unfinishedRuns } from "../unfinished.ts";
import { codeOf, findRun, hasEnded, withEngine } from "./open.ts";
import { outJson, say } from "./output.ts";

/** `reprise resume`. */
export function addResume(program: Command): void {
  program.command("resume").argument("[run]", "id, prefix, name, -1; all unfinished runs when left out")
    .argument("[files...]", "files that define the workflows, when the recorded ones have moved")
    .description("continue unfinished runs where they were")
    .option("--json", "print one JSON document")
    .action(async (wanted: string | undefined, files: string[], options: { json?: boolean }) => {
      const results = await withEngine("own", (engine) => resumeAll(engine, wanted, files));
      if (options.json) outJson(results);
      const failed = results.find((result) => result.error !== undefined);
      if (failed?.error !== undefined) throw failed.error;
    });
}

interface Resumed { readonly run: string; readonly name: string; readonly result?: unknown; readonly error?: unknown }

async function resumeAll(engine: RunEngine, wanted: string | undefined,
  files: readonly string[]): Promise<readonly Resumed[]> {
  const rows = wanted === undefined ? await unfinishedRuns(engine) : [await resumable(engine, wanted)];
  if (rows.length === 0) say("No run is unfinished.");
  return Promise.all(rows.map(async (row) => {
    const { runId: run, name } = row;
    try {
      await continueRun(engine, row, await codeOf(row, files));
      return { run, name, result: await engine.result(run) };
    } catch (error) { return { run, name, error } }
  }));
}

async function resumable(engine: RunEngine, wanted: string): Promise<RunRow> {
  const row = await findRun(engine, wanted);
  if (!hasEnded(row)) {
    await isFree(engine, row);
    if (row.state === "paused") await engine.operator.resume(row.runId); // it was named: that is what is asked for
    return row;
  }
  throw new RepriseError("RUN_ENDED", `run '${row.name}' has ended as ${row.state}; there is nothing to resume`,
    `See it: reprise runs inspect ${row.runId}`);
}
