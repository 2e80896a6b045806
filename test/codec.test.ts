import fc from "fast-check";
import { deepStrictEqual } from "node:assert";
import vm from "node:vm";
import { describe, expect, test } from "vitest";
import { bytesFromText, fromBase64Slowly, toBase64Slowly } from "../engine/codec/bytes.ts";
import { inputHash } from "../engine/codec/hash.ts";
import { INLINE_LIMIT, PAYLOAD_LIMIT, placePayload } from "../engine/codec/limits.ts";
import { decodeValue, encodeValue, payloadBytes } from "../engine/codec/value.ts";
import { RepriseError } from "../engine/core/errors.ts";
import type { Payload } from "../engine/core/events.ts";

/** As the store does it: through text. */
const throughText = <T>(value: T): T => {
  const payload = encodeValue(value);
  if (payload === undefined) return value;
  const text = JSON.stringify(payload);
  const back: Payload = JSON.parse(text);
  const decoded = decodeValue(back);
  expect(JSON.stringify(back)).toBe(text); // decoding leaves the payload as it was
  return decoded as T; // that it is one again is what the tests are about
};
const refused = (value: unknown, path?: string): RepriseError => {
  try {
    encodeValue(value, path);
  } catch (error) {
    if (error instanceof RepriseError && error.code === "UNSERIALIZABLE") return error;
    throw error;
  }
  throw new Error("it was not refused");
};
const nested = (depth: number, leaf: unknown): unknown => {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
};
class Order { id = 7 }

describe("a plain value", () => {
  test("comes back equal, as plain JSON, through any text", () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), json => {
      fc.pre(!JSON.stringify(json).includes("__proto__") && !hasMinusZero(json));
      const payload = encodeValue(json);
      expect(payload).toEqual({ p: json });
      expect(throughText(json)).toStrictEqual(json);
    }));
  });
  test("shares nothing with what was given nor with its payload", () => {
    const given = { list: [{ n: 1 }] };
    const payload = encodeValue(given);
    given.list[0]!.n = 2;
    const first = decodeValue(payload);
    Reflect.set(Object(first), "list", [9]);
    expect(decodeValue(payload)).toEqual({ list: [{ n: 1 }] });
  });
  test("keeps key order, lone surrogates, \\u0000, keys with dots, and keys that name methods", () => {
    const given = {
      "b.c": 1, a: "\ud800\u0000", "": { "x\\.y": "\udfff" }, constructor: 1, toJSON: 2, hasOwnProperty: 3,
    };
    expect(throughText(given)).toStrictEqual(given);
    expect(Object.keys(throughText(given))).toEqual(Object.keys(given));
  });
  test("may have a null prototype, or come from another realm", () => {
    expect(throughText(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
    expect(encodeValue(vm.runInNewContext("({ a: [1, { b: null }] })"))).toEqual({ p: { a: [1, { b: null }] } });
  });
  test("is absent when it is undefined", () => {
    expect(encodeValue(undefined)).toBeUndefined();
    expect(decodeValue(undefined)).toBeUndefined();
  });
});

function hasMinusZero(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Object.is(value, -0);
  return Object.values(value).some(hasMinusZero);
}

