/**
 * A thousand child runs at once, and their results together. Each child has a history of its own, can be looked at,
 * cancelled or resumed by itself; a failed one does not take the others with it.
 * npx reprise run examples/children/fan-out.ts
 * npx reprise runs ls --workflow crawl-all, and with the id that it prints: npx reprise runs tree <id>
 */
import { isMain, RunError, task, workflow } from "reprise";

const measure = task("measure", async (page: number) => {
  if (page % 333 === 0) throw new Error(`page ${page} cannot be read`);
  return page * 2;
});

export const crawl = workflow("crawl", async (page: number) => measure(page));

export const crawlAll = workflow("crawl-all", async (pages: number) => {
  const outcomes = await Promise.allSettled(Array.from({ length: pages }, (_, i) => crawl(i + 1)));
  const words = outcomes.reduce((sum, one) => one.status === "fulfilled" ? sum + one.value : sum, 0);
  const failed = outcomes.flatMap((one) => one.status === "rejected" && one.reason instanceof RunError
    ? [one.reason.cause instanceof Error ? one.reason.cause.message : one.reason.message] : []);
  return { words, failed };
});

if (isMain(import.meta)) {
  const { words, failed } = await crawlAll(Number(process.env["COUNT"] ?? 1000));
  console.log(`${words} words`);
  for (const line of failed) console.log(line);
}
