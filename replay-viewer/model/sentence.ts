/**
 * The focus in words: one or a few short sentences for every kind of event, made from the history alone. Total by its
 * type: an event that has no words does not compile.
 */
import type { EventType } from "../../engine/core/events.ts";
import { titleOf, type Call } from "./calls.ts";
import { count, duration, inWords, shortId, times } from "./format.ts";
import type { History } from "./history.ts";
import { errorLine, shownPayload } from "./payload.ts";
import { preview } from "./shown.ts";
import { bare, list, nth, said, type Said, type SaidList } from "./said.ts";
import { MESSAGE_SPEAKERS } from "./sentence-messages.ts";
import { about, because, callName, capital, dot, workerName, type About, type Of, type Speaker } from "./speaking.ts";
import { timesUsual, workMs } from "./unusual.ts";

export type { About } from "./speaking.ts";

/** The event at `seq` in words; empty where there is none. */
export function sentence(about: About, seq: number): readonly Said[] {
  const event = about.history.event(seq);
  if (event === undefined) return [];
  const speak = SPEAKERS[event.type] as Speaker<EventType>; // the table pairs each type with the speaker of that type
  return bare(speak(event, about));
}

/** The same as plain text. */
export function sentenceText(about: About, seq: number): string {
  return sentence(about, seq).map((part) => part.text).join("");
}

/** `attempt 2 of 4`. */
function attemptOf(call: Call | undefined, attempt: number): string {
  return call === undefined || call.allowed <= 1 && attempt <= 1 ? `attempt ${attempt}`
    : `attempt ${attempt} of ${Math.max(call.allowed, attempt)}`;
}
/** `Attempt 2 of 4 of charge`; only the name where there is but one attempt. */
function whichAttempt(call: Call | undefined, event: Of<"AttemptStarted" | "AttemptFailed">): SaidList {
  const name = callName(call, event.key);
  return call?.allowed === 1 && event.attempt === 1 ? [name]
    : [capital(attemptOf(call, event.attempt)), " of ", name];
}
/** The arguments as they stand in a call. */
function argumentsOf(event: Of<"TaskScheduled">): string {
  const inside = preview(shownPayload(event.input), 60);
  return inside.startsWith("[") && inside.endsWith("]") ? `(${inside.slice(1, -1)})` : "()";
}
const afterWork = (ms: number): string => ms < 1 ? " at once." : ` after ${duration(ms)}.`;
/** What became of a call, told from the moment it was made. */
function fate(call: Call): SaidList {
  const took = call.endAt === undefined ? "" : duration(call.endAt - call.at);
  const end: SaidList = call.endSeq === undefined ? []
    : [" (", said(`event ${call.endSeq}`, { seq: call.endSeq }), ")"];
  const tries = call.tries.length;
  switch (call.state) {
    case "completed": return [" It succeeded ", took, " later", tries > 1 ? ` on attempt ${tries}` : "", ...end, "."];
    case "cached": return [" Its result came from the cache ", took, " later", ...end, "."];
    case "failed": return [" It failed for good ", took, " later", ...end, "."];
    case "cancelled": return [" It was given up ", took, " later", ...end, "."];
    case "running": return [` It is running, ${attemptOf(call, call.tries.at(-1)?.attempt ?? 1)}.`];
    case "retrying": return [" It waits for its next attempt."];
    case "interrupted": return [" Its worker was lost; it waits for another."];
    default: return tries === 0 && call.kind === "task" ? [" It has not begun yet."] : [];
  }
}

