/** Words for what runs say to one another and to people: signals, forms, updates, children, and being operated. */
import { duration, shortId } from "./format.ts";
import { errorLine, shownPayload } from "./payload.ts";
import { preview } from "./shown.ts";
import { said, type SaidList } from "./said.ts";
import { about, because, callName, dot, type Speaker } from "./speaking.ts";
import type { Call } from "./calls.ts";
import type { Payload } from "../../engine/core/events.ts";

type Types = "SignalReceived" | "WaitAnswered" | "UpdateReceived" | "UpdateCompleted" | "WaitOpened" | "WaitClosed"
  | "SignalSent" | "ChildStarted" | "ChildCompleted" | "ChildFailed" | "ChildCancelled" | "ChildCancelRequested"
  | "PatchDecided" | "Published" | "Reported" | "Heartbeat" | "RunContinued" | "RunPaused" | "RunUnpaused" | "RunForked"
  | "ResultInjected" | "AttemptQueued";

/** ` with {...}`, or nothing. */
const carrying = (value: Payload | undefined): SaidList => value === undefined ? []
  : [" with ", said(preview(shownPayload(value), 60), { code: true })];
const reason = (why: string | undefined): string => why === undefined ? "." : `: ${dot(why)}`;
const by = (who: string | undefined): string => who === undefined || who === "" ? "Somebody" : who;

/** A task's call in a pool is called as the task is. */
const childName = (call: Call | undefined, key: string, word = "Child "): SaidList =>
  [call?.pool === undefined ? word : "", callName(call, key)];
/** How long a wait or a child lasted, told from its end. */
const after = (call: Call | undefined, at: number): string => call === undefined || call.at === at ? ""
  : ` after ${duration(at - call.at)}`;
/** What came of a wait or a child, told from its beginning. */
function fate(call: Call | undefined, words: { readonly open: string; readonly met: string }): SaidList {
  if (call === undefined || call.wait?.taken !== undefined) return [];
  if (call.endSeq === undefined) return [words.open];
  const took = duration((call.endAt ?? call.at) - call.at);
  const how = call.state === "met" || call.state === "completed" ? words.met : call.state === "failed" ? "It failed"
    : "It was given up";
  return [` ${how} ${took} later (`, said(`event ${call.endSeq}`, { seq: call.endSeq }), ")."];
}
const CAME = { signal: { open: " It has not come yet.", met: "It came" },
  form: { open: " Nobody has answered yet.", met: "It was answered" },
  condition: { open: " It does not hold yet.", met: "It held" } } as const;

/** Speakers of these events. */
export const MESSAGE_SPEAKERS: { readonly [T in Types]: Speaker<T> } = {
  SignalReceived: (event, { history }) => {
    const call = history.callOf(event);
    return ["Signal ", said(event.name, { strong: true }), " came", ...carrying(event.value), call === undefined
      ? ", and was kept: nothing waited for it." : `; it had been waited for ${duration(event.at - call.at)}.`];
  },
  WaitAnswered: (event, { history }) => [by(event.who), " answered ",
    callName(history.call(event.key), event.key), after(history.call(event.key), event.at), ...carrying(event.value),
    "."],
  UpdateReceived: (event) => ["Update ", said(event.name, { strong: true }), " was asked for",
    ...carrying(event.value), "."],
  UpdateCompleted: (event, { history }) => event.error === undefined
    ? ["The update was done", ...carrying(event.result), ...because(history, event.by), "."]
    : ["The update failed: ", dot(errorLine(event.error))],
  WaitOpened: (event, { history }) => [
    ...(event.kind === "condition" ? ["The code began to wait until a condition holds"]
      : event.kind === "form" ? ["The code began to wait for a person to answer ", said(event.name, { strong: true })]
      : event.taken === undefined ? ["The code began to wait for signal ", said(event.name, { strong: true })]
      : ["The code took signal ", said(event.name, { strong: true }), ", which had come before (",
        said(`event ${event.taken}`, { seq: event.taken }), ")"]),
    ...because(history, event.by), ".", event.description === undefined ? "" : ` ${dot(event.description)}`,
    ...fate(history.call(event.key), CAME[event.kind])],
  WaitClosed: (event, { history }) => event.met
    ? ["The condition held", ...because(history, event.by), "."]
    : [callName(history.call(event.key), event.key), " was waited for no longer", reason(event.reason)],
  SignalSent: (event, { history }) => ["The code sent signal ", said(event.name, { strong: true }), " to run ",
    shortId(event.to), ...carrying(event.value), ...because(history, event.by), "."],
  ChildStarted: (event, { history }) => [...event.task === undefined
    ? ["The code started ", said(event.workflow, { strong: true })]
    : ["The code called ", said(event.name ?? event.task.name, { strong: true }),
      ` in pool ${event.pool ?? "default"}`],
    " as child run ", shortId(event.childId), ...carrying(event.input), ...because(history, event.by), ".",
    ...event.task === undefined ? [] : about({ ...event.task, tags: event.tags }),
    ...fate(history.call(event.key), { open: " It is under way.", met: "It completed" })],
  ChildCompleted: (event, { history }) => [...childName(history.call(event.key), event.key), " completed",
    after(history.call(event.key), event.at), ...carrying(event.result), "."],
  ChildFailed: (event, { history }) => [...childName(history.call(event.key), event.key), " failed",
    after(history.call(event.key), event.at), ": ",
    dot(errorLine(event.error))],
  ChildCancelled: (event, { history }) => [...childName(history.call(event.key), event.key), " was cancelled",
    reason(event.reason)],
  ChildCancelRequested: (event, { history }) => ["The code gave up ",
    ...childName(history.call(event.key), event.key, "child "), ...because(history, event.by), reason(event.reason)],
  AttemptQueued: (event, { history }) => [callName(history.call(event.key), event.key), " waits for limit ",
    said(event.limit, { strong: true }), event.dueAt === undefined ? ": all its slots are taken."
      : `, for ${duration(event.dueAt - event.at)}.`],
  PatchDecided: (event) => ["The run took the new way at patch ",
    said(event.key.slice("patch:".length), { strong: true }), "."],
  Published: (event) => ["The code showed ", event.kind, " ", said(event.name, { strong: true }),
    ...carrying(event.value), "."],
  Reported: (event, { history }) => [callName(history.call(event.key), event.key), " showed ", event.kind, " ",
    said(event.name, { strong: true }), ...carrying(event.value), "."],
  Heartbeat: (event, { history }) => [callName(history.call(event.key), event.key), " said that it is alive",
    ...carrying(event.value), "."],
  RunContinued: (event, { history }) => ["The run ", said("continued", { strong: true }), " as run ",
    shortId(event.nextId), ` after ${duration(event.at - history.startAt)}`, ...carrying(event.input), "."],
  RunPaused: (event) => [by(event.who), " ", said("paused", { strong: true }), " the run."],
  RunUnpaused: (event, { history }) => {
    const pause = history.pauses.findLast((one) => one.endSeq === event.seq);
    return [by(event.who), " let the run go on", pause === undefined ? "."
      : `; it had been paused for ${duration(event.at - pause.at)}.`];
  },
  RunForked: (event) => [by(event.who), event.why === "retry" ? " retried" : " forked", " run ", shortId(event.from),
    " after its ", said(`event ${event.seqs}`, { seq: event.seqs }), event.edited === undefined ? "."
      : `, with other results of ${event.edited.join(", ")}.`],
  ResultInjected: (event, { history }) => [by(event.who), event.value === undefined ? " skipped " : " settled ",
    callName(history.call(event.key), event.key), ...carrying(event.value), reason(event.reason)],
};
