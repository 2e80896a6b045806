/** `reprise runs ls|inspect|watch|events|logs|cancel|export`: look at runs, and stop one. The other verbs: runs-*. */
import { InvalidArgumentError, type Command } from "commander";
import { formatMs, openFold, RepriseError, type RunEngine, type RunRow,
  type RunState } from "../../engine/index.ts";
import { timeline } from "./timeline.ts";
import { findRun, hasEnded, stateOf, withEngine } from "./open.ts";
import { recordRun } from "../../replay-viewer/server/record.ts";
import { recordingOf } from "../recording.ts";
import { exportTest } from "./export-test.ts";
import { wholeNumber } from "./numbers.ts";
import { addRunState } from "./run-state.ts";
import { addAgain } from "./runs-again.ts";
import { addBulk } from "./runs-bulk.ts";
import { addDiff } from "./runs-diff.ts";
import { eventLine } from "./event-line.ts";
import { addMessages } from "./runs-messages.ts";
import { addOperate } from "./runs-operate.ts";
import { addShown } from "./runs-shown.ts";
import { addTree } from "./runs-tree.ts";
import { bold, dim, out, outJson, outJsonLine, say, table, when, type Style } from "./output.ts";

const STATES: readonly string[] = ["scheduled", "pending", "running", "waiting", "paused", "cancelling", "parked",
  "completed",
  "failed", "cancelled", "crashed"];

/** `reprise runs ...`. */
export function addRuns(program: Command): void {
  const runs = program.command("runs").description("look at runs, talk to them, steer them");
  addLs(runs);
  addInspect(runs);
  addRunState(runs);
  runs.command("watch").argument("<run>").description("follow a run to its end")
    .option("--jsonl", "one event a line").action(async (wanted: string, style: Style) =>
      { await watch(wanted, style) });
  runs.command("events").argument("<run>").description("every recorded event, oldest first")
    .option("--json").option("--jsonl").option("--from <seq>", "from this event on", wholeNumber)
    .action(async (wanted: string, options: Style & { from?: number }) => { await events(wanted, options) });
  runs.command("logs").argument("<run>").description("lines that the run's code wrote").option("--json").option(
    "--jsonl")
    .option("--level <level>", "this level and above").action(
      async (wanted: string, options: Style & { level?: string }) => {
      await logs(wanted, options);
    });
  addTree(runs);
  addShown(runs);
  addMessages(runs);
  addOperate(runs);
  addAgain(runs);
  addBulk(runs);
  addDiff(runs);
  runs.command("cancel").argument("<run>").description("ask a run to stop").option("--reason <text>").option("--json")
    .action(async (wanted: string, options: Style & { reason?: string }) => { await cancel(wanted, options) });
  runs.command("export").argument("<run>").description("the whole history as one JSON document, or as a page")
    .option("--html", "the viewer's page with the run inside: opens without a server, secrets taken out")
    .option("--test <file>", "as a Vitest test that replays it, such as test/late.test.ts; the history goes beside it")
    .action(async (wanted: string, { html, test }: { html?: boolean; test?: string }) => {
      await withEngine("none", async (engine) => {
        const row = await findRun(engine, wanted);
        if (test !== undefined) exportTest(row, await engine.history(row.runId), test);
        else if (html) out(await recordRun(engine, row.runId));
        else outJson(recordingOf({ run: row, events: await engine.history(row.runId) }));
      });
    });
}

function addLs(runs: Command): void {
  runs.command("ls").description("list runs, newest first").option("--json").option("--jsonl").option("-q, --quiet",
    "ids only")
    .option("--state <state>", STATES.join(", "), (value: string) => {
      if (STATES.includes(value)) return value;
      throw new InvalidArgumentError(`States: ${STATES.join(", ")}.`);
    })
    .option("--workflow <name>").option("--tag <tag>").option("-n, --limit <n>", "at most", wholeNumber, 50)
    .action(async (options: Style & { state?: RunState; workflow?: string; tag?: string; limit: number }) => {
      const rows = await withEngine("none", (engine) => engine.list({
        limit: options.limit, ...(options.state === "parked" ? { parked: true } : options.state
          && { states: [options.state] }),
        ...(options.workflow && { workflow: options.workflow }), ...(options.tag && { tag: options.tag }),
      }));
      if (options.json) { outJson(rows); return }
      if (options.jsonl) { for (const row of rows) outJsonLine(row); return }
      if (options.quiet) { for (const row of rows) out(row.runId); return }
      if (rows.length === 0) {
        say(options.state ?? options.workflow ?? options.tag ? "No such runs. See all: npx reprise runs ls"
          : "No runs. Start one: npx reprise run <file>");
        return;
      }
      out(table(["RUN", "NAME", "WORKFLOW", "STATE", "CREATED", "TOOK"], rows.map((row) => [
        row.runId, row.name, row.workflow, stateOf(row), when(row.createdAt),
        row.endedAt === null ? "" : formatMs(row.endedAt - row.createdAt)])));
    });
}