/** What failed before, and the waits between: ` after two failures (503, 503), waiting 200 ms and 400 ms`. */
function struggle(call: Call): SaidList {
  const failed = call.tries.filter((one) => one.outcome === "failed");
  const lost = call.tries.filter((one) => one.outcome === "lost");
  const out: SaidList = [];
  if (failed.length > 0 && call.state === "completed") {
    const errors = [...new Set(failed.map((one) => one.error === undefined ? "" : errorLine(one.error)))];
    const why = errors.length <= 2 ? ` (${errors.map((line) => shorten(line)).join("; ")})` : "";
    out.push(` after ${inWords(failed.length)} failed ${failed.length === 1 ? "attempt" : "attempts"}${why}`);
    const waits = call.retries.map((retry) => duration(retry.dueAt - retry.at));
    if (waits.length > 0 && waits.length <= 3) out.push(`, waiting ${list(waits)} between`);
  }
  if (lost.length > 0) out.push(`, interrupted ${times(lost.length)} by a lost worker`);
  return out;
}
const shorten = (line: string): string => line.length <= 110 ? line : `${line.slice(0, 109)}…`;

/** How unusual it was, and whether it held the run up. */
function weight(call: Call, { history, critical }: About): SaidList {
  const out: SaidList = [];
  if (critical?.has(call.key)) out.push(" On the critical path.");
  const unusual = timesUsual(history, call);
  if (unusual !== undefined) {
    out.push(` ${unusual.times}× the median of ${count(unusual.of, "call")} of ${call.name}.`);
  }
  const first = call.tries[0];
  if (first !== undefined && first.at - call.at >= 1000) {
    out.push(` It had waited ${duration(first.at - call.at)} to begin.`);
  }
  return out;
}

/** What lay between the owner before and this claim. */
function takeover(event: Of<"RunClaimed">, history: History): SaidList {
  const index = history.holds.findIndex((hold) => hold.seq === event.seq);
  const before = history.holds[index - 1];
  if (before === undefined) return [" took the run", event.seq > 2 ? "" : " at its start", "."];
  const gone = duration(event.at - (before.end === "lost" ? before.lastAt : before.endAt ?? event.at));
  if (before.end === "lost") {
    return [" took the run over, ", gone, " after the last sign of ", workerName(before.worker), "; it is replayed and "
      + "goes on where it was."];
  }
  if (before.end === "left") return [" took the fork, ", gone, " after the shared history ends."];
  if (before.end === "parked") return [" took the run, which had been parked for ", gone, "."];
  return [" took the run again after ", gone, " in which nobody needed to hold it."];
}

/** Attempts that were under way when an owner went. */
function interrupted(history: History, seq: number): readonly string[] {
  return history.calls.filter((call) => call.tries.some((one) => one.outcome === "lost" && one.endSeq === seq))
    .map((call) => titleOf(call));
}

/** A run's end in numbers. */
function balance(history: History): string {
  const tasks = history.calls.filter((call) => call.kind === "task");
  const failed = tasks.reduce((n, call) => n + call.tries.filter((one) => one.outcome === "failed").length, 0);
  const children = history.calls.filter((call) => call.kind === "child").length;
  const began = history.forked?.seq ?? 0, holds = history.holds.filter((hold) => hold.seq > began).length - 1;
  return `${count(tasks.length, "task")}${children > 0 ? `, ${count(children, "child run")}` : ""}`
    + (failed > 0 ? `, ${count(failed, "failed attempt")}` : "")
    + (holds > 0 ? `, taken over ${times(holds)}` : "");
}

/** A result that an earlier call had made. */
function fromCache(event: Of<"TaskCompleted">, call: Call,
  cached: NonNullable<Of<"TaskCompleted">["cached"]>): SaidList {
  return [callName(call, event.key), " was not executed: the ", said("cache", { strong: true }),
    ` had its result from ${cached.key} of run ${shortId(cached.run)}, ${
      duration(Math.max(0, event.at - cached.at))} old.`,
    ...(event.result === undefined ? [] : [" It was ", said(preview(shownPayload(event.result), 60), { code: true }),
      "."])];
}

