/** `reprise runs pause|resume|inject`: a person's hand on a run. */
import type { Command } from "commander";
import { jsonArgument } from "./json-argument.ts";
import { findRun, withEngine } from "./open.ts";
import { outJson, say, type Style } from "./output.ts";
import { sayWhoReads } from "./runs-messages.ts";

interface By extends Style { readonly by?: string }

/** Adds `pause`, `resume` and `inject` to `runs`. */
export function addOperate(runs: Command): void {
  runs.command("pause").argument("<run>").option("--by <who>", "your name, for its history").option("--json")
    .description("hold a run: what is under way ends and is recorded, nothing begins").action(pause);
  runs.command("resume").argument("<run>").option("--by <who>", "your name, for its history").option("--json")
    .description("let a paused or parked run go on, wherever a worker has its code").action(resume);
  runs.command("inject").argument("<run>").argument("<key>", "of the open call, such as task:charge#0")
    .argument("<json>").description("settle an open call of a run with a value of your own")
    .requiredOption("--by <who>", "your name, for its history").requiredOption("--reason <text>", "why")
    .option("--json").action(inject);
}

async function pause(wanted: string, style: By): Promise<void> {
  await withEngine("none", async (engine) => {
    const { runId, name } = await findRun(engine, wanted);
    await engine.operator.pause(runId, style.by);
    if (style.json) { outJson({ run: runId, asked: "pause" }); return }
    say(`Asked run '${name}' to pause. It goes on with: npx reprise runs resume ${runId}`);
  });
}

async function resume(wanted: string, style: By): Promise<void> {
  await withEngine("none", async (engine) => {
    const { runId, name } = await findRun(engine, wanted);
    await engine.operator.resume(runId, style.by);
    if (style.json) { outJson({ run: runId, asked: "resume" }); return }
    say(`Asked run '${name}' to go on.`);
    await sayWhoReads(engine, runId);
  });
}

async function inject(wanted: string, key: string, json: string, style: { by: string; reason: string; json?: boolean }):
  Promise<void> {
  const value = jsonArgument(json, `the value for '${key}'`);
  await withEngine("none", async (engine) => {
    const { runId, name } = await findRun(engine, wanted);
    const fate = await engine.operator.inject(runId, key, value, style.by, style.reason);
    if (style.json) { outJson({ run: runId, key, fate }); return }
    if (fate === "accepted") { say(`Run '${name}' took the value for '${key}'.`); return }
    say(`Left the value for '${key}' for run '${name}'; it is looked at when the run reads it.`);
    await sayWhoReads(engine, runId);
  });
}
