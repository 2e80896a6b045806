/** What the sentences about events have in common. */
import type { Event, EventType } from "../../engine/core/events.ts";
import { titleOf, type Call } from "./calls.ts";
import { shortId } from "./format.ts";
import type { History } from "./history.ts";
import { said, type Said, type SaidList } from "./said.ts";

/** An event of one type. */
export type Of<T extends EventType> = Extract<Event, { readonly type: T }>;
/** What a sentence may look at beside the event. */
export interface About {
  readonly history: History;
  /** Keys of the critical path, where it is known. */
  readonly critical?: ReadonlySet<string>;
}
/** Says an event of one type in words. */
export type Speaker<T extends EventType> = (event: Of<T>, about: About) => SaidList;

/** `charge`, with a capital and strong when it begins a sentence. */
export const callName = (call: Call | undefined, key: string): Said =>
  said(call === undefined ? key : titleOf(call), { strong: true, ...(call && { seq: call.seq }) });
/** `worker 4F2A`, or `a worker`. */
export const workerName = (worker: string | undefined): string => worker === undefined ? "a worker"
  : `worker ${shortId(worker)}`;

/** Why the code came to decide it: `after reserve completed (event 5)`. */
export function because(history: History, by: number): SaidList {
  const event = history.event(by);
  if (event === undefined) return [];
  const call = history.callOf(event), place: SaidList = [" (", said(`event ${by}`, { seq: by }), ")"];
  const name = call === undefined ? "it" : titleOf(call), child = call?.pool === undefined ? "child " : "";
  switch (event.type) {
    case "RunStarted": return [" at the start of the run"];
    case "TaskCompleted": return [" once ", said(name, { seq: by }), " had completed", ...place];
    case "TaskFailed": return [" after ", said(name, { seq: by }), " had failed", ...place];
    case "TaskCancelled": return [" after ", said(name, { seq: by }), " had been given up", ...place];
    case "TimerFired": return call?.name === "timeout" ? [" when its time limit had run out", ...place]
      : [" when a sleep was over", ...place];
    case "CancelRequested": return [" because the run was asked to stop", ...place];
    case "SignalReceived": return [" when signal ", said(event.name, { seq: by }), " came", ...place];
    case "WaitAnswered": return [" once ", said(name, { seq: by }), " was answered", ...place];
    case "UpdateReceived": return [" for update ", said(event.name, { seq: by }), ...place];
    case "ChildCompleted": return [" once ", child, said(name, { seq: by }), " had completed", ...place];
    case "ChildFailed": return [" after ", child, said(name, { seq: by }), " had failed", ...place];
    case "ChildCancelled": return [" after ", child, said(name, { seq: by }), " was cancelled", ...place];
    case "ResultInjected": return [" when ", event.who, " settled ", said(name, { seq: by }), ...place];
    default: return [" by ", said(`event ${by}`, { seq: by })];
  }
}

/** What its author says of a task. */
export function about({ description, tags = [] }: { readonly description?: string; readonly tags?: readonly string[] |
  undefined }): SaidList {
  return [description === undefined ? "" : ` ${dot(description)}`, tags.length === 0 ? ""
    : ` Tagged ${tags.join(", ")}.`];
}

/** The first letter as a capital. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
/** Ends in a full stop. */
export const dot = (text: string): string => /[.!?…]$/.test(text) ? text : `${text}.`;
