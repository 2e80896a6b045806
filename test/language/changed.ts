/** Changed code: `patched`, `deprecatePatch`. Runs that passed the place with the old code keep it; others change. */
import fc from "fast-check";
import { expect } from "vitest";
import { attributes, deprecatePatch, patched } from "../../sdk/index.ts";
import type { Event } from "../../engine/index.ts";
import { plain, type Part, type Program, type Release } from "./part.ts";

/** One place that changed: `then` in the old code, `now` in the new. */
export interface Changed { k: "changed"; id: number; then: Program; now: Program }

/** Which way this code takes at the place. */
function wayOf(id: string, release: Release): "then" | "now" {
  if (release === "old") return "then";
  if (release === "new") return patched(id) ? "now" : "then";
  deprecatePatch(id);
  return "now";
}

export const changed: Part<Changed> = {
  made: (inner) => fc.record({ k: fc.constant("changed" as const), id: fc.nat(1), then: inner, now: inner }),
  run: (program, state, interpret) => {
    const id = `change-${program.id}`, way = wayOf(id, state.release);
    attributes({ [id]: way });
    return interpret(program[way], state);
  },
  end: (program, of) => {
    const [then, now] = [of(program.then), of(program.now)];
    return JSON.stringify(then) === JSON.stringify(now) ? then : undefined;
  },
  check: ({ family, what }) => {
    for (const [run, { events }] of family) for (const id of ["change-0", "change-1"]) {
      const ways = events.filter((event) => event.type === "Published" && event.name === id);
      const patch = events.find((event) => event.type === "PatchDecided" && event.key === `patch:${id}`);
      const [first] = ways;
      const where = `${what}: ${id} of run ${run}`;
      if (first?.type !== "Published") { expect(patch, where).toBeUndefined(); continue }
      const release = releaseAt(events, first.seq), expected = release === "old" ? "then" : "now";
      for (const way of ways) {
        expect(way.type === "Published" && plain(way.value), `${where}, first passed with ${release} code`)
          .toBe(expected);
      }
      expect(patch?.type === "PatchDecided" && patch.by, `${where}: recorded with ${release} code`)
        .toBe(release === "new" && first.by);
    }
  },
};

/** The code of whoever owned the run at this event. */
function releaseAt(events: readonly Event[], seq: number): string | undefined {
  const told = events.findLast((event) => event.seq <= seq && (event.type === "RunStarted"
    || event.type === "RunClaimed") && event.codeVersion !== undefined);
  return told !== undefined && "codeVersion" in told ? told.codeVersion : undefined;
}
