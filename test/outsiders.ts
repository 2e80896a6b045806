/** Those outside of a random program: they answer, update, inject and pause while it runs, and are told what came. */
import fc from "fast-check";
import { expect } from "vitest";
import { encodeRecorded, isTerminal, RepriseError, type Event, type RunEngine } from "../engine/index.ts";

/** One thing that somebody does, `at` so many milliseconds from the start; `v` below zero is a value to be refused. */
export interface Act { readonly at: number; readonly do: "answer" | "update" | "inject" | "pause"; readonly v: number;
  readonly of: number }
export const acts: fc.Arbitrary<Act[]> = fc.array(fc.record({ at: fc.nat(5), v: fc.integer({ min: -3, max: 20 }),
  do: fc.constantFrom("answer" as const, "update" as const, "inject" as const, "pause" as const), of: fc.nat(7) }),
{ minLength: 1, maxLength: 4 });

/** What somebody was told. `late`: there was nothing left to act on. */
export interface Told { readonly act: Act; readonly id: string; readonly how: "accepted" | "refused" | "late";
  readonly reply?: unknown }

const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) });
const REFUSED = new Set(["ANSWER_REFUSED", "INJECT_REFUSED", "UPDATE_REFUSED"]);
const LATE = new Set(["RUN_ENDED", "UPDATE_PENDING"]);

/** Does it, under a name of its own. */
export async function act(engine: RunEngine, runId: string, one: Act, id: string): Promise<Told> {
  await pause(one.at);
  try {
    return { act: one, id, ...await ask(engine, runId, one, id) };
  } catch (error) {
    const code = error instanceof RepriseError ? error.code : "";
    if (REFUSED.has(code)) return { act: one, id, how: "refused" };
    if (LATE.has(code)) return { act: one, id, how: "late" };
    if (one.do === "update") return { act: one, id, how: "accepted", reply: { error: String(error) } };
    throw error;
  }
}

async function ask(engine: RunEngine, runId: string, { do: what, v, of }: Act, id: string):
  Promise<Pick<Told, "how" | "reply">> {
  const { operator } = engine;
  const value = encodeRecorded(v, id);
  switch (what) {
    case "answer": {
      const form = await found(engine, runId, (event) => event.type === "WaitOpened" && event.kind === "form");
      return form === undefined ? { how: "late" }
        : told(await operator.answer(runId, form[of % form.length] ?? "", value, id));
    }
    case "update": return { how: "accepted",
      reply: { value: await operator.update(runId, "bump", value, { key: id }) } };
    case "inject": {
      const open = await found(engine, runId, () => true);
      return open === undefined ? { how: "late" }
        : told(await operator.inject(runId, open[of % open.length] ?? "", value, id, "suite C"));
    }
    case "pause":
      await operator.pause(runId, id);
      await pause(of);
      await operator.resume(runId, id);
      return { how: "accepted" };
    default: { const unknown: never = what; throw new Error(`no act ${String(unknown)}`) }
  }
}
const told = (how: "accepted" | "pending"): Pick<Told, "how"> => ({ how: how === "pending" ? "late" : how });

/** Keys of open calls of this kind, as soon as there are any; undefined when the run has ended. */
async function found(engine: RunEngine, runId: string, wanted: (event: Event) => boolean):
  Promise<readonly string[] | undefined> {
  for (;;) {
    const events = await engine.history(await engine.operator.lastLink(runId)), last = events.at(-1);
    const open = openCalls(events, wanted);
    if (open.length > 0) return open;
    if (last !== undefined && isTerminal(last)) return undefined;
    await pause(1);
  }
}
/** Keys of tasks, timers and waits that have no end yet; a child's result would have to be of the child's kind. */
function openCalls(events: readonly Event[], wanted: (event: Event) => boolean): readonly string[] {
  const open = new Set<string>();
  for (const event of events) {
    if (event.type === "TaskScheduled" || event.type === "TimerStarted"
      || (event.type === "WaitOpened" && event.taken === undefined)) { if (wanted(event)) open.add(event.key) }
    else if (event.type !== "AttemptStarted" && event.type !== "AttemptFailed" && event.type !== "RetryScheduled"
      && "key" in event && event.key !== undefined) open.delete(event.key);
  }
  return [...open];
}

/** What they were told is what the histories say: what was accepted stands there once, what was refused nowhere. */
export function checkActs(histories: readonly (readonly Event[])[], all: readonly Told[], what: string): void {
  const events = histories.flat();
  for (const { act: { do: kind }, id, how, reply } of all) {
    const where = `${what}: ${id}`;
    if (kind === "answer" || kind === "inject") {
      const taken = events.filter((event) => (event.type === "WaitAnswered" || event.type === "ResultInjected")
        && event.who === id).length;
      if (how === "late") expect(taken, where).toBeLessThanOrEqual(1);
      else expect(taken, where).toBe(how === "accepted" ? 1 : 0);
    }
    if (kind !== "update") continue;
    const done = events.filter((event) => event.type === "UpdateCompleted" && event.id === id);
    const asked = events.some((event) => event.type === "UpdateReceived" && event.id === id);
    expect(done.length, `${where}: one reply`).toBeLessThanOrEqual(1);
    if (how === "refused") expect(asked, `${where} was refused`).toBe(false);
    if (how === "accepted") expect(replyOf(done[0]), where).toEqual(reply);
  }
}
function replyOf(event: Event | undefined): unknown {
  if (event?.type !== "UpdateCompleted") return undefined;
  return event.error === undefined ? { value: event.result !== undefined && "p" in event.result ? event.result.p : 0 }
    : { error: expect.stringContaining(event.error.message) };
}
