/** The family of a run as lines of a tree: who started it, and whom it started. */
import type { RunState } from "./wire.ts";

/** One run of a family. `key`: the call of its parent that started it. */
export interface Relative {
  readonly runId: string; readonly name: string; readonly workflow: string; readonly state: RunState;
  readonly parentId: string | null; readonly key: string | null; readonly createdAt: number;
  readonly endedAt: number | null;
}
/** `above`: from the first of all down to the run's parent. `runs`: the run, and those below it. */
export interface Family { readonly above: readonly Relative[]; readonly runs: readonly Relative[];
  /** More runs are below than are told. */
  readonly more: boolean }

/** One line. `depth` counts from 0; `place` and `size`: which of how many brothers it is, from 1. */
export interface FamilyLine { readonly run: Relative; readonly depth: number; readonly children: number;
  readonly open: boolean; readonly place: number; readonly size: number;
  /** Runs below it, by state; told where they are not shown. */
  readonly below: readonly (readonly [state: RunState, count: number])[] }

/** The lines that are seen when the runs of `closed` hide what is below them. */
export function familyLines({ above, runs }: Family, closed: ReadonlySet<string>): readonly FamilyLine[] {
  const [self] = runs, children = new Map<string, Relative[]>();
  if (self === undefined) return [];
  for (const run of runs) if (run !== self && run.parentId !== null) {
    const brothers = children.get(run.parentId);
    if (brothers === undefined) children.set(run.parentId, [run]); else brothers.push(run);
  }
  above.forEach((run, i) => { children.set(run.runId, [above[i + 1] ?? self]) });
  const lines: FamilyLine[] = [], first = above[0] ?? self;
  const add = (run: Relative, depth: number, place: number, size: number): void => {
    const own = children.get(run.runId) ?? [], open = own.length > 0 && !closed.has(run.runId);
    lines.push({ run, depth, children: own.length, open, place, size, below: open ? [] : counted(run, children) });
    if (open) own.forEach((child, i) => { add(child, depth + 1, i + 1, own.length) });
  };
  add(first, 0, 1, 1);
  return lines;
}

function counted(run: Relative, children: ReadonlyMap<string, readonly Relative[]>): FamilyLine["below"] {
  const counts = new Map<RunState, number>(), left = [...children.get(run.runId) ?? []];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    counts.set(one.state, (counts.get(one.state) ?? 0) + 1);
    left.push(...children.get(one.runId) ?? []);
  }
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1);
}
