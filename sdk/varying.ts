/** What of a run's result is another each time although nothing disturbs it: no comparison can say anything of that. */
import { encodeRecorded, inputHash } from "../engine/index.ts";

type Table = Readonly<Record<string, unknown>>;
/** Deeper down a value is taken as a whole. */
const DEEPEST = 50;

/** Parts of results that vary by themselves. */
export class Varying {
  readonly #paths = new Set<string>();

  /** As a person names them, such as `result.id`; `result` alone is all of it. */
  get parts(): readonly string[] { return [...this.#paths] }
  /** Is there nothing left to compare? */
  get all(): boolean { return this.#paths.has("result") }

  /** What is another in each of `others` varies. */
  learn(one: unknown, others: readonly unknown[]): void { this.#learn(one, others, "result", 0) }
  /** True: all of it varies. */
  #learn(one: unknown, others: readonly unknown[], path: string, depth: number): boolean {
    if (others.some((other) => hashOf(one) === hashOf(other))) return false;
    const [table, ...tables] = [one, ...others].map(tableOf), keys = Object.keys(table ?? {});
    const alike = depth < DEEPEST && table !== undefined
      && tables.every((other) => other !== undefined && sameKeys(keys, Object.keys(other)));
    // `filter`: each part is looked at, also after one that does not vary.
    const inside = alike ? keys.filter((key) =>
      this.#learn(table[key], tables.map((other) => other?.[key]), `${path}.${key}`, depth + 1)) : keys;
    if (inside.length < keys.length) return false;
    for (const known of this.#paths) if (known.startsWith(`${path}.`)) this.#paths.delete(known);
    this.#paths.add(path);
    return true;
  }

  /** What can be compared of a result, as a text. */
  hash(result: unknown): string { return hashOf(this.#rest(result, "result", 0)) }
  #rest(value: unknown, path: string, depth: number): unknown {
    if (this.#paths.has(path)) return "varies";
    const table = depth < DEEPEST && this.#paths.size > 0 ? tableOf(value) : undefined;
    return table === undefined ? value : Object.fromEntries(Object.entries(table).map(([key, part]) =>
      [key, this.#rest(part, `${path}.${key}`, depth + 1)]));
  }
}

function hashOf(value: unknown): string { return inputHash(encodeRecorded(value, "result")) }
function sameKeys(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((key) => others.includes(key));
}
/** The parts of a list or a plain object. */
function tableOf(value: unknown): Table | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
    ? Object.fromEntries(Object.entries(value)) : undefined;
}
