/** Cached tasks: calls of one program share keys; who computes, and who is answered from the cache. */
import fc from "fast-check";
import { expect } from "vitest";
import { task, taskContext } from "../../sdk/index.ts";
import { callsOf, plain, type Leaf } from "./part.ts";

/** `of`: the keys of calls that are made at once. A failing one fails if it is executed, and is answered like any other
 *  if it is not. */
export interface Cached { k: "cached"; of: number[]; fails: boolean }

interface Execution { readonly run: string; readonly key: string; readonly place: string; readonly n: number }
const executions: Execution[] = [];
const kept = task("kept", { cache: { key: (root: string, of: number) => `${root} ${of}` } },
  async (root: string, of: number, fails: boolean) => {
    const { run, task: { key } } = taskContext(), n = executions.length;
    if (fails) throw new Error(`no ${of}`);
    executions.push({ run: run.id, key, place: `${root} ${of}`, n });
    await new Promise((resolve) => { setTimeout(resolve, 2 * of) });
    return n;
  });

export const cached: Leaf<Cached> = {
  made: () => fc.record({ k: fc.constant("cached" as const), of: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }),
    fails: fc.nat(5).map((n) => n === 0) }),
  run: async ({ of, fails }, { root }) => {
    await Promise.all(of.map((one) => kept(root, one, fails)));
    return of.length;
  },
  end: ({ of, fails }) => fails ? undefined : { value: of.length },
  check: ({ family, what, lives }) => {
    const calls = callsOf(family, "kept"), places = new Map<string, typeof calls>();
    for (const call of calls) {
      const place = `${String(call.input[0])} ${String(call.input[1])}`;
      places.set(place, [...places.get(place) ?? [], call]);
    }
    for (const [place, all] of places) {
      const where = `${what}: cached ${place}`, made = executions.filter((one) => one.place === place);
      const results = new Set<unknown>();
      let computed = 0;
      for (const { run, key, seq, input: [, , fails], end } of all) {
        if (end?.type === "TaskFailed") {
          expect(fails, `${where}: ${key} failed`).toBe(true);
          const before = all.some((one) => one.run === run && one.end?.type === "TaskCompleted" && one.end.seq < seq);
          expect(before, `${where}: ${key} failed though the result was there`).toBe(false);
        }
        if (end?.type !== "TaskCompleted") continue;
        const n = plain(end.result), { run: by, key: call } = end.cached ?? { run, key };
        if (end.cached === undefined) computed++;
        expect(fails && end.cached === undefined, `${where}: ${key} cannot have computed it`).toBe(false);
        expect(made, `${where}: ${key} has what ${call} of ${by} computed`).toContainEqual({ run: by, key: call,
          place, n });
        results.add(n);
      }
      if (lives === "overlapping") continue; // the first may still keep what the second computes again
      expect(results.size, `${where}: one result for all`).toBeLessThanOrEqual(1);
      expect(computed, `${where}: one call computes it`).toBeLessThanOrEqual(1);
      const givenUp = all.some(({ end }) => end === undefined);
      if (lives === "one" && !givenUp) expect(made.length, `${where}: executions`).toBe(results.size);
    }
  },
};
