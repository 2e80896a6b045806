/** `reprise replay <run|file>` and `reprise check`: does the code on disk still match what was recorded? */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { rehearse, RepriseError, type Event, type RunEngine } from "../../engine/index.ts";
import { asksDebugger, debugOptions, debugRun, type DebugOptions } from "./locals.ts";
import { codeOf, findRun, hasEnded, loadFile, withEngine } from "./open.ts";
import { out, outJson, say, type Style } from "./output.ts";
import { wholeNumber } from "./numbers.ts";
import { recordingAt } from "../recording.ts";

/** `reprise replay` and `reprise check`. */
export function addReplay(program: Command): void {
  debugOptions(program.command("replay").argument("<run|file>", "a run, or an exported history")
    .argument("[files...]", "files with the workflow")
    .description("replay a run against the code on disk, with no effect on anything")
    .option("--check", "only the verdict, as exit code 0 or 3").option("--json"))
    .action(async (wanted: string, files: string[], options: DebugOptions & { check?: boolean }) =>
      { await (asksDebugger(options) ? debugRun : replay)(wanted, files, options) });
  program.command("check").argument("[files...]", "files with the workflows")
    .description("replay every open run, and a sample of ended ones, against the code on disk")
    .option("--workflow <name>").option("--sample <n>", "ended runs to replay too", wholeNumber, 20).option("--json")
    .action(async (files: string[], options: Style & { workflow?: string; sample: number }) =>
      { await check(files, options) });
}

async function replay(wanted: string, files: readonly string[], options: Style & { check?: boolean }): Promise<void> {
  const { runId, name, workflow, events } = existsSync(wanted) ? await fromFile(wanted, files)
    : await fromStore(wanted, files);
  const found = await rehearse(runId, workflow, events);
  if (options.json) outJson({ run: runId, ...found });
  else if (found.ok && !options.check) out(`Run '${name}': ${events.length} events replayed, every decision the same` +
    (found.decisions.length > 0
      ? `; the code would go on with ${found.decisions.map((decision) => decision.key).join(", ")}` : ""));
  if (!found.ok) throw diverged(name, found.diff);
}

function diverged(name: string, diff: string | undefined): RepriseError {
  return new RepriseError("REPLAY_DIVERGED", `run '${name}' does not match the code on disk\n${diff ?? ""}`,
    "Undo the edit, or let a worker with the old code finish the run.");
}

async function fromStore(wanted: string, files: readonly string[]): Promise<Recorded> {
  return withEngine("none", async (engine) => {
    const row = await findRun(engine, wanted);
    return { runId: row.runId, name: row.name, workflow: await codeOf(row, files),
      events: await engine.history(row.runId) };
  });
}
interface Recorded {
  readonly runId: string; readonly name: string; readonly workflow: Parameters<typeof rehearse>[1];
    readonly events: readonly Event[];
}

async function fromFile(path: string, files: readonly string[]): Promise<Recorded> {
  const { run, events } = recordingAt(path);
  return { runId: run.runId, name: run.name, workflow: await codeOf(run, files), events };
}

interface Verdict { readonly run: string; readonly name: string; readonly workflow: string; readonly ok: boolean;
  readonly diff?: string }

async function check(files: readonly string[], options: Style & { workflow?: string; sample: number }): Promise<void> {
  for (const file of files) await loadFile(file);
  const { verdicts, unloaded } = await withEngine("none", (engine) => checkAll(engine, files, options));
  const bad = verdicts.filter((verdict) => !verdict.ok);
  if (options.json) outJson({ checked: verdicts.length, unloaded, diverged: bad });
  else {
    out(`${verdicts.length} runs replayed, ${bad.length} diverged`);
    if (unloaded > 0) say(
      `${unloaded} runs were left out: no file defines their workflow; name it on the command line`);
    for (const [diff, group] of grouped(bad)) out(`\n${group.length} ${group.length === 1 ? "run" : "runs"} ` +
      `(${group.slice(0, 3).map((verdict) => verdict.name).join(", ")}${group.length > 3 ? ", ..." : ""})\n${diff}`);
  }
  const [first] = bad;
  if (first !== undefined) throw diverged(first.name, first.diff);
}

async function checkAll(engine: RunEngine, files: readonly string[], options: { workflow?: string; sample: number }):
  Promise<{ readonly verdicts: readonly Verdict[]; readonly unloaded: number }> {
  const verdicts: Verdict[] = [];
  let unloaded = 0, sampled = 0, before: string | undefined;
  for (;;) {
    const rows =
      await engine.list({ limit: 200, ...(options.workflow && { workflow: options.workflow }),
        ...(before && { before }) });
    for (const row of rows) {
      if (hasEnded(row) && sampled++ >= options.sample) continue;
      const events = await engine.history(row.runId), { runId: run, name, workflow } = row;
      try {
        const found = await rehearse(run, await codeOf(row, files), events);
        verdicts.push({ run, name, workflow, ok: found.ok, ...(found.diff && { diff: found.diff }) });
      } catch (error) { // the user's files may throw anything
        if (error instanceof RepriseError && error.code === "WORKFLOW_NOT_LOADED") unloaded++;
        else verdicts.push({ run, name, workflow, ok: false, diff: `${row.file ?? "its file"} does not load: ` +
          (error instanceof Error ? error.message : String(error)) });
      }
    }
    before = rows.at(-1)?.runId;
    if (before === undefined) return { verdicts, unloaded };
  }
}

function grouped(verdicts: readonly Verdict[]): ReadonlyMap<string, readonly Verdict[]> {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const diff = verdict.diff ?? "";
    groups.set(diff, [...groups.get(diff) ?? [], verdict]);
  }
  return groups;
}
