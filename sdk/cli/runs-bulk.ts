/**
 * `reprise runs bulk <verb>`: the same for many runs, shown first and then done as an ordinary recorded run, so that it
 * is
 * itself resumable, and its history says what became of each.
 */
import { Argument, type Command } from "commander";
import { encodeRecorded, formatMs, RepriseError, type RunEngine, type RunRow, type RunState }
  from "../../engine/index.ts";
import { defineWorkflow, workflowSpec } from "../registry.ts";
import { task } from "../task.ts";
import { wholeNumber } from "./numbers.ts";
import { engineInUse, hasEnded, withEngine } from "./open.ts";
import { out, outJson, say, table, type Style } from "./output.ts";

const VERBS = ["cancel", "pause", "resume", "retry"] as const;
type Verb = (typeof VERBS)[number];
interface Bulk { readonly verb: Verb; readonly runs: readonly string[]; readonly reason?: string; readonly by?: string }
interface Options extends Style {
  readonly state?: RunState; readonly workflow?: string; readonly tag?: string; readonly limit: number;
  readonly yes?: boolean; readonly reason?: string; readonly by?: string;
}
const NAME = "reprise:bulk";
/** States that a verb can do something about. */
const FITS: { readonly [V in Verb]: readonly RunState[] } = {
  cancel: ["scheduled", "pending", "running", "waiting", "paused", "parked"],
  pause: ["scheduled", "pending", "running", "waiting"], resume: ["paused", "parked"], retry: ["failed", "cancelled"],
};

const apply = task("apply", { retries: 2, retryDelay: "1s" },
  async (run: string, verb: Verb, reason?: string, by?: string) => {
  const engine = engineInUse();
  if (verb === "cancel") await engine.cancel(run, reason === undefined ? {} : { reason });
  else if (verb === "retry") return (await engine.retry(run, by)).runId;
  else await engine.operator[verb](run, by);
  return run;
});
/** Ours, so that it is not among the workflows that a user's file defines. */
defineWorkflow({ name: NAME, dangling: "cancel", codeVersion: "", fn: async (input) => {
  const { verb, runs, reason, by } = input as Bulk; // started below, with this shape
  const done = await apply.map(runs, { concurrency: 4, settle: true, key: (run) => run, args: [verb, reason, by] });
  return { done: done.filter(({ ok }) => ok).length, refused: done.flatMap((one, i) => one.ok ? []
    : [{ run: runs[i] ?? "", why: one.error.message }]) };
} }, undefined, false);

/** Adds `bulk` to `runs`. */
export function addBulk(runs: Command): void {
  runs.command("bulk").description("cancel, pause, resume or retry every run that fits; shows them first")
    .addArgument(new Argument("<verb>").choices([...VERBS]))
    .option("--state <state>").option("--workflow <name>").option("--tag <tag>")
    .option("-n, --limit <n>", "at most", wholeNumber, 1000).option("-y, --yes", "do it")
    .option("--reason <text>").option("--by <who>", "your name, for the histories").option("--json")
    .action(bulk);
}

async function bulk(verb: Verb, options: Options): Promise<void> {
  if (options.state === undefined && options.workflow === undefined && options.tag === undefined) {
    throw new RepriseError("USAGE", `runs bulk ${verb} names no runs`, "Give --state, --workflow or --tag.");
  }
  await withEngine(options.yes ? "own" : "none", async (engine) => {
    const { rows, triedAgain } = await chosen(engine, verb, options);
    if (!options.yes) { preview(verb, rows, triedAgain, options); return }
    const spec = workflowSpec(NAME);
    if (spec === undefined) throw new Error("corrupt registry: no bulk workflow");
    const input: Bulk = { verb, runs: rows.map(({ runId }) => runId),
      ...(options.reason !== undefined && { reason: options.reason }),
        ...(options.by !== undefined && { by: options.by }) };
    const { runId } = await engine.start({ workflow: spec, input: encodeRecorded(input, "bulk") });
    const result = await engine.result(runId) as { done: number; refused: { run: string; why: string }[] }; // as above
    if (options.json) { outJson({ run: runId, ...result }); return }
    out(`${verb}: ${result.done} of ${rows.length} runs. What was done: npx reprise runs inspect ${runId}`);
    for (const { run, why } of result.refused) say(`  ${run}: ${why}`);
  });
}

/** What fits; and how many failed runs were left out because a later try of them exists. */
async function chosen(engine: RunEngine, verb: Verb, { state, workflow: name, tag, limit }: Options):
  Promise<{ readonly rows: readonly RunRow[]; readonly triedAgain: number }> {
  const rows: RunRow[] = [];
  let triedAgain = 0;
  for (let before: string | undefined; rows.length < limit;) {
    const page =
      await engine.list({ limit: 500, ...(state === "parked" ? { parked: true } : state && { states: [state] }),
      ...(name !== undefined && { workflow: name }), ...(tag !== undefined && { tag }), ...(before && { before }) });
    for (const row of page) {
      if (row.workflow === NAME || !await fits(engine, verb, row)) continue;
      if (verb === "retry" && row.retriedAs !== null) triedAgain++; else rows.push(row);
    }
    before = page.at(-1)?.runId;
    if (before === undefined) break;
  }
  return { rows: rows.slice(0, limit), triedAgain };
}

/** A pause may lie unread in the mail of a run, in that of one in line for its turn as long as it takes: resume undoes
 *  that one, too. */
async function fits(engine: RunEngine, verb: Verb, row: RunRow): Promise<boolean> {
  return FITS[verb].includes(row.parked === null ? row.state : "parked")
    || (verb === "resume" && !hasEnded(row) && await engine.operator.pauseAhead(row) !== undefined);
}

function preview(verb: Verb, rows: readonly RunRow[], triedAgain: number, style: Style): void {
  if (style.json) {
    const runs = rows.map(({ runId }) => runId);
    outJson({ verb, count: runs.length, ...(verb === "retry" && { triedAgain }), runs });
    return;
  }
  if (triedAgain > 0) say(`Left out: ${triedAgain} that ${triedAgain === 1 ? "has" : "have"} been tried again since.`);
  if (rows.length === 0) { say("No run fits."); return }
  const now = Math.max(...rows.map(({ createdAt }) => createdAt));
  out(table(["RUN", "NAME", "WORKFLOW", "STATE"], rows.slice(0, 10).map((row) =>
    [row.runId, row.name, row.workflow, row.parked === null ? row.state : "parked"])));
  if (rows.length > 10) out(
    `... and ${rows.length - 10} more, the oldest ${formatMs(now - (rows.at(-1)?.createdAt ?? now))} older`);
  say(`Nothing is done yet. To ${verb} these ${rows.length}: the same command with --yes`);
}
