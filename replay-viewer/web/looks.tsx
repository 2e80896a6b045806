/** How states and events look: always an icon and a word, the colour only repeats them. */
import type { JSX } from "preact";
import type { Event, EventType } from "../../engine/core/events.ts";
import type { CallState } from "../model/calls.ts";
import type { RunRow, RunState } from "../model/wire.ts";
import { Icon, type IconName } from "./icons.tsx";

export type Tone = "ok" | "bad" | "run" | "wait" | "off" | "plain";
/** Icon, tone and word of a state. */
export interface Look { readonly icon: IconName; readonly tone: Tone; readonly word: string }

const RUN: { readonly [S in RunState]: Look } = {
  scheduled: { icon: "wait", tone: "off", word: "scheduled" },
  pending: { icon: "wait", tone: "wait", word: "pending" },
  running: { icon: "run", tone: "run", word: "running" },
  waiting: { icon: "sleep", tone: "run", word: "waiting" },
  paused: { icon: "park", tone: "wait", word: "paused" },
  cancelling: { icon: "off", tone: "wait", word: "cancelling" },
  parked: { icon: "park", tone: "wait", word: "parked" },
  completed: { icon: "ok", tone: "ok", word: "completed" },
  failed: { icon: "bad", tone: "bad", word: "failed" },
  cancelled: { icon: "off", tone: "off", word: "cancelled" },
  crashed: { icon: "bad", tone: "bad", word: "crashed" },
};
/** The look of a run. Parked stands beside the states and covers them. */
export function runLook(row: Pick<RunRow, "state" | "parked">): Look { return RUN[row.parked === null ? row.state
  : "parked"] ?? RUN.pending }
/** The look of a state by its name. */
export function stateLook(state: RunState): Look { return RUN[state] }

const CALL: { readonly [S in CallState]: Look } = {
  scheduled: { icon: "wait", tone: "wait", word: "not begun" },
  running: { icon: "run", tone: "run", word: "running" },
  retrying: { icon: "again", tone: "wait", word: "retrying" },
  interrupted: { icon: "note", tone: "wait", word: "interrupted" },
  completed: { icon: "ok", tone: "ok", word: "completed" },
  cached: { icon: "ok", tone: "ok", word: "cached" },
  failed: { icon: "bad", tone: "bad", word: "failed" },
  cancelled: { icon: "off", tone: "off", word: "given up" },
  sleeping: { icon: "sleep", tone: "run", word: "sleeping" },
  fired: { icon: "sleep", tone: "off", word: "over" },
  recorded: { icon: "mark", tone: "plain", word: "recorded" },
  waiting: { icon: "signal", tone: "wait", word: "waiting" },
  met: { icon: "ok", tone: "ok", word: "came" },
  closed: { icon: "off", tone: "off", word: "given up" },
};
/** The look of a call. */
export function callLook(state: CallState): Look { return CALL[state] }

const EVENT: { readonly [T in EventType]: readonly [IconName, Tone] } = {
  RunStarted: ["play", "plain"], RunClaimed: ["dot", "plain"], RunReleased: ["dot", "plain"],
  RunLost: ["note", "bad"], RunParked: ["park", "wait"], RunUnparked: ["play", "plain"],
  RunCompleted: ["ok", "ok"], RunFailed: ["bad", "bad"], RunCancelled: ["off", "off"],
  TaskScheduled: ["right", "plain"], TaskCompleted: ["ok", "ok"], TaskFailed: ["bad", "bad"],
  TaskCancelled: ["off", "off"], TaskCancelRequested: ["off", "off"], AttemptStarted: ["run", "run"],
  AttemptFailed: ["bad", "bad"], RetryScheduled: ["again", "wait"], TimerStarted: ["sleep", "plain"],
  TimerFired: ["sleep", "plain"], TimerCancelled: ["off", "off"], ValueRecorded: ["mark", "plain"],
  AttemptQueued: ["sleep", "wait"], SignalReceived: ["dot", "plain"], WaitAnswered: ["ok", "plain"],
    UpdateReceived: ["dot", "plain"],
  UpdateCompleted: ["ok", "plain"], WaitOpened: ["sleep", "wait"], WaitClosed: ["off", "off"],
  SignalSent: ["right", "plain"], ChildStarted: ["right", "plain"], ChildCompleted: ["ok", "ok"],
  ChildFailed: ["bad", "bad"], ChildCancelled: ["off", "off"], ChildCancelRequested: ["off", "off"],
  ResultInjected: ["note", "wait"], PatchDecided: ["mark", "plain"], Published: ["mark", "plain"],
  Reported: ["mark", "plain"], Heartbeat: ["dot", "plain"], RunContinued: ["again", "ok"], RunPaused: ["park", "wait"],
  RunUnpaused: ["play", "plain"], RunForked: ["again", "plain"],
  CancelRequested: ["off", "wait"], MailIgnored: ["dot", "off"], Noted: ["note", "wait"],
};
/** The look of an event; its word is its type, in words. */
export function eventLook(event: Event): Look {
  const [icon, tone] = EVENT[event.type] ?? ["dot", "plain"];
  return { icon, tone, word: inWords(event.type) };
}
/** `TaskCancelRequested` -> `task cancel requested`. */
export function inWords(type: string): string { return type.replace(/(?<=[a-z])[A-Z]/g, " $&").toLowerCase() }

/** Icon and word. */
export function State({ look, small = false }: { look: Look; small?: boolean }): JSX.Element {
  return <span class={`state tone-${look.tone}${small ? " small" : ""}`}><Icon name={look.icon}
    size={small ? 13 : 14} />
    <span class="word">{look.word}</span></span>;
}
