/** Two runs side by side: their calls aligned by key, what differs, and where that begins. */
import type { Payload } from "../../engine/core/events.ts";
import { titleOf, type Call } from "./calls.ts";
import type { History } from "./history.ts";
import { shownError, shownPayload } from "./payload.ts";
import { leaf, record, type Shown } from "./shown.ts";
import { differences, type Difference } from "./state.ts";

/** What differs first about a pair, the most telling first; `time` says that only the duration does. */
export type Verdict = "same" | "only in A" | "only in B" | "input" | "error" | "result" | "state";
/** One call in both runs, or in one. */
export interface Pair {
  readonly key: string; readonly title: string; readonly a: Call | undefined; readonly b: Call | undefined;
  readonly verdict: Verdict; readonly msA: number | undefined; readonly msB: number | undefined;
}
export interface Alignment {
  readonly pairs: readonly Pair[];
  /** Index of the first pair that differs; -1 when all are the same. */
  readonly first: number;
  readonly same: number; readonly different: number; readonly onlyA: number; readonly onlyB: number;
}

/** Aligns two runs by the keys of their calls, in the order of A; what only B has stands after its neighbour in B. */
export function align(a: History, b: History): Alignment {
  const after = new Map<string, Call[]>();
  let neighbour = "";
  for (const call of b.calls) {
    if (a.call(call.key) === undefined) {
      const list = after.get(neighbour);
      if (list === undefined) after.set(neighbour, [call]); else list.push(call);
    } else neighbour = call.key;
  }
  const pairs: Pair[] = [];
  const onlyB = (key: string): void => { for (const call of after.get(key) ?? []) pairs.push(pairOf(undefined, call)) };
  onlyB("");
  for (const call of a.calls) {
    pairs.push(pairOf(call, b.call(call.key)));
    onlyB(call.key);
  }
  const counted = (verdict: Verdict): number => pairs.filter((pair) => pair.verdict === verdict).length;
  const same = counted("same"), inA = counted("only in A"), inB = counted("only in B");
  return { pairs, first: pairs.findIndex((pair) => pair.verdict !== "same"), same, onlyA: inA, onlyB: inB,
    different: pairs.length - same - inA - inB };
}

function pairOf(a: Call | undefined, b: Call | undefined): Pair {
  const one = a ?? b;
  return { key: one?.key ?? "", title: one === undefined ? "" : titleOf(one), a, b, verdict: verdictOf(a, b),
    msA: lengthOf(a), msB: lengthOf(b) };
}
function lengthOf(call: Call | undefined): number | undefined {
  return call?.endAt === undefined ? undefined : call.endAt - call.at;
}

function verdictOf(a: Call | undefined, b: Call | undefined): Verdict {
  if (a === undefined) return "only in B";
  if (b === undefined) return "only in A";
  if (!samePayload(a.input, b.input)) return "input";
  if (a.error?.message !== b.error?.message || a.error?.name !== b.error?.name) return "error";
  if (a.state !== b.state) return "state";
  return samePayload(a.result, b.result) ? "same" : "result";
}

/** Equal as recorded. Two large values are equal when their hashes are. */
export function samePayload(a: Payload | undefined, b: Payload | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** What differs between the two sides of a pair, as paths. */
export function pairDifferences(pair: Pair): Difference[] { return differences(shownCall(pair.a), shownCall(pair.b)) }

function shownCall(call: Call | undefined): Shown {
  if (call === undefined) return record({});
  return record({ state: leaf("string", JSON.stringify(call.state)), input: call.input && shownPayload(call.input),
    result: call.result && shownPayload(call.result), error: call.error && errorWithoutStack(call),
    attempts: leaf("number", String(call.tries.length)) });
}
function errorWithoutStack(call: Call): Shown | undefined {
  if (call.error === undefined) return undefined;
  const { stack: _, ...rest } = call.error;
  return shownError(rest);
}

/** What differs between the runs themselves: input, outcome, code. */
export function runDifferences(a: History, b: History): Difference[] { return differences(shownRun(a), shownRun(b)) }

function shownRun(history: History): Shown {
  const first = history.event(1), { end } = history;
  const started = first?.type === "RunStarted" ? first : undefined;
  return record({
    workflow: started && leaf("string", started.workflow), codeVersion: started?.codeVersion === undefined ? undefined
      : leaf("string", started.codeVersion),
    input: started?.input && shownPayload(started.input),
    end: leaf("string", end === undefined ? "going on" : end.type.slice(3).toLowerCase()),
    result: end?.type === "RunCompleted" && end.result ? shownPayload(end.result) : undefined,
    error: end?.type === "RunFailed" ? leaf("string", `${end.error.name}: ${end.error.message}`) : undefined,
  });
}
