/** Suite H over several runs: what must hold of a run, its children, its chain, and the mail between them. */
import { expect } from "vitest";
import { TERMINAL_STATES, type Event } from "../engine/index.ts";
import { checkHistory } from "./checker.ts";
import type { Family, Member } from "./conversing.ts";

const KIND: { readonly [type: string]: string } = { SignalReceived: "signal", WaitAnswered: "answer",
  UpdateReceived: "update", ChildCompleted: "child", ChildFailed: "child", ChildCancelled: "child",
  ResultInjected: "inject", CancelRequested: "cancel", RunPaused: "pause" };

/** Throws when the runs of a store break the contract among one another: S1, S2, C3, one birth for each child. */
export function checkFamily(family: Family, what: string): void {
  for (const [runId, member] of family) {
    const where = `${what}: run ${runId} of ${member.row.workflow}`;
    checkHistory(member.events, where);
    checkMail(member, where);
    checkCancellation(member.events, where);
    checkPauses(member.events, where);
    checkBirths(runId, member, family, where);
    checkSent(runId, member, family, where);
  }
}

/** What a run has not from the one that it was forked from. */
export function ownOf(events: readonly Event[]): readonly Event[] {
  return events.slice(events.findLastIndex(({ type }) => type === "RunForked") + 1);
}

/** Each letter is read at most once, in the order of its number, and becomes what it is. */
function checkMail({ events, mail }: Member, where: string): void {
  const read = events.flatMap((event) => "n" in event && event.n > 0 ? [event] : []);
  expect(read.map(({ n }) => n), `${where} S1, S2: each letter once, in order`).toEqual(mail.slice(0, read.length)
    .map(({ n }) => n));
  expect(mail.map(({ n }) => n), `${where}: letters are numbered without gaps`).toEqual(mail.map((_, i) => i + 1));
  expect(new Set(mail.map(({ dedupe }) => dedupe)).size, `${where}: no key twice`).toBe(mail.length);
  for (const event of read) {
    const { kind } = mail[event.n - 1] ?? { kind: "none" };
    expect(event.type === "MailIgnored" ? event.kind : KIND[event.type], `${where} event ${event.seq}`).toBe(kind);
    if (event.type === "MailIgnored") expect(kind, `${where} S1: event ${event.seq} drops a signal`).not.toBe("signal");
  }
}

/** C3: what a cancellation gave up starts no attempt after it. C1: a cancelled run does nothing more. */
function checkCancellation(events: readonly Event[], where: string): void {
  const cancel = events.find((event) => event.type === "CancelRequested");
  if (cancel === undefined) return;
  const givenUp = new Set(events.flatMap((event) =>
    event.type === "TaskCancelRequested" && event.by === cancel.seq ? [event.key] : []));
  for (const event of events) if (event.type === "AttemptStarted" && event.seq > cancel.seq) {
    expect(givenUp.has(event.key), `${where} C3: event ${event.seq} starts ${event.key}`).toBe(false);
  }
}

/** While a run is paused, what is under way may end; nothing begins, and no mail is read. */
function checkPauses(events: readonly Event[], where: string): void {
  let paused = false;
  for (const event of events) {
    if (event.type === "RunPaused") paused = true;
    if (event.type === "RunUnpaused") paused = false;
    if (event.type === "RunPaused" || !paused) continue;
    const begins = event.type === "AttemptStarted" || event.type === "TimerFired" || "n" in event;
    expect(begins, `${where}: event ${event.seq} ${event.type} while it is paused`).toBe(false);
  }
}

