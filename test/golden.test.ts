/**
 * Suite I: histories that released versions wrote replay with identical decisions. The folder says which version wrote
 * them. A failure here means that this version would park runs of that one: change the engine (engineFlags), never the
 * history. The code of a recorded workflow in the corpus may not change either; test/record-histories.ts adds more.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openFold, rehearse, type Event, type RunRow } from "../engine/index.ts";
import { isDecision, isDelivery } from "../engine/core/events.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { checkHistory } from "./checker.ts";
import { accidents } from "./corpus/accidents.ts";
import { conversations } from "./corpus/conversations.ts";
import "./corpus/surface.ts";
import "./corpus/tasks.ts";
import "./corpus/pools.ts";
import "./corpus/tries.ts";
import { specimens } from "./corpus/workflows.ts";
import { unreadSignals } from "./family.ts";

const folder = new URL("histories/", import.meta.url);
const versions = readdirSync(folder);
/** What `reprise runs export` writes. */
interface Exported { readonly format: string; readonly run: RunRow; readonly events: readonly Event[] }
const read = (version: string, file: string): Exported =>
  JSON.parse(readFileSync(new URL(`${version}/${file}`, folder), "utf8")) as Exported;

/** All of a decision but where it stands in the log, in whose source, and which run the worker made for a next try. */
function told(decision: object): object {
  return JSON.parse(JSON.stringify(decision, (key, value: unknown) =>
    ["seq", "at", "site", "stack", "retriedAs"].includes(key) ? undefined : value)) as object;
}

describe.each(versions)("a history that version %s wrote", (version) => {
  const files = readdirSync(new URL(`${version}/`, folder));

  test.each(files)("replays, and decides the same when its decisions are taken away: %s", async (file) => {
    const { format, run, events } = read(version, file), spec = workflowSpec(run.workflow);
    expect(format).toBe("reprise/history/1");
    if (spec === undefined) throw new Error(`the corpus no longer has the workflow ${run.workflow}`);
    checkHistory(events, file);
    expect((await rehearse(run.runId, spec, events)).diff).toBeUndefined();
    // A value from outside is not decided again: it is read from the history.
    const blank = events.filter((event) => isDelivery(event) || event.type === "ValueRecorded");
    const again = await rehearse(run.runId, spec, blank, { partial: true });
    expect(again.decisions.map(told)).toEqual(
      events.filter((event) => isDecision(event) && event.type !== "ValueRecorded").map(told));
    const fold = openFold();
    for (const event of events) fold.apply(event);
    expect([fold.view.state, fold.view.head]).toEqual([run.state, run.asOf]);
    const { signals, waits } = fold.view;
    expect([...signals.values()].flatMap(({ unread, seq }) => unread ? [seq] : [])).toEqual(unreadSignals(events));
    expect([...waits.values()].filter(({ state }) => state === "open"), "an ended run waits for nothing").toEqual([]);
  });

  test("is there for every workflow of the corpus", () => {
    const names = [...conversations, ...specimens, ...accidents].map(({ name }) => `${name}.json`);
    if (version === versions.at(-1)) expect(files).toEqual(expect.arrayContaining(names));
  });
});
