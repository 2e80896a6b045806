/** The window's model: parity with the engine's fold, words for every event, gaps, the critical path, search. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeValue } from "../engine/codec/value.ts";
import type { Draft, Event, EventType } from "../engine/core/events.ts";
import { foldAll } from "../engine/core/fold.ts";
import { align } from "../replay-viewer/model/align.ts";
import { causesOf, effectsOf } from "../replay-viewer/model/cause.ts";
import { tellingArguments } from "../replay-viewer/model/arguments.ts";
import { criticalPath } from "../replay-viewer/model/critical.ts";
import { Cursor } from "../replay-viewer/model/cursor.ts";
import { density } from "../replay-viewer/model/density.ts";
import { resolveFocus } from "../replay-viewer/model/focus.ts";
import { graphOf } from "../replay-viewer/model/graph.ts";
import { historyOf } from "../replay-viewer/model/history.ts";
import { parseLogPoint, shownFrame, type Seen, type Way } from "../replay-viewer/model/locals.ts";
import { errorLine, shownPayload } from "../replay-viewer/model/payload.ts";
import { forkPlan } from "../replay-viewer/model/plan.ts";
import { PLACE, recordingPage } from "../replay-viewer/model/recording.ts";
import { foldedGaps, idleStretches, makeScale, ticks } from "../replay-viewer/model/scale.ts";
import { Search } from "../replay-viewer/model/search.ts";
import { sentenceText } from "../replay-viewer/model/sentence.ts";
import { at, preview, wholeText } from "../replay-viewer/model/shown.ts";
import { tokenLines } from "../replay-viewer/model/source.ts";
import { changesBetween, differences, shownState } from "../replay-viewer/model/state.ts";
import { bandsOf, packLanes, segmentsOf } from "../replay-viewer/model/timeline.ts";
import { eventsOf, EVERY_TYPE, randomHistory } from "./viewer-histories.ts";

const S = 1000, H = 3600 * S, D = 24 * H;
const error = { name: "Error", message: "402" };
const started: Draft = { type: "RunStarted", at: 0, workflow: "order", name: "fluffy-dodo", seed: "s", engineFlags: 1 };
const claimed: Draft = { type: "RunClaimed", at: 0, epoch: 1, worker: "w-1" };

/** Reserve, charge with two refusals, a sleep of two days, then two parallel packs of which the second is slower. */
const order: readonly Event[] = eventsOf([
  started, claimed,
  { type: "TaskScheduled", at: 0, key: "task:reserve#0", name: "reserve", inputHash: "h", by: 1, input: { p: [7] } },
  { type: "AttemptStarted", at: 1 * S, key: "task:reserve#0", attempt: 1 },
  { type: "TaskCompleted", at: 2 * S, key: "task:reserve#0", attempt: 1, result: { p: { hold: "A-1" } } },
  { type: "TaskScheduled", at: 2 * S, key: "task:charge#0", name: "charge", inputHash: "h", by: 5, retries: 3,
    site: "order.ts:14:25" },
  { type: "AttemptStarted", at: 2 * S, key: "task:charge#0", attempt: 1 },
  { type: "AttemptFailed", at: 3 * S, key: "task:charge#0", attempt: 1, error },
  { type: "RetryScheduled", at: 3 * S, key: "task:charge#0", attempt: 2, dueAt: 9 * S },
  { type: "AttemptStarted", at: 9 * S, key: "task:charge#0", attempt: 2 },
  { type: "TaskCompleted", at: 10 * S, key: "task:charge#0", attempt: 2, result: { p: "paid" } },
  { type: "TimerStarted", at: 10 * S, key: "timer:sleep#0", dueAt: 2 * D, by: 11, purpose: "sleep" },
  { type: "RunReleased", at: 11 * S, reason: "waiting" },
  { type: "RunClaimed", at: 2 * D, epoch: 2, worker: "w-2" },
  { type: "TimerFired", at: 2 * D, key: "timer:sleep#0" },
  { type: "TaskScheduled", at: 2 * D, key: "task:pack#0", name: "pack", inputHash: "h", by: 15 },
  { type: "TaskScheduled", at: 2 * D, key: "task:pack#1", name: "pack", inputHash: "h", by: 15 },
  { type: "AttemptStarted", at: 2 * D, key: "task:pack#0", attempt: 1 },
  { type: "AttemptStarted", at: 2 * D, key: "task:pack#1", attempt: 1 },
  { type: "TaskCompleted", at: 2 * D + 1 * S, key: "task:pack#0", attempt: 1 },
  { type: "TaskCompleted", at: 2 * D + 4 * S, key: "task:pack#1", attempt: 1 },
  { type: "RunCompleted", at: 2 * D + 4 * S, key: "run:end", by: 21, result: { p: "sent" } },
]);

