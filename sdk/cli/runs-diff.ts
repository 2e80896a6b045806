/** `reprise runs diff`: where two runs part. */
import type { Command } from "commander";
import { inputHash, isDecision, isDelivery, type Event, type Payload } from "../../engine/index.ts";
import { eventLine } from "./event-line.ts";
import { findRun, stateOf, withEngine } from "./open.ts";
import { bold, out, outJson, type Style } from "./output.ts";

/** Adds `diff` to `runs`. */
export function addDiff(runs: Command): void {
  runs.command("diff").argument("<run>").argument("<other>")
    .description("the first thing that was decided or answered otherwise in another run").option("--json")
    .action(diff);
}

async function diff(wanted: string, other: string, style: Style): Promise<void> {
  await withEngine("none", async (engine) => {
    const rows = [await findRun(engine, wanted), await findRun(engine, other)] as const;
    const [ours, theirs] = [await engine.history(rows[0].runId), await engine.history(rows[1].runId)];
    const { alike, left, right } = firstDifference(ours, theirs), [one, two] = rows;
    if (style.json) {
      outJson({ runs: [one.runId, two.runId], states: [stateOf(one), stateOf(two)], alike,
        differ: left !== undefined || right !== undefined, events: [left ?? null, right ?? null] });
      return;
    }
    const ends = `They are ${stateOf(one)} and ${stateOf(two)}.`, events = alike === 1 ? "event" : "events";
    if (left === undefined && right === undefined) {
      out(`Runs '${one.name}' and '${two.name}' decided and were answered alike: ${alike} ${events}. ${ends}`);
      return;
    }
    out(`Runs '${one.name}' and '${two.name}' are alike for ${alike} decisions and answers, then part:`);
    for (const [{ name }, event] of [[one, left], [two, right]] as const) {
      out(`${bold(name)}\n${event === undefined ? "        nothing more" : eventLine(event)}`);
    }
    out(ends);
  });
}

/** How many decisions and deliveries are alike from the start, and the first on each side that is not. */
export function firstDifference(ours: readonly Event[], theirs: readonly Event[]):
  { readonly alike: number; readonly left: Event | undefined; readonly right: Event | undefined } {
  const [one, two] = [ours.filter(counts), theirs.filter(counts)];
  let alike = 0;
  for (;; alike++) {
    const left = one[alike], right = two[alike];
    if (left === undefined || right === undefined || factOf(left) !== factOf(right)) return { alike, left, right };
  }
}
/** Attempts, claims and the like may differ: they are nothing that the code decides or sees. */
function counts(event: Event): boolean { return isDecision(event) || isDelivery(event) }

/** What an event says, without when, by whom and under which ids. */
function factOf(event: Event): string {
  const { type, key, name, workflow, inputHash: hash, input, result, value, kind, purpose, reason, error } =
    event as Partial<Facts>; // each type has some of them
  return JSON.stringify([type, key, type === "RunStarted" ? "" : name, workflow, hash, hashOf(input), hashOf(result),
    hashOf(value), kind, purpose, reason, error?.name, error?.message]);
}
interface Facts {
  readonly type: string; readonly key: string; readonly name: string; readonly workflow: string;
  readonly inputHash: string; readonly input: Payload; readonly result: Payload; readonly value: Payload;
  readonly kind: string; readonly purpose: string; readonly reason: string;
  readonly error: { readonly name: string; readonly message: string };
}
function hashOf(payload: Payload | undefined): string | undefined { return payload && inputHash(payload) }
