/** Bytes to base64 text and back, without Node: `Buffer` is used only where the platform has it. */
import { bytesName, bytesType } from "./kinds.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter.charCodeAt(0), value]));

/** The window of memory that a view shows; the whole of an ArrayBuffer. Not a copy. */
export function windowOf(value: ArrayBufferView | ArrayBuffer): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
}

/** `[class name, base64]`. Elements wider than a byte are kept in the platform's order: little-endian everywhere. */
export function bytesToText(value: ArrayBufferView | ArrayBuffer): [string, string] {
  const name = bytesName(value);
  if (name === undefined) throw new Error("corrupt codec: bytes of an unknown class passed the survey");
  return [name, toBase64(windowOf(value))];
}

/** A fresh instance of the named class; Uint8Array where the platform has no Buffer. */
export function bytesFromText(name: string, text: string): object {
  const bytes = fromBase64(text);
  if (name === "ArrayBuffer") return bytes.buffer;
  if (name === "Buffer") return typeof Buffer === "function" ? Buffer.from(bytes.buffer) : bytes;
  const type = bytesType(name);
  if (typeof type !== "function") throw new Error(`corrupt payload: bytes of class ${name}, unknown on this platform`);
  const made: unknown = Reflect.construct(type, [bytes.buffer]);
  return made as object; // a constructor always makes an object
}

function toBase64(bytes: Uint8Array): string {
  if (typeof Buffer === "function") {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  }
  return toBase64Slowly(bytes);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  // Copied out of Buffer's shared pool: a decoded ArrayBuffer must hold these bytes and no others.
  if (typeof Buffer === "function") return new Uint8Array(Buffer.from(text, "base64"));
  return fromBase64Slowly(text);
}

/** Base64 where there is no Buffer (browsers). Exported so that a test can hold it against Buffer's. */
export function toBase64Slowly(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = bytes.subarray(i, i + 3);
    parts.push(letter(a >> 2), letter((a & 3) << 4 | (b ?? 0) >> 4),
      b === undefined ? "=" : letter((b & 15) << 2 | (c ?? 0) >> 6), c === undefined ? "=" : letter(c & 63));
  }
  return parts.join("");
}
function letter(value: number): string { return ALPHABET.charAt(value) }

/** The reverse of `toBase64Slowly`. */
export function fromBase64Slowly(text: string): Uint8Array<ArrayBuffer> {
  const end = text.indexOf("=");
  const letters = end < 0 ? text.length : end;
  const out = new Uint8Array(Math.floor(letters * 3 / 4));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < letters; i++) {
    held = (held << 6 | (VALUES.get(text.charCodeAt(i)) ?? 0)) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[at++] = held >> bits & 255;
  }
  return out;
}
