/** A run is started from the page: the workflow chosen, its input typed into a form that its schema drew. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openViewer } from "../replay-viewer/server/viewer.ts";
import { task, workflow, z } from "../sdk/index.ts";
import { calm, drawn, openHouse, violations, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";

const pack = task("pack", async (what: unknown) => what);
const ship = workflow("start-ship", { description: "Sends a parcel.", input: z.object({
  to: z.string().min(1).describe("A city."), boxes: z.number().int().min(1), fragile: z.boolean(),
  speed: z.enum(["slow", "fast"]).optional(), notes: z.array(z.string()).optional(),
  code: z.string().refine((code) => code !== "used", "was used before") }) }, async (parcel) => pack(parcel));
workflow("start-bare", async (input: unknown) => ({ input: await pack(input) }));

describe.skipIf(chromiumForTests() === undefined)("a run is started from the page", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse({}, true) });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });
  const idIn = (): string => new URL(page.url()).pathname.split("/")[2] ?? "";

  test("with what is wrong said at the field, by the page and by the workflow's own schema", async () => {
    page = await house.open("/runs");
    await page.getByRole("link", { name: "Start a run" }).click();
    await page.getByRole("link", { name: /start-ship/ }).click();
    const form = page.getByRole("region", { name: "Start a run" });
    await form.getByText("Sends a parcel.").waitFor();
    await form.getByLabel("boxes").fill("0");
    await form.getByRole("button", { name: "Start" }).click();
    await form.getByText("At least 1.").waitFor();
    await form.getByText("Choose one.").waitFor();
    await form.getByLabel("boxes").fill("2");
    await form.getByLabel("to", { exact: true }).fill("Rome");
    await form.getByLabel("no", { exact: true }).check();
    await form.getByLabel("speed").selectOption("fast");
    await form.getByLabel("notes").fill('["ring twice"]');
    await form.getByLabel("code").fill("used");
    await form.getByRole("button", { name: "Start" }).click();
    await form.getByText("was used before").waitFor();
    expect(await form.getByLabel("code").getAttribute("aria-invalid")).toBe("true");
    for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
    }
    await form.getByLabel("code").fill("new");
    await form.getByLabel("Name", { exact: true }).fill("red-crane");
    await form.getByLabel("Id of your own").fill("parcel-7");
    await form.getByLabel("Tags").fill("web, eu");
    await form.getByLabel("Tags").press("Enter");
    await drawn(page);
    const input = { to: "Rome", boxes: 2, fragile: false, speed: "fast", notes: ["ring twice"], code: "new" };
    expect(await ship.get(idIn()).result()).toEqual(input);
    expect(await house.engine.row(idIn())).toMatchObject({ name: "red-crane", idempotencyKey: "parcel-7",
      tags: ["web", "eu"] });
  });

  test("with an id that a run has already, which is then opened", async () => {
    const run = await ship.with({ id: "parcel-8" }).start({ to: "Oslo", boxes: 1, fragile: true, code: "a" });
    page = await house.open(`/workflows?start=start-ship&from=${run.id}`);
    await expect.poll(() => page.getByLabel("to", { exact: true }).inputValue()).toBe("Oslo");
    await page.getByLabel("Id of your own").fill("parcel-8");
    await page.getByRole("button", { name: "Start" }).click();
    await drawn(page);
    expect(idIn()).toBe(run.id);
  });

  test("again with an edited input, from the menu of a run, by keys", async () => {
    const run = await ship.start({ to: "Oslo", boxes: 1, fragile: true, code: "a" });
    await run.result();
    page = await house.open(`/runs/${run.id}`);
    await drawn(page);
    await page.getByRole("button", { name: "More actions" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByLabel("boxes").inputValue()).toBe("1");
    await page.getByLabel("boxes").press("ControlOrMeta+a");
    await page.keyboard.type("5");
    await page.keyboard.press("Enter");
    await page.waitForURL((to) => to.pathname.startsWith("/runs/") && !to.pathname.includes(run.id));
    expect(await ship.get(idIn()).result()).toEqual({ to: "Oslo", boxes: 5, fragile: true, code: "a" });
  });

  test("of a workflow without a schema with any JSON, or nothing; the key n leads there", async () => {
    page = await house.open("/runs");
    await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
    await page.keyboard.press("n");
    await page.getByRole("link", { name: "start-bare" }).press("Enter");
    await page.getByLabel("Input").fill("{");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByText("This is not JSON.").waitFor();
    await page.getByLabel("Input").fill("");
    await page.getByRole("button", { name: "Start" }).click();
    await drawn(page);
    expect(await house.engine.result(idIn())).toEqual({ input: undefined });
  });

  test("not where the server has no code, which the page says with the way to it", async () => {
    const bare = await openViewer({ engine: house.engine, port: 0 }), { origin, hash } = new URL(bare.url);
    page = await house.open("/workflows", {}, origin, hash);
    await page.getByText("This server has no workflows").waitFor();
    await page.getByText("npx reprise dev order.ts").waitFor();
    expect(await violations(page)).toEqual([]);
    const choices = page.getByRole("navigation", { name: "Workflows" });
    expect(await choices.getByRole("link").count(), "those that have run").toBeGreaterThan(3);
    expect(await choices.getByRole("link", { name: /start-bare/ }).textContent()).toContain("viewer-start-browser");
    expect(await choices.getByText("task:").count()).toBe(0);
    await choices.getByRole("link", { name: /start-bare/ }).click();
    await page.getByText("This server has not loaded its code.").waitFor();
    await page.getByText(/^npx reprise run \S*viewer-start-browser\.test\.ts:start-bare -p @input\.json$/).waitFor();
    expect(await page.getByRole("button", { name: "Start" }).count(), "nobody here could check an input").toBe(0);
    for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
    }
    await bare.close();
  });
});
