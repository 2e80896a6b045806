/** The corpus, sixth part: tasks whose calls are made in a pool, by child runs. */
import { saga, signal, sleep, task, taskContext, TaskError, withTimeout, workflow, z } from "../../sdk/index.ts";
import { CANCELLED, conversations, did, type Conversation } from "./conversations.ts";

function pooled(name: string, end: Conversation["end"], fn: () => Promise<unknown>,
  outside?: Conversation["outside"]): void {
  conversations.push({ name: `pool-${name}`, end, every: 3, run: workflow(`pool-${name}`, fn),
    ...(outside && { outside }) });
}
const add = task("pool-add", { pool: "gpu" }, async (a: number, b: number) => { did(); return a + b });
const again = task("pool-again", { pool: "gpu", retries: 3, retryDelay: 1 }, async () => {
  did();
  if (taskContext().attempt < 3) throw new Error("not yet");
  return "at last";
});
const fails = task("pool-fails", { pool: "gpu", undo: async () => undefined }, async (why: string) => {
  did();
  throw new TypeError(why);
});
const undone = task("pool-undone", { pool: "gpu", undo: async () => { did() } }, async (what: string) => {
  did();
  return what;
});
const hang = task("pool-hang", { pool: "gpu" }, () => new Promise<never>((_, reject) => {
  taskContext().abortSignal.addEventListener("abort", () => reject(new Error("given up")), { once: true });
}));
const here = add.with({ pool: "default", retries: 1 });
const go = signal("pool-go", z.number());

pooled("results", { value: [3, [7, 11], "at last", 5] }, async () => [await add(1, 2),
  await Promise.all([add(3, 4), here(5, 6)]), await again(), await add.with({ key: "task:five" })(2, 3)]);
pooled("failure", { value: ["TypeError: too far", 1, "failed", "sold out"] }, async () => {
  const error = await fails("too far").catch((one: unknown) => one);
  const { state } = await fails.settle("again"), attempts = error instanceof TaskError ? error.attempts : 0;
  const undoing = saga(async () => { await undone("car"); await undone("room"); throw new Error("sold out") });
  return [error instanceof TaskError ? String(error.cause) : error, attempts, state,
    await undoing.catch((one: Error) => one.message)];
});
pooled("fails", { error: "TypeError: no" }, async () => { await add(1, 2); await fails("no") });
pooled("given-up", { value: ["late", 3] }, async () => {
  const late = await withTimeout(5, () => hang()).catch(() => "late");
  return [late, await add(1, 2)];
});
pooled("cancelled", CANCELLED, async () => { await Promise.all([hang(), sleep("1h")]) },
  async (world) => { await world.sees("ChildStarted"); await world.cancel() });
pooled("cancelled-there", { value: "Cancelled" }, async () => {
  const settled = await hang.settle();
  return settled.ok ? "no" : settled.error.name;
}, async (world) => { await world.cancel(await world.child(0)) });
pooled("injected", { value: 8 }, async () => add(await hang(), 1), async (world) => {
  await world.sees("ChildStarted");
  await world.inject("task:pool-hang#0", 7);
});
pooled("forked-with-an-open-call", { value: [3, 9] }, async () => {
  const open = add.submit(4, 5);
  await sleep(1);
  const sum = await add(1, 2);
  return [sum, await open];
}, async (world) => { await world.sees("RunCompleted"); await world.fork({ at: "task:pool-add#1" }) });
pooled("beside-signals", { value: 10 }, async () => {
  let sum = 0;
  for (let i = 0; i < 2; i++) sum = await add(sum, await go.wait());
  return sum;
}, async (world) => { for (const n of [4, 6]) await world.signal("pool-go", n, `go-${n}`) });