describe("the cursor", () => {
  test("shows at every event the state that the engine's own fold has there, whichever way it came", () => {
    fc.assert(fc.property(fc.integer(), fc.array(fc.nat(400), { minLength: 1, maxLength: 12 }), (seed, stops) => {
      const events = randomHistory(seed);
      const cursor = new Cursor(historyOf(events));
      for (const stop of stops) {
        const seq = stop % (events.length + 1);
        expect(cursor.at(seq)).toEqual(foldAll(events.slice(0, seq)));
      }
    }), { numRuns: 60 });
  });

  test("tells what changed between two events, and nothing else", () => {
    const cursor = new Cursor(historyOf(order));
    const paths = changesBetween(cursor, 7, 8).map((one) => one.path);
    expect(paths).toEqual(['.tasks["task:charge#0"].attempts[0].endedAt', '.tasks["task:charge#0"].attempts[0].error']);
    expect(changesBetween(cursor, 8, 7).map((one) => one.path)).toEqual(paths);
    expect(changesBetween(cursor, 8, 8)).toEqual([]);
  });

  test("finds the state at a path", () => {
    const state = shownState(new Cursor(historyOf(order)).at(22));
    expect(preview(at(state, '.tasks["task:reserve#0"].result.hold') ?? state)).toBe('"A-1"');
    expect(at(state, ".tasks.nothing")).toBeUndefined();
  });
});

