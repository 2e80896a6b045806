/** The page of limits: who holds, who waits, live, with links into the runs. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { limit, rate, task, workflow } from "../sdk/index.ts";
import { calm, drawn, openHouse, violations, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";

const gates: (() => void)[] = [];
const gate = (): Promise<void> => new Promise((resolve) => { gates.push(resolve) });

describe.skipIf(chromiumForTests() === undefined)("the page of limits", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse({}, true) });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });
  const row = (name: RegExp): ReturnType<Page["getByRole"]> => page.getByRole("row", { name });

  test("have their like in pools: a run's page says that no worker is there for one", async () => {
    const far = task("far", { pool: "moon" }, async () => 1);
    const flow = workflow("limits-far", async () => far());
    const run = await flow.with({ name: "lone-heron" }).start();
    page = await house.open(`/runs/${run.id}`);
    await page.getByText("waits for far in pool moon").waitFor();
    await page.getByRole("status").getByText("no worker for pool moon").waitFor();
    expect(await violations(page)).toEqual([]);
    await run.cancel();
  });

  test("says how one comes to be, while there is none", async () => {
    page = await house.open("/runs");
    await page.getByRole("link", { name: "Limits" }).click();
    await page.getByText("No limit is in use").waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("shows who holds a slot and who waits, and follows them; a line leads to the call in its run", async () => {
    const database = limit("limits-db", 1), bank = rate("limits-bank", { max: 5, per: "1m" });
    const slow = task("slow", { limits: [database] }, async (n: number) => { await gate(); return n });
    const quick = task("quick", { limits: [bank] }, async () => 1);
    const flow = workflow("limits-flow", async () => { await quick(); return Promise.all([slow(1), slow(2)]) });
    const run = await flow.with({ name: "busy-heron" }).start();
    page = await house.open("/limits?limit=limits-db");
    await row(/holds busy-heron task:slow#0/).waitFor();
    await row(/waits, no\. 1 busy-heron task:slow#1/).waitFor();
    await page.getByRole("link", { name: /limits-db.*1 of 1.*1 waits/ }).waitFor();
    for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
    }
    await expect.poll(() => gates.length).toBe(1);
    gates.pop()?.();
    await row(/holds busy-heron task:slow#1/).waitFor();
    await page.getByRole("link", { name: /limits-bank/ }).press("Enter");
    await page.getByText("5 per 1 min").first().waitFor();
    await page.getByText("Nobody holds a rate").waitFor();
    await page.goBack();
    await row(/holds busy-heron/).getByRole("link").press("Enter");
    await drawn(page);
    expect(new URL(page.url()).pathname).toBe(`/runs/${run.id}`);
    expect(new URL(page.url()).searchParams.get("e")).toBe("task:slow#1");
    await expect.poll(() => gates.length).toBe(1);
    gates.pop()?.();
    await run.result();
  });

  test("shows the turns of a workflow by its key, and that they are over", async () => {
    const hold = task("hold", async () => { await gate() });
    const flow = workflow("limits-turns", { concurrency: { max: 1, key: (who: string) => who } },
      async (_who: string) => hold());
    const first = await flow.with({ name: "first-owl" }).start("ada");
    const second = await flow.with({ name: "second-owl" }).start("ada");
    page = await house.open("/limits");
    await page.getByRole("link", { name: /limits-turns\/ada/ }).click();
    await row(/has it first-owl/).waitFor();
    await row(/waits, no\. 1 second-owl/).waitFor();
    expect(await violations(page)).toEqual([]);
    for (const run of [first, second]) {
      await expect.poll(() => gates.length).toBe(1);
      gates.pop()?.();
      await run.result();
    }
    await page.getByText("Nothing is called limits-turns/ada now").waitFor();
  });
});
