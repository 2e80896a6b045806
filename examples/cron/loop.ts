/**
 * A loop that goes on for ever, as cron would: work, then sleep until the next time. After every 500 rounds it
 * continues as a fresh run, which keeps each history short; killed in any round, it goes on with that round.
 * npx reprise run examples/cron/loop.ts
 */
import { continueWith, isMain, sleep, task, workflow, z } from "reprise";

const PER_LINK = 500;

const collect = task("collect", async (round: number) => round % 10);

const Input =
  z.object({ rounds: z.number(), everyMs: z.number(), round: z.number().default(1), sum: z.number().default(0) });

export const loop = workflow("cron-loop", { input: Input }, async ({ rounds, everyMs, round, sum }) => {
  const last = Math.min(rounds, round + PER_LINK - 1);
  for (; round <= last; round++) {
    sum += await collect(round);
    await sleep(everyMs);
  }
  return round > rounds ? `${rounds} rounds, sum ${sum}` : continueWith({ rounds, everyMs, round, sum });
});

if (isMain(import.meta)) console.log(await loop({ rounds: Number(process.env["COUNT"] ?? 10_000), everyMs: 1 }));