function addInspect(runs: Command): void {
  runs.command("inspect").argument("<run>").description("one run: state, tasks, timeline, and an event in words")
    .option("--at <event>", "a number, a task, first-failure, t=12.5s; default the first failure, or the last event")
    .option("--json")
    .action(async (wanted: string, style: Style & { at?: string }) => {
      await withEngine("none", async (engine) => {
        const row = await findRun(engine, wanted);
        const events = await engine.history(row.runId);
        const fold = openFold();
        for (const event of events) fold.apply(event);
        const { eventInWords } = await import("../../replay-viewer/server/in-words.ts");
        const { seq, says } = eventInWords(events, style.at); // before anything is printed: it may refuse
        if (style.json) { outJson({ run: row, state: fold.view }); return }
        out(`${bold(row.name)}  ${stateOf(row)}  ${dim(row.runId)}`);
        out(`workflow ${row.workflow}${row.file === null ? "" : ` (${row.file})`}   created ${when(row.createdAt)}` +
          (row.endedAt === null ? "" : `   took ${formatMs((events.at(-1)?.at ?? 0) - (events[0]?.at ?? 0))}`));
        if (row.owner !== null && !hasEnded(row)) out(`owner ${row.owner}${row.ownerAlive ? "" : " (not alive)"}`);
        out(`\n${timeline(events, row.runId)}`);
        if (says !== "") out(`\nEvent ${seq} of ${events.length}: ${says}`);
      });
    });
}

async function watch(wanted: string, style: Style): Promise<void> {
  await withEngine("none", async (engine) => {
    let row = await findRun(engine, wanted);
    for (let next = 1; ;) {
      const ended = hasEnded(row);
      for (const event of await engine.history(row.runId, next)) {
        next = event.seq + 1;
        if (style.jsonl) outJsonLine(event); else out(eventLine(event));
      }
      if (ended || row.parked !== null) break;
      await new Promise((resolve) => { setTimeout(resolve, WATCH_MS) });
      row = await engine.row(row.runId);
    }
    if (row.state !== "completed") await engine.result(row.runId);
  });
}
const WATCH_MS = 150;

async function events(wanted: string, options: Style & { from?: number }): Promise<void> {
  await withEngine("none", async (engine) => {
    const row = await findRun(engine, wanted);
    const all = await engine.history(row.runId, options.from);
    if (options.json) outJson(all);
    else for (const event of all) if (options.jsonl) outJsonLine(event); else out(eventLine(event));
  });
}

const LEVELS = ["debug", "info", "warn", "error", "critical"];
async function logs(wanted: string, options: Style & { level?: string }): Promise<void> {
  const least = options.level === undefined ? 0 : LEVELS.indexOf(options.level.toLowerCase());
  if (least < 0) throw new RepriseError("USAGE", `--level ${options.level}`, `Levels: ${LEVELS.join(", ")}.`);
  await withEngine("none", async (engine) => {
    const row = await findRun(engine, wanted);
    const lines = (await engine.logs(row.runId)).filter((line) => LEVELS.indexOf(line.level) >= least);
    if (options.json) outJson(lines);
    else for (const line of lines) {
      if (options.jsonl) outJsonLine(line);
      else out(`${when(line.at)}  ${line.level.toUpperCase().padEnd(8)}  ` +
      `${line.key ?? ""}${line.key ? "  " : ""}${line.message}`);
    }
  });
}

async function cancel(wanted: string, options: Style & { reason?: string }): Promise<void> {
  await withEngine("none", async (engine) => {
    const row = await cancellable(engine, wanted);
    await engine.cancel(row.runId, options.reason === undefined ? {} : { reason: options.reason });
    if (options.json) outJson({ run: row.runId, asked: true });
    else say(`Asked run '${row.name}' to stop. It ends when a worker has it: npx reprise resume ${row.runId}`);
  });
}

async function cancellable(engine: RunEngine, wanted: string): Promise<RunRow> {
  const row = await findRun(engine, wanted);
  if (!hasEnded(row)) return row;
  throw new RepriseError("RUN_ENDED", `run '${row.name}' has ended as ${row.state}; it cannot be cancelled`,
    `See how: reprise runs inspect ${row.runId}`);
}
