/**
 * A machine is rented, used, and given back, whatever happens: also when the run is cancelled. Cancelling rejects every
 * open call; inside `shield` calls still work, so that the cleanup can take its time.
 * npx reprise run examples/shield/cleanup.ts
 */
import { isMain, shield, signal, sleep, task, workflow } from "reprise";

const rent = task("rent", async () => "machine-1");
const stop = task("stop", async (machine: string) => `${machine} stopped`);
const giveBack = task("give-back", async (machine: string) => `${machine} given back`);
const never = signal("never");

export const job = workflow("job", async () => {
  const machine = await rent();
  try {
    await never.wait(); // the work; here it lasts until somebody cancels the run
  } finally {
    await shield(async () => {
      await stop(machine);
      await sleep("50ms"); // may wait, though the run is being cancelled
      await giveBack(machine);
    });
  }
});

if (isMain(import.meta)) {
  const run = await job.start();
  for await (const event of run) {
    // Started again after a kill, this script may ask a run that has ended.
    if (event.type === "WaitOpened") await run.cancel({ reason: "the budget is spent" }).catch(() => undefined);
  }
  console.log((await run.state()).state);
  for await (const event of run.history()) if (event.type === "TaskCompleted") console.log(event.key);
}
