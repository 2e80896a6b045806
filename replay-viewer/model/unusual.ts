/** How unusual a duration is, compared with the other calls of the same name in the same run. */
import type { Call } from "./calls.ts";
import type { History } from "./history.ts";

/** What is usual for a name: the median of its successful attempts. */
export interface Usual { readonly ms: number; readonly of: number }

const known = new WeakMap<History, { head: number; usual: Map<string, Usual> }>();

/** The median per task name; kept until the history grows. */
export function usualOf(history: History, name: string): Usual | undefined {
  const kept = known.get(history);
  if (kept?.head === history.head) return kept.usual.get(name);
  const times = new Map<string, number[]>();
  for (const call of history.calls) {
    const ms = workMs(call);
    if (call.kind !== "task" || call.state !== "completed" || ms === undefined) continue;
    const list = times.get(call.name);
    if (list === undefined) times.set(call.name, [ms]); else list.push(ms);
  }
  const usual = new Map<string, Usual>();
  for (const [key, list] of times) {
    list.sort((a, b) => a - b);
    usual.set(key, { ms: list[list.length >> 1] ?? 0, of: list.length });
  }
  known.set(history, { head: history.head, usual });
  return usual.get(name);
}

/** How long its last attempt took; undefined while it is open or when it had none. */
export function workMs(call: Call): number | undefined {
  const last = call.tries.at(-1);
  return last?.endAt === undefined ? undefined : last.endAt - last.at;
}

/** Namesakes that are needed before a comparison says anything. */
const ENOUGH = 5;
/** `3.1` times the median, where that is worth saying: half or less, or one and a half times or more. */
export function timesUsual(history: History, call: Call): { readonly times: number; readonly of: number } | undefined {
  const usual = usualOf(history, call.name), ms = workMs(call);
  if (usual === undefined || ms === undefined || usual.of < ENOUGH || Math.max(ms, usual.ms) < 5) return undefined;
  const times = ms / Math.max(1, usual.ms);
  return times >= 1.5 || times <= 0.5 ? { times: Math.round(times * 10) / 10, of: usual.of } : undefined;
}
