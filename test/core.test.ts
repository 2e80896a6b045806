/** The law: folding, durations, retries, keys and names, without any world around them. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { exponential, formatMs, openFold, openRunEngine, toMs, type Duration,
  type Event } from "../engine/index.ts";
import { TimedOut } from "../engine/core/errors.ts";
import type { Draft } from "../engine/core/events.ts";
import { foldAll } from "../engine/core/fold.ts";
import { Keys } from "../engine/core/keys.ts";
import { renderTemplate, runName, taskRunName } from "../engine/core/names.ts";
import { delayBefore } from "../engine/core/retry.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { specimens } from "./corpus/workflows.ts";

const histories: Event[][] = [];
beforeAll(async () => {
  const engine =
    await openRunEngine({ database: "memory:", workflow: workflowSpec, workflows: workflowNames, claims: "all",
    observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
  for (const { run } of specimens) {
    const workflow = workflowSpec(run.workflowName);
    if (workflow === undefined) continue;
    const { runId } = await engine.start({ workflow, input: undefined });
    await engine.result(runId).catch(() => undefined);
    histories.push([...await engine.history(runId)]);
  }
  await engine.close(0);
});

/** The state after the first `n` events, folded from nothing. */
function stateAfter(events: readonly Event[], n: number): unknown {
  const fold = openFold();
  for (const event of events.slice(0, n)) fold.apply(event);
  return structuredClone(fold.view);
}

describe("the fold", () => {
  test("rewinds any event of any history to exactly the state before it", () => {
    expect(histories.length).toBeGreaterThan(25);
    for (const events of histories) {
      const fold = openFold(), states: unknown[] = [structuredClone(fold.view)];
      for (const event of events) { fold.apply(event); states.push(structuredClone(fold.view)) }
      for (let n = events.length; n > 0; n--) {
        fold.rewind();
        expect(fold.view, `event ${n}`).toEqual(states[n - 1]);
      }
    }
  });

  test("seeks anywhere, from anywhere", () => {
    fc.assert(fc.property(fc.nat(1000), fc.array(fc.nat(1000), { maxLength: 6 }), (pick, seeks) => {
      const events = histories[pick % histories.length] ?? [], fold = openFold();
      for (const event of events) fold.apply(event);
      for (const seek of seeks) {
        const n = seek % (events.length + 1);
        fold.seek(n, events);
        expect(fold.view).toEqual(stateAfter(events, n));
      }
    }), { numRuns: 200 });
  });

  test("gives signals to waits as the code does, however far its decisions lag behind the log", () => {
    const op = fc.record({ open: fc.boolean(), name: fc.constantFrom("a", "b"), pick: fc.nat(5) });
    const turns = fc.array(fc.record({ name: fc.constantFrom("a", "b", "none"), ops: fc.array(op, { maxLength: 3 }),
      lag: fc.nat(3) }), { minLength: 1, maxLength: 12 });
    fc.assert(fc.property(turns, (wanted) => {
      const events: Draft[] = [], places: number[] = [];
      const add = (draft: Draft): number => events.push(draft); // its seq
      const waits: { key: string; name: string; got: number | undefined; state: string }[] = [], kept: number[] = [];
      const nameOf = (seq: number): string => { const event = events[seq - 1];
        return event?.type === "SignalReceived" ? event.name : "" };
      const deliver = ({ name }: { name: string }): void => {
        places.push(add(name === "none" ? { type: "TimerFired", at: 1, key: `timer:${places.length}` }
          : { type: "SignalReceived", at: 1, n: places.length, name, value: { p: places.length } }));
      };
      for (const [i, { name, ops, lag }] of wanted.entries()) {
        for (const later of wanted.slice(places.length, i + 1 + lag)) deliver(later);
        const by = places[i] ?? 0; // the turn of delivery i: first it comes, then the code decides
        const open = waits.find((wait) => wait.state === "open" && wait.name === name);
        if (name !== "none" && open !== undefined) { open.got = by; open.state = "met" }
        else if (name !== "none") kept.push(by);
        for (const { open: opens, name: wanting, pick } of ops) {
          const key = `wait:${waits.length}`, first = kept.findIndex((seq) => nameOf(seq) === wanting);
          const left = waits.filter((wait) => wait.state === "open"), closing = left[pick % left.length];
          if (opens) {
            const [taken] = first === -1 ? [] : kept.splice(first, 1);
            waits.push({ key, name: wanting, got: taken, state: taken === undefined ? "open" : "met" });
            add({ type: "WaitOpened", at: 1, key, by, kind: "signal", name: wanting,
              ...(taken !== undefined && { taken }) });
          } else if (closing !== undefined) {
            closing.state = "closed";
            add({ type: "WaitClosed", at: 1, key: closing.key, by });
          }
        }
      }
      // Each draft with its place is the event that it was the draft of.
      const { waits: folded, signals } = foldAll(events.map((draft, i) => ({ ...draft, seq: i + 1 }) as Event));
      const value = (seq: number | undefined): unknown => seq === undefined ? undefined : signals.get(seq)?.value;
      expect([...folded.values()].map((wait) => [wait.key, wait.state, wait.value])).toEqual(
        waits.map((wait) => [wait.key, wait.state, value(wait.got)]));
      expect([...signals.values()].filter(({ unread }) => unread).map(({ seq }) => seq)).toEqual(
        kept.sort((a, b) => a - b));
    }), { numRuns: 2000 });
  });

  test("refuses a gap", () => {
    const [first, , third] = histories[0] ?? [];
    const fold = openFold();
    if (first === undefined || third === undefined) throw new Error("the corpus is empty");
    fold.apply(first);
    expect(() => fold.apply(third)).toThrow("corrupt history");
  });
});

