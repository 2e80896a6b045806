/** The corpus, fourth part: further tries of runs, forks, and runs whose time is over. */
import { signal, sleep, task, taskContext, workflow, z, type Inputs, type Workflow,
  type WorkflowOptions } from "../../sdk/index.ts";
import { CANCELLED, conversations, did, type Conversation } from "./conversations.ts";

function tried(name: string, end: Conversation["end"], options: WorkflowOptions, fn: () => Promise<unknown>,
  outside?: Conversation["outside"]): void {
  conversations.push({ name, end, every: 3, ...(outside && { outside }),
    // Without `input` in its options it takes nothing, like every workflow of the corpus.
    run: workflow(`tried-${name}`, options, fn) as Workflow<Inputs, unknown> });
}
const add = task("tried-add", async (a: number, b: number) => { did(); return a + b });
/** Attempts count on from one try of its run to the next. */
const third = task("tried-third", async () => {
  did();
  if (taskContext().attempt < 3) throw new Error("not yet");
  return taskContext().attempt >= 3;
});
const down = task("tried-down", async () => { did(); throw new Error("down") });
const go = signal("tried-go", z.number());

tried("run-retries", { value: [3, true] }, { retries: 9, retryDelay: 1 }, async () => [await add(1, 2), await third()]);
tried("run-retries-in-vain", { error: "Error: down" }, { retries: 2, retryDelay: 1 }, async () => {
  await add(1, 2);
  await down();
});
const shaky = workflow("tried-shaky", { retries: 9, retryDelay: 1 }, async (n: number) => {
  await third();
  return add(n, n);
});
tried("child-retries", { value: [8, 3] }, {}, async () => [await shaky(4), await add(1, 2)]);
const waiting = workflow("tried-waiting", { retries: 9, retryDelay: "1h" }, async () => { await down() });
tried("cancel-between-tries", CANCELLED, {}, async () => { await waiting() }, async (world) => {
  await world.seesIn(await world.child(0), "RunFailed");
  await world.cancel();
});
tried("signal-between-tries", { value: [true, 7] }, { retries: 9, retryDelay: 4 },
  async () => [await third(), await go.wait()], async (world) => {
  await world.sees("RunFailed");
  await world.signal("tried-go", 7, "seven");
});

tried("retry-by-hand", { error: "Error: not yet" }, {}, async () => { await add(1, 2); await third() },
  async (world) => { await world.sees("RunFailed"); await world.retry() });
tried("fork-with-another-result", { value: 8 }, {}, async () => add(await add(1, 2), 5), async (world) => {
  await world.sees("RunCompleted");
  await world.fork({ results: { "task:tried-add#0": 40 } });
});
const listening = workflow("tried-listening", async () => add(await go.wait(), 1));
tried("fork-with-an-open-child", { value: [3, 8] }, {}, async () => {
  const child = await listening.start();
  await sleep(1);
  const sum = await add(1, 2);
  await child.signal(go, 7);
  return [sum, await child.result()];
}, async (world) => { await world.sees("RunCompleted"); await world.fork({ at: "task:tried-add#0" }) });

tried("run-deadline", { error: "TimedOut: workflow 'tried-run-deadline' took longer than 25 ms" }, { deadline: 25 },
  async () => { await add(1, 2); await sleep("1h") });
const endless = workflow("tried-endless", async () => { await go.wait() });
tried("run-deadline-of-a-child", { error: "TimedOut: workflow 'tried-run-deadline-of-a-child' took longer than 25 ms" },
  { deadline: 25 }, async () => { await endless() });
