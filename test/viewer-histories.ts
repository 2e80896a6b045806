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
  { type: "RunCancelled", at: 1303, key: "run:end", by: 29, reason: "enough" },
  { type: "RunFailed", at: 1303, key: "run:end", by: 29, error },
  { type: "RunCompleted", at: 1303, key: "run:end", by: 29, result: { p: 1 } },
];

/** The same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A history of up to 150 events; `shuffled`: of any order at all, as no engine would write it. */
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
/** Tasks that run, fail and are retried, sleeps, and a worker that is lost now and then. */
function plausible(random: () => number): Draft[] {
  const out: Draft[] = [{ type: "RunStarted", at: 0, workflow: "w", name: "tidy-owl", seed: "s", engineFlags: 1 },
    { type: "RunClaimed", at: 0, epoch: 1, worker: "w-1" }];
  const open: Open[] = [];
  let at = 0, epoch = 1, delivery = 1, calls = 0;
  const steps = 20 + Math.floor(random() * 130);
  while (out.length < steps) {
    at += Math.floor(random() * (random() < 0.03 ? 10_000_000 : 400));
    const what = random(), one = open[Math.floor(random() * open.length)];
    if (what < 0.3 || one === undefined) {
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
