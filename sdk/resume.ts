/** Going on with a run that an earlier life left, and saying what was kept. */
import { formatMs, rehearse, type Event, type ForkedRun, type RunEngine, type RunRow, type WorkflowSpec }
  from "../engine/index.ts";

/** Runs whose going on has been told in this process. */
const told = new Set<string>();

/** Says once in this process what a run had kept when it came here; `begun` runs have nothing to tell. */
export function sayKept(row: RunRow, events: readonly Event[]): void {
  if (told.has(row.runId)) return;
  told.add(row.runId);
  process.stderr.write(`${kept(row, events)}\n`);
}
/** A run that began here has kept nothing. */
export function beganHere(runId: string): void { told.add(runId) }

/** Takes an unfinished run over and says what it kept. */
export async function continueRun(engine: RunEngine, row: RunRow, workflow: WorkflowSpec): Promise<void> {
  const history = await engine.resume(row.runId, workflow);
  if (history !== undefined) sayKept(row, history.events);
}

/** `Resuming run 'fluffy-dodo' at event 12: 3 tasks kept, 41.2 s` */
export function kept(row: RunRow, events: readonly Event[]): string {
  const last = events.findLast((event) => event.type !== "RunClaimed" && event.type !== "RunLost");
  return `Resuming run '${row.name}' at event ${last?.seq ?? 0}: ${keptTasks(events)}`;
}

/** `3 tasks kept, 41.2 s` */
function keptTasks(events: readonly Event[]): string {
  const done = events.filter((event) => event.type === "TaskCompleted");
  const scheduled =
    new Map(events.flatMap((event) => event.type === "TaskScheduled" ? [[event.key, event.at] as const] : []));
  const tookMs = done.reduce((ms, event) => ms + event.at - (scheduled.get(event.key) ?? event.at), 0);
  return `${done.length} ${done.length === 1 ? "task" : "tasks"} kept, ${formatMs(tookMs)}`;
}

/** Tries a failed run again from its failed call, and says what was kept; where that call is made otherwise now, from
 *  the call anew. undefined: the code does not fit what would be kept. @throws NOTHING_TO_RETRY */
export async function retryRun(engine: RunEngine, row: RunRow, workflow: WorkflowSpec): Promise<ForkedRun | undefined> {
  const events = await engine.history(row.runId), { seqs } = await engine.planRetry(row.runId);
  const failed = events[seqs], ways: { readonly at?: string; readonly seqs: number }[] = [{ seqs }];
  if (failed?.type === "TaskFailed") {
    ways.push({ at: failed.key, seqs: (await engine.planFork(row.runId, { at: failed.key })).seqs });
  }
  for (const way of ways) {
    const shared = events.slice(0, way.seqs);
    if (!(await rehearse(row.runId, workflow, shared)).ok) continue;
    const made = await engine.retry(row.runId, undefined, way.at);
    beganHere(made.runId);
    process.stderr.write(`Run '${made.name}' goes on from event ${made.seqs} of '${row.name}': ${keptTasks(shared)}\n`);
    return made;
  }
  return undefined;
}
