/** Stores that answer late, and code that computes for long. */
import { originals, type Store } from "../engine/index.ts";

/** A store whose answers come late. */
export function withDelay(base: Store, msOf: (verb: string, args: readonly unknown[]) => number): Store {
  return new Proxy(base, { get: (target, name) => {
    const value: unknown = Reflect.get(target, name, target);
    if (typeof value !== "function" || name === "guardLease") return value;
    return async (...args: readonly unknown[]): Promise<unknown> => {
      const answer = await (value as (...all: readonly unknown[]) => Promise<unknown>).apply(target, [...args]);
      const ms = msOf(String(name), args);
      if (ms > 0) await new Promise<void>((resolve) => { setTimeout(resolve, ms) });
      return answer;
    };
  } });
}
/** Computes for so long that the burst of turns ends; a turn's own clock stands still meanwhile. */
export function compute(ms: number): void {
  const end = originals.performanceNow() + ms;
  while (originals.performanceNow() < end);
}
