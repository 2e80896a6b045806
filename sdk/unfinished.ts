/** Runs that nobody works on, though they have not ended. */
import type { RunEngine, RunRow, RunState } from "../engine/index.ts";

const OPEN: readonly RunState[] = ["pending", "running", "waiting", "cancelling"];

/** May this process take the run? A killed process of this machine is known to be dead before its lease says so. */
export async function isFree(engine: RunEngine, row: RunRow): Promise<boolean> {
  return row.owner === null || engine.buryDead(row.owner);
}

/** Up to 1,000 unfinished runs, newest first, that no living process holds. */
export async function unfinishedRuns(engine: RunEngine): Promise<readonly RunRow[]> {
  const rows = await engine.list({ states: OPEN, limit: 1000 });
  const owners = new Map<string, Promise<boolean>>(); // each is asked about once
  const free = await Promise.all(rows.map((row) => {
    if (engine.holds(row.runId)) return false;
    const known = owners.get(row.owner ?? "") ?? isFree(engine, row);
    owners.set(row.owner ?? "", known);
    return known;
  }));
  return rows.filter((_, i) => free[i]);
}
