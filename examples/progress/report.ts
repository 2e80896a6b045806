/**
 * What a run shows while it runs: attributes to find it by, progress, a stream that others follow, and artifacts to
 * look at afterwards. All of it is read without a worker:
 *   npx reprise run examples/progress/report.ts
 *   npx reprise runs stream -1 lines --follow
 *   npx reprise runs artifacts -1
 */
import { artifact, attributes, isMain, progress, stream, task, workflow } from "reprise";

const lines = stream<{ city: string; sales: number }>("lines");

const count = task("count", async (city: string) => {
  const sales = city.length * 111;
  lines.write({ city, sales }); // from a task: recorded with its result
  return sales;
});

export const report = workflow("report", async (cities: string[]) => {
  attributes({ cities: cities.length, month: "2026-05" });
  const rows: { city: string; sales: number }[] = [];
  for (const city of cities) {
    rows.push({ city, sales: await count(city) });
    progress(rows.length, cities.length);
  }
  const total = rows.reduce((sum, { sales }) => sum + sales, 0);
  artifact.table("sales", rows);
  artifact.markdown("summary", `# May\n\n**${total}** sales in ${cities.length} cities.`);
  artifact.link("source", "https://example.com/sales/2026-05");
  return `${total} sales`;
});

if (isMain(import.meta)) console.log(await report(["Oslo", "Lima", "Kyoto"]));
