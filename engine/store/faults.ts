/** A store that fails on purpose, for tests and `reprise torture`: requests dropped, answers lost, calls repeated or
 *  late. */
import { StoreError, type Store } from "./port.ts";

/** What happens to one call. `none` lets it pass. */
export type Fault = "none" | "drop" | "lose-answer" | "repeat" | "delay" | "die-before" | "die-after";
/** Asked before every call, with its number from 1, its verb and its arguments. */
export type FaultPlan = (call: number, verb: keyof Store, args: readonly unknown[]) => Fault;

/** Verbs that are no calls to a database, or that only end things. */
const FREE: ReadonlySet<keyof Store> = new Set(["kind", "location", "close", "listen", "guardLease",
  "openTransaction", "createWithin"]);

/** After "die-before" or "die-after" every call hangs: the process is dead to the database, and hears nothing of it. */
export function withFaults(store: Store, plan: FaultPlan): Store & { readonly calls: number; readonly dead: boolean } {
  const state = { calls: 0, dead: false };
  const never = new Promise<never>(() => undefined);
  return new Proxy(store, {
    get: (target, property) => {
      if (property === "calls" || property === "dead") return state[property];
      const verb = property as keyof Store; // the only other names anybody asks for
      const real: unknown = Reflect.get(target, verb, target);
      if (typeof real !== "function" || FREE.has(verb)) return typeof real === "function" ? real.bind(target) as unknown
        : real;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        if (state.dead) return never;
        const fault = plan(++state.calls, verb, args);
        if (fault === "die-before") { state.dead = true; return never }
        if (fault === "drop") throw new StoreError("STORE_UNAVAILABLE", "dropped on purpose", "unknown");
        if (fault === "delay") await new Promise((resolve) => { setTimeout(resolve, 5) });
        const answer: unknown = await real.apply(target, [...args]);
        if (fault === "repeat") return real.apply(target, [...args]) as unknown; // whatever the verb answers
        if (fault === "lose-answer") throw new StoreError("STORE_UNAVAILABLE", "answer lost on purpose", "unknown");
        if (fault === "die-after") { state.dead = true; return never }
        return answer;
      };
    },
    // The proxy answers two more names than the store it wraps.
  }) as Store & { readonly calls: number; readonly dead: boolean };
}