const SPEAKERS: { readonly [T in EventType]: Speaker<T> } = {
  ...MESSAGE_SPEAKERS,
  RunStarted: (event) => [said(event.workflow, { strong: true }), " began as ", event.name,
    event.input === undefined ? "" : " with ", event.input === undefined ? ""
      : said(preview(shownPayload(event.input), 90), { code: true }), ".",
    event.codeVersion === undefined ? "" : ` Code ${shortId(event.codeVersion)}.`],
  RunClaimed: (event, { history }) => [said(capital(workerName(event.worker)), { strong: true }),
    ...takeover(event, history)],
  RunReleased: (event, { history }) => [said(capital(workerName(history.holdAt(event.seq)?.worker)), { strong: true }),
    " gave the run back: ", event.reason === "drain" ? "it is shutting down." : event.reason === "idle"
      ? "there was nothing to do for a while." : "there is nothing to do until something comes."],
  RunLost: (event, { history }) => {
    const hold = history.holdAt(event.seq), names = interrupted(history, event.seq);
    return [said(capital(workerName(event.worker ?? hold?.worker)), { strong: true }), " was lost: its lease lapsed",
      hold === undefined ? "." : `, ${duration(event.at - hold.lastAt)} after its last event.`,
      names.length === 0 ? "" : ` ${capital(list(names))} ${names.length === 1 ? "was" : "were"} under way.`];
  },
  RunParked: (event) => ["The run was set aside as ", said(event.code, { strong: true }), ": ", dot(event.message),
    event.hint === undefined ? "" : ` ${dot(event.hint)}`],
  RunUnparked: (event, { history }) => {
    const parked = history.event(history.causeOf(event.seq));
    return ["The run may go on", parked === undefined ? "."
      : `; it had been parked for ${duration(event.at - parked.at)}.`];
  },
  CancelRequested: (event) => ["Somebody asked the run to ", said("stop", { strong: true }),
    event.reason === undefined ? "." : `: ${dot(event.reason)}`,
    event.graceMs === undefined ? "" : ` It was given ${duration(event.graceMs)} to clean up.`],
  MailIgnored: (event) => ["A message (", event.kind, ") came and changed nothing: ", dot(event.why)],
  Noted: (event, { history }) => [event.key === undefined ? "A remark" : "A remark about ",
    ...(event.key === undefined ? [] : [callName(history.call(event.key), event.key)]), ": ", dot(event.message)],
  TaskScheduled: (event, { history }) => {
    const call = history.call(event.key);
    return ["The code called ", callName(call, event.key), " ", said(argumentsOf(event), { code: true }),
      ...because(history, event.by), ".", ...about(event), ...(call === undefined ? [] : fate(call))];
  },
  AttemptStarted: (event, { history }) => {
    const call = history.call(event.key), before = call?.tries.find((one) => one.attempt === event.attempt - 1);
    const wait = before?.endAt === undefined ? "" : before.outcome === "lost"
      ? `, ${duration(event.at - before.endAt)} after the worker of the ${nth(before.attempt)} was last heard of`
      : `, ${duration(event.at - before.endAt)} after the ${nth(before.attempt)} had failed`;
    const first = call !== undefined && event.attempt === 1 ? `, ${duration(event.at - call.at)} after it was called`
      : "";
    return [...whichAttempt(call, event), " began on ",
      workerName(history.holdAt(event.seq)?.worker), wait, first, "."];
  },
  AttemptFailed: (event, { history }) => {
    const call = history.call(event.key), one = call?.tries.find((each) => each.endSeq === event.seq);
    const retry = call?.retries.find((each) => each.attempt === event.attempt + 1 && each.seq > event.seq);
    return [...whichAttempt(call, event), " failed",
      one === undefined ? "" : ` after ${duration(event.at - one.at)}`, ": ", dot(errorLine(event.error)),
      retry === undefined ? call?.error === undefined ? "" : " There was no further attempt."
        : ` The next was planned ${duration(retry.dueAt - retry.at)} later.`];
  },
  RetryScheduled: (event, { history }) => {
    const call = history.call(event.key);
    const failed = call?.tries.find((one) => one.attempt === event.attempt - 1);
    return [callName(call, event.key), " was to be tried again after ", duration(event.dueAt - event.at), ", as ",
      attemptOf(call, event.attempt), failed?.error === undefined ? "."
        : `, since the ${nth(failed.attempt)} had failed: ${dot(shorten(errorLine(failed.error)))}`];
  },
  TaskCompleted: (event, about) => {
    const call = about.history.call(event.key);
    if (call === undefined) return [event.key, " completed."];
    if (event.cached !== undefined) return fromCache(event, call, event.cached);
    const all = duration(event.at - call.at), work = workMs(call);
    const several = call.tries.length > 1;
    return [callName(call, event.key), " succeeded", several ? ` on attempt ${event.attempt}` : "", ...struggle(call),
      several ? `; ${all} in all.` : afterWork(work ?? event.at - call.at),
      event.result === undefined ? "" : " It gave ", event.result === undefined ? ""
        : said(preview(shownPayload(event.result), 60), { code: true }), event.result === undefined ? "" : ".",
      ...weight(call, about)];
  },
  TaskFailed: (event, about) => {
    const call = about.history.call(event.key), { end } = about.history;
    return [callName(call, event.key), " failed for good after ", count(event.attempts, "attempt"), ": ",
      dot(errorLine(event.error)), ...(call === undefined ? [] : weight(call, about)),
      ...(end?.type === "RunFailed" && end.error.cause?.message === event.error.message
        ? [" The run failed with it (", said(`event ${end.seq}`, { seq: end.seq }), ")."] : [])];
  },
  TaskCancelled: (event, { history }) => [callName(history.call(event.key), event.key), " was given up",
    event.reason === undefined ? "." : `: ${dot(event.reason)}`],
  TaskCancelRequested: (event, { history }) => {
    const call = history.call(event.key);
    return ["The code gave up ", callName(call, event.key), call === undefined ? ""
      : ` ${duration(event.at - call.at)} after calling it`, ...because(history, event.by),
      event.reason === undefined ? "." : `: ${dot(event.reason)}`];
  },
  TimerStarted: (event, { history }) => {
    const ms = said(duration(event.dueAt - event.at), { strong: true });
    return event.purpose === "timeout" ? ["The code set a time limit of ", ms, ...because(history, event.by), "."]
      : ["The code began to sleep for ", ms, ...because(history, event.by), ".",
        history.call(event.key)?.endSeq === undefined && !history.over ? " It sleeps still." : ""];
  },
  TimerFired: (event, { history }) => {
    const call = history.call(event.key);
    if (call?.dueAt === undefined) return ["A timer reached its instant."];
    const length = said(duration(call.dueAt - call.at), { strong: true }), late = event.at - call.dueAt;
    return [call.name === "timeout" ? "The time limit of " : "The sleep of ", length,
      call.name === "timeout" ? " ran out" : " was over", late >= 50 ? `, ${duration(late)} late` : "", "."];
  },
  TimerCancelled: (event, { history }) => {
    const call = history.call(event.key);
    const what = call?.name === "timeout" ? "The time limit" : "The sleep";
    return [what, call?.dueAt === undefined ? "" : ` of ${duration(call.dueAt - call.at)}`, " was no longer needed",
      call === undefined ? "" : ` after ${duration(event.at - call.at)}`, "."];
  },
  ValueRecorded: (event) => ["The code took a value from outside, ",
    said(preview(shownPayload(event.value), 60), { code: true }), "; a replay sees the same."],
  RunCompleted: (event, { history }) => ["The run ", said("completed", { strong: true }), ` after ${
    duration(event.at - history.startAt)}`, event.result === undefined ? "" : " with ", event.result === undefined ? ""
    : said(preview(shownPayload(event.result), 60), { code: true }), ": ", balance(history), "."],
  RunFailed: (event, { history }) => ["The run ", said("failed", { strong: true }), ` after ${
    duration(event.at - history.startAt)}: `, dot(errorLine(event.error)), " ", capital(balance(history)), ".",
    event.retriedAs === undefined ? "" : ` It is tried again as run ${shortId(event.retriedAs)}.`],
  RunCancelled: (event, { history }) => ["The run was ", said("cancelled", { strong: true }), ` after ${
    duration(event.at - history.startAt)}`, event.reason === undefined ? "." : `: ${dot(event.reason)}`,
    " ", capital(balance(history)), "."],
};
