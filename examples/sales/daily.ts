/**
 * Daily sales: 100 rows are checked (bad ones are listed, not fatal), given a ticket size, summed for each region in
 * parallel, and written as CSV.   npx reprise run examples/sales/daily.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { isMain, task, workflow, z } from "reprise";
import { ran } from "../ledger.ts";
import { salesRows, type SaleRow } from "./rows.ts";

const Sale =
  z.object({ id: z.number(), region: z.enum(["north", "south", "east", "west"]), amount: z.coerce.number().positive(),
  items: z.number().int().positive() });
type Sale = z.infer<typeof Sale>;
type Ticket = Sale & { readonly size: "small" | "medium" | "large" };

const extract = task("extract", async (seed: number): Promise<SaleRow[]> => { ran(); return salesRows(seed) });

const validate = task("validate", async (rows: SaleRow[]) => {
  ran();
  const good: Sale[] = [], bad: { id: number; why: string }[] = [];
  for (const row of rows) {
    const { data, error } = Sale.safeParse(row);
    if (data !== undefined) good.push(data);
    else bad.push({ id: row.id, why: error.issues.map((issue) => issue.path.join(".")).join(", ") });
  }
  return { good, bad };
});

const transform = task("transform", async (sales: Sale[]): Promise<Ticket[]> => {
  ran();
  return sales.map((sale) => ({ ...sale, size: sale.amount < 100 ? "small" : sale.amount < 300 ? "medium" : "large" }));
});

const total = task("total", async (region: string, tickets: Ticket[]) => {
  ran();
  const cents = tickets.reduce((sum, { amount }) => sum + Math.round(amount * 100), 0);
  return { region, sales: tickets.length, large: tickets.filter(({ size }) => size === "large").length, cents };
});

const write = task("write", async (file: string, tickets: Ticket[]) => {
  ran();
  mkdirSync(file.replace(/\/[^/]*$/, ""), { recursive: true });
  writeFileSync(file, ["id,region,amount,items,size",
    ...tickets.map((t) => [t.id, t.region, t.amount.toFixed(2), t.items, t.size].join(","))].join("\n") + "\n");
  return tickets.length;
});

export const dailySales =
  workflow("daily-sales", { input: z.object({ seed: z.number().default(7), file: z.string() }) },
  async ({ seed, file }) => {
    const { good, bad } = await validate(await extract(seed));
    const tickets = await transform(good);
    const regions = [...new Set(tickets.map(({ region }) => region))].sort();
    const totals =
      await Promise.all(regions.map((region) => total(region, tickets.filter((t) => t.region === region))));
    return { written: await write(file, tickets), bad, totals };
  });

if (isMain(import.meta)) {
  const { written, bad, totals } = await dailySales({ file: `${process.env["OUT"] ?? "out"}/sales.csv` });
  for (const { region, sales, large, cents } of totals) {
    console.log(`${region.padEnd(6)} ${String(sales).padStart(3)} sales, ${large} large, ${(cents / 100).toFixed(2)}`);
  }
  console.log(`${written} written, refused: ${bad.map(({ id, why }) => `row ${id} (${why})`).join(", ")}`);
}