describe("a rich value", () => {
  const key = fc.oneof(fc.string(), fc.constantFrom("a.b", "\\", "a\\.b", "constructor", "prototype", "", "0", "json"))
    .filter(text => text !== "__proto__");
  const { node: anything } = fc.letrec(tie => ({
    leaf: fc.oneof(
      fc.string({ unit: "binary" }), fc.double(), fc.integer(), fc.bigInt(), fc.boolean(),
      fc.constantFrom(null, undefined, -0, NaN, Infinity, -Infinity, 1n, "\ud800", /a\/b[/]+/giu),
      fc.date({ noInvalidDate: true }), fc.uint8Array({ maxLength: 9 }), fc.float64Array({ maxLength: 3 }),
      fc.bigInt64Array({ maxLength: 3 }), fc.webUrl().map(text => new URL(text)),
      fc.string().map(text => Buffer.from(text)),
    ),
    node: fc.oneof({ maxDepth: 4, withCrossShrink: true }, tie("leaf"),
      fc.array(tie("node"), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie("node")), { maxLength: 4 }).map(entries => Object.fromEntries(entries)),
      fc.array(fc.tuple(tie("node"), tie("node")), { maxLength: 4 }).map(entries => new Map(entries)),
      fc.array(tie("node"), { maxLength: 4 }).map(parts => new Set(parts)),
      fc.tuple(fc.string(), tie("node")).map(([text, cause]) => new TypeError(text, { cause }))),
  }));
  test("comes back equal, whatever it is made of", () => {
    fc.assert(fc.property(anything, value => {
      deepStrictEqual(throughText(value), value); // toStrictEqual takes a key named constructor for the class
    }), { numRuns: 300 });
  });
  test("keeps which objects are shared, in graphs of arrays, objects, Maps, Sets and errors", () => {
    const graph = fc.tuple(fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 14 }));
    fc.assert(fc.property(graph, ([kinds, edges]) => {
      const nodes: object[] = kinds.map(kind => [{}, [], new Map(), new Set(), new Error("e")][kind] ?? {});
      for (const [from, to] of edges) {
        const node = nodes[from % nodes.length];
        const target = nodes[to % nodes.length];
        if (Array.isArray(node)) node.push(target);
        else if (node instanceof Map) node.set(target, node.size % 2 === 0 ? target : [target]);
        else if (node instanceof Set) node.add(target);
        else if (node instanceof Error) node.cause = target;
        else Object.assign(node ?? {}, { ["k" + to]: target });
      }
      const back = throughText({ date: new Date(0), nodes, first: nodes[0] });
      expect(shapeOf(back)).toBe(shapeOf({ date: new Date(0), nodes, first: nodes[0] }));
    }), { numRuns: 300 });
  });
  test("may point at itself from anywhere", () => {
    const map = new Map<unknown, unknown>();
    map.set("self", map).set(map, 1);
    const set = new Set<unknown>([null, 1]);
    set.add(set).add([set]);
    const error: Error & { self?: unknown } = new Error("loop");
    error.cause = error;
    error.self = [error];
    const back = throughText({ map, set, error });
    expect(back.map.get("self")).toBe(back.map);
    expect([...back.map.keys()]).toEqual(["self", back.map]);
    expect([...back.set].slice(0, 3)).toEqual([null, 1, back.set]);
    expect(back.error.cause).toBe(back.error);
    expect(Array.isArray(back.error.self) && back.error.self[0] === back.error).toBe(true);
    const x: { y?: unknown } = {};
    const y = { x };
    x.y = y;
    const two = throughText({ p: x, q: y });
    expect([two.p.y === two.q, two.q.x === two.p]).toEqual([true, true]);
  });
  test("a Map with objects as keys keeps its order and its keys", () => {
    const shared = { k: 1 };
    const given = { map: new Map<unknown, unknown>([[shared, 1], [new Date(5), shared], [NaN, [shared]]]), shared };
    const back = throughText(given);
    expect(back).toStrictEqual(given);
    expect([...back.map.keys()][0]).toBe(back.shared);
  });
  test("bytes of every class come back in their class", () => {
    const buffer = new Uint8Array([0, 1, 2, 253, 254, 255, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]).buffer;
    const views = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
      Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView]
      .map((type): unknown => Reflect.construct(type, [buffer.slice(0)]));
    expect(throughText(views)).toStrictEqual(views);
    const given = { buffer, node: Buffer.from("hé"), part: new Uint16Array(buffer, 2, 3), none: new Uint8Array(0) };
    const back = throughText(given);
    expect(back).toStrictEqual(given);
    expect(Buffer.isBuffer(back.node)).toBe(true);
    expect(back.part.buffer.byteLength).toBe(6);
  });
  test("base64 without Buffer is the same as with it", () => {
    fc.assert(fc.property(fc.uint8Array(), bytes => {
      expect(toBase64Slowly(bytes)).toBe(Buffer.from(bytes).toString("base64"));
      expect(fromBase64Slowly(toBase64Slowly(bytes))).toEqual(bytes);
    }));
    expect(() => bytesFromText("Evil", "")).toThrow("corrupt payload");
  });
  test("holes stay holes, invalid dates invalid, bigints large", () => {
    const holes = [1, , 3, undefined, , ];
    const back = throughText(holes);
    expect([back.length, 1 in back, 3 in back, 4 in back]).toEqual([5, false, true, false]);
    expect(String(throughText(new Date(NaN)))).toBe("Invalid Date");
    expect(throughText([-(10n ** 20_000n), 2n ** 63n, 0n])).toEqual([-(10n ** 20_000n), 2n ** 63n, 0n]);
    expect(refused([10n ** 100_001n]).message).toMatch(/^\$\[0\] holds an integer of more than 100000 digits/);
  });
  test("a table of a million places that is nearly empty costs little", () => {
    const sparse: unknown[] = [];
    sparse[1e9] = "end";
    expect(JSON.stringify(encodeValue(sparse)).length).toBeLessThan(100);
    expect(throughText(sparse)[1e9]).toBe("end");
  });
  test("plain data that doubles at each level is kept as a graph instead of 2^60 copies", () => {
    let value: { l?: unknown; r?: unknown } = {};
    for (let i = 0; i < 60; i++) value = { l: value, r: value };
    const back = throughText(value);
    expect(back.l).toBe(back.r);
  });
});

