/**
 * Three reports begin at the same moment and need the same exchange rate: one of them asks for it, the others wait for
 * that answer, and for an hour every further report takes it from the cache.
 * npx reprise run examples/rates/report.ts
 */
import { isMain, sleep, task, workflow } from "reprise";
import { ran } from "../ledger.ts";

const rate = task("rate", { cache: "1h", retries: 2 }, async (currency: string) => {
  ran();
  await sleep("300ms"); // as long as a slow service takes
  return { eur: 1.08, chf: 1.13 }[currency] ?? 1;
});

export const report = workflow("report", async ({ region, sold }: { region: string; sold: number }) =>
  `${region.padEnd(5)} ${(sold * await rate("eur")).toFixed(2)} usd`);

if (isMain(import.meta)) {
  const regions = [{ region: "north", sold: 100 }, { region: "south", sold: 250 }, { region: "west", sold: 75.5 }];
  for (const line of await Promise.all(regions.map((input) => report(input)))) console.log(line);
}
