/**
 * The first mirror that answers wins. `scope` ends what is still open when it is left, so that the losers stop: their
 * tasks see it on their abortSignal, and nothing of them comes later.
 * npx reprise run examples/scope/fastest.ts
 */
import { isMain, scope, sleep, task, workflow } from "reprise";

const fetchFrom = task("fetch-from", async (mirror: string, answersAfterMs: number) => {
  await sleep(answersAfterMs); // in a task: an ordinary timer that ends when the task is cancelled
  return `from ${mirror}`;
});

export const fastest = workflow("fastest", async () => {
  const page = await scope(() => Promise.any([
    fetchFrom("Oslo", 60_000), fetchFrom("Lima", 30), fetchFrom("Kyoto", 60_000),
  ]));
  return page;
});

if (isMain(import.meta)) {
  const run = await fastest.start();
  console.log(await run.result());
  for await (const event of run.history()) {
    if (event.type === "TaskCancelRequested") console.log(`gave up ${event.key}`);
  }
}
