/** The corpus, sixth part: what is left of the public surface, so that none of it is without crash points. */
import { artifact, Cancelled, expose, logger, query, rate, record, RepriseError, signal, sleep, task, taskContext,
  TimedOut, waitFor, workflow, z, type Inputs, type Workflow, type WorkflowOptions } from "../../sdk/index.ts";
import { CANCELLED, conversations, did, type Conversation } from "./conversations.ts";
import { specimen } from "./workflows.ts";

function conversation(name: string, end: Conversation["end"], options: WorkflowOptions, fn: () => Promise<unknown>,
  outside?: Conversation["outside"]): void {
  conversations.push({ name, end, every: 3, ...(outside && { outside }),
    // Without `input` in its options it takes nothing, like every workflow of the corpus.
    run: workflow(`surface-${name}`, options, fn) as Workflow<Inputs, unknown> });
}

// ---- tasks --------------------------------------------------------------------------------------------------------
const paced = task("surface-paced", { limits: [rate("surface-rate", { max: 2, per: 8 })] }, async (n: number) => n);
specimen("rated", [0, 1, 2, 3], async () => paced.map([0, 1, 2, 3]));

const kept = task("surface-kept", { cache: { ttl: "1h", single: false, key: (n: number) => `${n}` } },
  async (n: number) => n * 2);
const afresh = kept.with({ cache: { refresh: true } });
specimen("cached-afresh", [4, 4, 4], async () => [await kept(2), await afresh(2), await kept(2)]);

const seen: string[] = [];
const described = task("surface-described", { description: "has every label", tags: ["a", "b"], version: "7",
  runName: (n: number) => `number ${n}`, captureConsole: true, retries: 1,
  retryIf: (error) => error.message === "again",
  onCompleted: (n) => { seen.push(`completed ${n}`) }, onFailed: (error) => { seen.push(error.message) } },
  async (n: number) => {
    console.log(`number ${n}`);
    if (n === 1 && taskContext().attempt === 1) throw new Error("again");
    if (n === 2) throw new Error("never");
    return n;
  });
specimen("described", [1, "never", 3], async () => [await described(1), await described(2).catch((error: unknown) =>
  error instanceof Error && error.cause instanceof Error ? error.cause.message : error), await described(3)]);
specimen("refused", ["NOT_IN_TASK", "INVALID_DURATION"], async () => {
  const code = async (fn: () => unknown): Promise<string> => {
    try { await fn(); return "taken" } catch (error) { return error instanceof RepriseError ? error.code : "another" }
  };
  return [await code(() => taskContext()), await code(() => sleep("soon"))];
});
specimen("shown", "shown", async () => {
  artifact.table("rows", [{ n: 1 }]);
  artifact.markdown("text", "# one");
  artifact.link("docs", "https://example.org/");
  artifact.image("dot", "data:image/png;base64,AA==");
  artifact.progress("half", 0.5);
  logger().info("shown", { n: 1 });
  return record("how", () => "shown");
});
const hangs = task("surface-hangs", () => new Promise<never>(() => undefined));
specimen("given-up", [true, "cancelled"], async () => {
  const future = hangs.submit();
  future.cancel("not needed");
  return [await future.result().then(() => false, (error: unknown) => error instanceof Cancelled), future.state];
});

// ---- runs that others look at, and that wait for others -------------------------------------------------------------
const add = task("surface-add", async (a: number, b: number) => { did(); return a + b });
const go = signal("surface-go", z.number());
const total = query<number>("surface-total");
conversation("queried", { value: 6 }, { signals: [go], version: "1.2", tags: ["read"], runName: "a run to be read",
  description: "says what it has", evolve: "strict" }, async () => {
  let sum = 0;
  expose(total, () => sum);
  for (let i = 0; i < 3; i++) sum = await add(sum, await go.wait());
  return sum;
}, async (world) => {
  for (const [i, n] of [1, 2, 3].entries()) {
    await world.signal("surface-go", n, `n${n}`);
    await world.sees("TaskCompleted", i + 1);
    const said = Number(await world.query("surface-total"));
    if (said < (n * (n + 1)) / 2) throw new Error(`after ${n} it says ${said}`);
  }
});
conversation("webhook", { value: ["paid", true] }, {}, async () => {
  const hook = waitFor.webhook(z.string(), { name: "payment", timeout: "1h" });
  const late = waitFor.webhook(z.string(), { name: "late", timeout: 3 });
  await add(hook.url.length, 0);
  return [await hook, await late.then(() => false, (error: unknown) => error instanceof TimedOut)];
}, async (world) => { await world.sees("TaskCompleted"); await world.answer("payment", "paid") });
const turn = workflow("surface-turn", { input: z.number(), concurrency: { max: 1 } },
  async (n) => { await sleep(1); return n });
conversation("turns", { value: [1, 2, 3] }, {}, async () => Promise.all([1, 2, 3].map((n) => turn(n))));
conversation("turn-given-up", CANCELLED, {}, async () => { await Promise.all([turn(1), sleep("1h"), turn(2)]) },
  async (world) => { await world.sees("ChildStarted", 2); await world.cancel() });
conversation("dangling", { value: "in the end" }, { dangling: "await" }, async () => {
  void add(1, 2);
  return "in the end";
});
