/** The attempts that a history holds. */
import type { Event, Payload } from "../core/events.ts";

/** What history says of the attempts of a task. */
export interface Past {
  beat: Payload | undefined; started: number; failures: number; dueAt: number | undefined; scheduledAt: number;
}

/** By key; undefined where there are none. */
export function pastOf(history: readonly Event[]): Map<string, Past> | undefined {
  if (!history.some((event) => event.type === "TaskScheduled")) return undefined;
  const past = new Map<string, Past>();
  for (const event of history) {
    if (event.type === "TaskScheduled") {
      past.set(event.key, { beat: undefined, started: 0, failures: 0, dueAt: undefined, scheduledAt: event.at });
      continue;
    }
    if (event.type === "RunForked") for (const task of past.values()) {
      Object.assign(task, { failures: 0, dueAt: undefined, scheduledAt: event.at }); // a retry tries afresh
    }
    const task = "key" in event ? past.get(event.key) : undefined;
    if (task === undefined) continue;
    if (event.type === "AttemptStarted") { task.started = event.attempt; task.dueAt = undefined }
    else if (event.type === "AttemptFailed") task.failures++;
    else if (event.type === "RetryScheduled") task.dueAt = event.dueAt;
    else if (event.type === "Heartbeat") task.beat = event.value;
    else if (event.type === "TaskCompleted" || event.type === "TaskFailed") past.delete(event.key);
  }
  return past;
}
