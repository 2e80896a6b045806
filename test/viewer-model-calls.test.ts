/** The window's model of what runs say to one another and to people: waits, children, limits, pauses, forks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Draft, Event } from "../engine/core/events.ts";
import { foldAll } from "../engine/core/fold.ts";
import { tellingArguments } from "../replay-viewer/model/arguments.ts";
import { causesOf } from "../replay-viewer/model/cause.ts";
import { criticalPath } from "../replay-viewer/model/critical.ts";
import { Cursor } from "../replay-viewer/model/cursor.ts";
import { resolveFocus } from "../replay-viewer/model/focus.ts";
import { graphOf } from "../replay-viewer/model/graph.ts";
import { earlierCalls, expectedCalls, type Earlier } from "../replay-viewer/model/expected.ts";
import { historyOf, type History } from "../replay-viewer/model/history.ts";
import { forkPlan, waitsFor } from "../replay-viewer/model/plan.ts";
import { foldedGaps, idleStretches } from "../replay-viewer/model/scale.ts";
import { Search } from "../replay-viewer/model/search.ts";
import { sentenceText } from "../replay-viewer/model/sentence.ts";
import { changesBetween } from "../replay-viewer/model/state.ts";
import { bandsOf, rowsOf, segmentsOf } from "../replay-viewer/model/timeline.ts";
import { eventsOf, randomHistory } from "./viewer-histories.ts";

const S = 1000, H = 3600 * S;
const started: Draft = { type: "RunStarted", at: 0, workflow: "order", name: "fluffy-dodo", seed: "s", engineFlags: 1 };
const claimed: Draft = { type: "RunClaimed", at: 0, epoch: 1, worker: "w-1" };

/** A signal that came early, one that came late, a form, a child, and a task that had to wait for a limit. */
const order: readonly Event[] = eventsOf([
  started, claimed,
  { type: "SignalReceived", at: 1 * S, n: 1, name: "address", value: { p: "Main St" } },
  { type: "WaitOpened", at: 1 * S, key: "wait:address#0", kind: "signal", name: "address", by: 3, taken: 3 },
  { type: "WaitOpened", at: 1 * S, key: "wait:paid#0", kind: "signal", name: "paid", by: 3 },
  { type: "WaitOpened", at: 1 * S, key: "wait:paid#1", kind: "signal", name: "paid", by: 3 },
  { type: "SignalReceived", at: 3 * S, n: 2, name: "paid", value: { p: 12 } },
  { type: "ChildStarted", at: 3 * S, key: "child:pack#0", by: 7, childId: "01J1", workflow: "pack", inputHash: "h",
    input: { p: { boxes: 2 } }, onClose: "cancel" },
  { type: "ChildCompleted", at: 5 * S, n: 3, key: "child:pack#0", result: { p: "packed" } },
  { type: "WaitOpened", at: 5 * S, key: "wait:approve#0", kind: "form", name: "approve", by: 9 },
  { type: "WaitAnswered", at: 8 * S, n: 4, key: "wait:approve#0", value: { p: true }, who: "ada" },
  { type: "TaskScheduled", at: 8 * S, key: "task:ship#0", name: "ship", inputHash: "h", by: 11 },
  { type: "AttemptQueued", at: 9 * S, key: "task:ship#0", attempt: 1, limit: "trucks" },
  { type: "AttemptStarted", at: 12 * S, key: "task:ship#0", attempt: 1 },
  { type: "TaskCompleted", at: 13 * S, key: "task:ship#0", attempt: 1 },
  { type: "RunCompleted", at: 13 * S, key: "run:end", by: 15 },
]);
const kinds = (history: History, key: string, now = 0): readonly string[] => {
  const call = history.call(key);
  return call === undefined ? [] : segmentsOf(call, now).map(({ kind, outcome, from, to, shared }) =>
    `${kind} ${outcome} ${from / S}-${to / S}${shared ? " shared" : ""}`);
};

