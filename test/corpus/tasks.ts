/** The corpus, second part: what a task may ask for beyond an attempt in this thread. */
import { limit, sleep, task, taskContext, TaskError } from "../../sdk/index.ts";
import { effects, specimen } from "./workflows.ts";

const did = (what: string): void => { effects.push(what) };

const kept = task("kept", { cache: "1h" }, (n: number) => { did(`kept ${n}`); return n * 2 });
const keptInRun = task("keptInRun", { cache: { policy: ["inputs", "run"] } }, async (n: number) => {
  did(`keptInRun ${n}`);
  await new Promise((resolve) => { setTimeout(resolve, 3) });
  return n;
});
specimen("cached", [4, 6, 4], async () => [await kept(2), await kept(3), await kept(2)]);
specimen("cached-at-once", [1, 1, 2, 1], async () => Promise.all([keptInRun(1), keptInRun(1), keptInRun(2),
  keptInRun(1)]));

const page = task("page", { retries: 5, retryDelay: 1, heartbeat: "1h" }, async (upTo: number) => {
  const { heartbeat, lastHeartbeat, attempt } = taskContext();
  for (let done = (lastHeartbeat<number>() ?? 0) + 1; done <= upTo; done++) {
    did(`page ${done}`);
    heartbeat(done);
    if (done === attempt && done < upTo) throw new Error("again");
  }
  return lastHeartbeat<number>() === undefined || attempt > 1 ? "all pages" : "not from the beginning";
});
const quiet = task("quiet", { heartbeat: 15 }, () => new Promise<never>(() => undefined));
const queued = task("queued", { queueTimeout: "1h", deadline: "1h" }, (n: number) => { did(`queued ${n}`); return n });
specimen("heartbeats", "all pages", async () => page(3));
specimen("silence", "the silence of attempt N of task 'quiet' took longer than 15 ms", async () =>
  (await failsAs(quiet())).replace(/attempt \d+/, "attempt N"));
specimen("limits-of-waiting", [1, 2], async () => [await queued(1), await queued(2)]);

const inVain = task("inVain", { retries: 999, retryDelay: 4, deadline: 15 }, () => { throw new Error("never") });
const one = limit("corpus-one", 1);
const holds = task("holds", { limits: [one] }, () => new Promise<void>((resolve) => {
  taskContext().abortSignal.addEventListener("abort", () => resolve());
}));
const tooLate = task("tooLate", { limits: [one], queueTimeout: 5 }, () => "in time");
specimen("deadline-of-all-attempts", "task 'inVain' with all its attempts took longer than 15 ms",
  async () => failsAs(inVain()));
specimen("queue-timeout", "the wait of task 'tooLate' to begin took longer than 5 ms", async () => {
  const first = holds.submit(); // until it is given up
  await sleep(60); // by then it has its slot, though its first question may have been lost
  const late = await failsAs(tooLate());
  first.cancel();
  return late;
});

async function failsAs(promise: Promise<unknown>): Promise<string> {
  try { return `no failure: ${String(await promise)}` } catch (error) {
    return error instanceof TaskError && error.cause instanceof Error ? error.cause.message : String(error);
  }
}
