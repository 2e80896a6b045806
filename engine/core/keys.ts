/** Stable names of durable calls inside a run (design 2.5). */
import { RepriseError } from "./errors.ts";

/** Hands out `kind:name#n`, n = occurrence from 0; an explicit key is used as it is, once. */
export class Keys {
  readonly #next = new Map<string, number>();
  #explicit: Set<string> | undefined;

  /** @throws DUPLICATE_KEY when an explicit key is used twice in the run */
  next(kind: string, name: string, explicit?: string): string {
    if (explicit !== undefined) {
      const key = `${kind}:${explicit}`;
      if (this.#explicit?.has(key)) throw new RepriseError("DUPLICATE_KEY",
        `the key '${explicit}' is used twice in this run`,
        "Give every call a key of its own, for instance with the item's id in it.");
      (this.#explicit ??= new Set()).add(key);
      return key;
    }
    const base = `${kind}:${name}`;
    const n = this.#next.get(base) ?? 0;
    this.#next.set(base, n + 1);
    return `${base}#${n}`;
  }
}
