/** Made-up histories for the window's tests: one of every type, and random ones from a seed. */
import type { Draft, Event } from "../engine/core/events.ts";

/** Drafts with their places. */
export function eventsOf(drafts: readonly Draft[]): Event[] {
  return drafts.map((draft, i) => ({ ...draft, seq: i + 1 }) as Event); // a draft with a seq is an event
}

const error = { name: "TypeError", message: "gone", stack: "TypeError: gone\n    at f (/x/a.ts:3:4)",
  cause: { name: "Error", message: "503" } };

/** Every type once at least, in an order that could be. */
export const EVERY_TYPE: readonly Draft[] = [
  { type: "RunStarted", at: 0, workflow: "w", name: "tidy-owl", seed: "s", engineFlags: 1, input: { p: { n: 1 } } },
  { type: "RunClaimed", at: 5, epoch: 1, worker: "w-1" },
  { type: "ValueRecorded", at: 5, key: "value:now#0", by: 1, value: { p: 12 } },
  { type: "TaskScheduled", at: 5, key: "task:a#0", name: "a", inputHash: "h", by: 1, retries: 2, input: { p: [1] } },
  { type: "TimerStarted", at: 5, key: "timer:timeout#0", dueAt: 5000, by: 1, purpose: "timeout" },
  { type: "AttemptStarted", at: 6, key: "task:a#0", attempt: 1 },
  { type: "AttemptFailed", at: 9, key: "task:a#0", attempt: 1, error },
  { type: "RetryScheduled", at: 9, key: "task:a#0", attempt: 2, dueAt: 20 },
  { type: "RunLost", at: 900, epoch: 2, worker: "w-1" },
  { type: "RunParked", at: 901, code: "QUARANTINED", message: "it died three times", hint: "Look at it" },
  { type: "RunUnparked", at: 1000 },
  { type: "RunClaimed", at: 1001, epoch: 3, worker: "w-2" },
  { type: "AttemptStarted", at: 1002, key: "task:a#0", attempt: 2 },
  { type: "TaskCompleted", at: 1003, key: "task:a#0", attempt: 2, result: { p: "x" } },
  { type: "TimerCancelled", at: 1003, key: "timer:timeout#0", by: 14 },
  { type: "TimerStarted", at: 1003, key: "timer:sleep#0", dueAt: 1100, by: 14, purpose: "sleep" },
  { type: "RunReleased", at: 1004, reason: "waiting" },
  { type: "RunClaimed", at: 1099, epoch: 4, worker: "w-2" },
  { type: "TimerFired", at: 1200, key: "timer:sleep#0" },
  { type: "TaskScheduled", at: 1200, key: "task:b", name: "b", inputHash: "h", by: 19 },
  { type: "TaskScheduled", at: 1200, key: "task:c#0", name: "c", inputHash: "h", by: 19 },
  { type: "AttemptStarted", at: 1201, key: "task:b", attempt: 1 },
  { type: "AttemptFailed", at: 1202, key: "task:b", attempt: 1, error },
  { type: "TaskFailed", at: 1202, key: "task:b", attempts: 1, error },
  { type: "Noted", at: 1202, code: "SITE_MOVED", message: "the call moved", key: "task:b" },
  { type: "CancelRequested", at: 1300, n: 1, reason: "enough", graceMs: 1000 },
  { type: "MailIgnored", at: 1301, n: 2, kind: "cancel", why: "the run is being cancelled" },
  { type: "TaskCancelRequested", at: 1301, key: "task:c#0", by: 26, reason: "run cancelled" },
  { type: "TaskCancelled", at: 1302, key: "task:c#0", reason: "run cancelled" },
  { type: "TaskScheduled", at: 1303, key: "task:d#0", name: "d", inputHash: "h", by: 19 },
  { type: "AttemptQueued", at: 1304, key: "task:d#0", attempt: 1, limit: "db" },
  { type: "AttemptQueued", at: 1305, key: "task:d#0", attempt: 1, limit: "mail", dueAt: 2305 },
  { type: "AttemptStarted", at: 2305, key: "task:d#0", attempt: 1 },
  { type: "Reported", at: 2306, key: "task:d#0", kind: "progress", name: "progress", value: { p: 0.5 } },
  { type: "ResultInjected", at: 2310, n: 3, key: "task:d#0", who: "ada", reason: "the bank said so", value: { p: 9 } },
  { type: "SignalReceived", at: 2311, n: 4, name: "early", value: { p: 1 } },
  { type: "WaitOpened", at: 2311, key: "wait:early#0", kind: "signal", name: "early", by: 36, taken: 37 },
  { type: "WaitOpened", at: 2311, key: "wait:late#0", kind: "signal", name: "late", by: 36 },
  { type: "WaitOpened", at: 2311, key: "wait:approve#0", kind: "form", name: "approve", by: 36, until: 9000,
    description: "May it be sent?", schema: { p: { type: "boolean" } } },
  { type: "WaitOpened", at: 2311, key: "wait:condition#0", kind: "condition", name: "condition", by: 36 },
  { type: "SignalReceived", at: 2400, n: 5, name: "late", value: { p: { ok: true } } },
  { type: "WaitAnswered", at: 2500, n: 6, key: "wait:approve#0", value: { p: true }, who: "ada" },
  { type: "WaitClosed", at: 2500, key: "wait:condition#0", by: 43, met: true },
  { type: "UpdateReceived", at: 2600, n: 7, id: "u-1", name: "discount", value: { p: 5 } },
  { type: "UpdateCompleted", at: 2600, key: "update:u-1", id: "u-1", by: 45, result: { p: "done" } },
  { type: "SignalSent", at: 2600, key: "send:go#0", by: 45, to: "01J0", name: "go", value: { p: 1 } },
  { type: "ChildStarted", at: 2600, key: "child:pack#0", by: 45, childId: "01J1", workflow: "pack", inputHash: "h",
    input: { p: 7 }, onClose: "cancel" },
  { type: "ChildStarted", at: 2600, key: "child:pack#1", by: 45, childId: "01J2", workflow: "pack", inputHash: "h",
    onClose: "abandon" },
  { type: "ChildStarted", at: 2600, key: "child:pack#2", by: 45, childId: "01J3", workflow: "pack", inputHash: "h",
    onClose: "wait" },
  { type: "RunPaused", at: 2601, n: 8, who: "ada" },
  { type: "RunReleased", at: 2602, reason: "paused" },
  { type: "RunUnpaused", at: 2700, who: "ada" },
  { type: "RunClaimed", at: 2701, epoch: 5, worker: "w-3" },
  { type: "ChildCompleted", at: 2800, n: 9, key: "child:pack#0", result: { p: { boxes: 2 } } },
  { type: "ChildFailed", at: 2801, n: 10, key: "child:pack#1", error },
  { type: "ChildCancelRequested", at: 2801, key: "child:pack#2", childId: "01J3", by: 56, reason: "one failed" },
  { type: "ChildCancelled", at: 2802, n: 11, key: "child:pack#2", reason: "one failed" },
  { type: "PatchDecided", at: 2802, key: "patch:new-way", by: 56 },
  { type: "Published", at: 2802, key: "show:attribute:customer#0", by: 56, kind: "attribute", name: "customer",
    value: { p: 42 } },
  { type: "Published", at: 2802, key: "show:stream:lines#0", by: 56, kind: "stream", name: "lines", value: { p: "a" } },
  { type: "RunForked", at: 5000, from: "01J4", seqs: 61, why: "fork", who: "ada", edited: ["task:d#0"] },
  { type: "RunClaimed", at: 5001, epoch: 1, worker: "w-4" },
  { type: "RunCancelled", at: 5303, key: "run:end", by: 29, reason: "enough" },
  { type: "RunFailed", at: 5303, key: "run:end", by: 29, error },
  { type: "RunContinued", at: 5303, key: "run:end", by: 29, nextId: "01J5", input: { p: 2 } },
  { type: "RunCompleted", at: 5303, key: "run:end", by: 29, result: { p: 1 } },
];

