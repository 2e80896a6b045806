/**
 * The corpus, third part: workflows that talk. Each has its only possible end, and perhaps somebody outside who sends,
 * answers, pauses or cancels; whoever that is may be sent again after a crash, and then does nothing twice.
 */
import { attributes, condition, context, continueWith, deprecatePatch, patched, progress, RunError, saga, scope,
  shield, signal, sleep, stream, task, taskContext, TimedOut, update, waitFor, withTimeout, workflow, z,
  type Inputs, type Workflow } from "../../sdk/index.ts";
import type { Event } from "../../engine/index.ts";

/** Every execution of a task, in order: which run, which call, which attempt. */
export const ledger: { readonly run: string; readonly key: string; readonly attempt: number }[] = [];
export function did(): void {
  const { run, task: { key }, attempt } = taskContext();
  ledger.push({ run: run.id, key, attempt });
}

/** What somebody outside can do; each thing is done once, however often it is asked. */
export interface Outside {
  /** Waits until the run has recorded so many such events. */
  sees(type: Event["type"], count?: number): Promise<void>;
  /** The id of the nth child of the run, from 0, or of a child of that. */
  child(nth: number, of?: string): Promise<string>;
  /** Waits until that run has recorded such an event. */
  seesIn(runId: string, type: Event["type"]): Promise<void>;
  signal(name: string, value: unknown, key: string): Promise<void>;
  answer(name: string, value: unknown): Promise<void>;
  update(name: string, value: unknown, key: string): Promise<unknown>;
  inject(key: string, value: unknown): Promise<void>;
  /** What the run exposes; undefined when it has ended without. */
  query(name: string): Promise<unknown>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Tries the run again, or forks it, unless that has been done. */
  retry(): Promise<void>;
  fork(edits: { readonly at?: string; readonly results?: { readonly [key: string]: unknown } }): Promise<void>;
  /** The run, or another. */
  cancel(runId?: string): Promise<void>;
}
/** A workflow with its only possible end. */
export interface Conversation {
  readonly name: string;
  readonly run: Workflow<Inputs, unknown>;
  readonly end: { readonly value: unknown } | { readonly error: string };
  readonly outside?: (world: Outside) => Promise<void>;
  /** Suite A stops it at every nth call to the store only: what it waits for takes long. */
  readonly every?: number;
}
export const conversations: Conversation[] = [];
function conversation(name: string, end: Conversation["end"], fn: () => Promise<unknown>,
  outside?: Conversation["outside"]): void {
  conversations.push({ name, end, run: workflow(`talk-${name}`, fn), ...(outside && { outside }) });
}
export const CANCELLED = { error: "Cancelled: cancelled: enough" };

const echo = task("talk-echo", async (value: unknown) => { did(); return value });
const add = task("talk-add", async (a: number, b: number) => { did(); return a + b });
const fails = task("talk-fails", async (why: string) => { did(); throw new TypeError(why) });
const again = task("talk-again", { retries: 3, retryDelay: 1 }, async () => {
  did();
  if (taskContext().attempt < 3) throw new Error("not yet");
  return "at last";
});
const go = signal("talk-go", z.number());
const other = signal("talk-other", z.string());

const reasonOf = (error: unknown): string => {
  const cause = error instanceof RunError ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
};

// ---- signals, forms, conditions, updates ------------------------------------------------------------------------
const three = async (world: Outside): Promise<void> => {
  for (const n of [1, 2, 3]) await world.signal("talk-go", n, `n${n}`);
};
conversation("signals-before-the-wait", { value: [1, 2, 3] }, async () => {
  await sleep(3);
  return [await go.wait(), await go.wait(), await go.wait()];
}, three);
conversation("signals-as-they-come", { value: 6 }, async () => {
  let sum = 0;
  for (let i = 0; i < 3; i++) sum = await add(sum, await go.wait());
  return sum;
}, three);
conversation("for-await", { value: [1, 2, 3] }, async () => {
  const seen: number[] = [];
  for await (const n of go) { if (n < 0) return seen; seen.push(n) }
  return "never";
}, async (world) => { await three(world); await world.signal("talk-go", -1, "end") });
conversation("two-names-crossed", { value: ["b", 1, "c", 2] }, async () => {
  const a = await other.wait(), b = await go.wait();
  return [a, b, await other.wait(), await go.wait()];
}, async (world) => {
  for (const n of [1, 2]) await world.signal("talk-go", n, `n${n}`);
  for (const text of ["b", "c"]) await world.signal("talk-other", text, text);
});
conversation("wait-in-time-or-not", { value: ["nothing", true, 1] }, async () => {
  const first = await go.wait({ timeout: 3, else: "nothing" });
  const second = await withTimeout(3, () => go.wait()).catch((error: unknown) => error instanceof TimedOut);
  await echo("now");
  return [first, second, await go.wait({ timeout: "1h" })];
}, async (world) => { await world.sees("TaskCompleted"); await world.signal("talk-go", 1, "late") });
conversation("signal-or-task", { value: "task" }, async () =>
  scope(() => Promise.race([go.wait().then(() => "signal"), again().then(() => "task")])));
