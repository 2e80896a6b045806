/** What an action would do, said before it is done: what is kept, what runs again; and what a run waits for now. */
import { isTimeout, titleOf, type Call } from "./calls.ts";
import { clock, duration, shortId } from "./format.ts";
import type { History } from "./history.ts";

/** The calls that an action keeps, runs again, and leaves to be decided anew. */
export interface Plan {
  readonly kept: readonly Call[];
  /** Under way at that point: they run (again). */
  readonly again: readonly Call[];
  /** Called only later: the code decides anew. */
  readonly anew: readonly Call[];
  /** How long the kept work had taken, in milliseconds. */
  readonly savedMs: number;
}

/** A fork after event `at`: the new run shares the history up to there. A wait or a child that is open there opens
 *  again; sleeps and recorded values are left out. */
export function forkPlan(history: History, at: number): Plan {
  const works = history.calls.filter((call) => call.kind !== "timer" && call.kind !== "value");
  const kept = works.filter((call) => (call.endSeq ?? Infinity) <= at);
  return { kept, again: works.filter((call) => call.seq <= at && !kept.includes(call)),
    anew: works.filter((call) => call.seq > at), savedMs: saved(kept) };
}

function saved(kept: readonly Call[]): number {
  return kept.reduce((sum, call) => sum + call.tries.reduce((ms, one) => ms + ((one.endAt ?? one.at) - one.at), 0), 0);
}

/** Names of calls with how many there are of each, the most frequent first: `load × 10, extract`. */
export function namedCalls(calls: readonly Call[], most = 6): string {
  const counts = new Map<string, number>();
  for (const call of calls) counts.set(call.name, (counts.get(call.name) ?? 0) + 1);
  const words = [...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => n === 1 ? name : `${name} × ${n}`);
  return words.length <= most ? words.join(", ") : `${words.slice(0, most).join(", ")} and ${words.length - most} more`;
}

/** What a run that has not ended waits for, as half a sentence: `runs charge, attempt 2`, `sleeps until 14:02:11`. */
export function waitsFor(history: History, now: number): string {
  const parked = history.events.at(-1), pause = history.pauses.at(-1);
  if (parked?.type === "RunParked") return `set aside as ${parked.code}`;
  if (pause !== undefined && pause.endSeq === undefined && !history.over) {
    return `paused${pause.who === undefined ? "" : ` by ${pause.who}`} until somebody resumes it`;
  }
  const parts: string[] = [];
  for (const call of history.calls) {
    if (call.endSeq !== undefined || isTimeout(call)) continue;
    parts.push(waitOf(call, now));
  }
  const [first, second] = parts;
  if (first === undefined) return history.over ? "has ended" : "is ready to go on";
  if (second === undefined) return first;
  return parts.length === 2 ? `${first} and ${second}` : `${first} and ${parts.length - 1} more calls`;
}

function waitOf(call: Call, now: number): string {
  const title = titleOf(call);
  const attempt = call.tries.at(-1)?.attempt ?? 1, queue = call.queues.at(-1);
  if (call.pool !== undefined) return `waits for ${title} in pool ${call.pool}`;
  if (call.kind === "child") return `waits for child ${title}`;
  if (queue !== undefined && queue.attempt > (call.tries.at(-1)?.attempt ?? 0)) return `waits for limit ${queue.limit}`;
  switch (call.state) {
    case "waiting": return call.wait?.kind === "form" ? `waits for somebody to answer ${title}`
      : call.wait?.kind === "signal" ? `waits for signal ${call.name}` : "waits until a condition holds";
    case "running": return attempt > 1 ? `runs ${title}, attempt ${attempt}` : `runs ${title}`;
    case "interrupted": return `waits for a worker to take ${title} up again`;
    case "scheduled": return `waits to begin ${title}`;
    case "retrying": {
      const left = (call.retries.at(-1)?.dueAt ?? now) - now;
      return left > 0 ? `tries ${title} again in ${duration(left)}` : `is about to retry ${title}`;
    }
    default: {
      const left = (call.dueAt ?? now) - now;
      return left > 86_400_000 ? `sleeps for another ${duration(left)}`
        : `sleeps until ${clock(call.dueAt ?? now).slice(0, 8)}`;
    }
  }
}

/** Who has the run: `worker w-3`, `nobody`. */
export function holderOf(history: History): string {
  const hold = history.holds.at(-1);
  return hold === undefined || hold.end !== "held" ? "nobody" : `worker ${shortId(hold.worker)}`;
}
