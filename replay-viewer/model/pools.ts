/** Whom a run waits for, where that is not just any worker. */
import type { History } from "./history.ts";
import type { RunRow } from "./wire.ts";

/** The pools whose workers the run waits for: that of an open call of a task; its own, while nobody holds it. */
export function poolsOf(history: History, row: Pick<RunRow, "pool" | "owner">): readonly string[] {
  if (history.over) return [];
  const pools = new Set(history.calls.flatMap(({ pool, endSeq }) => pool === undefined || endSeq !== undefined ? []
    : [pool]));
  if (row.owner === null && row.pool !== "default") pools.add(row.pool);
  return [...pools];
}