conversation("form", { value: { amount: 5, note: "none" } }, async () => {
  const answer = await waitFor(z.object({ amount: z.number(), note: z.string().default("none") }), { name: "money" });
  await echo(answer.amount);
  return answer;
}, async (world) => { await world.sees("WaitOpened"); await world.answer("money", { amount: 5 }) });
conversation("form-in-time-or-not", { value: "nobody" }, async () =>
  waitFor(z.string(), { timeout: 3, else: "nobody" }));
conversation("conditions", { value: ["three", "ten", true, false] }, async () => {
  let sum = 0;
  const order: unknown[] = [];
  const reader = (async () => { while (sum < 10) sum += await add(await go.wait(), 1) })();
  await Promise.all([condition(() => sum >= 10).then(() => order.push("ten")),
    condition(() => sum >= 3).then(() => order.push("three")), reader]);
  order.push(await condition(() => sum >= 10), await condition(() => false, { timeout: 2 }));
  return order;
}, async (world) => { for (const n of [2, 3, 4]) await world.signal("talk-go", n, `n${n}`) });
const setTo = update<z.ZodNumber, number>("talk-set", z.number());
conversation("updates", { value: 14 }, async () => {
  let at = 0;
  await echo("before there is a handler");
  setTo.handle(async (n) => { at = await add(at, n); await sleep(1); return at }, {
    validate: (n) => { if (n < 0) throw new Error("never below zero") } });
  await condition(() => at >= 14);
  await go.wait();
  return at;
}, async (world) => {
  if (await world.update("talk-set", 4, "u1") !== 4) throw new Error("the reply to u1");
  if (await world.update("talk-set", 10, "u2") !== 14) throw new Error("the reply to u2");
  if (await world.update("talk-set", 10, "u2") !== 14) throw new Error("the repeated u2");
  await world.signal("talk-go", 1, "go");
});
const never = task("talk-never", { retries: 99, retryDelay: "1h" }, async () => { did(); throw new Error("down") });
conversation("inject", { value: ["by phone", "over"] }, async () =>
  [await never(), await sleep("1h").then(() => "over")], async (world) => {
  await world.sees("RetryScheduled");
  await world.inject("task:talk-never#0", "by phone");
  await world.sees("TimerStarted");
  await world.inject("timer:sleep#0", null);
});
conversation("pause", { value: 6 }, async () => {
  let sum = 0;
  for (let n = 1; n <= 3; n++) { sum = await add(sum, n); await sleep(1) }
  return sum;
}, async (world) => {
  await world.sees("TaskCompleted");
  await world.pause();
  await world.signal("talk-go", 1, "nobody reads it");
  await world.resume();
});

// ---- runs in runs -------------------------------------------------------------------------------------------------
const double = workflow("talk-double", async (n: number) => add(n, n));
const failing = workflow("talk-failing", async () => { await fails("no luck") });
const leaf = workflow("talk-leaf", async () => { await echo("leaf"); await sleep("1h") });
const middle = workflow("talk-middle", async () => { await leaf() });
const listener = workflow("talk-listener", async () => { const n = await go.wait(); return add(n, 1) });
const caller = workflow("talk-caller", async (parent: string) => {
  await echo("calling");
  await other.send(parent, "from your child");
  return "called";
});

conversation("child", { value: [2, 8] }, async () => [await double(1), await double(await double(2))]);
conversation("children-at-once", { value: [0, 2, 4, 6, 8] }, async () =>
  Promise.all([0, 1, 2, 3, 4].map((n) => double(n))));
const outer = workflow("talk-outer", async (n: number) => await double(n) + await double(n + 1));
conversation("child-in-child", { value: 12 }, async () => {
  return await outer(2) + await add(1, 1);
});
conversation("child-fails", { value: "no luck" }, async () => failing().catch(reasonOf));
conversation("child-fails-and-so-does-its-parent", { error: "TypeError: no luck" }, async () =>
  Promise.all([double(1), failing()]));
