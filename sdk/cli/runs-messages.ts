/** `reprise runs signal|waits|answer|query|update`: what people say to a run, and what it says of itself. */
import type { Command } from "commander";
import { decodeValue, formatMs, originals, type RunEngine, type RunRow, type WaitView } from "../../engine/index.ts";
import { nextCommand } from "../next-command.ts";
import { jsonArgument } from "./json-argument.ts";
import { wholeNumber } from "./numbers.ts";
import { codeOf, findRun, withEngine } from "./open.ts";
import { dim, out, outJson, say, table, when, type Style } from "./output.ts";

interface Keyed extends Style { readonly key?: string }
interface Answered extends Style { readonly by?: string }

/** Adds `signal`, `waits`, `answer`, `query` and `update` to `runs`. */
export function addMessages(runs: Command): void {
  runs.command("signal").argument("<run>").argument("<name>").argument("[json]", "its value, if it has one")
    .description("send a signal to a run; it is kept until the run asks for it")
    .option("--key <key>", "signals with the same key arrive once").option("--json").action(signal);
  runs.command("waits").argument("<run>").description("what a run waits for: signals, forms, conditions")
    .option("--json").action(waits);
  runs.command("answer").argument("<run>").argument("<name>", "of the form, or its key").argument("<json>")
    .description("answer a form that a run waits for").option("--by <who>", "your name, for its history")
    .option("--json").action(answer);
  runs.command("query").argument("<run>").argument("<name>").argument("[files...]", "files that define its workflow")
    .description("what a run exposes, now or at an event of its past; its code is replayed here")
    .option("--at <seq>", "after this event", wholeNumber).option("--json").action(query);
  runs.command("update").argument("<run>").argument("<name>").argument("<json>")
    .description("ask a run to change something, and print its reply")
    .option("--key <key>", "the same key is never handled twice; it gives the same reply").option("--json")
    .action(update);
}

async function signal(wanted: string, name: string, json: string | undefined, style: Keyed): Promise<void> {
  const value = json === undefined ? undefined : jsonArgument(json, `the value of signal '${name}'`);
  await withEngine("none", async (engine) => {
    const { runId, name: run } = await findRun(engine, wanted);
    const waiting = (await engine.operator.waits(runId)).filter(({ kind }) => kind === "signal");
    await engine.operator.signal(runId, name, value, style.key);
    if (style.json) { outJson({ run: runId, signal: name, sent: true }); return }
    say(`Sent signal '${name}' to run '${run}'.`);
    const names = [...new Set(waiting.map((wait) => `'${wait.name}'`))].join(", ");
    if (!waiting.some((wait) => wait.name === name)) {
      say(`It does not wait for '${name}' yet: the signal is kept.${names === "" ? "" : ` It waits for ${names}.`}`);
    }
    await sayWhoReads(engine, runId);
  });
}

/** Says how the run gets what was left for it, where nobody works. */
export async function sayWhoReads(engine: RunEngine, runId: string): Promise<void> {
  if ((await engine.store.workers()).some(({ alive }) => alive)) return;
  say(`No worker is there; the run goes on with: npx reprise resume ${runId}`);
}

async function waits(wanted: string, style: Style): Promise<void> {
  await withEngine("none", async (engine) => {
    const { runId, name } = await findRun(engine, wanted), open = await engine.operator.waits(runId);
    if (style.json) { outJson(open.map((wait) => shown(runId, wait))); return }
    if (open.length === 0) say(`Run '${name}' waits for no message. Why it stands: npx reprise why ${runId}`);
    if (open.length === 0) return;
    const now = originals.now();
    out(table(["FOR", "NAME", "SINCE", "UNTIL", ""], open.map((wait) => [wait.kind, wait.name,
      `${formatMs(Math.max(0, now - wait.openedAt))} ago`, wait.until === undefined ? "" : when(wait.until),
      wait.description ?? (wait.kind === "condition" ? wait.site ?? "" : "")])));
    for (const wait of open) {
      const next = nextCommand(runId, wait);
      if (next !== undefined) out(dim(`  ${next}`));
    }
  });
}
function shown(runId: string, { key, name, kind, description, schema, openedAt, until, site }: WaitView): object {
  return { key, name, kind, description, schema: decodeValue(schema), since: new Date(openedAt).toISOString(),
    until: until === undefined ? undefined : new Date(until).toISOString(), site, next: nextCommand(runId,
      { kind, name, schema }) };
}

async function answer(wanted: string, name: string, json: string, style: Answered): Promise<void> {
  const value = jsonArgument(json, `the answer to '${name}'`);
  await withEngine("none", async (engine) => {
    const { runId, name: run } = await findRun(engine, wanted);
    const fate = await engine.operator.answer(runId, name, value, style.by);
    if (style.json) { outJson({ run: runId, form: name, fate }); return }
    if (fate === "accepted") { say(`Run '${run}' took the answer to '${name}'.`); return }
    say(`Left the answer to '${name}' for run '${run}'; it is checked when the run reads it.`);
    await sayWhoReads(engine, runId);
  });
}

async function query(wanted: string, name: string, files: string[], style: Style & { at?: number }): Promise<void> {
  await withEngine("none", async (engine) => {
    const row: RunRow = await findRun(engine, wanted);
    const value = await engine.operator.query(row.runId, await codeOf(row, files), name, style.at);
    if (style.json) outJson({ run: row.runId, query: name, at: style.at, value: value ?? null });
    else outJson(value ?? null);
  });
}

async function update(wanted: string, name: string, json: string, style: Keyed): Promise<void> {
  const value = jsonArgument(json, `the value of update '${name}'`);
  await withEngine("none", async (engine) => {
    const { runId, name: run } = await findRun(engine, wanted);
    const reply = await engine.operator.update(runId, name, value, style.key === undefined ? {} : { key: style.key });
    if (style.json) outJson({ run: runId, update: name, reply: reply ?? null });
    else if (reply === undefined) say(`Run '${run}' did '${name}'.`); else outJson(reply);
  });
}
