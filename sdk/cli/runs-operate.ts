/** `reprise runs pause|resume|inject|skip`: a person's hand on a run. */
import type { Command } from "commander";
import type { Payload } from "../../engine/index.ts";
import { jsonArgument } from "./json-argument.ts";
import { findRun, withEngine } from "./open.ts";
import { outJson, say, type Style } from "./output.ts";
import { sayWhoReads } from "./runs-messages.ts";

interface By extends Style { readonly by?: string }

/** Adds `pause`, `resume`, `inject` and `skip` to `runs`. */
export function addOperate(runs: Command): void {
  runs.command("pause").argument("<run>").option("--by <who>", "your name, for its history").option("--json")
    .description("hold a run: what is under way ends and is recorded, nothing begins").action(pause);
  runs.command("resume").argument("<run>").option("--by <who>", "your name, for its history").option("--json")
    .description("let a paused or parked run go on, wherever a worker has its code").action(resume);
  runs.command("inject").argument("<run>").argument("<key>", "of the open call, such as task:charge#0")
    .argument("<json>").description("settle an open call of a run with a value of your own")
    .requiredOption("--by <who>", "your name, for its history").requiredOption("--reason <text>", "why")
    .option("--json").action(inject);
  runs.command("skip").argument("<run>").argument("<key>", "of the open call, such as task:charge#0")
    .description("settle an open call of a run without a value: it gives undefined")
    .requiredOption("--by <who>", "your name, for its history").requiredOption("--reason <text>", "why")
    .option("--json").action(skip);
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

interface Why { readonly by: string; readonly reason: string; readonly json?: boolean }

async function inject(wanted: string, key: string, json: string, style: Why): Promise<void> {
  await settle(wanted, key, { value: jsonArgument(json, `the value for '${key}'`), what: "the value for" }, style);
}
async function skip(wanted: string, key: string, style: Why): Promise<void> {
  await settle(wanted, key, { value: undefined, what: "the skip of" }, style);
}

async function settle(wanted: string, key: string, { value, what }: { value: Payload | undefined; what: string },
  style: Why): Promise<void> {
  await withEngine("none", async (engine) => {
    const { runId, name } = await findRun(engine, wanted);
    const fate = await engine.operator.inject(runId, key, value, style.by, style.reason);
    if (style.json) { outJson({ run: runId, key, fate }); return }
    if (fate === "accepted") { say(`Run '${name}' took ${what} '${key}'.`); return }
    say(`Left ${what} '${key}' for run '${name}'; it is looked at when the run reads it.`);
    await sayWhoReads(engine, runId);
  });
}