conversation("child-given-up", { value: ["Cancelled", 4] }, async () => {
  const child = await leaf.start();
  await echo("while it runs");
  const failed = child.result().catch((error: unknown) => (error as Error).constructor.name);
  await child.cancel({ reason: "not needed" });
  return [await failed, await double(2)];
});
conversation("child-cancelled", { value: ["cancelled: enough", 2] }, async () =>
  [await leaf().catch(reasonOf), await add(1, 1)], async (world) => {
  const child = await world.child(0);
  await world.seesIn(child, "TimerStarted");
  await world.cancel(child);
});
conversation("child-left-alone", { value: "gone" }, async () => {
  await double.start(4, { onParentClose: "abandon" });
  return echo("gone");
});
conversation("child-waited-for", { value: "in the end" }, async () => {
  await double.start(4, { onParentClose: "wait" });
  return "in the end";
});
conversation("child-listens", { value: 8 }, async () => {
  const child = await listener.start();
  await child.signal(go, 7);
  return child.result();
});
conversation("child-calls-back", { value: ["from your child", "called"] }, async () => {
  const child = await caller.start(context().run.id);
  return [await other.wait(), await child.result()];
});
conversation("cancel-the-tree", CANCELLED, async () => { await middle() }, async (world) => {
  await world.seesIn(await world.child(0, await world.child(0)), "TimerStarted");
  await world.cancel();
});
conversation("cancel-while-children-start", CANCELLED, async () => {
  for (let n = 0; ; n++) await Promise.all([double(n), leaf.start()]);
}, async (world) => { await world.sees("ChildCompleted"); await world.cancel() });
conversation("a-child-for-every-signal", { value: [2, 4, 6] }, async () => {
  const all: Promise<number>[] = [];
  for await (const n of go) { if (n < 0) break; all.push(double(n)) }
  return Promise.all(all);
}, async (world) => { await three(world); await world.signal("talk-go", -1, "end") });

// ---- scopes, sagas, chains, changes --------------------------------------------------------------------------------
const undo = async (_result: unknown, ..._args: readonly unknown[]): Promise<void> => { did() };
const book = task("talk-book", { undo }, async (what: string) => { did(); return `id-${what}` });
const bookLate = task("talk-book-late", { undo }, async () => {
  did();
  await new Promise((resolve) => { setTimeout(resolve, 3) });
  return "late";
});
const undoAgain = task("talk-book-again", { retries: 3, retryDelay: 1,
  undo: async () => { did(); if (taskContext().attempt < 2) throw new Error("the bank is busy") } },
  async () => { did(); return 1 });

conversation("scope", { value: [1, 2] }, async () => [
  await scope(() => Promise.race([echo(1), sleep("1h"), go.wait(), leaf()])), await echo(2)]);
conversation("shielded-cleanup", CANCELLED, async () => {
  try { await sleep("1h") } finally {
    await shield(async () => { await sleep(2); await echo("clean"); await double(1) });
  }
}, async (world) => { await world.sees("TimerStarted"); await world.cancel() });
conversation("cleanup-without-a-shield", { value: ["Cancelled", "Cancelled"] }, async () => {
  const name = (error: unknown): string => (error as Error).constructor.name;
  const first = await sleep("1h").catch(name);
  return [first, await echo("too late").catch(name)];
}, async (world) => { await world.sees("TimerStarted"); await world.cancel() });
conversation("saga", { value: "no card" }, async () => saga(async () => {
  await book("flight");
  await undoAgain();
  await Promise.all([bookLate(), fails("no card")]);
}).catch((error: unknown) => reasonOf(error instanceof Error ? error.cause : error)));
conversation("saga-cancelled", CANCELLED, async () => saga(async () => {
  await book("flight");
  await book("hotel");
  await sleep("1h");
}), async (world) => { await world.sees("TimerStarted"); await world.cancel() });
const trip = workflow("talk-trip", async () => saga(async () => { await book("car"); await fails("sold out") }));
conversation("saga-in-a-child", { value: ["undone", "kept"] }, async () => {
  return [await trip().catch(() => "undone"), await saga(async () => { await book("train"); return "kept" })];
});
interface Count { readonly total: number; readonly left: number }
const counter = workflow("talk-counter", async (count: Count): Promise<number> => {
  const { total, left } = count ?? { total: 0, left: 3 };
  if (left === 0) return total;
  return continueWith({ total: await add(total, await go.wait()), left: left - 1 });
});
conversations.push({ name: "chain-with-unread-signals", end: { value: 6 }, outside: three,
  run: counter as unknown as Workflow<Inputs, unknown> });
conversation("chain-in-a-child", { value: [6, "on"] }, async () => {
  const child = await counter.start({ total: 0, left: 3 });
  for (const n of [1, 2, 3]) await child.signal(go, n); // to its first link, wherever it is by then
  return [await child.result(), await echo("on")];
});
conversation("patched", { value: ["new", "newer"] }, async () => {
  const way = patched("talk-faster") ? await echo("new") : await echo("old");
  deprecatePatch("talk-gone");
  return [way, patched("talk-newer") ? await echo("newer") : "older"];
});
const shows = task("talk-shows", async (n: number) => { did(); stream<number>("numbers").write(n); progress(n, 2) });
conversation("shows", { value: "shown" }, async () => {
  attributes({ customer: "ada" });
  for (const n of [1, 2]) await shows(n);
  stream<string>("words").write("done");
  attributes({ customer: "bob" });
  return "shown";
});
