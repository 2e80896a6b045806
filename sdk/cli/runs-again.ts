/** `reprise runs retry|fork`: a run's past as the beginning of another. */
import type { Command } from "commander";
import { openFold, RepriseError, type ForkEdits, type ForkedRun, type Payload, type RunEngine,
  type RunRow } from "../../engine/index.ts";
import { jsonArgument } from "./json-argument.ts";
import { codeOf, findRun, withEngine } from "./open.ts";
import { out, outJson, say, type Style } from "./output.ts";

interface Again extends Style { readonly detach?: boolean; readonly by?: string }
interface ForkOptions extends Again {
  readonly at?: string; readonly set?: readonly string[]; readonly input?: string; readonly dryRun?: boolean;
}

/** Adds `retry` and `fork` to `runs`. */
export function addAgain(runs: Command): void {
  runs.command("retry").argument("<run>").argument("[files...]", "files that define its workflow")
    .description("try an ended run again from the call that failed; what had succeeded is kept")
    .option("--detach", "leave it to a worker").option("--by <who>", "your name, for its history").option("--json")
    .action(async (wanted: string, files: string[], options: Again) => again(wanted, files, options,
      (engine, row) => engine.retry(row.runId, options.by)));
  runs.command("fork").argument("<run>").argument("[files...]", "files that define its workflow")
    .description("a new run with the same past, up to an event, with other results or input")
    .option("--at <event>", "seq of the last event to share, or the key of the call to be made anew")
    .option("--set <key=json>", "another result of a call, such as task:charge#0='{\"ok\":true}'; repeatable", collect)
    .option("--input <json>", "another input").option("--dry-run", "say what would be shared, and make nothing")
    .option("--detach", "leave it to a worker").option("--by <who>", "your name, for its history").option("--json")
    .action(fork);
}
const collect = (one: string, all: readonly string[] = []): readonly string[] => [...all, one];

async function fork(wanted: string, files: string[], options: ForkOptions): Promise<void> {
  const edits = editsOf(options);
  if (options.dryRun) { await preview(wanted, edits, options); return }
  await again(wanted, files, options, (engine, row) => engine.fork(row.runId, edits, options.by));
}

async function again(wanted: string, files: readonly string[], options: Again,
  make: (engine: RunEngine, row: RunRow) => Promise<ForkedRun>): Promise<void> {
  await withEngine(options.detach ? "none" : "own", async (engine) => {
    const row = await findRun(engine, wanted);
    if (!options.detach) await codeOf(row, files);
    const made = await make(engine, row), { runId: run, name, seqs } = made;
    const kept = await keptTasks(engine, row.runId, seqs);
    say(`Run '${name}' goes on from event ${seqs} of '${row.name}': ${kept} ${kept === 1 ? "task" : "tasks"} kept`);
    if (options.detach) { if (options.json) outJson({ run, name, seqs }); else out(run); return }
    const result = await engine.result(run);
    if (options.json) outJson({ run, name, seqs, result });
  });
}

async function preview(wanted: string, edits: ForkEdits, style: Style): Promise<void> {
  await withEngine("none", async (engine) => {
    const row = await findRun(engine, wanted), { seqs } = await engine.planFork(row.runId, edits);
    const open = await openCalls(engine, row.runId, seqs), tasks = await keptTasks(engine, row.runId, seqs);
    if (style.json) { outJson({ run: row.runId, seqs, tasksKept: tasks, open }); return }
    out(`Events 1 to ${seqs} would be shared: ${tasks} tasks kept.`);
    out(open.length === 0 ? "Nothing was open there." : `Open there, to be done anew: ${open.join(", ")}`);
  });
}

async function keptTasks(engine: RunEngine, runId: string, seqs: number): Promise<number> {
  return (await engine.history(runId)).filter(({ seq, type }) => seq <= seqs && type === "TaskCompleted").length;
}
async function openCalls(engine: RunEngine, runId: string, seqs: number): Promise<readonly string[]> {
  const fold = openFold();
  for (const event of (await engine.history(runId)).slice(0, seqs)) fold.apply(event);
  const { tasks, timers, waits, children } = fold.view;
  return [...[...tasks.values()].filter(({ endedAt }) => endedAt === undefined),
    ...[...timers.values()].filter(({ state }) => state === "open"), ...[...waits.values()].filter(({ state }) =>
      state === "open"), ...[...children.values()].filter(({ state }) => state === "running")].map(({ key }) => key);
}

function editsOf({ at, set = [], input }: ForkOptions): ForkEdits {
  const results: { [key: string]: Payload | undefined } = {};
  for (const one of set) {
    const cut = one.indexOf("=");
    if (cut < 1) throw new RepriseError("USAGE", `--set ${one}`, "Write key=json, such as task:charge#0=5.");
    results[one.slice(0, cut)] = jsonArgument(one.slice(cut + 1), `--set ${one}`);
  }
  const payload = input === undefined ? undefined : jsonArgument(input, "--input");
  return { results, ...(payload && { input: payload }),
    ...(at !== undefined && { at: /^\d+$/.test(at) ? Number(at) : at }) };
}
