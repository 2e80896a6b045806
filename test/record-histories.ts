/**
 * Records golden histories: real runs of the corpus and its accidents, as `reprise runs export` writes them, into
 * test/histories/<version>/. What is there already is left as it is: a history that was once written must replay for
 * ever. Run it when a primitive is new, or before a release: node --import tsx test/record-histories.ts
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { openStore, type Event, type RunRow } from "../engine/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { allEnded, engineOn, familyOf, outcome, outsideOf } from "./conversing.ts";
import { accidents } from "./corpus/accidents.ts";
import { conversations } from "./corpus/conversations.ts";
import "./corpus/surface.ts";
import "./corpus/tasks.ts";
import "./corpus/pools.ts";
import "./corpus/tries.ts";
import { specimens } from "./corpus/workflows.ts";

const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
const { version } = JSON.parse(manifest) as { readonly version: string };
const folder = new URL(`histories/${version}/`, import.meta.url);
mkdirSync(folder, { recursive: true });

/** Stacks name places of the machine that recorded. */
function withoutStacks(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => key === "stack" ? undefined : inner));
}
function kindOf(row: RunRow, events: readonly Event[]): string {
  if (events.some(({ type }) => type === "RunForked")) return "fork";
  return row.parentId === null ? "link" : "child";
}
function write(name: string, run: RunRow, events: readonly Event[]): void {
  const path = new URL(`${name}.json`, folder);
  if (existsSync(path)) return;
  const lines = events.map((event) => `    ${JSON.stringify(withoutStacks(event))}`).join(",\n");
  const head = `  "format": "reprise/history/1",\n  "run": ${JSON.stringify(run)},\n`;
  writeFileSync(path, `{\n${head}  "events": [\n${lines}\n  ]\n}\n`);
  process.stdout.write(`${version}/${name}: ${events.length} events\n`);
}

for (const { name, run, outside } of [...conversations, ...specimens.map((one) => ({ ...one, outside: undefined }))]) {
  if (existsSync(new URL(`${name}.json`, folder))) continue;
  const store = await openStore("memory:"), engine = await engineOn(store), workflow = workflowSpec(run.workflowName);
  if (workflow === undefined) throw new Error(`no workflow ${name}`);
  const { runId } = await engine.start({ workflow, input: undefined });
  await Promise.all([outcome(engine, runId), outside?.(outsideOf(engine, store, runId))]);
  await allEnded(store, name);
  let others = 0;
  for (const [id, { row, events }] of await familyOf(store)) {
    write(id === runId ? name : `${name}.${kindOf(row, events)}-${++others}`, row, events);
  }
  await engine.close(0);
}

for (const { name, happen } of accidents) {
  if (existsSync(new URL(`${name}.json`, folder))) continue;
  const store = await openStore("memory:"), runId = await happen(store);
  const member = (await familyOf(store)).get(runId);
  if (member === undefined) throw new Error(`no run of ${name}`);
  write(name, member.row, member.events);
  await store.close();
}
