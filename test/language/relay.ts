/** Chains: a child that goes on as another, carries its state along, and reads mail that was sent to its first link. */
import fc from "fast-check";
import { expect } from "vitest";
import { context, continueWith, signal, workflow, z } from "../../sdk/index.ts";
import { plain, type Interpret, type Part, type Program, type Release, type State } from "./part.ts";

/** One link for each baton; all batons are sent to the first link, each link reads one. */
export interface Relayed { k: "relay"; batons: number[]; body: Program }
/** What a link is given. */
export interface Baton { readonly root: string; readonly left: number; readonly carried: number; readonly p: Program }

const baton = signal("baton", z.number());
const MOD = 10_007;
const carry = (carried: number, read: number, value: number): number => (carried * 31 + read + value + MOD) % MOD;

/** Every engine has code of its own for it: `codeOf` of random-programs.ts. */
export const relay = workflow("random-relay", async (_: Baton): Promise<number> => { throw new Error("no code") });
/** Its code. */
export async function relayed({ root, left, carried, p }: Baton, release: Release, interpret: Interpret):
  Promise<number> {
  const state: State = { shared: 1, bumped: 0, root, run: context().run.id, link: left, release, times: new Map(),
    givenUp: false };
  const value = await interpret(p, state), next = carry(carried, await baton.wait(), value);
  return left > 1 ? continueWith({ root, left: left - 1, carried: next, p }) : next;
}

export const chain: Part<Relayed> = {
  made: (inner) => fc.record({ k: fc.constant("relay" as const), body: inner,
    batons: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }) }),
  run: async ({ batons, body }, { root }) => {
    const first = await relay.start({ root, left: batons.length, carried: 0, p: body });
    for (const n of batons) await first.signal(baton, n);
    return first.result();
  },
  end: ({ batons, body }, of) => {
    const inner = of(body);
    return inner === undefined || inner === "throws" ? inner
      : { value: batons.reduce((carried, n) => carry(carried, n, inner.value), 0) };
  },
  check: ({ family, what }) => {
    for (const [id, { row, events }] of family) {
      const started = events[0], end = events.at(-1);
      if (row.workflow !== "random-relay" || started?.type !== "RunStarted" || end?.type !== "RunContinued") continue;
      const given = plain(started.input) as Baton, next = plain(end.input) as Baton; // as every link is started
      const read = events.find((event) => event.type === "SignalReceived" && event.name === "baton");
      expect(next, `${what}: what link ${id} hands on`).toEqual({ ...given, left: given.left - 1,
        carried: expect.any(Number) });
      expect(read, `${what}: link ${id} has read a baton`).toBeDefined();
      const after = family.get(end.nextId)?.events[0];
      expect(after?.type === "RunStarted" && [plain(after.input), after.chain?.link],
        `${what}: what the link after ${id} is given`).toEqual([next, (started.chain?.link ?? 1) + 1]);
    }
  },
};
