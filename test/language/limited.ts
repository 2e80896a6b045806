/** Tasks under limits and rates: the same result however long they wait, never more at once, all slots given back. */
import fc from "fast-check";
import { expect } from "vitest";
import { limit, rate, task, taskContext } from "../../sdk/index.ts";
import type { Event, Store } from "../../engine/index.ts";
import { callsOf, type Leaf, type World } from "./part.ts";

/** As many calls at once as there are values. */
export interface Limited { k: "limited"; how: "pair" | "both" | "brisk"; vs: number[] }

const MAX: { readonly [name: string]: number } = { "program-pair": 2, "program-single": 1 };
const [pair, single] = Object.entries(MAX).map(([name, max]) => limit(name, max));
if (pair === undefined || single === undefined) throw new Error("two limits");
const RATE = { max: 4, per: 12 }, brisk = rate("program-brisk", RATE);

/** Who is inside of a limit now, and the most that ever were, for one program. */
const inside = new Map<string, { now: Set<object>; most: number }>();
let counting = true;
/** Another engine takes over: whoever is inside has lost its slot, and where its engine lives on it may still begin. */
export function takenOver(lives: World["lives"]): void {
  counting = lives !== "overlapping";
  for (const one of inside.values()) one.now = new Set();
}
/** A program begins. */
export function beginCounting(): void { counting = true; inside.clear() }

async function within(root: string, names: readonly string[], ms: number): Promise<void> {
  const self = {}, { abortSignal } = taskContext();
  const places = names.map((name) => {
    const place = inside.get(`${root} ${name}`) ?? { now: new Set(), most: 0 };
    inside.set(`${root} ${name}`, place);
    place.now.add(self);
    if (counting) place.most = Math.max(place.most, place.now.size);
    return place;
  });
  const leave = (): void => { for (const place of places) place.now.delete(self) };
  abortSignal.addEventListener("abort", leave); // who is given up has no slot from then on
  await new Promise((resolve) => { setTimeout(resolve, ms) });
  leave();
}
const works = {
  pair: task("two-at-once", { limits: [pair] }, async (root: string, v: number) => {
    await within(root, ["program-pair"], v % 3);
    return v;
  }),
  both: task("one-of-two", { limits: [pair, "program-single"] }, async (root: string, v: number) => {
    await within(root, ["program-pair", "program-single"], v % 3);
    return v;
  }),
  brisk: task("brisk", { limits: [brisk] }, async (_: string, v: number) => v),
};

export const limited: Leaf<Limited> = {
  made: () => fc.record({ k: fc.constant("limited" as const), how: fc.constantFrom("pair", "both", "brisk"),
    vs: fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }) }),
  run: async ({ how, vs }, { root }) =>
    (await Promise.all(vs.map((v) => works[how](root, v)))).reduce((a, b) => a + b, 0),
  end: ({ vs }) => ({ value: vs.reduce((a, b) => a + b, 0) }),
  check: async (world) => {
    const calls = callsOf(world.family, "two-at-once", "one-of-two");
    for (const root of new Set(calls.map(({ input: [of] }) => String(of)))) {
      for (const [name, max] of Object.entries(MAX)) {
        expect(inside.get(`${root} ${name}`)?.most ?? 0, `${world.what}: at once in ${name}`).toBeLessThanOrEqual(max);
      }
    }
    if (calls.length > 0) await checkGivenBack(world.store, world.what);
    checkRate(world);
  },
};

/** Somebody else gets every slot. A slot goes back soon after its run has ended, not before. */
async function checkGivenBack(store: Store, what: string): Promise<void> {
  await store.register("probe", 60_000, [], {});
  for (const [name, max] of Object.entries(MAX)) {
    const ask = (nth: number): Promise<boolean> => store.takeSlot({ limit: name, max, runId: `probe-${nth}`,
      key: "task:probe#0", worker: "probe", priority: 0 });
    const all = Array.from({ length: max }, (_, nth) => nth), until = Date.now() + 5000;
    while (!(await Promise.all(all.map(ask))).every((granted) => granted)) {
      if (Date.now() > until) expect(await store.slots(name), `${what}: slots of ${name} were not given back`)
        .toHaveLength(0);
      await new Promise((resolve) => { setTimeout(resolve, 2) });
    }
    for (const nth of all) await store.freeSlots(`probe-${nth}`, "task:probe#0");
    expect((await store.slots(name)).length, `${what}: nobody waits for ${name}`).toBe(0);
  }
  await store.retire("probe");
}

/** Nobody begins before his instant, and no more begin in any time than a burst and what the rate gives in it. */
function checkRate({ family, what }: World): void {
  const begun: { readonly from: number; readonly at: number }[] = [];
  for (const { events } of family.values()) for (const event of events) {
    if (event.type !== "AttemptStarted") continue;
    const call = events.find((one) => one.type === "TaskScheduled" && one.key === event.key);
    if (call?.type !== "TaskScheduled" || call.name !== "brisk") continue;
    const { key, attempt, at } = event;
    const queued = events.find((one: Event) => one.type === "AttemptQueued" && one.key === key
      && one.attempt === attempt);
    const dueAt = queued?.type === "AttemptQueued" ? queued.dueAt ?? at : at;
    expect(at, `${what}: ${key} begins`).toBeGreaterThanOrEqual(dueAt);
    begun.push({ from: call.at, at: dueAt });
  }
  for (const { from } of begun) for (const { at: to } of begun) {
    const most = RATE.max + Math.ceil((to - from) / (RATE.per / RATE.max)) + 1; // instants are rounded
    expect(begun.filter((one) => one.from >= from && one.at <= to).length, `${what}: begun within ${to - from} ms`)
      .toBeLessThanOrEqual(Math.max(1, most));
  }
}
