/**
 * Four ranges are searched for primes in worker threads, while this thread stays free: its own task ticks meanwhile.
 * npx reprise run examples/primes/count.ts
 */
import { isMain, task, taskContext, workflow } from "reprise";
import { ran } from "../ledger.ts";

const count = task("count", { runner: "thread", retries: 2, heartbeat: "1m" }, (from: number, to: number) => {
  ran();
  const { heartbeat } = taskContext();
  let primes = 0;
  for (let n = Math.max(2, from); n < to; n++) {
    if (n % 50_000 === 0) heartbeat({ n, primes });
    let prime = n === 2 || n % 2 === 1;
    for (let d = 3; prime && d * d <= n; d += 2) prime = n % d !== 0;
    if (prime) primes++;
  }
  return primes;
});
const tick = task("tick", () => { ran(); return 1 });

export const primes = workflow("primes", async () => {
  const parts = [0, 1, 2, 3].map((part) => count(part * 200_000, (part + 1) * 200_000));
  let ticks = 0;
  for (let i = 0; i < 100; i++) ticks += await tick();
  const counts = await Promise.all(parts);
  return `${counts.join(" + ")} = ${counts.reduce((a, b) => a + b, 0)} primes below 800000, ${ticks} ticks`;
});

if (isMain(import.meta)) console.log(await primes());
