/** The family of a run in its page: who started it and whom it started, live, by mouse and by keys. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { calm, openHouse, violations, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { parcel } from "./viewer-world.ts";

describe.skipIf(chromiumForTests() === undefined)("the tree of a run", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse({}, true) });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });
  const items = (): ReturnType<Page["getByRole"]> => page.getByRole("treeitem");
  const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");

  test("has the runs that it started and theirs, and shows them end without being asked", async () => {
    const run = await parcel.with({ name: "large-heron" }).start(3);
    page = await house.open(`/runs/${run.id}?view=tree`);
    await page.getByRole("treeitem", { name: /large-heron/ }).waitFor();
    await expect.poll(() => items().count()).toBe(7);
    await expect.poll(() => page.getByRole("treeitem", { name: /completed/ }).count()).toBe(5);
    for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
    }
    const children = (await house.engine.history(run.id)).flatMap((event) => event.type === "ChildStarted"
      ? [event.childId] : []);
    await house.engine.operator.answer(children[1] ?? "", "lid", { p: { lid: true } });
    await run.result();
    await expect.poll(() => page.getByRole("treeitem", { name: /completed/ }).count()).toBe(7);
    await page.getByText("6 runs below this one: 6 completed.").waitFor();
  });

  test("is walked, closed and opened by keys; Enter goes to a run, which shows who started it", async () => {
    const run = await parcel.with({ name: "wide-heron" }).start(1);
    await run.result();
    page = await house.open(`/runs/${run.id}?view=tree&e=1`);
    await expect.poll(() => items().count()).toBe(3);
    await items().first().focus();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("2 completed below").waitFor();
    expect(await items().count()).toBe(1);
    expect(new URL(page.url()).searchParams.get("e")).toBe("1"); // the arrows moved in the tree, not in the history
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => items().count()).toBe(3);
    await page.keyboard.press("ArrowRight");
    await expect.poll(focused).toContain("pack-box");
    await page.keyboard.press("End");
    await expect.poll(focused).toContain("label");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    await page.waitForURL((to) => !to.pathname.includes(run.id));
    await page.getByText("1 run below this one: 1 completed.").waitFor();
    await expect.poll(() => items().count()).toBe(3);
    await page.getByRole("treeitem", { name: /wide-heron/ }).getByRole("link").click();
    await page.waitForURL((to) => to.pathname.includes(run.id));
    await page.getByText("2 runs below this one").waitFor();
  });

  test("of a run without a family says how one comes to be", async () => {
    page = await house.open(`/runs/${house.ids["done"]}`);
    await page.getByRole("button", { name: "Tree" }).click();
    await page.getByText("No run started this one, and it started none").waitFor();
    expect(await violations(page)).toEqual([]);
  });
});
