/** `reprise replay <run|file>` and `reprise check`: does the code on disk still match what was recorded? */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { CodeCheck, groupDifferences, OPEN_STATES, rehearse, RepriseError, TERMINAL_STATES, type Event, type RunEngine,
  type Standing, type Verdict } from "../../engine/index.ts";
import { asksDebugger, debugOptions, debugRun, type DebugOptions } from "./locals.ts";
import { codeOf, findRun, loadFile, withEngine } from "./open.ts";
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

async function check(files: readonly string[], options: Style & { workflow?: string; sample: number }): Promise<void> {
  for (const file of files) await loadFile(file);
  const all = await withEngine("none", (engine) => checkAll(engine, files, options));
  const of = (...standings: readonly Standing[]): readonly Verdict[] =>
    all.filter(({ standing }) => standings.includes(standing));
  const bad = of("differs", "broken"), unloaded = of("missing").length, pinned = of("pinned"), checked = all.length;
  if (options.json) outJson({ checked: checked - unloaded, unloaded, pinned: pinned.length,
    diverged: bad.map(({ run, name, workflow, ...verdict }) => ({ run, name, workflow, ok: false,
      diff: textOf(verdict) })) });
  else {
    out(`${checked - unloaded} runs replayed, ${bad.length} diverged`);
    if (unloaded > 0) say(
      `${unloaded} runs were left out: no file defines their workflow; name it on the command line`);
    if (pinned.length > 0) say(
      `${counted(pinned)} wait for a worker with the code that they began with (evolve: "pin")`);
    for (const { difference, verdicts } of groupDifferences(bad)) out(`\n${counted(verdicts)}\n${difference.text}`);
    for (const [why, group] of byReason(of("broken"))) out(`\n${counted(group)}\n${why}`);
  }
  const [first] = bad;
  if (first !== undefined) throw diverged(first.name, textOf(first));
}

/** Every open run, and some that have ended. */
async function checkAll(engine: RunEngine, files: readonly string[], options: { workflow?: string; sample: number }):
  Promise<readonly Verdict[]> {
  const code = new CodeCheck(engine.store, { codeOf: (row) => codeOf(row, files) });
  const mine = options.workflow === undefined ? {} : { workflow: options.workflow }, verdicts: Verdict[] = [];
  for (let before: string | undefined; ;) {
    const rows = await engine.list({ ...mine, states: OPEN_STATES, limit: 200, ...(before && { before }) });
    for (const row of rows) verdicts.push(await code.verdict(row));
    before = rows.at(-1)?.runId;
    if (before === undefined) break;
  }
  if (options.sample === 0) return verdicts;
  const ended = await engine.list({ ...mine, states: TERMINAL_STATES, limit: options.sample });
  for (const row of ended) verdicts.push(await code.verdict(row));
  return verdicts;
}

function textOf({ difference, why }: Pick<Verdict, "difference" | "why">): string {
  return difference?.text ?? why ?? "";
}
/** `3 runs (a, b, c)` */
function counted(group: readonly Verdict[]): string {
  return `${group.length} ${group.length === 1 ? "run" : "runs"} ` +
    `(${group.slice(0, 3).map((verdict) => verdict.name).join(", ")}${group.length > 3 ? ", ..." : ""})`;
}
function byReason(verdicts: readonly Verdict[]): ReadonlyMap<string, readonly Verdict[]> {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) groups.set(textOf(verdict), [...groups.get(textOf(verdict)) ?? [], verdict]);
  return groups;
}
