/** `reprise torture <file>[:workflow]`: crashes a workflow at every point, and says what would have happened twice. */
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { formatMs, RepriseError, toMs, type Duration } from "../../engine/index.ts";
import { torture, type Point, type TaskTally, type TortureReport } from "../torture.ts";
import { wholeNumber } from "./numbers.ts";
import { loadFile } from "./open.ts";
import { bold, exitCodeOf, out, outJson, say, sayError, table } from "./output.ts";
import { chooseWorkflow, parseParams, splitTarget } from "./run.ts";

interface TortureFlags { readonly params?: string[]; readonly json?: boolean; readonly points?: number;
  readonly timeout: string; readonly yes?: boolean }

/** `reprise torture`. */
export function addTorture(program: Command): void {
  program.command("torture").argument("<file>", "a file, or file:workflow")
    .description("crash a workflow at every point and go on with it; its tasks really run, each time")
    .option("-p, --params <k=v|@file|json...>", "input of the workflow; repeat for more fields")
    .option("--points <n>", "at most so many points, evenly spread; default all", wholeNumber)
    .option("--timeout <duration>", "how long a run may take", "1m")
    .option("-y, --yes", "do not ask whether the tasks may really run")
    .option("--json", "print the report as one JSON document")
    .action(async (target: string, flags: TortureFlags) => { await tortureFile(target, flags) });
}

async function tortureFile(target: string, flags: TortureFlags): Promise<void> {
  // What is no duration is refused.
  const limitMs = toMs(flags.timeout as Duration, "--timeout"), input = parseParams(flags.params);
  const { file, workflow } = splitTarget(target);
  await loadFile(file);
  const name = chooseWorkflow(workflow, file);
  if (!await mayRun(name, flags)) { say("Nothing was run."); return }
  const speak = withoutOutput();
  try {
    const report = await torture({ workflow: name, input, limitMs, points: flags.points, onProgress: progress,
      onClean: ({ writes, points, tookMs }) => say(`'${name}' writes ${writes} times to the store and takes ${
        formatMs(Math.round(tookMs))}. It will crash at ${points} points.`) });
    speak();
    if (flags.json) outJson(report); else out(shown(report));
    process.exitCode = report.differences.length === 0 ? 0 : 1;
  } catch (error) {
    speak();
    sayError(error);
    process.exitCode = exitCodeOf(error);
  }
  // What a crashed life left behind, a timer or a connection of the user's code, must not keep the process.
  process.stdout.write("", () => process.exit());
}

/** The tasks of the workflow do what they do, many times: nobody is to learn that afterwards. @throws USAGE */
async function mayRun(name: string, { yes, points }: TortureFlags): Promise<boolean> {
  const often = points === undefined ? "twice for each of its writes to the store" : `at up to ${points} points`;
  say(`torture runs '${name}' for real, again and again: twice in peace, then ${often}.\n` +
    "The runs are kept in memory, but what its tasks do to the world is done each time: use test accounts.");
  if (yes) return true;
  if (!process.stdin.isTTY) throw new RepriseError("USAGE",
    `torture runs the tasks of '${name}' many times over and nobody is there to confirm`, "Add --yes.");
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question("Go on? Type yes: ");
  prompt.close();
  return answer.trim() === "yes";
}

/** The user's code prints nothing to stdout, where the report goes. The answer takes that back. */
function withoutOutput(): () => void {
  const { write } = process.stdout;
  process.stdout.write = (_text: unknown, ...rest: readonly unknown[]) => {
    const done = rest.at(-1);
    if (typeof done === "function") process.nextTick(() => { done() });
    return true;
  };
  return () => { process.stdout.write = write };
}

function progress(tried: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${tried} of ${of} points${tried === of ? "\n" : ""}`);
  else if (tried === of || tried % Math.ceil(of / 10) === 0) say(`${tried} of ${of} points`);
}

const PROTECTION = { transaction: "its transaction", idempotencyKey: "its idempotency key" } as const;

function shown(report: TortureReport): string {
  const { workflow, tried, points, tasks, notReached, tookMs } = report;
  const head = `${bold(workflow)}: crashed at ${tried} of ${points} points and resumed, in ${
    formatMs(Math.round(tookMs))}${notReached === 0 ? "" : `; ${notReached} ${notReached === 1 ? "run" : "runs"
    } ended before the point`}`;
  const rows = tasks.map(({ task, clean, most, twiceAt, protectedBy }) => [task, String(clean), String(most),
    twiceAt.length === 0 ? "nowhere" : `${twiceAt.length} ${twiceAt.length === 1 ? "point" : "points"}`,
    protectedBy === null ? "-" : PROTECTION[protectedBy]]);
  const list = rows.length === 0 ? "No task ran."
    : table(["TASK", "CLEAN RUN", "MOST", "RAN TWICE AT", "PROTECTED BY"], rows);
  return [head, list, ...adviceFor(tasks), outcomes(report)].join("\n\n");
}

/** What would prevent the harm. That a task runs again after a crash cannot be prevented: only it knows its effect. */
function adviceFor(tasks: readonly TaskTally[]): readonly string[] {
  const bare = tasks.filter(({ twiceAt, protectedBy }) => twiceAt.length > 0 && protectedBy === null);
  const keyed = tasks.filter(({ twiceAt, protectedBy }) => twiceAt.length > 0 && protectedBy === "idempotencyKey");
  const names = (of: readonly TaskTally[]): string => of.map(({ task }) => `'${task}'`).join(", ");
  return [
    ...bare.length === 0 ? [] : [`Without protection: ${names(bare)}. A crash came after the effect and before its ` +
      "result was recorded. Where that does harm:\n" +
      "  - it calls a service: pass taskContext().idempotencyKey to it\n" +
      "  - it writes to PostgreSQL: make it a transaction(), whose writes and result are one commit\n" +
      "  - it has two effects: split it in two tasks, so that a crash between them repeats only one\n" +
      "  - it only takes a value, without await: record() does that"],
    ...keyed.length === 0 ? [] : [`Reads its idempotency key: ${names(keyed)}. That is good if the service that is ` +
      "given the key heeds it."],
  ];
}

function outcomes({ outcome, differences, varies, tried }: TortureReport): string {
  const note = varies ? " Two runs without a crash came out differently, so values were not compared." : "";
  if (differences.length === 0) return `The outcome was the same at every point: ${
    varies ? outcome.kind : outcome.said}.${note}`;
  const rows = differences.map((one) => [pointOf(one), one.verb, one.outcome.said]);
  return `The outcome differed at ${differences.length} of ${tried} points; without a crash it ${outcome.said}.` +
    `${note}\n${table(["POINT", "WRITE", "OUTCOME"], rows)}`;
}
function pointOf({ write, death }: Point): string { return `${death} write ${write}` }
