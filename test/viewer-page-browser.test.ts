/** A run's page: what its calls are called. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { task, workflow } from "../sdk/index.ts";
import { calm, drawn, openHouse, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";

const row = task("row", { runName: (i: number) => `row number ${i}` }, async (i: number) => i * i);
const rows = workflow("rows", async (n: number) => Promise.all(Array.from({ length: n }, (_, i) => row(i))));

describe.skipIf(chromiumForTests() === undefined)("the page of a run", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse({}, true) });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });

  test("calls a call by its runName, and finds it by that and by its task", async () => {
    const run = await rows.with({ name: "square-hen" }).start(5);
    await run.result();
    page = await house.open(`/runs/${run.id}`);
    await drawn(page);
    const names = page.locator(".lane-name");
    expect(await names.allTextContents()).toEqual([0, 1, 2, 3, 4].map((i) => `row number ${i}`));
    await names.nth(3).click();
    await page.getByRole("heading", { name: "Task row number 3" }).waitFor();
    expect(await page.locator(".fact").first().textContent()).toBe("Taskrow");
    for (const words of ["number 3", "row"]) {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Go to" }).fill(words);
      await page.getByRole("option", { name: "row number 3 task row, completed" }).click();
    }
    await page.getByRole("button", { name: "by call" }).click();
    expect(await names.allTextContents()).toEqual(["row × 5"]);
    await page.goto(`${house.viewer.origin}/runs/${run.id}?view=list&find="row number 3"`);
    await expect.poll(() => page.locator(".event-line .strong").allTextContents())
      .toEqual(["row number 3", "row number 3", "row number 3"]);
  });
});