describe("a duration", () => {
  test.each<[Duration, number]>([["500ms", 500], ["10s", 10_000], ["1h30m", 5_400_000], ["2d", 172_800_000], [250, 250],
    [0, 0]])(
    "%s is %d ms", (text, ms) => { expect(toMs(text)).toBe(ms) });
  test.each(["", "soon", "10", "10 s", "-1s", "1s2", -1, NaN, Infinity, null, undefined, {}])("%s is refused",
    (bad) => {
    expect(() => toMs(bad as Duration)).toThrow(expect.objectContaining({ code: "INVALID_DURATION" }));
  });
  test.each([[350, "350 ms"], [41_200, "41.2 s"], [123_000, "2 min 3 s"], [3_900_000, "1 h 5 min"],
    [273_600_000, "3 d 4 h"]])(
    "of %d ms reads %s", (ms, text) => { expect(formatMs(ms)).toBe(text) });
});

describe("the delay before the next attempt", () => {
  const error = new Error("x");
  test("is one for all, the list's, or the function's", () => {
    expect(delayBefore("10s", 3, error, () => 0)).toBe(10_000);
    expect([1, 2, 3, 4].map((n) => delayBefore(["1s", "5s"], n, error, () => 0))).toEqual([1000, 5000, 5000, 5000]);
    expect(delayBefore((attempt) => attempt * 7, 3, error, () => 0)).toBe(21);
  });
  test("grows up to its maximum, moved by no more than the jitter", () => {
    const policy = exponential("1s", { factor: 3, max: "20s", jitter: 0.5 });
    expect([1, 2, 3, 4, 9].map((n) => delayBefore(policy, n, error, () => 0.5))).toEqual(
      [1000, 3000, 9000, 20_000, 20_000]);
    fc.assert(fc.property(fc.integer({ min: 1, max: 400 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (n, r) => {
      const ms = delayBefore(policy, n, error, () => r);
      expect(ms).toBeGreaterThanOrEqual(500);
      expect(ms).toBeLessThanOrEqual(20_000);
    }));
  });
});

describe("names and keys", () => {
  test("count equal calls, and refuse an explicit key that is used twice", () => {
    const keys = new Keys();
    expect([keys.next("task", "a"), keys.next("task", "a"), keys.next("timer", "a")]).toEqual(
      ["task:a#0", "task:a#1", "timer:a#0"]);
    expect(keys.next("task", "a", "mine")).toBe("task:mine");
    expect(() => keys.next("task", "b", "mine")).toThrow(expect.objectContaining({ code: "DUPLICATE_KEY" }));
  });
  test("of runs are an adjective and an animal; of task runs a name and three characters", () => {
    expect(runName(() => 0)).toMatch(/^[a-z]+-[a-z]+$/);
    expect(taskRunName("01ARZ", "task:extract#0")).toMatch(/^extract-[0-9a-f]{3}$/);
    expect(taskRunName("01ARZ", "task:extract#0")).toBe(taskRunName("01ARZ", "task:extract#0"));
  });
  test("are filled from the input and the date", () => {
    const at = new Date(Date.UTC(2026, 10, 21, 14, 5));
    const named = { of: "task 'greet'", given: "first argument" } as const;
    expect(renderTemplate("{user.name}-on-{date:%A}", { user: { name: "ada" } }, at, named)).toBe("ada-on-Saturday");
    expect(renderTemplate("{date:%Y-%m-%d %H:%M}", {}, at, named)).toBe("2026-11-21 14:05");
    expect(() => renderTemplate("{gone}", {}, at, named)).toThrow(expect.objectContaining({ code: "INVALID_RUN_NAME",
      message: "the run name '{gone}' of task 'greet' needs the field 'gone', which its first argument lacks" }));
  });
});

test("a limit that is over says what its maker says, or what took longer than which limit", () => {
  expect([new TimedOut("the bank is slow"), new TimedOut("the bank", 5), new TimedOut("the bank", "its deadline")]
    .map(({ message }) => message)).toEqual(["the bank is slow", "the bank took longer than 5 ms",
    "the bank took longer than its deadline"]);
});