describe("the sentence", () => {
  test("has words for an event of every type", () => {
    const history = historyOf(eventsOf(EVERY_TYPE));
    const types = new Set<EventType>(history.events.map((event) => event.type));
    expect(types.size).toBe(45);
    for (const event of history.events) {
      const words = sentenceText({ history }, event.seq);
      expect(words, event.type).toMatch(/^[^\s].*[.!?…]$/s);
      expect(words, event.type).not.toMatch(/undefined|NaN|\[object|null/);
    }
  });

  test("is total over histories of any order", () => {
    fc.assert(fc.property(fc.integer(), fc.boolean(), (seed, shuffled) => {
      const history = historyOf(randomHistory(seed, shuffled));
      for (let seq = 1; seq <= history.head; seq++) {
        const words = sentenceText({ history }, seq);
        expect(words).toMatch(/^[^\s].*[.!?…]$/s);
        expect(words).not.toMatch(/undefined|NaN|\[object|Infinity/);
      }
    }), { numRuns: 80 });
  });

  test("reads as a person would say it", () => {
    const about = { history: historyOf(order), critical: new Set(["task:charge#0"]) };
    expect(sentenceText(about, 11)).toBe("charge succeeded on attempt 2 after one failed attempt (402), waiting 6 s "
      + "between; 8 s in all. It gave \"paid\". On the critical path.");
    expect(sentenceText(about, 6)).toBe(
      "The code called charge () once reserve had completed (event 5). It succeeded 8 s later on attempt 2 "
      + "(event 11).");
    expect(sentenceText(about, 14)).toBe(
      "Worker w-2 took the run again after 1 d 23 h in which nobody needed to hold it.");
  });
});

describe("the time scale", () => {
  test("folds the gap that would flatten the chart, and keeps the short ones", () => {
    const history = historyOf(order), scale = makeScale(history, 0, true);
    const folded = scale.pieces.filter((piece) => piece.folded);
    expect(folded).toHaveLength(1);
    expect(folded[0]).toMatchObject({ from: 11 * S, to: 2 * D });
    expect((folded[0]?.x1 ?? 1) - (folded[0]?.x0 ?? 0)).toBeLessThan(0.08);
    expect(scale.x(10 * S)).toBeGreaterThan(0.6);
  });

  test("without folding is proportional to time", () => {
    const scale = makeScale(historyOf(order), 0, false);
    expect(scale.x(D + 2 * S)).toBeCloseTo(0.5, 4);
  });

  test("goes there and back", () => {
    fc.assert(fc.property(fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, x) => {
      const scale = makeScale(historyOf(randomHistory(seed)), 0, true);
      expect(scale.x(scale.at(x))).toBeCloseTo(x, 6);
      for (const [i, piece] of scale.pieces.entries()) {
        expect(piece.from).toBe(i === 0 ? scale.from : scale.pieces[i - 1]?.to);
      }
    }), { numRuns: 60 });
  });

  test("takes for idle what lies between a worker's last sign and the next claim", () => {
    const lost = historyOf(eventsOf([started, claimed,
      { type: "TaskScheduled", at: 0, key: "task:a#0", name: "a", inputHash: "h", by: 1 },
      { type: "AttemptStarted", at: S, key: "task:a#0", attempt: 1 },
      { type: "RunLost", at: H, epoch: 2, worker: "w-1" },
      { type: "RunClaimed", at: 2 * H, epoch: 3, worker: "w-2" },
      { type: "AttemptStarted", at: 2 * H, key: "task:a#0", attempt: 2 },
      { type: "TaskCompleted", at: 2 * H + S, key: "task:a#0", attempt: 2 }]));
    expect(foldedGaps(idleStretches(lost, 0), 2 * H + S)).toEqual([{ from: S, to: 2 * H }]);
    const call = lost.call("task:a#0");
    expect(call && segmentsOf(call, 0).map(({ kind, outcome }) => `${kind} ${outcome}`))
      .toEqual(["queued open", "try lost", "gone open", "try completed"]);
  });

  test("folds every hour of a run that sleeps hourly", () => {
    const drafts: Draft[] = [started, claimed];
    for (let i = 0; i < 24; i++) {
      drafts.push({ type: "TimerStarted", at: i * H, key: `timer:sleep#${i}`, dueAt: (i + 1) * H, by: 1 });
      drafts.push({ type: "TimerFired", at: (i + 1) * H - 2 * S, key: `timer:sleep#${i}` },
        { type: "TaskScheduled", at: (i + 1) * H - 2 * S, key: `task:a#${i}`, name: "a", inputHash: "h", by: 1 },
        { type: "AttemptStarted", at: (i + 1) * H - 2 * S, key: `task:a#${i}`, attempt: 1 },
        { type: "TaskCompleted", at: (i + 1) * H, key: `task:a#${i}`, attempt: 1 });
    }
    const scale = makeScale(historyOf(eventsOf(drafts)), 0, true);
    expect(scale.pieces.filter((piece) => piece.folded)).toHaveLength(24);
    expect(scale.pieces.at(-1)?.x1).toBeCloseTo(1, 6);
  });

  test("has room for a run that did nothing but wait", () => {
    const scale = makeScale(historyOf(eventsOf([started, { ...claimed, at: D }])), 0, true);
    expect(scale.pieces).toMatchObject([{ from: 0, to: D, x0: 0, x1: 1, folded: false }]);
  });
});

describe("the drawing", () => {
  test("writes no word of the axis over another", () => {
    fc.assert(fc.property(fc.integer(), fc.integer({ min: 80, max: 2000 }), (seed, width) => {
      const words = ticks(makeScale(historyOf(randomHistory(seed)), 0, true), 0, 1, width).map((tick) => {
        const wide = tick.label.length * 6, from = tick.x * width - (tick.kind === "fold" ? wide / 2 : 0);
        return { from, to: from + wide };
      }).sort((a, b) => a.from - b.from);
      for (const [i, word] of words.entries()) expect(word.from).toBeGreaterThanOrEqual(words[i - 1]?.to ?? -1);
    }), { numRuns: 60 });
  });

  test("says how many ran at once, whatever the columns", () => {
    const { calls } = historyOf(order);
    const found = density(calls, 100, (at) => (at - 2 * D) / (4 * S) * 100, 0);
    expect([found.ok[10], found.ok[60], found.bad[10]]).toEqual([2, 1, 0]);
    expect(found.most).toBe(2);
  });

  test("tells who had the run, and packs its calls into as few lanes as they need", () => {
    const history = historyOf(order);
    expect(bandsOf(history, 0).map((band) => `${band.kind} ${band.worker}`)).toEqual(
      ["held w-1", "waiting w-1", "held w-2"]);
    expect(packLanes(history.calls, 0, 9)?.count).toBe(2);
    expect(packLanes(history.calls, 0, 1)).toBeUndefined();
  });

  test("shows the arguments that tell a call from its namesake", () => {
    const load = (n: number): Draft => ({ type: "TaskScheduled", at: 0, by: 1, key: `task:load#${n}`, name: "load",
      inputHash: "h", input: { p: ["/out", n, { deep: [n] }] } });
    const { calls } = historyOf(eventsOf([started, claimed, load(1), load(2)]));
    expect(calls.map((call) => tellingArguments(call, calls[0]))).toEqual(
      ["\"/out\", 1, { deep: [1] }", "…, 2, { deep: [2] }"]);
  });
});

describe("the critical path", () => {
  test("holds the calls that decided the end, of parallel ones the last", () => {
    const path = criticalPath(historyOf(order));
    expect(path.map((link) => link.call.key)).toEqual(
      ["task:reserve#0", "task:charge#0", "timer:sleep#0", "task:pack#1"]);
    for (const [i, link] of path.entries()) expect(link.from).toBe(i === 0 ? 0 : path[i - 1]?.to);
  });

  test("follows causes back to the start", () => {
    const history = historyOf(order);
    expect(causesOf(history, 22)).toEqual([1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 17, 19, 21, 22]);
    expect(effectsOf(history, 15).effects.filter((one) => one.depth === 1).map((one) => one.seq)).toEqual([16, 17]);
  });
});

describe("search", () => {
  const search = new Search(historyOf(order));
  test("looks in every field of every event", () => {
    expect(search.find("a-1")).toEqual([5]);
    expect(search.find("charge 402")).toEqual([8]);
    expect(search.find("order.ts:14")).toEqual([6]);
  });
  test("looks at one thing where a field is named, and can leave out", () => {
    expect(search.find("type:failed")).toEqual([8]);
    expect(search.find("task:pack type:completed -key:pack#1")).toEqual([20]);
    expect(search.find("is:failure")).toEqual([8]);
    expect(search.find("class:delivery after:10")).toEqual([11, 15, 20, 21]);
  });
  test("finds everything with an empty query, and nothing with what is not there", () => {
    expect(search.find("")).toHaveLength(order.length);
    expect(search.find("\"no such words\"")).toEqual([]);
  });
});

describe("a focus", () => {
  const history = historyOf(order);
  test.each([["4", 4], ["last", 22], ["", 22], ["task:charge#0", 11], ["charge", 11], ["t=9s", 10], ["99", 22],
    ["first-failure", 8], ["t=0s", 3], ["nonsense", 22]])("%s names event %i", (focus, seq) => {
    expect(resolveFocus(focus, history)).toBe(seq);
  });
});

describe("two runs", () => {
  test("are aligned by key, and the first difference is found", () => {
    const other = order.map((event) => event.type === "TaskCompleted" && event.key === "task:charge#0"
      ? { ...event, result: { p: "refused" } } : event).filter((event) => event.seq < 16);
    const found = align(historyOf(order), historyOf(other));
    expect(found.pairs.map((pair) => pair.verdict)).toEqual(["same", "result", "same", "only in A", "only in A"]);
    expect(found.first).toBe(1);
  });
});

describe("a graph", () => {
  test("puts what follows below, and many alike in one node", () => {
    const graph = graphOf(historyOf(order), new Set());
    const layer = (id: string): number | undefined => graph.nodes.find((node) => node.id === id)?.layer;
    expect(["start", "task:reserve#0", "task:charge#0", "task:pack#1"].map(layer)).toEqual([0, 1, 2, 4]);
    expect(graphOf(historyOf(randomHistory(3)), new Set()).nodes.length).toBeGreaterThan(2);
  });
  test("has a node for each of 2,000 calls one after the other, and one for all of a name beyond", () => {
    const ladder = (calls: number): Event[] => eventsOf([started, ...Array.from({ length: calls }, (_, i): Draft[] => [
      { type: "TaskScheduled", at: i, key: `task:step#${i}`, name: "step", inputHash: "h", by: i * 2 + 1 },
      { type: "TaskCompleted", at: i, key: `task:step#${i}`, attempt: 1 }]).flat()]);
    const most = graphOf(historyOf(ladder(2000)), new Set());
    expect([most.byName, most.nodes.length, most.layers, most.width]).toEqual([false, 2001, 2001, 1]);
    expect(graphOf(historyOf(ladder(2001)), new Set())).toMatchObject({ byName: true, nodes: { length: 2 } });
  });
});

describe("a plan", () => {
  test("of a fork says what is kept, what runs again and what is decided anew", () => {
    const plan = forkPlan(historyOf(order), 9);
    expect([plan.kept, plan.again, plan.anew].map((calls) => calls.map((call) => call.key))).toEqual(
      [["task:reserve#0"], ["task:charge#0"], ["task:pack#0", "task:pack#1"]]);
    expect(plan.savedMs).toBe(S);
  });
});

describe("a payload", () => {
  test.each([
    [new Date(0), "1970-01-01T00:00:00.000Z"], [12n, "12n"], [new Map([["a.b", 1n]]), "Map(1) { \"a.b\" => 1n }"],
    [new Set([1, undefined]), "Set(2) [1, undefined]"], [{ a: NaN, b: -0 }, "{ a: NaN, b: -0 }"], [/x/g, "/x/g"],
    [new URL("http://a.b/"), "http://a.b/"], [{ "x.y": new Date(5) }, "{ x.y: 1970-01-01T00:00:00.005Z }"],
    [new TypeError("bad"), "TypeError: bad"], [[1, "two", null], "[1, \"two\", null]"], [undefined, "undefined"],
    [new Uint8Array(3), "Uint8Array(3 bytes) AAAA"], [{ constructor: 1n }, "{ constructor: 1n }"],
  ])("%o is shown as %s", (value, shown) => {
    expect(preview(shownPayload(encodeValue(value)))).toBe(shown);
  });

  test("with a circle is shown without end", () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(preview(shownPayload(encodeValue(circle)))).toMatch(/^&1 \{ self: &1/);
    expect(wholeText(shownPayload(encodeValue(circle)))).toContain("deeper");
  });

  test("equals itself, however it is written", () => {
    fc.assert(fc.property(fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true }), (value) => {
      const payload = (): unknown => { try { return encodeValue(value) } catch { return undefined } };
      const [a, b] = [payload(), payload()] as Parameters<typeof shownPayload>[0][]; // payloads, or undefined
      expect(differences(shownPayload(a), shownPayload(b))).toEqual([]);
      expect(preview(shownPayload(a))).not.toContain("[object");
    }), { numRuns: 200 });
  });
});

