/** Conditions: of a variable that signals and updates change. Met in the first turn in which they hold, never later. */
import fc from "fast-check";
import { expect } from "vitest";
import { attributes, condition, context, scope, signal, task, z, type SignalDef } from "../../sdk/index.ts";
import { isDelivery, type Event } from "../../engine/index.ts";
import { nth, plain, type Leaf } from "./part.ts";

/** The run sends itself `coins`, with tasks between them where `slow` says so, and goes on when they make `until`. */
export interface Tally { k: "tally"; coins: number[]; until: number; slow: boolean }

const pause = task("pause", async () => 0);
const signals = new Map<string, SignalDef<number>>();
function coin(name: string): SignalDef<number> {
  const known = signals.get(name) ?? signal(name, z.number());
  signals.set(name, known);
  return known;
}

export const tally: Leaf<Tally> = {
  made: () => fc.record({ k: fc.constant("tally" as const), slow: fc.boolean(), until: fc.nat(20),
    coins: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }) }).map((one) =>
    ({ ...one, until: 1 + one.until % one.coins.reduce((a, b) => a + b, 0) })),
  run: async ({ coins, until, slow }, state) => {
    const name = `${state.link}-${nth(state, "tally")}`, mine = coin(`coin-${name}`), { run } = context();
    attributes({ [`until-${name}`]: until });
    let got = 0;
    await scope(async () => {
      const read = async (): Promise<void> => { for await (const n of mine) got += n };
      const send = async (): Promise<void> => {
        for (const n of coins) { if (slow) await pause(); await mine.send(run.id, n) }
      };
      for (const branch of [read(), send()]) branch.catch(() => undefined); // the scope ends them
      await condition(() => got + state.bumped >= until);
      attributes({ [`met-${name}`]: got + state.bumped });
    });
    return until;
  },
  end: ({ until }) => ({ value: until }),
  check: ({ family, what }) => {
    for (const [run, { events }] of family) for (const asked of events) {
      if (events.some(({ type }) => type === "ResultInjected")) continue; // whoever did, may have settled it
      if (asked.type !== "Published" || !asked.name.startsWith("until-")) continue;
      const name = asked.name.slice(6), where = `${what}: run ${run}, tally ${name}`;
      const due = firstTurn(events, name, asked.by, Number(plain(asked.value)));
      const met = events.find((one) => one.type === "Published" && one.name === `met-${name}`);
      if (met?.type !== "Published") {
        if (due !== undefined && looked(events, asked.by) && events.some(({ seq }) => seq > due.by)) {
          expect(endedBy(events, due.by), `${where} held in turn ${due.by}: ${told(events)}`).toBe(true);
        }
        continue;
      }
      expect({ by: met.by, sum: plain(met.value) }, where).toEqual(due);
    }
  },
};

/** The first turn in which what has come makes `until`. */
function firstTurn(events: readonly Event[], name: string, from: number, until: number):
  { readonly by: number; readonly sum: number } | undefined {
  let sum = 0;
  for (const event of events.filter(isDelivery)) {
    if (event.type === "UpdateReceived") sum += Number(plain(event.value));
    if (event.type === "SignalReceived" && event.name === `coin-${name}`) sum += Number(plain(event.value));
    if (event.seq >= from && sum >= until) return { by: event.seq, sum };
  }
  return undefined;
}
/** Did anybody look at the condition until the end? Not where its scope had been given up before; nor, perhaps, where
 *  the function had ended and its run still waited for a child. */
function looked(events: readonly Event[], by: number): boolean {
  return events.some((event) => event.type === "WaitOpened" && event.kind === "condition" && event.by === by)
    && !events.some((event) => event.type === "ChildStarted" && event.onClose === "wait");
}
/** A history in a few words. */
function told(events: readonly Event[]): string {
  return events.map((event) => [event.seq, event.type, "key" in event && event.key, "name" in event && event.name,
    "by" in event && `by ${event.by}`].filter(Boolean).join(" ")).join(", ");
}
/** Was anything given up in this turn, or the run ended by then? Then the condition may have been, too. */
function endedBy(events: readonly Event[], turn: number): boolean {
  return events.some((event) => "by" in event && event.by <= turn
    && ["WaitClosed", "TimerCancelled", "TaskCancelRequested", "RunCompleted", "RunFailed", "RunCancelled",
      "RunContinued"].includes(event.type))
    || events.some(({ type, seq }) => type === "CancelRequested" && seq <= turn);
}
