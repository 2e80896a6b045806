/**
 * Nothing secret leaves the server in clear (design 7, line 13): values under keys such as `password` or `token` become
 * "[redacted]", in events, errors and logs, and so do secrets inside texts. What is stored stays as it is.
 */
import { decodeValue, encodeRecorded, type LogLine, type Payload, type RunRow } from "../../engine/index.ts";
import { isCountName, isSecretName, plainName, REDACTED, textRedactor } from "./redact-text.ts";
import type { WireEvent } from "./wire.ts";

/** A further key pattern: a part of the key's name, whatever its case and separators, or an expression. */
export type KeyPattern = string | RegExp;

/** Deeper than any value that the codec lets in; a log's data may nest without end. */
const MAX_DEPTH = 200;
/** Fields of events that hold payloads, and those that hold text of the user's. */
const PAYLOADS = ["input", "result", "value", "data"] as const;
const TEXTS = ["message", "stack", "reason", "hint", "why"] as const;

type Fields = { readonly [key: string]: unknown };

/** Takes secrets out of what is about to leave. Answers the very same object where there was none. */
export class Redactor {
  /** A text without the secrets in it. */
  readonly text: (text: string) => string;
  readonly #names: readonly string[];
  readonly #patterns: readonly RegExp[];
  readonly #known = new Map<string, boolean>();

  constructor(more: readonly KeyPattern[] = []) {
    this.#names = more.filter((one) => typeof one === "string").map(plainName).filter((name) => name !== "");
    // A sticky or global expression remembers where it was; a key is always looked at whole.
    this.#patterns = more.filter((one) => one instanceof RegExp)
      .map(({ source, flags }) => new RegExp(source, flags.replace(/[gy]/g, "")));
    this.text = textRedactor(this.#names);
  }

  /** An event as it is stored, without its secrets. */
  event(event: WireEvent): WireEvent {
    const fields = this.#record(event, 0);
    return fields === event ? event : { ...event, ...fields };
  }

  run(row: RunRow): RunRow {
    const name = this.text(row.name), tags = row.tags.map(this.text);
    return name === row.name && tags.every((tag, i) => tag === row.tags[i]) ? row : { ...row, name, tags };
  }

  log(line: LogLine): LogLine {
    const message = this.text(line.message);
    const data = line.data === undefined ? undefined : this.#jsonText(line.data);
    return message === line.message && data === line.data ? line
      : { ...line, message, ...(data !== undefined && { data }) };
  }

  /** A payload; anything that is none is treated as JSON. */
  payload(payload: unknown): unknown {
    if (!isObject(payload)) return this.json(payload);
    if ("ref" in payload) return payload;
    if ("s" in payload && isObject(payload["s"])) {
      const json = payload["s"]["json"];
      return this.json(json) === json ? payload : this.#rich(payload);
    }
    return this.json(payload);
  }

  /** Plain JSON. */
  json(value: unknown, depth = 0): unknown {
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return REDACTED;
    if (!Array.isArray(value)) return this.#object(value, depth);
    const items: readonly unknown[] = value;
    if (this.#isEntry(items)) return [items[0], REDACTED];
    const clean = items.map((item) => this.json(item, depth + 1));
    return clean.every((item, i) => item === items[i]) ? items : clean;
  }

  #object(value: object, depth: number): unknown {
    const changed: { [key: string]: unknown } = {};
    let some = false;
    for (const [key, inner] of Object.entries(value)) {
      const clean = this.hides(key, inner) ? REDACTED : this.json(inner, depth + 1);
      // Never by assignment: a key `__proto__` would set the prototype.
      Object.defineProperty(changed, key, { value: clean, enumerable: true, writable: true, configurable: true });
      some ||= clean !== inner;
    }
    return some ? changed : value;
  }

  /** Is this value a secret because of the key that it stands under? Truth values and counts tell nothing. */
  hides(key: string, value: unknown): boolean {
    if (value === undefined || value === null || value === "" || typeof value === "boolean") return false;
    return this.#isSecret(key) && !(typeof value === "number" && isCountName(key));
  }

  /** `["authorization", "..."]`: an entry of a Map, of headers, of a form. */
  #isEntry(items: readonly unknown[]): boolean {
    const [key] = items;
    return items.length === 2 && typeof key === "string" && key.length <= 64 && !key.includes(" ")
      && this.hides(key, items[1]);
  }

