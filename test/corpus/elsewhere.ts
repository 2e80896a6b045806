/** The corpus, fifth part: tasks whose attempts are made in threads and processes. These load this file by themselves,
 *  so that it imports the package as a user does. */
import { task, taskContext, workflow, type Inputs, type Workflow } from "reprise";

const square = task("elsewhere-square", { runner: "thread" }, (n: number) => n * n);
const cube = task("elsewhere-cube", { runner: "process" }, (n: number) => n ** 3);
const refuse = task("elsewhere-refuse", { runner: "thread" }, (what: string) => { throw new RangeError(what) });
/** Each attempt takes one step more, from where the one before said it was. */
const climb = task("elsewhere-climb", { runner: "thread", retries: 9, retryDelay: 1 }, (to: number) => {
  const { heartbeat, lastHeartbeat } = taskContext(), at = (lastHeartbeat<number>() ?? 0) + 1;
  heartbeat(at);
  if (at < to) throw new Error(`at ${at}`);
  return at;
});
const here = task("elsewhere-here", async (n: number) => n);

const inThreads = workflow("elsewhere-threads", async () => [await square(3), await Promise.all([4, 5, 6].map((n) =>
  square(n))), await climb(3)]);
const inProcesses = workflow("elsewhere-processes", async () => [await cube(2), await here(1), await cube(3)]);
const mixed = workflow("elsewhere-mixed", async () => {
  const [a, b, c] = await Promise.all([square(2), cube(2), here(2)]);
  const refused = await refuse("too far").catch((error: Error) => String(error.cause));
  return [a, b, c, refused];
});
/** With what each must return, however often its engine dies. */
export const elsewhere: readonly { readonly run: Workflow<Inputs, unknown>; readonly value: unknown }[] = [
  { run: inThreads, value: [9, [16, 25, 36], 3] }, { run: inProcesses, value: [8, 1, 27] },
  { run: mixed, value: [4, 8, 2, "RangeError: too far"] },
];
