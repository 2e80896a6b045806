/** The lines of a run's family: who stands where, and what a closed run hides. */
import { describe, expect, test } from "vitest";
import { familyLines, type Relative } from "../replay-viewer/model/family.ts";

const one = (runId: string, parentId: string | null, state: Relative["state"] = "completed"): Relative => ({ runId,
  name: runId, workflow: "w", state, parentId, key: null, createdAt: 0, endedAt: null });
const family = { above: [one("root", null), one("parent", "root")], more: false, runs: [one("self", "parent"),
  one("a", "self", "running"), one("b", "self"), one("a1", "a", "failed"), one("a2", "a")] };

describe("the lines of a family", () => {
  test("go from the first of all, through the run, down to the last", () => {
    expect(familyLines(family, new Set()).map(({ run, depth, place, size, children }) =>
      [run.runId, depth, place, size, children])).toEqual([["root", 0, 1, 1, 1], ["parent", 1, 1, 1, 1],
      ["self", 2, 1, 1, 2], ["a", 3, 1, 2, 2], ["a1", 4, 1, 2, 0], ["a2", 4, 2, 2, 0], ["b", 3, 2, 2, 0]]);
  });

  test("leave out what a closed run hides, and count it by state", () => {
    const lines = familyLines(family, new Set(["a", "b"]));
    expect(lines.map(({ run }) => run.runId)).toEqual(["root", "parent", "self", "a", "b"]);
    expect(lines.map(({ open, below }) => [open, below])).toEqual([[true, []], [true, []], [true, []],
      [false, [["completed", 1], ["failed", 1]]], [false, []]]);
    expect(familyLines(family, new Set(["root"]))).toMatchObject([{ run: { runId: "root" },
      below: [["completed", 4], ["failed", 1], ["running", 1]] }]);
  });

  test("are none where nothing is known", () => {
    expect(familyLines({ above: [], runs: [], more: false }, new Set())).toEqual([]);
  });
});
