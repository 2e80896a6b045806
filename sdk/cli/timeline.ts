/** A run as lines: one per call, in the order of calling, with when it began, how long it took, and how it ended. */
import { formatMs, taskRunName, type Event } from "../../engine/index.ts";
import { table } from "./output.ts";

interface Line { readonly name: string; readonly from: number; to?: number; attempts: number; state: string;
  note: string }

/** The timeline of a history; instants count from the first event. */
export function timeline(events: readonly Event[], runId: string): string {
  const start = events[0]?.at ?? 0;
  const lines = new Map<string, Line>();
  for (const event of events) applyTo(lines, event, runId);
  const rows = [...lines.values()].map((line) => [
    line.name, `+${formatMs(line.from - start)}`, line.to === undefined ? "" : formatMs(line.to - line.from),
    line.attempts > 1 ? `${line.attempts} attempts` : "", line.state, line.note,
  ]);
  return table(["CALL", "AT", "TOOK", "", "STATE", ""], rows);
}

function applyTo(lines: Map<string, Line>, event: Event, runId: string): void {
  const line = "key" in event && event.key !== undefined ? lines.get(event.key) : undefined;
  const end = (state: string, note = ""): void =>
    { if (line !== undefined) Object.assign(line, { to: event.at, state, note }) };
  switch (event.type) {
    case "TaskScheduled": lines.set(event.key, call(taskRunName(runId, event.key), event.at, "scheduled")); return;
    case "TimerStarted": lines.set(event.key, call(event.purpose ?? "timer", event.at, "waiting")); return;
    case "AttemptStarted": if (line !== undefined) { line.attempts = event.attempt; line.state = "running" } return;
    case "RetryScheduled": if (line !== undefined) line.state = "retrying"; return;
    case "TaskCompleted": end("completed"); return;
    case "TaskFailed": end("failed", event.error.message); return;
    case "TimerFired": end("fired"); return;
    case "TaskCancelRequested": case "TaskCancelled": case "TimerCancelled": end("cancelled"); return;
    case "RunLost": lines.set(`lost${event.seq}`, call("(worker lost)", event.at, "")); return;
    case "RunClaimed": if (event.seq > 2) lines.set(`claim${event.seq}`,
      call("(taken over)", event.at, "", event.worker)); return;
    case "RunParked": lines.set(`park${event.seq}`, call("(parked)", event.at, event.code)); return;
    case "RunCompleted": lines.set("end", call("run", event.at, "completed")); return;
    case "RunFailed": lines.set("end", call("run", event.at, "failed", event.error.message)); return;
    case "RunCancelled": lines.set("end", call("run", event.at, "cancelled", event.reason)); return;
    default: return;
  }
}

function call(name: string, from: number, state: string, note = ""): Line {
  return { name, from, attempts: 0, state, note } }