/** The structure of a graph as text: every object by the order in which it was met. */
function shapeOf(value: unknown): string {
  const met = new Map<unknown, number>();
  const shape = (part: unknown): string => {
    if (typeof part !== "object" || part === null) return String(part);
    const known = met.get(part);
    if (known !== undefined) return "#" + known;
    met.set(part, met.size);
    if (part instanceof Map) return `M(${[...part].flat().map(shape).join()})`;
    if (part instanceof Set) return `S(${[...part].map(shape).join()})`;
    if (part instanceof Error) return `E(${shape(part.cause)})`;
    return `${Array.isArray(part) ? "A" : "O"}(${Object.entries(part).map(([k, v]) => k + shape(v)).join()})`;
  };
  return shape(value);
}

describe("an error as a value", () => {
  test("keeps name, message, stack, code, cause, own properties, and class where built in", () => {
    const given = Object.assign(new RangeError("far", { cause: new TypeError("why", { cause: "text" }) }),
      { code: "E_FAR", status: 404, at: new Date(5) });
    const back = throughText({ given });
    expect(back.given).toBeInstanceOf(RangeError);
    expect(back.given).toMatchObject({
      message: "far", code: "E_FAR", status: 404, at: new Date(5), stack: given.stack,
    });
    expect(back.given.cause).toBeInstanceOf(TypeError);
    expect(back.given.cause).toMatchObject({ message: "why", cause: "text" });
  });
  test("AggregateError keeps its parts", () => {
    const back = throughText(new AggregateError([new Error("1"), 2], "all"));
    expect(back).toBeInstanceOf(AggregateError);
    expect(back.errors).toMatchObject([{ message: "1" }, 2]);
  });
  test("loses only what cannot be kept", () => {
    const given = Object.assign(new Error("http"), { request: { socket: new Order() }, retry: () => 1, status: 500 });
    Object.defineProperty(given, "trap", { enumerable: true, get() { throw new Error("no") } });
    const back = throughText([given, { given }] as const);
    expect(Object.keys(back[0])).toEqual(["status", "trap"]);
    expect(back[1].given).toBe(back[0]);
  });
  test("a chain of 10,000 causes is kept as far as depth allows", () => {
    let error = new Error("0");
    for (let i = 1; i < 10_000; i++) error = new Error(String(i), { cause: error });
    expect(throughText(error).message).toBe("9999");
  });
});

