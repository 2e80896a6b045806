/** `reprise db migrate|status|verify|reset|size`. */
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { openFold, RepriseError, saidBy, TERMINAL_STATES, type RunEngine, type RunRow } from "../../engine/index.ts";
import { databaseSetting, withoutPassword } from "../config.ts";
import { withEngine } from "./open.ts";
import { out, outJson, say, table, type Style } from "./output.ts";

/** `reprise db ...`. */
export function addDb(program: Command): void {
  const db = program.command("db").description("the database that keeps the runs");
  db.command("migrate").description("bring the tables up to date").option("--json").action(async (style: Style) => {
    const status = await withEngine("none", (engine) => engine.store.size()); // opening migrates
    if (style.json) outJson({ migrated: true, tables: status.tables.length }); else out("The tables are up to date.");
  });
  db.command("status").description("where it is, and whether it answers").option("--json").action(
    async (style: Style) => {
    const { value, from } = databaseSetting();
    const status = await withEngine("none", async (engine) => ({
      kind: engine.store.kind, location: engine.store.location, from, runs: (await engine.store.countRuns())
        .reduce((sum, { count }) => sum + count, 0),
    }));
    if (style.json) outJson(status);
    else out(`${status.kind} at ${withoutPassword(value)} (${from}): ${status.runs} runs`);
  });
  db.command("size").description("bytes and rows by table").option("--json").action(async (style: Style) => {
    const size = await withEngine("none", (engine) => engine.store.size());
    if (style.json) outJson(size);
    else out(table(["TABLE", "ROWS", "BYTES"],
      [...size.tables.map(({ name, rows, bytes }) => [name, String(rows), String(bytes)]),
      ["total", "", String(size.bytes)]]));
  });
  db.command("verify").description("rebuild every run from its history and compare").option("--json")
    .action(async (style: Style) => { await verify(style) });
  db.command("reset").description("delete every run").option("-y, --yes", "do not ask")
    .action(async (options: { yes?: boolean }) => { await reset(options.yes ?? false) });
}

async function verify(style: Style): Promise<void> {
  const { checked, wrong } = await withEngine("none", verifyAll);
  if (style.json) outJson({ checked, wrong });
    else out(`${checked} runs rebuilt from their histories, ${wrong.length} differ`);
  for (const line of style.json ? [] : wrong) say(line);
  if (wrong.length > 0) throw new RepriseError("PROJECTION_DIFFERS", `${wrong.length} runs differ from their histories`,
    "Restore them from a backup and report it: this is a defect of the engine or of the disk.");
}

async function verifyAll(engine: RunEngine): Promise<{ readonly checked: number; readonly wrong: readonly string[] }> {
  const wrong: string[] = [];
  let checked = 0, before: string | undefined;
  for (;;) {
    const rows = await engine.list({ limit: 200, ...(before && { before }) });
    for (const row of rows) {
      checked++;
      const problem = await differs(engine, row);
      if (problem !== undefined) wrong.push(`${row.runId} '${row.name}': ${problem}`);
    }
    before = rows.at(-1)?.runId;
    if (before === undefined) return { checked, wrong };
  }
}

/** What the row says otherwise than the history, if anything. */
async function differs(engine: RunEngine, row: RunRow): Promise<string | undefined> {
  try {
    const events = await engine.history(row.runId);
    const fold = openFold();
    for (const event of events.slice(0, row.asOf)) fold.apply(event);
    if (fold.view.workflow !== row.workflow) return `workflow is ${row.workflow}, history says ${fold.view.workflow}`;
    const over = TERMINAL_STATES.includes(row.state), overInHistory = TERMINAL_STATES.includes(fold.view.state);
    if (over !== overInHistory
      || (over && row.state !== fold.view.state)) return `state is ${row.state}, history says ${fold.view.state}`;
    if (over && events.length !== row.asOf) return `events follow the end at ${row.asOf}`;
    return undefined;
  } catch (error) { return saidBy(error) }
}

async function reset(yes: boolean): Promise<void> {
  const { value } = databaseSetting();
  if (!yes) {
    if (!process.stdin.isTTY) throw new RepriseError("USAGE",
      "db reset deletes every run and nobody is there to confirm", "Add --yes.");
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await prompt.question(`Delete every run in ${withoutPassword(value)}? Type yes: `);
    prompt.close();
    if (answer.trim() !== "yes") { say("Nothing was deleted."); return }
  }
  await withEngine("none", (engine) => engine.store.reset());
  say("Every run is deleted.");
}
