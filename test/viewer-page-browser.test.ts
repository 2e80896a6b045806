/** A run's page: what its calls are called, and whether all of it can be reached on a small screen. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { task, workflow } from "../sdk/index.ts";
import { calm, drawn, openHouse, violations, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { counter, refund } from "./viewer-world.ts";

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

  test("has every control within a small screen, none over another, and so has the list of runs", async () => {
    const asking = await refund.with({ name: "kind-stork" }).start(7), { done, failed } = house.ids;
    const tagged = await counter.with({ name: "the-heron-that-counts-slowly-and-has-a-long-name",
      tags: ["nightly", "eu-central", "warehouse", "customer-4711", "retry"] }).start(1);
    await tagged.result();
    page = await house.open("/runs", { viewport: { width: 420, height: 800 } });
    for (const path of ["/runs", `/runs/${failed}`, `/runs/${done}?view=table`, `/runs/${done}?view=list`,
      `/runs/${asking.id}`, `/runs/${tagged.id}`, `/runs/${done}/vs/${failed}`]) {
      await page.goto(`${house.viewer.origin}${path}`);
      await page.locator("#app main").waitFor();
      await expect.poll(() => page.locator(".loading").count()).toBe(0);
      for (const width of [420, 360, 640, 800, 1000]) {
        await page.setViewportSize({ width, height: 800 });
        await expect.poll(() => misplaced(page), { message: `${path} ${width}` }).toEqual([]);
      }
      await page.setViewportSize({ width: 420, height: 800 });
      expect(await violations(page), path).toEqual([]);
    }
    await page.goto(`${house.viewer.origin}/runs/${failed}`);
    await page.getByRole("button", { name: "More actions" }).click();
    expect(await misplaced(page), "the menu").toEqual([]);
    await page.getByRole("menuitem").last().press("Escape");
    const tab = page.getByRole("tab", { name: "Shown" });
    await tab.click();
    expect(await tab.getAttribute("aria-selected")).toBe("true");
    await asking.cancel();
  });
});

/** Controls of heads and bars that reach out of the screen, or over their neighbour; and a page that is too wide. */
async function misplaced(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const wrong = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
    const bars = document.querySelectorAll(".top, .run-head, .transport, .filters, .list-head, .tabs, .actions, .menu");
    for (const bar of bars) {
      const parts = [...bar.children].filter((one) => one.getClientRects().length > 0);
      const rects = parts.map((one) => {
        const { left, right, top, bottom } = one.getBoundingClientRect();
        const runsOut = getComputedStyle(one).overflowX === "visible";
        return { left, top, bottom, right: Math.max(right, left + (runsOut ? one.scrollWidth : 0)) };
      });
      const over = parts.filter((_, i) => rects.some((b, j) => {
        const a = rects[i];
        return j < i && a !== undefined && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
          && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
      }));
      const out = [...bar.querySelectorAll("button, a, input, select")].filter((one) => {
        one.scrollIntoView({ block: "nearest", inline: "nearest" }); // a strip that scrolls may hold it
        const { left, right, width } = one.getBoundingClientRect();
        return width > 0 && (left < 0 || right > innerWidth + 1);
      });
      wrong.push(...[...over, ...out].map((one) => `${bar.className}: ${one.className} ${one.textContent ?? ""}`));
    }
    return [...wrong, ...document.scrollingElement?.scrollLeft ? ["the page moved"] : []];
  });
}
