/**
 * BTC prices: a minute's prices over HTTP (the server fails at first, so that the retries show), kept as JSON, and the
 * average of each hour.   npx reprise run examples/btc/hourly.ts   (PRICES_URL: see examples/fixture-server.mjs)
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { exponential, isMain, task, workflow } from "reprise";
import { ran } from "../ledger.ts";

interface Price { readonly at: string; readonly usd: number }

const extract = task("extract", { retries: 5, retryDelay: exponential("20ms", { max: "1s" }), timeout: "10s" },
  async (url: string): Promise<Price[]> => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    ran();
    return response.json() as Promise<Price[]>; // the fixture server's own format
  });

const load = task("load", async (file: string, prices: Price[]) => {
  ran();
  mkdirSync(file.replace(/\/[^/]*$/, ""), { recursive: true });
  writeFileSync(file, JSON.stringify(prices));
  return prices.length;
});

const average = task("average", async (file: string, hour: string) => {
  ran();
  const prices = JSON.parse(readFileSync(file, "utf8")) as Price[]; // what load() wrote
  const mine = prices.filter(({ at }) => at.startsWith(hour));
  return { hour, usd: Math.round(mine.reduce((sum, { usd }) => sum + usd, 0) / mine.length * 100) / 100 };
});

export const btcHourly = workflow("btc-hourly", async ({ url, file }: { url: string; file: string }) => {
  const prices = await extract(url);
  const loaded = await load(file, prices);
  const hours = [...new Set(prices.map(({ at }) => at.slice(0, 13)))];
  return { loaded, averages: await Promise.all(hours.map((hour) => average(file, hour))) };
});

if (isMain(import.meta)) {
  const { loaded, averages } = await btcHourly({ url: `${process.env["PRICES_URL"] ?? "http://127.0.0.1:4411"}/btc`,
    file: `${process.env["OUT"] ?? "out"}/btc.json` });
  console.log(`${loaded} prices`);
  for (const { hour, usd } of averages) console.log(`${hour}:00 ${usd.toFixed(2)}`);
}
