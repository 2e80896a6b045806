/** How a call begins and which event ends it in what state. */
import type { Event, Payload } from "../../engine/core/events.ts";
import { nthOf, partsOfKey, type Call, type CallState } from "./calls.ts";

type Of<T extends Event["type"]> = Extract<Event, { readonly type: T }>;
/** Events with which a call begins. */
export type BeginEvent = Of<"TaskScheduled" | "TimerStarted" | "ValueRecorded" | "WaitOpened" | "ChildStarted">;
/** Events of a key that end its call; a signal ends a wait by its name. */
export type EndEvent = Of<"TaskCompleted" | "TaskFailed" | "TaskCancelled" | "TaskCancelRequested" | "TimerFired"
  | "TimerCancelled" | "WaitAnswered" | "WaitClosed" | "ResultInjected" | "ChildCompleted" | "ChildFailed"
  | "ChildCancelled" | "ChildCancelRequested">;

const KINDS = { TaskScheduled: "task", TimerStarted: "timer", ValueRecorded: "value", WaitOpened: "wait",
  ChildStarted: "child" } as const;
const FIRST = { task: "scheduled", timer: "sleeping", value: "recorded", wait: "waiting",
  child: "running" } as const satisfies { readonly [kind: string]: CallState };

/** The state in which an event leaves its call. */
export const ENDS: { readonly [T in EndEvent["type"]]: (call: Call, event: EndEvent) => CallState } = {
  TaskCompleted: (_call, event) => "cached" in event ? "cached" : "completed",
  TaskFailed: () => "failed", TaskCancelled: () => "cancelled",
  TaskCancelRequested: () => "cancelled", TimerFired: () => "fired", TimerCancelled: () => "cancelled",
  WaitAnswered: () => "met",
  WaitClosed: (_call, event) => event.type === "WaitClosed" && event.met === true ? "met" : "closed",
  ChildCompleted: () => "completed", ChildFailed: () => "failed", ChildCancelled: () => "cancelled",
  ChildCancelRequested: () => "cancelled",
  ResultInjected: (call) => call.kind === "timer" ? "fired" : call.kind === "wait" ? "met" : "completed",
};

/** The call that begins with an event. `row`: its place in the order of calling. `taken`: the value of the kept signal
 *  that ends a wait at once. */
export function callOf(event: BeginEvent, row: number, taken: Payload | undefined): Call {
  const kind = KINDS[event.type], name = nameOf(event);
  const over = event.type === "ValueRecorded" || event.type === "WaitOpened" && event.taken !== undefined;
  return {
    key: event.key, kind, name, nth: nthOf(event.key, name), label: labelOf(event), seq: event.seq, at: event.at,
    by: event.by, site: event.site, input: "input" in event ? event.input : undefined,
    allowed: event.type === "TaskScheduled" ? (event.retries ?? 0) + 1 : 1,
    dueAt: event.type === "TimerStarted" ? event.dueAt : undefined,
    wait: event.type !== "WaitOpened" ? undefined : { kind: event.kind, until: event.until, taken: event.taken,
      description: event.description, schema: event.schema },
    childId: event.type === "ChildStarted" ? event.childId : undefined,
    pool: event.type === "ChildStarted" && event.task !== undefined ? event.pool : undefined,
    tries: [], retries: [], queues: [],
    state: over && kind === "wait" ? "met" : FIRST[kind], endSeq: over ? event.seq : undefined,
    endAt: over ? event.at : undefined, result: event.type === "ValueRecorded" ? event.value : taken, error: undefined,
    reason: undefined, shared: false, row,
  };
}

function labelOf(event: BeginEvent): string | undefined {
  return event.type === "TaskScheduled" ? event.label
    : event.type === "ChildStarted" && event.task !== undefined ? event.name : undefined;
}

function nameOf(event: BeginEvent): string {
  switch (event.type) {
    case "TaskScheduled": case "WaitOpened": return event.name;
    case "TimerStarted": return event.purpose ?? "sleep";
    case "ChildStarted": return event.task?.name ?? event.workflow;
    case "ValueRecorded": return partsOfKey(event.key).name;
  }
}