test("a wait, a child and a task stand as the engine's own fold has them, in any history", () => {
  fc.assert(fc.property(fc.integer(), fc.nat(400), (seed, stop) => {
    const all = randomHistory(seed), events = all.slice(0, stop % (all.length + 1));
    const view = foldAll(events), history = historyOf(events);
    const stands = (key: string): object => {
      const call = history.call(key);
      return { state: call?.state, endedAt: call?.endAt, result: call?.result };
    };
    for (const { key, state, endedAt, value } of view.waits.values()) {
      expect(stands(key), key).toEqual({ state: state === "open" ? "waiting" : state, endedAt, result: value });
    }
    for (const { key, state, endedAt, result } of view.children.values()) {
      expect(stands(key), key).toEqual({ state, endedAt, result });
    }
    for (const { key, endedAt, result } of view.tasks.values()) {
      expect(stands(key), key).toMatchObject({ endedAt, result });
    }
    expect(history.calls.filter((call) => call.kind === "wait" || call.kind === "child")).toHaveLength(
      view.waits.size + view.children.size);
  }), { numRuns: 150 });
});

describe("a wait", () => {
  const history = historyOf(order);
  test("is a call; the oldest of a name gets the signal, which then belongs to it", () => {
    expect(kinds(history, "wait:paid#0")).toEqual(["wait completed 1-3"]);
    expect(kinds(history, "wait:paid#1", 13 * S)).toEqual(["wait open 1-13"]);
    expect(kinds(history, "wait:address#0")).toEqual(["wait completed 1-1"]);
    expect(history.seqsOf("wait:paid#0")).toEqual([5, 7]);
    expect(["wait:paid#0", "wait:address#0", "wait:approve#0"].map((key) => {
      const call = history.call(key);
      return call && tellingArguments(call, undefined);
    })).toEqual(["12", "\"Main St\"", "true"]);
  });

  test("is on the path and among the causes of what came after it", () => {
    expect(criticalPath(history).map((link) => link.call.key)).toEqual(
      ["wait:paid#0", "child:pack#0", "wait:approve#0", "task:ship#0"]);
    expect(causesOf(history, 12)).toEqual([3, 5, 7, 8, 9, 10, 11, 12]);
  });

  test("brings a value to what follows: an edge of data", () => {
    expect(graphOf(history, new Set()).edges.filter((edge) => edge.data).map(({ from, to }) => `${from} > ${to}`))
      .toEqual(["wait:paid#0 > child:pack#0", "child:pack#0 > wait:approve#0", "wait:approve#0 > task:ship#0"]);
  });

  test("is said with what came of it", () => {
    const says = (seq: number): string => sentenceText({ history }, seq);
    expect(says(3)).toBe("Signal address came with \"Main St\", and was kept: nothing waited for it.");
    expect(says(5)).toBe("The code began to wait for signal paid when signal address came (event 3). "
      + "It came 2 s later (event 7).");
    expect(says(7)).toBe("Signal paid came with 12; it had been waited for 2 s.");
    expect(says(11)).toBe("ada answered approve after 3 s with true.");
    expect(says(9)).toBe("Child pack completed after 2 s with \"packed\".");
    expect(says(16)).toBe("The run completed after 13 s: 1 task, 1 child run.");
  });

  test("is told of a run that waits now", () => {
    const until = (seq: number): string => waitsFor(historyOf(order.slice(0, seq)), 6 * S);
    expect([until(5), until(10), until(13)]).toEqual(["waits for signal paid",
      "waits for signal paid and waits for somebody to answer approve",
      "waits for signal paid and waits for limit trucks"]);
  });

  test("changes the state where it begins and where its message comes", () => {
    const changes = (seq: number): readonly string[] => changesBetween(new Cursor(history), seq - 1, seq)
      .map((one) => one.path).filter((path) => !/^\.(head|mailRead)$/.test(path));
    expect(changes(7)).toEqual([".waits[\"wait:paid#0\"].state", ".waits[\"wait:paid#0\"].endedAt",
      ".waits[\"wait:paid#0\"].value", ".signals[\"7\"]"]);
    expect(changes(9)).toEqual([".children[\"child:pack#0\"].state", ".children[\"child:pack#0\"].result",
      ".children[\"child:pack#0\"].endedAt"]);
  });
});