  #isSecret(key: string): boolean {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const secret = isSecretName(key, this.#names) || this.#patterns.some((one) => one.test(key));
    if (this.#known.size < 10_000) this.#known.set(key, secret);
    return secret;
  }

  /** An event, or an error as it is kept: payloads, texts and inner errors; nothing else of it is the user's. */
  #record(record: Fields, depth: number): Fields {
    const changed: { [key: string]: unknown } = {};
    const put = (key: string, clean: unknown): void => { if (clean !== record[key]) changed[key] = clean };
    for (const key of PAYLOADS) if (record[key] !== undefined) put(key, this.payload(record[key]));
    for (const key of TEXTS) {
      const text = record[key];
      if (typeof text === "string") put(key, this.text(text));
    }
    for (const key of ["error", "cause"]) {
      const inner = record[key];
      if (isObject(inner)) put(key, depth > MAX_DEPTH ? undefined : this.#record(inner, depth + 1));
    }
    const errors: unknown = record["errors"];
    if (Array.isArray(errors)) {
      const parts: readonly unknown[] = errors;
      const clean = parts.map((one) => isObject(one) && depth <= MAX_DEPTH ? this.#record(one, depth + 1) : one);
      if (clean.some((one, i) => one !== parts[i])) changed["errors"] = clean;
    }
    return Object.keys(changed).length === 0 ? record : { ...record, ...changed };
  }

  #jsonText(text: string): string {
    let value: unknown;
    try { value = JSON.parse(text) } catch { return this.text(text) }
    const clean = this.json(value);
    return clean === value ? text : JSON.stringify(clean);
  }

  /** A rich payload is decoded, cleaned and encoded: its notes on types would not fit a tree that has changed. */
  #rich(payload: object): unknown {
    try {
      // The store's own text: checked when it was written, and decodeValue throws for what it cannot read.
      const value = decodeValue(payload as Payload);
      return encodeRecorded(this.#live(value, new Set()), "a value without its secrets") ?? { p: REDACTED };
    } catch { return { p: REDACTED } }
  }

  /** Cleans a decoded value in place: it is a copy of our own. */
  #live(value: unknown, seen: Set<object>): unknown {
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null || seen.has(value)) return value;
    seen.add(value);
    if (value instanceof Map) {
      for (const [key, inner] of [...value]) {
        value.set(key, typeof key === "string" && this.hides(key, inner) ? REDACTED : this.#live(inner, seen));
      }
      return value;
    }
    if (value instanceof Set) {
      const items = [...value].map((item) => this.#live(item, seen));
      value.clear();
      for (const item of items) value.add(item);
      return value;
    }
    if (value instanceof URL) return new URL(this.text(value.href).replace(REDACTED, "redacted"));
    if (ArrayBuffer.isView(value) || value instanceof Date || value instanceof RegExp) return value;
    if (Array.isArray(value) && this.#isEntry(value)) { value[1] = REDACTED; return value }
    this.#properties(value, seen);
    return value;
  }

  #properties(value: object, seen: Set<object>): void {
    const names = value instanceof Error ? [...new Set(["message", "stack", "cause", ...Object.keys(value)])]
      : Object.keys(value);
    for (const name of names) {
      const own = Object.getOwnPropertyDescriptor(value, name);
      if (own === undefined || !("value" in own)) continue;
      const inner: unknown = own.value;
      const clean = this.hides(name, inner) ? REDACTED : this.#live(inner, seen);
      if (clean !== inner) Object.defineProperty(value, name, { ...own, value: clean });
    }
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
