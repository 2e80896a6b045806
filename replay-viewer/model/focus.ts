/** Where the reader looks: `e=4213`, `e=first-failure`, `e=last`, `e=task:charge#2`, `e=t=12.5s`. */
import { toMs } from "../../engine/core/duration.ts";
import { clock, elapsed } from "./format.ts";
import type { History } from "./history.ts";

/** seq of the event that a focus names, from 1. An empty one is the first failure of a failed run, else the last event.
 *  One that names nothing known is the last event, too, and a number beyond the events is the nearest. 1 when there is
 *  no event yet. */
export function resolveFocus(focus: string, history: History): number {
  const last = Math.max(1, history.head);
  return namedEvent(focus, history) ?? (/^\d+$/.test(focus) && Number(focus) < 1 ? 1 : last);
}

/** As `resolveFocus`; undefined where the focus names nothing known. */
export function namedEvent(focus: string, history: History): number | undefined {
  const last = Math.max(1, history.head);
  const { end } = history;
  if (focus === "") return end?.type === "RunFailed" ? history.firstFailure() ?? last : last;
  if (focus === "last") return last;
  if (focus === "first-failure") return history.firstFailure() ?? last;
  if (/^\d+$/.test(focus)) return Number(focus) >= 1 && Number(focus) <= last ? Number(focus) : undefined;
  const at = instantOf(focus, history);
  return at === undefined ? resolveKey(focus, history) : history.seqAt(at);
}

/** Does this focus move with a live run? */
export function follows(focus: string, history: History): boolean {
  return focus === "last" || focus === "" && !history.over;
}

/** `t=12.5s`, `t=1h30m` from the start; `14:02:11` on the day of the start. */
function instantOf(focus: string, history: History): number | undefined {
  const text = focus.replace(/^t=/, "").replace(/^\+/, "").replaceAll(" ", "");
  const parts = /^(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,3}))?$/.exec(text);
  if (parts !== null) {
    const date = new Date(history.startAt);
    const [, hours, minutes, seconds, millis = "0"] = parts;
    date.setHours(Number(hours), Number(minutes), Number(seconds), Number(millis.padEnd(3, "0")));
    return date.getTime() < history.startAt - 1000 ? date.getTime() + 86_400_000 : date.getTime();
  }
  if (!/^[\d.]+(ms|s|m|h|d|w)/.test(text)) return undefined;
  try {
    return history.startAt + toMs(text as `${number}s`, "t"); // parsed, and refused if it is no duration
  } catch {
    return undefined;
  }
}

/** A key, a task's name, or a call's `runName`: its last event. */
function resolveKey(focus: string, history: History): number | undefined {
  const call = history.call(focus) ?? history.call(`task:${focus}`) ?? history.call(`task:${focus}#0`)
    ?? history.call(`timer:${focus}`) ?? history.call(`wait:${focus}#0`) ?? history.call(`child:${focus}#0`)
    ?? history.calls.find(({ label }) => label === focus);
  return call === undefined ? undefined : call.endSeq ?? history.seqsOf(call.key).at(-1);
}

/** The two clocks of a focus: since the start, and of the day. */
export function focusTimes(history: History, seq: number): { readonly since: string; readonly clock: string } {
  const at = history.event(seq)?.at ?? history.startAt;
  return { since: elapsed(at - history.startAt), clock: clock(at) };
}

/** The event of the same call before or after `seq`. */
export function sameCall(history: History, seq: number, step: 1 | -1): number | undefined {
  const event = history.event(seq);
  if (event === undefined) return undefined;
  const seqs = history.seqsOf(history.callOf(event)?.key ?? "run");
  return seqs[seqs.indexOf(seq) + step];
}

/** The failure before or after `seq`. */
export function nextFailure(history: History, seq: number, step: 1 | -1): number | undefined {
  return step === 1 ? history.failures.find((one) => one > seq) : history.failures.findLast((one) => one < seq);
}
