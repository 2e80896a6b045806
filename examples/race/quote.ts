/**
 * Two suppliers are asked for a price, the first answer wins, and a third who never answers is given up after a while.
 * npx reprise run examples/race/quote.ts
 */
import { isMain, sleep, task, TimedOut, withTimeout, workflow } from "reprise";
import { ran } from "../ledger.ts";

const ask = task("ask", async (supplier: string, answersAfterMs: number) => {
  await sleep(answersAfterMs); // in a task: an ordinary timer that ends when the task is cancelled
  ran();
  return `${supplier}: ${answersAfterMs} cents`;
});

export const quote = workflow("quote", async () => {
  const first = await Promise.race([ask("Quick & Co", 30), ask("Slow & Sons", 60_000)]);
  const late = await withTimeout("200ms", () => ask("Never Ltd", 60_000))
    .catch((error: unknown) => { if (error instanceof TimedOut) return "Never Ltd: no answer"; throw error });
  return [first, late];
});

if (isMain(import.meta)) for (const line of await quote()) console.log(line);
