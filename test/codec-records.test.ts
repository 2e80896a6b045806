import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromErrorRecord, toErrorRecord } from "../engine/codec/error-record.ts";
import { contentHash, inputHash } from "../engine/codec/hash.ts";
import { decodeEvents, encodeEvents } from "../engine/codec/rows.ts";
import { decodeValue, encodeValue } from "../engine/codec/value.ts";
import { Cancelled, NonRetryable, RepriseError, RunError, TaskError, TimedOut } from "../engine/core/errors.ts";
import type { Draft, Payload } from "../engine/core/events.ts";

describe("an error record", () => {
  const through = (error: unknown): Error => fromErrorRecord(JSON.parse(JSON.stringify(toErrorRecord(error))));
  test("gives built-in classes back", () => {
    for (const type of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
      const given = new type("m");
      const back = through(given);
      expect(back).toBeInstanceOf(type);
      expect([back.name, back.message, back.stack]).toEqual([given.name, "m", given.stack]);
      expect(Object.getOwnPropertyNames(back)).not.toContain("name");
    }
    const all = through(new AggregateError([new TypeError("1"), "2"], "all"));
    expect(all).toBeInstanceOf(AggregateError);
    const parts: unknown = Reflect.get(all, "errors");
    expect(parts).toMatchObject([{ message: "1" }, { name: "NonError", message: "2", data: "2" }]);
    expect(parts).toHaveProperty("0.name", "TypeError");
  });
  test("gives our classes back, with their fields", () => {
    const task = through(new TaskError("charge", 3, new TypeError("no"), { card: 1n }));
    expect(task).toBeInstanceOf(TaskError);
    expect(task).toMatchObject({
      name: "TaskError", code: "TASK_FAILED", task: "charge", attempts: 3, data: { card: 1n },
    });
    expect(task.cause).toBeInstanceOf(TypeError);
    expect(Reflect.get(task, "hint")).toContain("charge");
    for (const given of [new TimedOut("sleep", 5), new TimedOut("slow"), new Cancelled("why"),
      new RunError("R", "failed", "m"), new RepriseError("X", "m", "h"), new NonRetryable("stop", { a: 1 })]) {
      const back = through(given);
      expect(back).toBeInstanceOf(given.constructor);
      expect({ ...back }).toEqual((({ name: _, ...rest }) => rest)(given));
      expect(back.name).toBe(given.name);
    }
    expect(toErrorRecord(new NonRetryable("stop", { a: 1 })).data).toEqual({ p: { a: 1 } });
    expect(Object.hasOwn(through(new Cancelled()), "reason")).toBe(true);
  });
  test("does not take a namesake of a user's for ours", () => {
    const theirs = Object.assign(new Error("m"), { name: "TimedOut" });
    expect(through(theirs)).not.toBeInstanceOf(TimedOut);
    expect(through(theirs).name).toBe("TimedOut");
  });
  test("wraps what is no error", () => {
    expect(through({ status: 1, message: "hm" }))
      .toMatchObject({ name: "NonError", message: "hm", data: { status: 1 } });
    expect(toErrorRecord(undefined)).toEqual({ name: "NonError", message: "undefined" });
    expect(toErrorRecord(Symbol("s"))).toEqual({ name: "NonError", message: "Symbol(s)" });
    expect(toErrorRecord(() => 1)).toMatchObject({ message: "a function was thrown" });
  });
  test("never throws", () => {
    const trap = (): never => { throw new Error("trap") };
    const traps = new Proxy({}, { get: trap, getPrototypeOf: trap, ownKeys: trap, has: trap });
    const armed = new Error("armed");
    for (const key of ["stack", "name", "message", "cause", "code", "extra"]) {
      Object.defineProperty(armed, key, { enumerable: true, get: trap });
    }
    const proxied = new Proxy(new Error("inner"), { get: trap, ownKeys: trap });
    const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
    revoke();
    for (const thrown of [traps, armed, proxied, proxy, Object.create(null), new DOMException("d", "AbortError")]) {
      expect(fromErrorRecord(toErrorRecord(thrown))).toBeInstanceOf(Error);
    }
    fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }), thrown => {
      expect(fromErrorRecord(toErrorRecord(thrown))).toBeInstanceOf(Error);
    }));
  });
  test("stays small: causes, parts, texts and data have limits", () => {
    let error = new Error("0");
    for (let i = 1; i < 50; i++) error = new Error(String(i), { cause: error });
    let depth = 0;
    for (let at = toErrorRecord(error).cause; at !== undefined; at = at.cause) depth++;
    expect(depth).toBe(10);
    const loop = new Error("loop");
    loop.cause = loop;
    expect(toErrorRecord(loop).cause).toBeUndefined();
    const wide = (level: number): Error => level === 0 ? new Error("leaf")
      : new AggregateError(Array.from({ length: 20 }, () => wide(level - 1)), "wide");
    expect(JSON.stringify(toErrorRecord(wide(3))).match(/"message"/g)?.length).toBeLessThanOrEqual(1_001);
    const big = Object.assign(new Error("x".repeat(1e6)), { body: "y".repeat(1e6), status: 500 });
    const record = toErrorRecord(big);
    expect(record.message).toMatch(/967232 more characters\)$/);
    expect(record.data).toEqual({ p: { status: 500 } });
  });
});