describe("a recording", () => {
  test("stands in the page without ending its element", () => {
    const page = recordingPage(`<body>${PLACE}</body>`, { format: "reprise/recording/1", run: {} as never, logs: [],
      events: eventsOf([{ ...started, name: "</script><script>alert(1)" } as Draft]) });
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain("\\u003c/script>\\u003cscript>alert(1)");
  });
});

describe("the variables of a frame", () => {
  const leaf = (text: string): Seen => ({ kind: "number", text });
  test("are a tree; what was not copied is asked for, and takes its place when it is there", () => {
    const asked: Way[] = [], known = new Map<string, Seen>();
    const openings = { ask: (way: Way) => { asked.push(way) }, known: (way: Way) => known.get(JSON.stringify(way)) };
    const frame = { site: "a.ts:1:1 f", scopes: [{ kind: "local", variables: [
      ["list", { kind: "array", text: "", size: 3, parts: [["0", leaf("1")]] }],
      ["deep", { kind: "object", text: "Box", size: 1, parts: [["in", { kind: "map", text: "Map(1)", size: 1 }]] }],
    ] as const }] };
    const drawn = (): string => preview(shownFrame(frame, openings), 200);
    expect(drawn()).toBe("{ list: [1, ], deep: Box { in: Map(1) } }");
    const tree = shownFrame(frame, openings);
    at(tree, ".deep.in")?.ask?.now();
    tree.parts?.()[0]?.value.parts?.()[1]?.value.ask?.now();
    expect(asked).toEqual([{ name: "deep", path: [0], from: 0 }, { name: "list", path: [], from: 1 }]);
    known.set(JSON.stringify(asked[0]), { kind: "map", text: "Map(1)", size: 1, parts: [["k", leaf("7")]] });
    known.set(JSON.stringify(asked[1]), { kind: "array", text: "", size: 3, from: 1,
      parts: [["1", leaf("2")], ["2", leaf("3")]] });
    expect(drawn()).toBe("{ list: [1, 2, 3], deep: Box { in: Map(1) { k => 7 } } }");
  });

  test("can be printed at a line, if file, line and expression are named", () => {
    expect(parseLogPoint("src/a.ts:12 = x === 1 ? 'a=b' : c ")).toEqual({ file: "src/a.ts", line: 12,
      expression: "x === 1 ? 'a=b' : c" });
    expect([parseLogPoint("a.ts=x"), parseLogPoint("a.ts:3"), parseLogPoint(":3=x")]).toEqual(Array(3).fill(undefined));
  });
});

describe("source text", () => {
  test("in tokens is the same text", () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom("a", "\"", "'", "`", "/", "*", "\n", " ", "1", "(", "\\"),
      maxLength: 60 }), (text) => {
      expect(tokenLines(text).map((line) => line.map((token) => token.text).join("")).join("\n")).toBe(text);
    }));
  });
});

describe("an error in one line", () => {
  const refused = { name: "Error", message: "connect ECONNREFUSED ::1:80", code: "ECONNREFUSED" };
  const fetched = { name: "TypeError", message: "fetch failed", cause: { name: "AggregateError", message: "",
    code: "ECONNREFUSED", errors: [refused] } };

  test("says of an error without a message what its first part says, else its code", () => {
    expect(errorLine(fetched)).toBe(
      "TypeError: fetch failed, because AggregateError: connect ECONNREFUSED ::1:80");
    expect(errorLine({ ...fetched.cause, errors: [] })).toBe("AggregateError: ECONNREFUSED");
  });
  test("goes on after a cause that only repeats it", () => {
    expect(errorLine({ name: "TaskError", message: "fetch failed", cause: { ...fetched, cause: refused } }))
      .toBe("fetch failed, because connect ECONNREFUSED ::1:80");
  });
});
