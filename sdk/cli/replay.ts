/** `reprise replay <run|file>` and `reprise check`: does the code on disk still match what was recorded? */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { CodeCheck, CodeComparer, RepriseError, TERMINAL_STATES, type Comparison, type RunRow } from
  "../../engine/index.ts";
import { check, type CheckOptions } from "./check.ts";
import { codeFor, secretless } from "./code-for.ts";
import { asksDebugger, debugOptions, debugRun, type DebugOptions } from "./locals.ts";
import { findRun, withEngine } from "./open.ts";
import { out, outJson, say } from "./output.ts";
import { wholeNumber } from "./numbers.ts";
import { recordingAt } from "../recording.ts";

/** `reprise replay` and `reprise check`. */
export function addReplay(program: Command): void {
  debugOptions(program.command("replay").argument("<run|file>", "a run, or an exported history")
    .argument("[files...]", "files with the workflow")
    .description("replay a run against the code on disk, with no effect on anything")
    .option("--check", "only the verdict, as exit code 0 or 3").option("--json"))
    .action(async (wanted: string, files: string[], options: ReplayOptions) =>
      { await (asksDebugger(options) ? debugRun : replay)(wanted, files, options) });
  program.command("check").argument("[files...]", "files with the workflows")
    .description("replay every open run, and a sample of ended ones, against the code on disk")
    .option("--workflow <name>").option("--sample <n>", "ended runs to replay too", wholeNumber, 20).option("--json")
    .action(async (files: string[], options: CheckOptions) => { await check(files, options) });
}
type ReplayOptions = DebugOptions & { check?: boolean };

/** A run beside the code on disk. */
interface Replayed extends Comparison {
  readonly runId: string; readonly name: string; readonly ended: boolean;
}

async function replay(wanted: string, files: readonly string[], options: ReplayOptions): Promise<void> {
  const found = await (existsSync(wanted) ? fromFile : fromStore)(wanted, files);
  const { runId, name, rehearsal: { ok, events, decisions }, difference, notes } = found;
  if (options.json) outJson({ run: runId, ok, divergence: difference, diff: difference?.text, events, decisions,
    notes: notes.map(({ kind, text }) => ({ kind, diff: text })) });
  else {
    if (ok && options.check !== true) out(summary(found));
    for (const { text } of notes) say(`A worker notes this and goes on:\n${text}`);
    if (ok && found.pinned) say("The run waits for a worker with the code that it began with (evolve: \"pin\").");
  }
  if (difference !== undefined) throw new RepriseError("REPLAY_DIVERGED",
    `run '${name}' does not match the code on disk\n${difference.text}`, found.ended
      ? "The run has ended, and stays as it is; undo the edit if the code is to decide the same."
      : "Undo the edit, or let a worker with the old code finish the run.");
}

function summary({ name, rehearsal: { events, decisions, notes } }: Replayed): string {
  const same = notes.length === 0 ? "every decision the same"
    : `every decision the same but ${notes.length}, which a worker only notes`;
  const next = decisions.map(({ key }) => key).join(", ");
  return `Run '${name}': ${events} events replayed, ${same}${next === "" ? "" : `; the code would go on with ${next}`}`;
}

async function fromStore(wanted: string, files: readonly string[]): Promise<Replayed> {
  return withEngine("none", async (engine) => {
    const row = await findRun(engine, wanted), code = await codeFor(row, files);
    const found = await new CodeCheck(engine.store, { codeOf: () => code, clean: secretless }).compared(row, code);
    return { ...found, ...knownOf(row) };
  });
}

async function fromFile(path: string, files: readonly string[]): Promise<Replayed> {
  const { run, events } = recordingAt(path), code = await codeFor(run, files);
  const comparer = new CodeComparer(() => Promise.resolve(undefined), { clean: secretless });
  const found = await comparer.compare(run, code, { events, partial: false });
  return { ...found, ...knownOf(run) };
}
function knownOf({ runId, name, state }: RunRow): Pick<Replayed, "runId" | "name" | "ended"> {
  return { runId, name, ended: TERMINAL_STATES.includes(state) };
}