describe("a limit, a child and a pause", () => {
  const history = historyOf(order);
  test("show why a call has not begun", () => {
    expect(kinds(history, "task:ship#0")).toEqual(["queued open 8-9", "limited open 9-12", "try completed 12-13"]);
  });

  test("count as work while a child runs, and as idle while a person is waited for", () => {
    expect(idleStretches(history, 13 * S).some((gap) => gap.from < 5 * S && gap.to > 3 * S)).toBe(false);
    const asks = historyOf(eventsOf([started, claimed,
      { type: "TaskScheduled", at: 0, key: "task:a#0", name: "a", inputHash: "h", by: 1 },
      { type: "AttemptStarted", at: 0, key: "task:a#0", attempt: 1 },
      { type: "TaskCompleted", at: S, key: "task:a#0", attempt: 1 },
      { type: "WaitOpened", at: S, key: "wait:approve#0", kind: "form", name: "approve", by: 5 },
      { type: "WaitAnswered", at: 5 * H, n: 1, key: "wait:approve#0" },
      { type: "RunCompleted", at: 5 * H + S, key: "run:end", by: 7 }]));
    expect(foldedGaps(idleStretches(asks, 0), 5 * H + S)).toEqual([{ from: S, to: 5 * H }]);
  });

  test("are bands of the run", () => {
    const held = historyOf(eventsOf([started, claimed, { type: "RunPaused", at: 2 * S, n: 1, who: "ada" },
      { type: "RunReleased", at: 2 * S, reason: "paused" }, { type: "RunUnpaused", at: 9 * S },
      { type: "RunClaimed", at: 9 * S, epoch: 2, worker: "w-1" }]));
    expect(bandsOf(held, 10 * S).map(({ kind, from, to, worker }) => `${kind} ${from / S}-${to / S} ${worker}`))
      .toEqual(["held 0-2 w-1", "waiting 2-9 w-1", "held 9-10 w-1", "paused 2-9 ada"]);
    expect(sentenceText({ history: held }, 5)).toBe("Somebody let the run go on; it had been paused for 7 s.");
    expect(waitsFor(historyOf(held.events.slice(0, 4)), 5 * S)).toBe("paused by ada until somebody resumes it");
  });

  test("are found by kind", () => {
    expect(new Search(history).find("kind:child")).toEqual([8, 9]);
    expect(new Search(history).find("kind:wait is:met type:signal")).toEqual([7]);
  });
});

describe("a fork", () => {
  const forked = historyOf(eventsOf([...order.slice(0, 14),
    { type: "RunForked", at: 60 * S, from: "01J9", seqs: 14, why: "fork", who: "ada" },
    { type: "RunClaimed", at: 60 * S, epoch: 1, worker: "w-2" },
    { type: "AttemptStarted", at: 61 * S, key: "task:ship#0", attempt: 2 },
    { type: "TaskCompleted", at: 62 * S, key: "task:ship#0", attempt: 2 },
    { type: "RunCompleted", at: 62 * S, key: "run:end", by: 18 }] as readonly Draft[]));

  test("shows as shared what ended before it, and as left behind what was under way", () => {
    expect(kinds(forked, "child:pack#0")).toEqual(["child completed 3-5 shared"]);
    expect(kinds(forked, "task:ship#0")).toEqual(
      ["queued open 8-9", "limited open 9-12", "try left 12-12 shared", "queued open 12-61", "try completed 61-62"]);
    expect(forked.calls.filter((call) => call.shared).map((call) => call.key)).toEqual(
      ["wait:address#0", "wait:paid#0", "child:pack#0", "wait:approve#0"]);
  });

  test("is said, and its end does not count the workers of the other run", () => {
    expect(sentenceText({ history: forked }, 15)).toBe("ada forked run 01J9 after its event 14.");
    expect(sentenceText({ history: forked }, 16)).toMatch(/^Worker w-2 took the fork/);
    expect(sentenceText({ history: forked }, 19)).toBe("The run completed after 1 min 2 s: 1 task, 1 child run.");
  });

  test("is planned with its waits and children", () => {
    const plan = forkPlan(historyOf(order), 8);
    expect([plan.kept, plan.again, plan.anew].map((calls) => calls.map((call) => call.key))).toEqual(
      [["wait:address#0", "wait:paid#0"], ["wait:paid#1", "child:pack#0"], ["wait:approve#0", "task:ship#0"]]);
  });
});

