/** Runs that take turns: the workflow option `concurrency`. */
import fc from "fast-check";
import { expect } from "vitest";
import { task, workflow } from "../../sdk/index.ts";
import type { Event } from "../../engine/index.ts";
import type { Leaf } from "./part.ts";

export interface Turns { k: "turns"; vs: number[] }
interface Turn { readonly root: string; readonly v: number }

const step = task("step", async (v: number) => {
  await new Promise((resolve) => { setTimeout(resolve, v % 2) });
  return v;
});
const turn = workflow("random-turn", { concurrency: { max: 1, key: (given: unknown) => (given as Turn).root } },
  async ({ v }: Turn) => await step(v) + await step(1) - 1);

export const turns: Leaf<Turns> = {
  made: () => fc.record({ k: fc.constant("turns" as const), vs: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }) }),
  run: async ({ vs }, { root }) =>
    (await Promise.all(vs.map((v) => turn({ root, v })))).reduce((a, b) => a + b, 0),
  end: ({ vs }) => ({ value: vs.reduce((a, b) => a + b, 0) }),
  check: async ({ family, store, what }) => {
    const runs = [...family.values()].filter(({ row }) => row.workflow === "random-turn");
    const keys = new Set(runs.map(({ row }) => row.slotKey));
    expect(keys.has(null), `${what}: every run takes its turn`).toBe(false);
    const taken = runs.flatMap(({ row, events }) => {
      const begun = events.find(({ type }) => type === "AttemptStarted"), end = events.at(-1);
      const worker = workerOf(events);
      return begun === undefined || end === undefined || worker === undefined ? []
        : [{ place: `${row.slotKey} on ${worker}`, from: begun.at, to: end.at }]; // two workers' clocks may differ
    }).toSorted((a, b) => a.from - b.from);
    const freeAt = new Map<string, number>();
    for (const { place, from, to } of taken) {
      expect(from, `${what}: a turn of ${place}`).toBeGreaterThanOrEqual(freeAt.get(place) ?? 0);
      freeAt.set(place, to);
    }
    const held = (await store.turnKeys()).filter(({ slotKey }) => keys.has(slotKey));
    expect(held, `${what}: all turns are given back`).toEqual([]);
  },
};
/** The only worker that had the run, if there was only one. */
function workerOf(events: readonly Event[]): string | undefined {
  const workers = new Set(events.flatMap((event) => event.type === "RunClaimed" ? [event.worker] : []));
  return workers.size === 1 ? [...workers][0] : undefined;
}
