/** The list of runs: filters and orders, all in the address; tasks counted; by mouse and by keys. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { calm, drawn, openHouse, violations, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { counter } from "./viewer-world.ts";

describe.skipIf(chromiumForTests() === undefined)("the list of runs", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse({}, true) });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });
  const names = async (): Promise<readonly string[]> => page.locator(".run-row a.over").allTextContents();
  const soonNames = (): ReturnType<typeof expect.poll<readonly string[]>> => expect.poll(names);
  const query = (name: string): string | null => new URL(page.url()).searchParams.get(name);
  const NEWEST = ["shy-wren", "late-moth", "calm-otter", "brisk-fox", "tidy-owl", "quiet-heron"];
  const head = (name: string): ReturnType<Page["getByRole"]> => page.getByRole("columnheader", { name });

  test("is ordered by the heads of its columns, and the order stays in the address", async () => {
    page = await house.open("/runs");
    await soonNames().toEqual(NEWEST);
    expect(await head("Started").getAttribute("aria-sort")).toBe("descending");
    await head("Started").getByRole("button").press("Enter");
    await soonNames().toEqual(NEWEST.toReversed());
    expect([query("sort"), await head("Started").getAttribute("aria-sort")]).toEqual(["oldest", "ascending"]);
    await head("Took").getByRole("button").click();
    await soonNames().toEqual(["late-moth", "brisk-fox", "calm-otter", "tidy-owl", "quiet-heron", "shy-wren"]
      .sort((a, b) => took.get(b)! - took.get(a)!));
    await page.getByText("the longest of the 20,000 newest").waitFor();
    for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
    }
    await page.goBack();
    await soonNames().toEqual(NEWEST.toReversed());
  });
  let took: ReadonlyMap<string, number>;
  beforeAll(async () => {
    took = new Map((await house.engine.list({})).map(({ name, createdAt, endedAt }) =>
      [name, (endedAt ?? Infinity) - createdAt]));
  });

  test("is narrowed by duration, worker, version and tag, and is the same at the same address", async () => {
    page = await house.open("/runs");
    await soonNames().toEqual(NEWEST);
    await page.getByRole("row", { name: /tidy-owl .* 1 warning/ }).waitFor(); // of the log
    await page.getByLabel("Duration").selectOption("over 1 day");
    await page.getByText("No run meets these filters").waitFor();
    await page.getByLabel("Duration").selectOption("any duration");
    await page.getByLabel("Worker").selectOption({ index: 1 });
    await soonNames().toEqual(["late-moth"]); // the only one that a worker holds
    const { owner } = await house.engine.row(house.ids["waiting"] ?? "");
    expect(query("worker")).toBe(owner);
    await page.reload();
    await soonNames().toEqual(["late-moth"]);
    await page.getByLabel("Worker").selectOption("every worker");
    await soonNames().toEqual(NEWEST);
    await page.getByRole("link", { name: "tidy-owl" }).focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // its first tag
    await soonNames().toEqual(["calm-otter", "tidy-owl"]);
    expect(query("tag")).toBe("eu");
    await page.getByRole("button", { name: "web" }).click();
    await soonNames().toEqual(["tidy-owl"]);
    await page.getByRole("link", { name: "tidy-owl" }).click();
    await drawn(page);
    await page.getByRole("link", { name: "All runs" }).click();
    await soonNames().toEqual(["tidy-owl"]);
    expect(query("tag")).toBe("web"); // the filters are still there
    await page.getByRole("button", { name: /tag web/ }).click();
    await page.getByRole("row", { name: /tidy-owl/ }).getByTitle("Only runs of this version").click();
    expect(query("version")).toBe((await house.engine.row(house.ids["done"] ?? "")).codeVersion);
  });

  test("counts the tasks of each run, and goes on counting", async () => {
    page = await house.open("/runs?workflow=checkout");
    await page.getByRole("row", { name: /tidy-owl.* 5 done 3 retries/ }).waitFor();
    await page.getByRole("row", { name: /brisk-fox.* 1 failed/ }).waitFor();
    await page.getByLabel("Workflow").selectOption("every workflow");
    const run = await counter.with({ name: "swift-gull" }).start(30);
    await page.getByRole("row", { name: /(running|waiting) swift-gull.* [1-9]\d? done/ }).waitFor();
    await run.result();
    await page.getByRole("row", { name: /completed swift-gull.* 30 done/ }).waitFor();
  });
});
