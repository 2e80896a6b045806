/**
 * The corpus: small workflows that between them use every primitive, nested. Each gets a world that counts real
 * effects,
 * and says what it must return however often its process dies.
 */
import { context, exponential, logger, NonRetryable, record, RetryAfter, sleep, task, TaskError, TimedOut, withTimeout,
  workflow,
  type Inputs, type Workflow } from "../../sdk/index.ts";

/** Real effects by name; a crash may repeat only what was under way. */
export const effects: string[] = [];
const did = (what: string): void => { effects.push(what) };

const echo = task("echo", async (value: unknown) => { did(`echo ${String(value)}`); return value });
const add = task("add", (a: number, b: number) => { did(`add ${a} ${b}`); return a + b });
const slow =
  task("slow", async (ms: number) => { did(`slow ${ms}`); await new Promise((resolve) => { setTimeout(resolve, ms) });
    return ms });
const fail = task("fail", (message: string) => { did(`fail ${message}`); throw new TypeError(message) });
const flaky = task("flaky", { retries: 5, retryDelay: 1 }, (upTo: number) => {
  did(`flaky ${upTo}`);
  if (context().in === "task" && taskAttempt() < upTo) throw new Error("not yet");
  return upTo;
});
const backoff = task("backoff", { retries: 3, retryDelay: exponential(1, { max: 4, jitter: 0.5 }) }, () => {
  if (taskAttempt() < 3) throw new Error("again");
  return "done";
});
const later = task("later", { retries: 2 }, () => { if (taskAttempt() < 2) throw new RetryAfter(1); return "later" });
const never = task("never", { retries: 9, retryDelay: 1 }, () => { throw new NonRetryable("no", { why: "card" }) });
const hangs = task("hangs", { timeout: 15 }, () => new Promise<never>(() => undefined));
function taskAttempt(): number { const found = context(); return found.in === "task" ? found.attempt : 0 }

const failsAs = async (promise: Promise<unknown>): Promise<string> => {
  try { return `no failure: ${JSON.stringify(await promise)}` } catch (error) {
    const cause = error instanceof TaskError ? error.cause : error;
    return cause instanceof Error ? `${cause.constructor.name}: ${cause.message}` : String(cause);
  }
};

/** A workflow of the corpus with its only possible result. */
export interface Specimen { readonly name: string; readonly run: Workflow<Inputs, unknown>; readonly result: unknown }
const specimens: Specimen[] = [];
/** Adds a workflow to the corpus; further files of it do, too. */
export function specimen(name: string, result: unknown, fn: () => Promise<unknown>): void {
  specimens.push({ name, result, run: workflow(`corpus-${name}`, fn) });
}

specimen("no-task", 42, async () => 42);
specimen("undefined", undefined, async () => { await echo(undefined) });
specimen("one-task", 3, async () => add(1, 2));
specimen("sequence", 10, async () => { let sum = 0; for (let i = 1; i <= 4; i++) sum = await add(sum, i); return sum });
specimen("rich-values", "2020 2 9007199254740993 b", async () => {
  const [date, map, big, set] =
    await echo([new Date(Date.UTC(2020, 1)), new Map([["a", 2]]), 9007199254740993n, new Set(["b"])]) as
    [Date, Map<string, number>, bigint, Set<string>];
  return `${date.getUTCFullYear()} ${map.get("a")} ${big} ${[...set].join("")}`;
});
specimen("all", [1, 2, 3], async () => Promise.all([echo(1), echo(2), echo(3)]));
specimen("all-nested", [3, [7, 11]], async () => Promise.all([add(1, 2), Promise.all([add(3, 4), add(5, 6)])]));
specimen("all-one-fails", "TypeError: x", async () => failsAs(Promise.all([slow(2), fail("x"), echo(1)])));
specimen("race", "fast", async () => Promise.race([slow(50).then(() => "slow"), echo("fast")]));
specimen("race-timer", "timer", async () => Promise.race([hangs(), sleep(3).then(() => "timer")]));
specimen("any", "b", async () => Promise.any([fail("a"), echo("b")]));
specimen("all-settled", ["fulfilled", "rejected"], async () =>
  (await Promise.allSettled([echo(1), fail("y")])).map(({ status }) => status));