/** The same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A history of up to 150 events, of every kind of call; `shuffled`: of any order at all, as no engine
 *  would write it. */
export function randomHistory(seed: number, shuffled = false): Event[] {
  const random = randomOf(seed);
  const drafts = shuffled ? shuffle(random) : plausible(random);
  return eventsOf(drafts);
}

function shuffle(random: () => number): Draft[] {
  const out: Draft[] = [];
  for (let i = 0, at = 0; i < 60; i++, at += Math.floor(random() * 3000)) {
    const one = EVERY_TYPE[Math.floor(random() * EVERY_TYPE.length)];
    if (one !== undefined) out.push({ ...one, at });
  }
  return out;
}

interface Open { readonly key: string; attempt: number; running: boolean }
/** Signals that come early, late or never, forms, children with every end, updates, and things that are shown. */
function talk(random: () => number, out: Draft[], at: number, delivery: number, n: number): number {
  const pick = Math.floor(random() * 9), name = `s${Math.floor(random() * 3)}`, wait = `wait:${name}#${n}`;
  const child = out.findLast((one) => one.type === "ChildStarted");
  const key = child?.type === "ChildStarted" ? child.key : `child:none#${n}`;
  switch (pick) {
    case 0: out.push({ type: "SignalReceived", at, n, name, value: { p: n } }); return out.length;
    case 1: out.push({ type: "WaitOpened", at, key: wait, kind: "signal", name, by: delivery }); return delivery;
    case 2: {
      const kept = out.findLastIndex((one) => one.type === "SignalReceived") + 1;
      out.push({ type: "WaitOpened", at, key: wait, kind: "signal", name, by: delivery,
        ...(kept > 0 && { taken: kept }) });
      return delivery;
    }
    case 3: out.push({ type: "WaitOpened", at, key: wait, kind: "form", name, by: delivery },
      { type: "WaitAnswered", at: at + 5, n, key: wait, value: { p: n }, who: "ada" }); return out.length;
    case 4: out.push({ type: "ChildStarted", at, key: `child:c#${n}`, by: delivery, childId: `01J${n}`, workflow: "c",
      inputHash: "h", onClose: "cancel", input: { p: n } }); return delivery;
    case 5: out.push(random() < 0.5 ? { type: "ChildCompleted", at, n, key, result: { p: n } }
      : { type: "ChildFailed", at, n, key, error }); return out.length;
    case 6: out.push({ type: "UpdateReceived", at, n, id: `u${n}`, name, value: { p: n } },
      { type: "UpdateCompleted", at, key: `update:u${n}`, id: `u${n}`, by: out.length + 1 }); return out.length - 1;
    case 7: out.push({ type: "Published", at, key: `show:stream:${name}#${n}`, by: delivery,
      kind: random() < 0.5 ? "stream" : "table", name, value: { p: [n] } }); return delivery;
    default: out.push({ type: "RunPaused", at, n }, { type: "RunUnpaused", at: at + 50 },
      { type: "RunForked", at: at + 60, from: "01J", seqs: out.length + 2, why: "retry" }); return delivery;
  }
}
/** Tasks that run, fail and are retried, messages, children, and a worker that is lost now and then. */
function plausible(random: () => number): Draft[] {
  const out: Draft[] = [{ type: "RunStarted", at: 0, workflow: "w", name: "tidy-owl", seed: "s", engineFlags: 1 },
    { type: "RunClaimed", at: 0, epoch: 1, worker: "w-1" }];
  const open: Open[] = [];
  let at = 0, epoch = 1, delivery = 1, calls = 0;
  const steps = 20 + Math.floor(random() * 130);
  while (out.length < steps) {
    at += Math.floor(random() * (random() < 0.03 ? 10_000_000 : 400));
    const what = random(), one = open[Math.floor(random() * open.length)];
    if (random() < 0.2) {
      const before = out.length;
      delivery = talk(random, out, at, delivery, ++calls);
      at = Math.max(at, out.at(-1)?.at ?? at);
      if (out.slice(before).some((draft) => draft.type === "RunForked")) for (const each of open) each.running = false;
    } else if (what < 0.3 || one === undefined) {
      const name = `t${Math.floor(random() * 4)}`, key = `task:${name}#${calls++}`;
      out.push({ type: "TaskScheduled", at, key, name, inputHash: "h", by: delivery, retries: 3,
        input: { p: [calls] } });
      open.push({ key, attempt: 0, running: false });
    } else if (what < 0.34) {
      epoch++;
      out.push({ type: "RunLost", at, epoch, worker: "w" }, { type: "RunClaimed", at, epoch, worker: `w-${epoch}` });
      for (const each of open) each.running = false;
    } else if (!one.running) {
      one.running = true;
      out.push({ type: "AttemptStarted", at, key: one.key, attempt: ++one.attempt });
    } else if (what < 0.5 && one.attempt < 4) {
      one.running = false;
      out.push({ type: "AttemptFailed", at, key: one.key, attempt: one.attempt, error },
        { type: "RetryScheduled", at, key: one.key, attempt: one.attempt + 1, dueAt: at + 500 });
    } else {
      open.splice(open.indexOf(one), 1);
      out.push(what < 0.55 ? { type: "TaskFailed", at, key: one.key, attempts: one.attempt, error }
        : { type: "TaskCompleted", at, key: one.key, attempt: one.attempt, result: { p: { n: calls } } });
      delivery = out.length;
    }
  }
  if (random() < 0.5) out.push({ type: "RunCompleted", at, key: "run:end", by: delivery });
  return out;
}
