/** `reprise runs artifacts|stream`: what a run shows, read with no worker alive. */
import type { Command } from "commander";
import { decodeValue, openFold, TERMINAL_STATES, type RunEngine, type RunView } from "../../engine/index.ts";
import { wholeFromZero } from "./numbers.ts";
import { findRun, withEngine } from "./open.ts";
import { bold, dim, out, outJson, outJsonLine, say, table, when, type Style } from "./output.ts";

type Shown = RunView["shown"] extends ReadonlyMap<string, infer S> ? S : never;

/** Adds `artifacts` and `stream` to `runs`. */
export function addShown(runs: Command): void {
  runs.command("artifacts").argument("<run>").argument("[name]", "only this one")
    .description("tables, texts, links, images, progress and attributes that a run shows").option("--json")
    .action(artifacts);
  runs.command("stream").argument("<run>").argument("<name>").description("items of a stream, one JSON value a line")
    .option("--from <n>", "from this offset on", wholeFromZero, 0).option("--follow", "until the run has ended")
    .option("--json", "one document").option("--jsonl", "with offset, event and instant").action(stream);
}

async function artifacts(wanted: string, name: string | undefined, style: Style): Promise<void> {
  await withEngine("none", async (engine) => {
    const { runId, name: run } = await findRun(engine, wanted), view = await viewOf(engine, runId);
    const all = [...view.shown.values()].filter((one) => name === undefined || one.name === name);
    if (style.json) {
      outJson(all.map((one) => ({ kind: one.kind, name: one.name, seq: one.seq, at: new Date(one.at).toISOString(),
        value: decodeValue(one.value) })));
      return;
    }
    for (const one of all) out(`${bold(one.name)}  ${dim(`${one.kind}, ${when(one.at)}, event ${one.seq}`)}\n` +
      text(one).replace(/^/gm, "  "));
    if (all.length === 0) say(`Run '${run}' shows nothing${name === undefined ? "" : ` called '${name}'`}.`);
    const streams = [...view.streams].map(([stream, items]) => `${stream} (${items.length})`);
    if (name === undefined && streams.length > 0) say(`Streams: ${streams.join(", ")}`);
  });
}

function text(one: Shown): string {
  const value = decodeValue(one.value);
  if (one.kind === "table" && Array.isArray(value)) return rowsOf(value);
  // Written by progress() as this shape.
  if (one.kind === "progress") return progressOf(value as { readonly done: number; readonly of?: number });
  return typeof value === "string" ? value : value instanceof Date ? value.toISOString() : JSON.stringify(value);
}
function progressOf({ done, of = 1 }: { readonly done: number; readonly of?: number }): string {
  const ratio = of === 0 ? 1 : done / of, full = Math.round(Math.min(1, Math.max(0, ratio)) * 20);
  const bar = `${"█".repeat(full)}${"░".repeat(20 - full)} ${Math.round(ratio * 100)} %`;
  return of === 1 ? bar : `${bar}, ${done} of ${of}`;
}
function rowsOf(rows: readonly unknown[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(Object(row))))];
  return table(columns, rows.map((row) => columns.map((column) => {
    const cell: unknown = Object(row)[column];
    return cell === undefined ? "" : typeof cell === "string" ? cell : JSON.stringify(cell);
  })));
}

const LOOK_MS = 150;
async function stream(wanted: string, name: string, style: Style & { from: number; follow?: boolean }): Promise<void> {
  await withEngine("none", async (engine) => {
    const { runId, name: run } = await findRun(engine, wanted);
    const fold = openFold(), { streams } = fold.view;
    for (let next = style.from; ;) {
      const { state } = await engine.row(runId), more = style.follow && !TERMINAL_STATES.includes(state);
      for (const event of await engine.history(runId, fold.view.head + 1)) fold.apply(event);
      const items = streams.get(name) ?? [];
      if (style.json && !more) outJson(items.slice(style.from).map((item, i) => itemOf(item, style.from + i)));
      if (!style.json) for (const stored of items.slice(next)) {
        const item = itemOf(stored, next++);
        outJsonLine(style.jsonl ? item : item.value);
      }
      if (more) { await new Promise((resolve) => { setTimeout(resolve, LOOK_MS) }); continue }
      const others = [...streams.keys()].map((other) => `'${other}'`).join(", ") || "none";
      if (!streams.has(name)) say(`Run '${run}' has no stream '${name}'; it has: ${others}.`);
      return;
    }
  });
}

type Item = RunView["streams"] extends ReadonlyMap<string, (infer I)[]> ? I : never;
function itemOf({ seq, at, value }: Item, offset: number) {
  return { offset, seq, at: new Date(at).toISOString(), value: decodeValue(value) };
}

async function viewOf(engine: RunEngine, runId: string): Promise<RunView> {
  const fold = openFold();
  for (const event of await engine.history(runId)) fold.apply(event);
  return fold.view;
}
