/** `reprise why <run>`: in one sentence what a run waits for, since when, who holds it, and the next command. */
import type { Command } from "commander";
import { formatMs, openFold, originals, type Event, type RunRow, type RunView } from "../../engine/index.ts";
import { findRun, hasEnded, withEngine } from "./open.ts";
import { out, outJson, when, type Style } from "./output.ts";

/** `reprise why`. */
export function addWhy(program: Command): void {
  program.command("why").argument("<run>").description("what a run waits for, and what to do about it").option("--json")
    .action(async (wanted: string, style: Style) => {
      await withEngine("none", async (engine) => {
        const row = await findRun(engine, wanted);
        const said = why(row, await engine.history(row.runId), originals.now());
        if (style.json) outJson({ run: row.runId, ...said }); else out(`${said.because}\n  next: ${said.next}`);
      });
    });
}

/** The reason as a sentence, and the command that helps. */
export function why(row: RunRow, events: readonly Event[], now: number): { readonly because: string;
  readonly next: string } {
  const fold = openFold();
  for (const event of events) fold.apply(event);
  const { view } = fold;
  const who = `Run '${row.name}'`;
  if (hasEnded(row)) return ended(who, row, view);
  if (row.parked !== null) return {
    because: `${who} is parked as ${row.parked}: ${view.parked?.message ?? "see its events"}`,
    next: row.parked === "REPLAY_DIVERGED" ? `reprise replay ${row.runId} --check` : `reprise resume ${row.runId}` };
  const since = events.at(-1)?.at ?? row.createdAt;
  const waits = waitsOf(view, now);
  const holder = row.owner === null ? "nobody holds it" : row.ownerAlive ? `worker ${row.owner} holds it`
    : `worker ${row.owner} held it and is not alive`;
  const because = `${who} ${waits}; ${holder}; nothing has happened for ${formatMs(Math.max(0, now - since))}.`;
  return { because, next: row.owner === null || !row.ownerAlive ? `reprise resume ${row.runId}`
    : `reprise runs watch ${row.runId}` };
}

function ended(who: string, row: RunRow, view: RunView): { readonly because: string; readonly next: string } {
  const how = view.error === undefined ? "" : `: ${view.error.name}: ${view.error.message}`;
  return { because: `${who} ended as ${row.state} at ${when(row.endedAt)}${how}.`,
    next: `reprise runs inspect ${row.runId}` };
}

function waitsOf(view: RunView, now: number): string {
  const parts: string[] = [];
  for (const task of view.tasks.values()) {
    if (task.state === "running") parts.push(`runs task '${task.name}' (attempt ${task.attempts.length})`);
    else if (task.state === "scheduled") parts.push(`has task '${task.name}' scheduled and not begun`);
    else if (task.state === "retrying" && task.retryAt !== undefined) {
      parts.push(`waits to retry task '${task.name}' in ${formatMs(Math.max(0, task.retryAt - now))}`);
    }
  }
  for (const timer of view.timers.values()) {
    if (timer.state === "open" && timer.purpose !== "timeout") parts.push(`sleeps until ${when(timer.dueAt)}`);
  }
  return parts.length === 0 ? "is ready to go on" : parts.slice(0, 3).join(" and ")
    + (parts.length > 3 ? ` and ${parts.length - 3} more` : "");
}