specimen("try-finally", ["tried", "TypeError: z", "finally"], async () => {
  const seen: unknown[] = [];
  try { seen.push(await echo("tried")); await fail("z") } catch (error) {
    seen.push(await failsAs(Promise.reject(error))) } finally {
    seen.push(await echo("finally"));
  }
  return seen;
});
specimen("branch-on-result", "even", async () => await add(1, 1) % 2 === 0 ? echo("even") : echo("odd"));
specimen("dynamic-fan-out", 6, async () => {
  const count = await add(1, 2);
  const parts = await Promise.all(Array.from({ length: count }, (_, i) => add(i, 1)));
  return parts.reduce((sum, part) => sum + part, 0);
});
specimen("map-bounded", [0, 2, 4, 6, 8], async () => add.map([0, 1, 2, 3, 4],
  { concurrency: 2, args: [0] }).then((all) => all.map((n) => n * 2)));
specimen("settle", [true, false, "failed"], async () => {
  const good = await echo.settle(1), bad = await fail.settle("s");
  return [good.ok, bad.ok, bad.state];
});
specimen("submit", [5, 7], async () => { const a = add.submit(2, 3), b = add.submit(3, 4);
  return [await a, await b.result()] });
specimen("explicit-keys", [1, 2],
  async () => Promise.all([echo.with({ key: "first" })(1), echo.with({ key: "second" })(2)]));
specimen("sleep", "slept", async () => { await sleep(4); return "slept" });
specimen("sleep-date", "slept", async () => { await sleep(new Date(Date.now() + 4)); return "slept" });
specimen("set-timeout", "timeout", async () => new Promise((resolve) => { setTimeout(resolve, 3, "timeout") }));
specimen("retries", 3, async () => flaky(3));
specimen("backoff", "done", async () => backoff());
specimen("retry-after", "later", async () => later());
specimen("non-retryable", "NonRetryable: no", async () => failsAs(never()));
specimen("task-timeout", "TimedOut: attempt 1 of task 'hangs' took longer than 15 ms",
  async () => (await failsAs(hangs())).replace(/attempt \d+/, "attempt 1"));
specimen("with-timeout", "TimedOut", async () => withTimeout(5,
  async () => { await sleep("1h") }).catch((error: unknown) => error instanceof TimedOut ? "TimedOut" : error));
specimen("with-timeout-in-time", 9, async () => withTimeout("1h", async () => add(4, 5)));
specimen("with-timeout-nested", ["inner", 2], async () => withTimeout("1h", async () => {
  const inner = await withTimeout(4, () => sleep("1h")).then(() => "no", () => "inner");
  return [inner, await add(1, 1)];
}));
specimen("clock-and-chance", true, async () => {
  const first = [Date.now(), Math.random(), crypto.randomUUID()];
  const again = await echo(first);
  return JSON.stringify(first) === JSON.stringify(again);
});
specimen("record", true, async () => { const value = record("env", () => 17); return await echo(value) === value });
specimen("shared-state", 1111, async () => {
  let shared = 1;
  const grow = async (by: number): Promise<void> => { await echo(by); shared += by };
  await Promise.all([grow(10), grow(100), grow(1000)]);
  return shared;
});
specimen("async-generator", [1, 4, 9], async () => {
  async function* squares(): AsyncGenerator<number> { for (let i = 1; i <= 3; i++) yield await echo(i * i) as number }
  const seen: number[] = [];
  for await (const square of squares()) seen.push(square);
  return seen;
});
specimen("floating", "done", async () => { void slow(30); return echo("done") });
specimen("floating-failure", "done", async () => { void fail("nobody listens"); await sleep(5); return echo("done") });
specimen("logs", "logged", async () => { logger().info("once", { n: 1 }); console.log("twice");
  return echo("logged") });
specimen("aliasing", [[1], [1, 2]], async () => {
  const list = [1], sent = echo(list);
  list.push(2);
  return [await sent, list];
});
specimen("fails", "TypeError: end", async () => { await fail("end") });

export { specimens };