describe("what cannot be kept", () => {
  test.each([
    [{ items: [1, 2, 3, { price: () => 1 }] }, "$.items[3].price holds a function (price)"],
    [{ "a b": Symbol("x") }, '$["a b"] holds the symbol Symbol(x)'],
    [[new Order()], "$[0] holds an instance of class Order"],
    [{ then: Promise.resolve() }, "$.then holds a Promise"],
    [new WeakMap(), "$ holds a WeakMap"],
    [{ made: Order }, "$.made holds the class Order"],
    [new (class Sub extends Map {})(), "$ holds an instance of class Sub"],
    [new Map([["k", [Symbol.iterator]]]), '$.get("k")[0] holds the symbol'],
    [new Map([[{ f() {} }, 1]]), "$.key(0).f holds a function (f)"],
    [new Set([1, new Order()]), "$.item(1) holds an instance of class Order"],
    [Object.assign([1], { extra: 1 }), '$ holds an array with the named property "extra"'],
    [{ m: "abc".match(/b/) }, '$.m holds an array with the named property "groups"'],
    [{ [Symbol("s")]: 1 }, "$ holds an object with the key Symbol(s)"],
    [new Number(1), "$ holds a Number"],
    [Object.create({ inherited: 1 }), "$ holds an object with a prototype of its own"],
    [Math, "$ holds an object with the key Symbol(Symbol.toStringTag)"],
    [{ toJSON: () => 1 }, "$.toJSON holds a function (toJSON)"],
    [new URLSearchParams("a=1"), "$ holds an instance of class URLSearchParams"],
  ])("is refused with its place and kind: %#", (value, start) => {
    const error = refused(value);
    expect(error.message.slice(0, start.length)).toBe(start);
    expect(error.hint).not.toBe("");
  });
  test("is named from the given root", () => {
    expect(refused([() => 1], "result").message).toMatch(/^result\[0\] holds a function/);
  });
  test("the key __proto__ is refused at every depth and changes nothing", () => {
    const evil: unknown = JSON.parse('{"__proto__":{"polluted":1}}');
    expect(refused(evil).message).toMatch(/^\$\["?__proto__|^\$\.__proto__ holds a key named __proto__/);
    for (const depth of [1, 5, 50, 98]) {
      expect(refused(nested(depth, evil)).message).toContain("a key named __proto__");
      expect(refused([new Date(), nested(depth, evil)]).message).toContain("a key named __proto__");
    }
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    expect(() => decodeValue(JSON.parse('{"p":{"a":[{"__proto__":{"polluted":1}}]}}'))).toThrow("cannot be decoded");
  });
  test("100 levels are kept, 101 and 100,000 refused", () => {
    expect(throughText(nested(100, 1))).toEqual(nested(100, 1));
    expect(throughText(nested(99, new Set([undefined])))).toEqual(nested(99, new Set([undefined])));
    expect(refused(nested(101, 1)).message).toContain("nested more than 100 deep");
    expect(refused(nested(1e5, 1)).message).toContain("nested more than 100 deep");
    let map: unknown = 1;
    for (let i = 0; i < 100; i++) map = new Map([["constructor", map]]);
    expect(throughText(map)).toEqual(map);
    let awkward: unknown = -0;
    for (let i = 0; i < 100; i++) awkward = { constructor: awkward };
    deepStrictEqual(throughText(awkward), awkward);
    const loop: { next?: unknown } = {};
    loop.next = loop;
    const back = throughText(loop);
    expect(back.next).toBe(back);
  });
  test("getters and Proxies that throw or change are refused, named where they are", () => {
    expect(refused({ a: { get b(): number { throw new Error("boom") } } }).message)
      .toMatch(/^\$\.a\.b holds something that throws/);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refused({ proxy }).message).toMatch(/^\$\.proxy holds/);
    let n = 0;
    expect(refused({ date: new Date(), get n() { return n++ } }).message).toContain("does not come back unchanged");
    expect(refused(Object.create(Date.prototype)).message).toContain("$ holds");
  });
});

describe("a payload", () => {
  test("kept apart must be loaded before it is decoded or hashed", () => {
    const ref = { ref: "ab", bytes: 9 };
    expect(() => decodeValue(ref)).toThrow(/^unresolved payload/);
    expect(() => inputHash(ref)).toThrow(/^unresolved payload/);
  });
  test("that is corrupt is refused as corrupt history", () => {
    for (const text of ['{"s":{"json":1,"meta":{"values":["Nope"]}}}',
      '{"s":{"json":["x"],"meta":{"values":[["custom","bytes"]]}}}',
      '{"s":{"json":[7],"meta":{"values":[["custom","graph"],{"0":[["custom","ref"]]}]}}}',
      '{"s":{"json":{"a":1},"meta":{"v":1,"values":{"__proto__.x":["Date"]}}}}']) {
      expect(() => decodeValue(JSON.parse(text))).toThrow(expect.objectContaining({ code: "HISTORY_CORRUPT" }));
    }
    expect(Reflect.get({}, "x")).toBeUndefined();
  });
  test("knows its length closely", () => {
    fc.assert(fc.property(fc.jsonValue(), json => {
      fc.pre(!JSON.stringify(json).includes("__proto__")); // refused
      const payload = encodeValue(json);
      fc.pre(payload !== undefined && "p" in payload);
      const text = JSON.stringify(payload);
      const escapes = (text.match(/\\(u....|.)/g) ?? []).join("").length;
      expect(payloadBytes(payload)).toBeLessThanOrEqual(text.length);
      expect(payloadBytes(payload)).toBeGreaterThanOrEqual(text.length - escapes);
    }));
    const rich = encodeValue([new Date()]);
    expect(payloadBytes(rich)).toBe(JSON.stringify(rich).length);
  });
  test("goes into the event up to 32 KiB, apart up to 2 MiB, nowhere above", () => {
    const text = (length: number): Payload => ({ p: "x".repeat(length - 8) });
    expect([INLINE_LIMIT, INLINE_LIMIT + 1, PAYLOAD_LIMIT, PAYLOAD_LIMIT + 1].map(n => placePayload(text(n))))
      .toEqual(["inline", "apart", "apart", "too large"]);
    expect([placePayload(undefined), placePayload({ ref: "ab", bytes: 3e6 })]).toEqual(["inline", "inline"]);
  });
});