describe("what is expected of a run", () => {
  const earlier: Earlier = { runId: "01J0", name: "brave-ibis", ms: 13 * S, more: false,
    calls: earlierCalls(historyOf(order), 100) };
  const keys = (events: readonly Event[]): readonly string[] => expectedCalls(historyOf(events), earlier)
    .map(({ key }) => key);
  test("are the calls that the earlier run made and this one has not, in that order, until it ends", () => {
    expect(keys([])).toEqual(["wait:address#0", "wait:paid#0", "wait:paid#1", "child:pack#0", "wait:approve#0",
      "task:ship#0"]);
    expect(keys(order.slice(0, 8))).toEqual(["wait:approve#0", "task:ship#0"]);
    for (let seq = 1; seq < order.length; seq++) {
      const made = historyOf(order.slice(0, seq));
      expect(keys(order.slice(0, seq))).toEqual(earlier.calls.map(({ key }) => key).filter((key) =>
        made.call(key) === undefined));
    }
    expect(keys([...order.slice(0, 8), { type: "RunFailed", seq: 9, at: 4 * S, key: "run:end", by: 7,
      error: { name: "Error", message: "no" } }])).toEqual([]);
  });
  test("have their times there, as far as they ended, and no time limits among them", () => {
    expect(earlier.calls.map(({ name, at, ms, attempts }) => [name, at / S, ms === null ? null : ms / S, attempts]))
      .toEqual([["address", 1, 0, 0], ["paid", 1, 2, 0], ["paid", 1, null, 0], ["pack", 3, 2, 0],
        ["approve", 5, 3, 0], ["ship", 8, 5, 1]]);
    const limited = historyOf(eventsOf([started, claimed, { type: "TimerStarted", at: 1, key: "timer:timeout#0", by: 2,
      dueAt: 9, purpose: "timeout" }]));
    expect(earlierCalls(limited, 100)).toEqual([]);
    expect(earlierCalls(historyOf(order), 2)).toHaveLength(2);
  });
});

describe("a call with a runName", () => {
  const named = (n: number): readonly Draft[] => [
    { type: "TaskScheduled", at: 0, key: `task:row#${n}`, name: "row", label: `row number ${n}`,
      inputHash: "h", by: 1 },
    { type: "AttemptStarted", at: 0, key: `task:row#${n}`, attempt: 1 },
    { type: "TaskCompleted", at: 1 * S, key: `task:row#${n}`, attempt: 1 }];
  const history = historyOf(eventsOf([started, claimed, ...named(0), ...named(1),
    { type: "TaskScheduled", at: 1 * S, key: "task:load", name: "load", inputHash: "h", by: 5 },
    { type: "ChildStarted", at: 1 * S, key: "task:saw#0", by: 5, childId: "01J1", workflow: "task saw", inputHash: "h",
      pool: "shop", task: { name: "saw" }, name: "saw the oak", onClose: "cancel" }]));

  test("is called by it in the timeline, the graph and the sentences", () => {
    expect(rowsOf(history, "call").map(({ id, title }) => `${id} = ${title}`)).toEqual(["task:row#0 = row number 0",
      "task:row#1 = row number 1", "task:load = load", "task:saw#0 = saw the oak"]);
    expect(graphOf(history, new Set()).nodes.map(({ title }) => title)).toEqual(
      expect.arrayContaining(["row number 0", "row number 1", "load", "saw the oak"]));
    expect(sentenceText({ history }, 8)).toMatch(/^row number 1 succeeded /);
    expect(sentenceText({ history }, 9)).toMatch(/^The code called load .*once row number 0 had completed/);
    expect(sentenceText({ history }, 10)).toMatch(/^The code called saw the oak in pool shop/);
  });
  test("is found by it at each of its events", () => {
    expect(resolveFocus("row number 1", history)).toBe(8);
    expect(new Search(history).find('"row number 1"')).toEqual([6, 7, 8]);
    expect(new Search(history).find('task:"number 1"')).toEqual([6, 7, 8]);
    expect(new Search(history).find("task:row")).toEqual([3, 4, 5, 6, 7, 8]);
  });
  test("stands with its namesakes where calls of a name are one row", () => {
    expect(rowsOf(history, "name").map(({ title, calls }) => `${title} ${calls.length}`)).toEqual(["row 2", "load 1",
      "saw 1"]);
  });
});