/** Every child is the run of one call, and every call has its one child. */
function checkBirths(runId: string, { events }: Member, family: Family, where: string): void {
  const started = events[0];
  for (const event of ownOf(events)) if (event.type === "ChildStarted") {
    const child = family.get(event.childId)?.events[0];
    expect(child, `${where}: child ${event.key} was made`).toMatchObject({ type: "RunStarted",
      parent: { id: runId, key: event.key } });
  }
  if (started?.type !== "RunStarted") return;
  const { parent, chain } = started;
  if (chain !== undefined) {
    const before = [...family.values()].filter((one) => {
      const end = one.events.at(-1);
      return end?.type === "RunContinued" && end.nextId === runId;
    });
    expect(before, `${where}: one link before it`).toHaveLength(1);
  } else if (parent !== undefined && !events.some(({ type }) => type === "RunForked")) { // a try's call is the first's
    const calls = family.get(parent.id)?.events.filter((event) => event.type === "ChildStarted"
      && event.childId === runId) ?? [];
    expect(calls.map((event) => "key" in event ? event.key : ""), `${where}: one call made it`).toEqual([parent.key]);
  }
}

/** What a run sent has come, once, or came when its receiver had ended; what it had not read went along. */
function checkSent(runId: string, { events, mail }: Member, family: Family, where: string): void {
  /** Mail that was not read went along with a chain, under its key: it may lie in several boxes, and is read in one. */
  const once = (dedupe: string, to: string): void => {
    const boxes = [...family].flatMap(([id, member]) => {
      const n = member.mail.find((letter) => letter.dedupe === dedupe)?.n;
      return n === undefined ? [] : [{ id, read: member.events.some((event) => "n" in event && event.n === n) }];
    });
    const last = family.get(lastLink(to, family));
    const late = last === undefined || TERMINAL_STATES.includes(last.row.state);
    const read = boxes.filter((box) => box.read).length;
    expect(read === 1 || (read === 0 && late), `${where}: ${dedupe} for ${to} is in ${JSON.stringify(boxes)}`)
      .toBe(true);
  };
  for (const event of ownOf(events)) if (event.type === "SignalSent") once(`${runId}/${event.key}`, event.to);
  const started = events[0], end = events.at(-1);
  if (end?.type === "RunContinued") {
    const next = family.get(end.nextId)?.mail.map(({ dedupe }) => dedupe) ?? [];
    const read = events.reduce((n, event) => "n" in event ? Math.max(n, event.n) : n, 0);
    const unread = mail.slice(read).map(({ dedupe }) => dedupe);
    expect(next, `${where} S1: unread mail went along`).toEqual(expect.arrayContaining(unread));
    for (const seq of unreadSignals(events)) expect(next, `${where} S1: signal ${seq} went along`).toContain(
      `${runId}/unread/${(events[seq - 1] as { readonly n: number }).n}`);
  } else if (end?.type === "RunFailed" && end.retriedAs !== undefined) {
    expect(family.get(end.retriedAs)?.events, `${where}: its next try was made`).toContainEqual(
      expect.objectContaining({ type: "RunForked", from: runId, why: "retry" }));
  } else if (started?.type === "RunStarted" && started.parent !== undefined && end !== undefined) {
    once(`${runId}/end`, started.parent.id);
  }
}
function lastLink(runId: string, family: Family): string {
  const end = family.get(runId)?.events.at(-1);
  return end?.type === "RunContinued" ? lastLink(end.nextId, family) : runId;
}

/** seqs of the signals that no wait got, by the order of turns: written here once more, apart from the engine's. */
export function unreadSignals(events: readonly Event[]): readonly number[] {
  const kept: { readonly seq: number; readonly name: string }[] = [], open: { key: string; name: string }[] = [];
  for (const delivery of events) {
    if (delivery.type === "SignalReceived") {
      const i = open.findIndex(({ name }) => name === delivery.name);
      if (i === -1) kept.push(delivery); else open.splice(i, 1);
    }
    if (delivery.type === "ResultInjected") remove(open, ({ key }) => key === delivery.key);
    for (const event of events) {
      if (!("by" in event) || event.by !== delivery.seq) continue;
      if (event.type === "WaitClosed") remove(open, ({ key }) => key === event.key);
      else if (event.type !== "WaitOpened" || event.kind !== "signal") continue;
      else if (event.taken === undefined) open.push(event);
      else remove(kept, ({ seq }) => seq === event.taken);
    }
  }
  return kept.map(({ seq }) => seq);
}
function remove<T>(list: T[], is: (one: T) => boolean): void {
  const i = list.findIndex(is);
  if (i !== -1) list.splice(i, 1);
}