describe("a row of events", () => {
  const drafts: Draft[] = [
    { type: "RunStarted", at: 1, workflow: "w", name: "n", seed: "s", engineFlags: 0, input: { p: [1] } },
    { type: "TaskScheduled", at: 2, key: "task:a#0", by: 1, name: "a", inputHash: "0" },
    { type: "TaskFailed", at: 3, key: "task:a#0", attempts: 1, error: toErrorRecord(new Error("e", { cause: 1 })) },
  ];
  test("leaves seq out and counts it again", () => {
    const text = encodeEvents(drafts);
    const events = decodeEvents(7, text);
    expect(events).toEqual(drafts.map((draft, i) => ({ ...draft, seq: 7 + i })));
    expect(encodeEvents(events)).toBe(text);
    expect(JSON.parse(text)[0]).not.toHaveProperty("seq");
  });
  test.each([
    ["{", "event 4: the row is not JSON"],
    ["{}", "event 4: the row is not a list"],
    ['[{"type":"RunUnparked","at":1},7]', "event 5: the event is not an object"],
    ['[{"type":"Later","at":1}]', 'event 4: the type "Later" is unknown'],
    ['[{"type":"__proto__","at":1}]', "is unknown"],
    ['[{"type":"TimerFired","at":1}]', "event 4: TimerFired.key is missing"],
    ['[{"type":"TimerFired","at":"1","key":"k"}]', "event 4: TimerFired.at is no number"],
    ['[{"type":"TaskCompleted","at":1,"key":"k","attempt":1,"result":5}]', "TaskCompleted.result is no payload"],
    ['[{"type":"TaskFailed","at":1,"key":"k","attempts":1,"error":{"name":"E"}}]', "TaskFailed.error is no error"],
    ['[{"type":"RunUnparked","at":null}]', "RunUnparked.at is no number"],
  ])("that is corrupt is refused with its seq: %s", (text, why) => {
    expect(() => decodeEvents(4, text)).toThrow(expect.objectContaining({ code: "HISTORY_CORRUPT" }));
    expect(() => decodeEvents(4, text)).toThrow(why);
  });
  test("with fields of a newer version keeps them", () => {
    expect(decodeEvents(1, '[{"type":"RunUnparked","at":1,"who":"me"}]')).toEqual([
      { type: "RunUnparked", at: 1, who: "me", seq: 1 }]);
  });
});

describe("an input hash", () => {
  test("is the same whatever the order of keys, and differs with the value", () => {
    const hash = (value: unknown): string => inputHash(encodeValue(value));
    expect(hash({ a: 1, b: { d: 1, c: 2 } })).toBe(hash({ b: { c: 2, d: 1 }, a: 1 }));
    expect(hash({ z: new Date(1), a: 1 })).toBe(hash({ a: 1, z: new Date(1) }));
    const values = [undefined, null, 0, -0, NaN, "", "a", "undefined", "1n", 1n, [], {}, [[]], [undefined], [null], [,],
      new Map(), new Set(), new Date(0), new Date(1), new Date(NaN), /a/, /a/g, new URL("http://a"), "\ud800", "\udbff",
      new Error("a"), new Error("b"), new TypeError("a"), new Uint8Array(1), new Uint8Array(2), Buffer.alloc(1)];
    expect(new Set(values.map(hash)).size).toBe(values.length);
  });
  test("of a graph whose sorted keys lead deep down ends all the same", () => {
    const nodes: { next?: unknown }[] = [{}];
    for (let i = 1; i < 50_000; i++) nodes.push({ next: nodes[i - 1] });
    expect(inputHash(encodeValue({ list: nodes, a: nodes.at(-1) }))).toMatch(/^[0-9a-f]{16}$/);
  });
  test("leaves stacks of errors out", () => {
    const make = (stack: string): Error => Object.assign(new Error("m", { cause: new Error("c") }), { stack });
    expect(inputHash(encodeValue([make("here")]))).toBe(inputHash(encodeValue([make("there")])));
  });
  test("is the same after text and back, for any data", () => {
    fc.assert(fc.property(fc.object({ withDate: true, withMap: true, withSet: true, withBigInt: true }), value => {
      fc.pre(!JSON.stringify(Object.keys(value)).includes("__proto__"));
      let payload: Payload | undefined;
      try { payload = encodeValue(value) } catch { return }
      expect(inputHash(encodeValue(decodeValue(payload)))).toBe(inputHash(payload));
    }));
  });
  test("never changes between versions: stored histories hold these", () => {
    const cyclic: { self?: unknown; big: bigint } = { big: 2n };
    cyclic.self = cyclic;
    const error = Object.assign(new TypeError("m", { cause: 1 }), { code: "E", status: 4 });
    expect([undefined, [{ b: [1, "é\ud800"], a: null }, true, 1.5e300], [new Map([[-0, new Set([NaN])]]), undefined],
      cyclic, [error, Buffer.from("x"), /a/i, new URL("http://a/"), new Date(5)]]
      .map(value => inputHash(encodeValue(value)))).toMatchInlineSnapshot(`
        [
          "eb045d78d2731073",
          "ab962b216074c2c6",
          "5237bd602515e0ae",
          "793f8f858c318c92",
          "23e58f7b5e051dfd",
        ]
      `);
  });
  test("of a content is the whole of sha256", () => {
    expect(contentHash("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});
