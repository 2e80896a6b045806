/**
 * Ten thousand small tasks, at most 200 at a time; killed anywhere, only the unfinished ones run again.
 * npx reprise run examples/many/map.ts
 */
import { isMain, task, workflow } from "reprise";
import { ran } from "../ledger.ts";

const square = task("square", async (n: number) => { ran(); return n * n });

export const squares = workflow("squares", async (count: number) => {
  const results = await square.map(Array.from({ length: count }, (_, i) => i), { concurrency: 200 });
  return results.reduce((sum, n) => sum + n, 0);
});

if (isMain(import.meta)) console.log(`sum of squares: ${await squares(Number(process.env["COUNT"] ?? 10_000))}`);
