/** The oracle: how a program must end, by the meaning of its parts and no word of the engine. */
import { expect } from "vitest";
import { Cancelled, TimedOut } from "../../sdk/index.ts";
import { callsOf, plain, type End, type Program, type State, type World } from "./part.ts";
import { parts } from "./parts.ts";

const value = (end: End): number | undefined => end === undefined || end === "throws" ? undefined : end.value;
const of = (known: number | undefined): End => known === undefined ? undefined : { value: known };
/** The end that all have in common. */
function common(ends: readonly End[]): End {
  const [first] = ends;
  return ends.every((end) => JSON.stringify(end) === JSON.stringify(first)) ? first : undefined;
}
function sum(ends: readonly End[]): End {
  const values = ends.map(value);
  return of(values.reduce<number | undefined>((a, b) => a === undefined || b === undefined ? undefined : a + b, 0));
}

/** undefined: it depends on who comes first, or on chance. */
export function endOf(program: Program): End {
  switch (program.k) {
    case "task": return program.fails ? "throws" : of(program.v);
    case "sleep": return of(1);
    case "send": case "undoable": case "show": return of(program.v);
    case "condition": return program.of === 1 ? of(1) : undefined;
    case "chance": case "read": case "form": case "stuck": return undefined;
    case "seq": {
      const ends = program.xs.map(endOf), stop = ends.findIndex((end) => value(end) === undefined);
      return stop === -1 ? sum(ends) : ends[stop];
    }
    case "all": { const ends = program.xs.map(endOf); return ends.includes("throws") ? "throws" : sum(ends) }
    case "race": return common(program.xs.map(endOf));
    case "any": {
      const ends = program.xs.map(endOf);
      return ends.includes(undefined) ? undefined : common(ends.some((end) => end !== "throws")
        ? ends.filter((end) => end !== "throws") : ends);
    }
    case "settled": {
      const ends = program.xs.map(endOf);
      return ends.includes(undefined) ? undefined : of(ends.filter((end) => end !== "throws").length);
    }
    case "try": { const body = endOf(program.body); return body === "throws" ? endOf(program.rescue) : body }
    case "branch": {
      const on = endOf(program.on);
      return value(on) === undefined ? on : common([endOf(program.even), endOf(program.odd)]);
    }
    case "limit": return endOf(program.body) === "throws" ? of(-1) : undefined;
    case "saga": { const body = endOf(program.body); return body === "throws" ? of(-5) : body }
    case "stopped": return endOf(program.body) === "throws" ? of(-4) : undefined;
    case "child": case "scope": case "shield": return endOf(program.body);
    default: return parts.end(program, endOf);
  }
}

const known = new WeakMap<Program, { readonly end: End }>();
/** What did not end as it must, by run. */
const wrong = new Map<string, string[]>();
/** A program ended so in a run; those of a scope that was given up may end otherwise. */
export function sees(program: Program, state: State, how: { readonly value: number } | { readonly error: unknown }):
  void {
  if ("error" in how && givesUp(how.error)) state.givenUp = true;
  if (state.givenUp) return;
  const { end } = known.get(program) ?? { end: endOf(program) };
  known.set(program, { end });
  const right = end === undefined || (end === "throws" ? "error" in how : "value" in how && how.value === end.value);
  if (right) return;
  const said = `${JSON.stringify(program)} must be ${JSON.stringify(end)}, not ${"value" in how ? how.value
    : String(how.error)}`;
  wrong.set(state.run, [...wrong.get(state.run) ?? [], said]);
}
/** Is this, or what is behind it, that a call was given up? */
function givesUp(error: unknown): boolean {
  if (error instanceof Cancelled || error instanceof TimedOut) return true;
  if (error instanceof AggregateError && error.errors.some(givesUp)) return true;
  return error instanceof Error && error.cause !== undefined && givesUp(error.cause);
}

/** Every run that was neither cancelled nor given a result by hand ended as its program must. How many were known. */
export function checkEnds({ family, what }: World): number {
  let ends = 0;
  for (const [id, { row, events }] of family) {
    const started = events[0], last = events.at(-1);
    if (events.some(({ type }) => type === "ResultInjected")) continue;
    expect(wrong.get(id)?.join("; "), `${what}: run ${id}`).toBeUndefined();
    if (row.workflow !== "random-program" || started?.type !== "RunStarted" || last === undefined) continue;
    if (events.some(({ type }) => type === "CancelRequested")) continue;
    const { p, links } = plain(started.input) as { readonly p: Program; readonly links: number }; // as it was started
    const end = endOf(p), where = `${what}: run ${id}`;
    if (end === undefined) continue;
    ends++;
    if (end === "throws") expect(last.type, where).toBe("RunFailed");
    else if (links > 0) expect(last.type, where).toBe("RunContinued");
    else expect(last.type === "RunCompleted" ? plain(last.result) : last, where).toEqual([end.value,
      expect.any(Number)]);
  }
  return ends;
}

/** A task's result is that of its own arguments. */
export function checkResults({ family, what }: World): void {
  for (const { run, key, input: [v, shared], end } of callsOf(family, "work")) {
    if (end?.type !== "TaskCompleted") continue;
    expect(plain(end.result), `${what}: ${key} of run ${run}`).toBe(Number(v) + Number(shared) % 7);
  }
}
