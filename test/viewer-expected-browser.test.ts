/** A run that waits to try again: what is expected of it, as an earlier run did it, and when it goes on. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { calm, drawn, openHouse, violations, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { until } from "./histories.ts";
import { invoice } from "./viewer-world.ts";

describe.skipIf(chromiumForTests() === undefined)("a run whose code has completed before", () => {
  let house: House, page: Page, earlier = "", held = "";
  beforeAll(async () => {
    house = await openHouse({}, true);
    const done = await invoice.with({ name: "brave-ibis" }).start({ id: 6, open: true });
    await done.result();
    earlier = done.id;
    const run = await invoice.with({ name: "keen-ibis" }).start({ id: 7, open: false });
    await until(run, "RetryScheduled");
    held = run.id;
  });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });
  const expected = (): ReturnType<Page["getByRole"]> => page.getByRole("table", { name:
    "Calls expected, from run brave-ibis" });
  const names = async (): Promise<readonly string[]> => expected().getByRole("row").getByRole("link").allTextContents();

  test("shows what is still to come, with how long it took there, in the timeline and in its table", async () => {
    const took = (await house.engine.history(earlier)).filter(({ type }) => /^(TimerStarted|TimerFired)$/.test(type));
    const slept = (took[1]?.at ?? 0) - (took[0]?.at ?? 0);
    for (const view of ["timeline", "table"]) {
      page = await house.open(`/runs/${held}?view=${view}`);
      await drawn(page);
      await expected().waitFor();
      expect(await names()).toEqual(["sleep", "thumbnail", "thumbnail #1", "thumbnail #2", "sendMail"]);
      const row = expected().getByRole("row", { name: /^sleep/ });
      expect(await row.getByRole("cell").allTextContents()).toEqual(["sleep", "expected", expect.stringMatching(/^\+/),
        `${slept} ms`, ""]);
      for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        expect(await violations(page), `${view} ${colorScheme} ${width}`).toEqual([]);
      }
      if (view === "timeline") await page.close();
    }
    await page.getByRole("button", { name: "hide" }).click();
    await expected().waitFor({ state: "detached" });
    expect(page.url()).toContain("expected=0");
    await page.reload();
    await page.getByRole("button", { name: "show" }).click();
    await expected().getByRole("link", { name: "sendMail" }).click();
    await page.getByRole("heading", { name: "brave-ibis" }).waitFor();
    expect(await expected().count(), "of a run that has ended nothing is expected").toBe(0);
  });

  test("says that a task waits to be tried again, and when that is", async () => {
    const due = (await house.engine.history(held)).findLast(({ type }) => type === "RetryScheduled");
    if (due?.type !== "RetryScheduled") throw new Error("no retry was planned");
    page = await house.open(`/runs/${held}`);
    await drawn(page);
    const at = await page.evaluate((ms) => new Date(ms).toTimeString().slice(0, 8), due.dueAt);
    const row = page.getByRole("table", { name: "Calls of the run" }).getByRole("row", { name: /^settle/ });
    expect(await row.textContent()).toContain(`again at ${at}`);
    expect(await row.getByRole("cell").nth(1).textContent()).toBe("retrying");
    const inspector = page.getByRole("complementary", { name: "Inspector" });
    await inspector.getByText("Next attempt").waitFor();
    expect(await inspector.textContent()).toMatch(new RegExp(`Next attempt#2 at ${at}\\.\\d+, in 5\\d min`));
    await page.getByText(/^tries settle again in 5\d min/).waitFor();
    expect((await house.engine.row(held)).state).toBe("running");
  });

  test("takes away what the run has done, as it does it, and all of it when the run has ended", async () => {
    const run = await invoice.start({ id: 8, open: false });
    await until(run, "RetryScheduled");
    page = await house.open(`/runs/${run.id}`);
    await expected().waitFor();
    await run.skip("task:settle#0", { by: "ada", reason: "paid in cash" });
    await page.getByRole("table", { name: "Calls of the run" }).getByRole("row", { name: /^sleep/ }).waitFor();
    await run.result();
    await expected().waitFor({ state: "detached" });
  });
});
