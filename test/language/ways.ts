/** What the other parts do not use of the public surface, each with the one value that must come of it. */
import fc from "fast-check";
import { artifact, Cancelled, condition, exponential, expose, logger, NonRetryable, progress, query, record,
  RetryAfter, RunError, sleep, task, taskContext, TaskError, TimedOut, waitFor, withTimeout, workflow,
  z } from "../../sdk/index.ts";
import { nth, type Leaf, type State } from "./part.ts";

export interface Way { k: "way"; way: keyof typeof ways; v: number }

const same = task("same", async (v: number) => v);
const again = task("again", { retries: 2, retryDelay: exponential(1, { max: 2, jitter: 0.5 }) }, async (v: number) => {
  if (taskContext().attempt < 2) throw new Error("not yet");
  return v;
});
const later = task("later", { retries: 1 }, async (v: number) => {
  if (taskContext().attempt < 2) throw new RetryAfter(1);
  return v;
});
const final = task("final", { retries: 9, retryDelay: "1h" }, async (v: number) => { throw new NonRetryable(`${v}`) });
/** Each attempt climbs one step further, from where the one before said it was. */
const climb = task("climb", { retries: 9, retryDelay: 1, heartbeat: "1h" }, async (to: number) => {
  const { heartbeat, lastHeartbeat, attempt } = taskContext(), at = (lastHeartbeat<number>() ?? 0) + 1;
  if (at > attempt) throw new NonRetryable(`attempt ${attempt} is at ${at}`);
  heartbeat(at);
  if (at < to) throw new Error(`at ${at}`);
  return at;
});
const quick = task("quick", { timeout: "1h", deadline: "1h", queueTimeout: "1h" }, async (v: number) => v);
const hangs = task("hangs-on", { timeout: 2 }, () => new Promise<number>(() => undefined));
const fails = workflow("random-failing", async (v: number) => { throw new TypeError(`${v}`) });
/** What others may read of a random program. */
export const seen = query<number>("seen");

/** Gives `v` for a failure that is what it should be, and throws any other. */
async function failing(promise: Promise<unknown>, v: number, right: (error: unknown) => boolean): Promise<number> {
  const error = await promise.then(() => new Error("no failure"), (thrown: unknown) => thrown);
  if (right(error)) return v;
  throw error;
}

const ways = {
  settle: async (v: number) => {
    const end = await same.settle(v);
    if (end.ok) return end.value;
    throw end.error; // its scope was cancelled
  },
  map: async (v: number) => (await same.map([v, 0, 1], { concurrency: 2 }))[0] ?? -1,
  submit: async (v: number) => same.submit(v).result(),
  key: async (v: number, state: State) => same.with({ key: `own-${nth(state, "own")}` })(v),
  record: async (v: number) => record("value", () => v),
  again: async (v: number) => again(v),
  later: async (v: number) => later(v),
  quick: async (v: number) => quick(v),
  climb: async (v: number) => { await climb(1 + v % 3); return v },
  final: async (v: number) => failing(final(v), v, (error) => error instanceof TaskError
    && error.cause instanceof NonRetryable && error.cause.message === `${v}`),
  attemptTimeout: async (v: number) => failing(hangs(), v, (error) => error instanceof TaskError
    && error.cause instanceof TimedOut),
  scopeTimeout: async (v: number) => failing(withTimeout(1, () => sleep("1h")), v,
    (error) => error instanceof TimedOut),
  waitTimeout: async (v: number) => await condition(() => false, { timeout: 1 }) ? -1 : v,
  cancel: async (v: number) => {
    const future = again.submit(v);
    future.cancel("not needed");
    return failing(future.result(), v, (error) => error instanceof Cancelled);
  },
  childFails: async (v: number) => failing(fails(v), v, (error) => error instanceof RunError
    && error.cause instanceof TypeError && error.cause.message === `${v}`),
  webhook: async (v: number, state: State) => {
    const hook = waitFor.webhook(z.number(), { name: `hook-${nth(state, "hook")}`, timeout: 2 });
    if (!hook.url.includes("/hooks/")) return -1;
    try { await hook; return v } catch (error) { // somebody outside may answer it in time
      if (error instanceof TimedOut) return v;
      throw error;
    }
  },
  show: async (v: number) => {
    progress(v, 20);
    artifact.table("values", [{ v }]);
    logger().info("shown", { v });
    return v;
  },
  expose: async (v: number, state: State) => { expose(seen, () => state.shared); return v },
} satisfies { readonly [name: string]: (v: number, state: State) => Promise<number> };

export const wayNames = Object.keys(ways) as readonly (keyof typeof ways)[]; // its own names
export const way: Leaf<Way> = {
  made: () => fc.record({ k: fc.constant("way" as const), v: fc.nat(20),
    way: fc.constantFrom(...wayNames, "climb", "climb") }), // of its heartbeats one a second is recorded
  run: ({ way: name, v }, state) => ways[name](v, state),
  end: ({ v }) => ({ value: v }),
};
