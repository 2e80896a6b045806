/** Randomness of workflow code: seeded by run and delivery, for node's crypto, web crypto and Math.random alike. */
import { createRequire } from "node:module";
import { kernel, type OpenTurn } from "./kernel.ts";
import { replaceSlot } from "./slots.ts";

const require = createRequire(import.meta.url);

/** Math.random, randomUUID, getRandomValues, randomBytes, randomInt, randomFillSync; crypto.subtle is an effect. */
export function patchRandom(): void {
  const realRandom = Math.random;
  Math.random = () => kernel.turn === undefined ? realRandom() : kernel.turn.random();
  // A plain CommonJS view of the module: its properties can be assigned, then synced to ESM.
  const node = require("node:crypto") as { [name: string]: (...args: readonly unknown[]) => unknown };
  const during = (name: string, make: (turn: OpenTurn, args: readonly unknown[]) => unknown): void => {
    const real = node[name];
    if (real === undefined) return;
    replaceSlot(node, name, (...args: readonly unknown[]) =>
      kernel.turn === undefined ? real.apply(node, [...args]) : make(kernel.turn, args));
  };
  during("randomUUID", uuid);
  during("randomBytes", (turn, [size, callback]) => answer(bytes(turn, Number(size)), callback));
  during("randomInt", (turn, args) => randomInt(turn, args));
  during("getRandomValues", (turn, [array]) => fill(turn, array));
  during("randomFillSync", (turn, [array]) => fill(turn, array));
  during("randomFill", (turn, [array, callback]) => answer(fill(turn, array), callback));
  const web = globalThis.crypto;
  const realUUID = web.randomUUID.bind(web), realValues = web.getRandomValues.bind(web);
  define(web, "randomUUID", () => kernel.turn === undefined ? realUUID() : uuid(kernel.turn));
  define(web, "getRandomValues", (array: Uint8Array<ArrayBuffer>) =>
    kernel.turn === undefined ? realValues(array) : fill(kernel.turn, array));
  const subtle = web.subtle;
  Object.defineProperty(web, "subtle", { configurable: true, get: () => {
    kernel.turn?.forbid("crypto.subtle");
    return subtle;
  } });
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

function bytes(turn: OpenTurn, size: number): Buffer {
  const made = Buffer.alloc(size);
  turn.fill(made);
  return made;
}

/** A version 4 UUID of seeded bytes. */
function uuid(turn: OpenTurn): string {
  const raw = bytes(turn, 16);
  raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
  raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
  const hex = raw.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function fill(turn: OpenTurn, array: unknown): unknown {
  if (ArrayBuffer.isView(array)) turn.fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return array;
}

function randomInt(turn: OpenTurn, args: readonly unknown[]): unknown {
  const numbers = args.filter((arg) => typeof arg === "number");
  const [min = 0, max = 0] = numbers.length > 1 ? numbers : [0, ...numbers];
  return answer(min + Math.floor(turn.random() * (max - min)), args.at(-1));
}

/** Node's callback form answers in a microtask of the same turn. */
function answer(value: unknown, callback: unknown): unknown {
  if (typeof callback !== "function") return value;
  queueMicrotask(() => { callback(null, value) });
  return undefined;
}
