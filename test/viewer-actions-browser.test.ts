/** What one does with runs in a real browser: answer, retry with new code, fork with another result, settle, send. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { artifact, attributes, progress, signal, stream, task, update, waitFor, workflow, z } from "../sdk/index.ts";
import { calm, drawn, openHouse, violations, watch, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { clear, endAll, project, start } from "./talking.ts";

const approval = z.object({ amount: z.number().int().min(1), approved: z.boolean(),
  tier: z.enum(["gold", "plain"]).optional(), code: z.string().refine((code) => code !== "used", "was used before") });
const pack = workflow("shop-pack", async (boxes: number) => ({ boxes }));
const fetchPrice = task("fetchPrice", async (sku: string) => ({ sku, price: 20 }));
const charge = task("chargeCard", async (price: number) => `paid ${price}`);
const order = workflow("shop-order", async (sku: string) => charge((await fetchPrice(sku)).price));
const go = signal("go", z.object({ to: z.string() })), rename = update("rename", z.string(), z.string());
const asks = workflow("shop-asks", async () => {
  let name = "nobody";
  rename.handle((next) => (name = next));
  attributes({ customer: 42 });
  progress(1, 4);
  artifact.table("prices", [{ sku: "lamp", price: 20 }, { sku: "cable", price: 5 }]);
  artifact.markdown("notes", "# A note <img src=x onerror=alert(1)>");
  artifact.link("shop", "https://example.com/shop");
  stream<string>("lines").write("first line");
  const { boxes } = await pack(2);
  const { to } = await go.wait();
  const { amount, approved } = await waitFor(approval, { name: "approve", description: "May it be sent?" });
  return { to, name, boxes, amount, approved };
});

describe.skipIf(chromiumForTests() === undefined)("a person acts in the viewer", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse({}, true) });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close(); endAll(); clear() });
  const types = async (runId: string): Promise<readonly string[]> =>
    (await house.engine.history(runId)).map(({ type }) => type);

  test("who answers the form that a run waits for, and is told at the field what is wrong", async () => {
    const run = await asks.start();
    await run.signal(go, { to: "Rome" });
    page = await house.open(`/runs/${run.id}`);
    const form = page.getByRole("region", { name: "Waiting for an answer" });
    await form.getByText("May it be sent?").waitFor();
    await form.getByLabel("amount").fill("0");
    await form.getByLabel("code").fill("used");
    await form.getByLabel("Your name").fill("ada");
    await form.getByRole("button", { name: "Answer" }).click();
    await form.getByText("At least 1.").waitFor();
    await form.getByText("Choose one.").waitFor();
    for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
    }
    await form.getByLabel("amount").fill("12");
    await form.getByLabel("yes").check();
    await form.getByLabel("tier").selectOption("gold");
    await page.keyboard.press("Tab");
    await form.getByLabel("code").press("Enter");
    await form.getByText("was used before").waitFor();
    expect(await form.getByLabel("code").getAttribute("aria-invalid")).toBe("true");
    await form.getByLabel("code").fill("new");
    await form.getByLabel("code").press("Enter");
    expect(await run.result()).toMatchObject({ to: "Rome", amount: 12, approved: true, boxes: 2 });
    expect((await house.engine.history(run.id)).find(({ type }) => type === "WaitAnswered")).toMatchObject({
      who: "ada", key: "wait:approve#0" });
    await page.getByText("Run completed").or(page.getByText("run completed")).first().waitFor();
    await expect.poll(() => form.count()).toBe(0);
  });

  test("who sends a signal, asks for an update and settles a call, by keys", async () => {
    const run = await asks.start();
    await expect.poll(() => types(run.id)).toContain("ChildCompleted");
    page = await house.open(`/runs/${run.id}?e=last`);
    await drawn(page);
    await page.getByRole("button", { name: "More actions" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Update" }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Update");
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Ask for an update" }).waitFor();
    await page.getByLabel("Name", { exact: true }).fill("rename");
    await page.getByLabel("Value, as JSON").fill("Ada");
    await page.getByRole("button", { name: "Ask" }).click();
    await page.getByText("The value is not JSON").waitFor();
    await page.getByLabel("Value, as JSON").fill('"Ada"');
    await page.getByRole("button", { name: "Ask" }).click();
    await page.getByText("The run did it: \"Ada\"").waitFor();
    await page.getByRole("button", { name: "Signal" }).click();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("go");
    await page.getByLabel("Value, as JSON").fill('{"to":"Oslo"}');
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("region", { name: "Waiting for an answer" }).waitFor();
    await page.getByRole("button", { name: "More actions" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Update");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Settle an open call" }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByLabel("Value, as JSON").fill('{"amount":1,"approved":false,"code":""}');
    await page.getByLabel("Why").fill("the form is lost");
    await page.getByRole("dialog").getByLabel("Your name").fill("ada");
    await page.getByRole("button", { name: "Settle it", exact: true }).click();
    expect(await run.result()).toEqual({ to: "Oslo", name: "Ada", boxes: 2, amount: 1, approved: false });
    expect((await house.engine.history(run.id)).find(({ type }) => type === "ResultInjected")).toMatchObject({
      who: "ada", reason: "the form is lost", key: "wait:approve#0" });
  });

  test("who looks at what a run shows, and goes to its child and back", async () => {
    const run = await asks.start();
    await expect.poll(() => types(run.id)).toContain("ChildCompleted");
    for (const colorScheme of ["light", "dark"] as const) {
      page = await house.open(`/runs/${run.id}?e=last&tab=shown`, { colorScheme });
      await page.getByRole("table").getByText("cable").waitFor();
      await page.getByText("1 of 4").waitFor();
      await page.getByText("# A note <img src=x onerror=alert(1)>").waitFor();
      expect(await page.getByRole("link", { name: "https://example.com/shop" }).getAttribute("href"))
        .toBe("https://example.com/shop");
      expect(await violations(page), colorScheme).toEqual([]);
      if (colorScheme === "light") await page.close();
    }
    await page.goto(`${house.viewer.origin}/runs/${run.id}?e=child:shop-pack%230`);
    await page.getByText("Child run", { exact: true }).waitFor();
    await page.locator(".facts a[href^='/runs/']").first().click();
    await page.getByText("shop-pack").first().waitFor();
    await page.getByRole("link", { name: "parent run" }).click();
    await page.getByText("shop-asks").first().waitFor();
    await run.cancel();
  });

  test("who forks with another result, sees before what is kept, and compares", async () => {
    const run = await order.start("lamp");
    await run.result();
    page = await house.open(`/runs/${run.id}?e=task:fetchPrice%230`);
    await page.getByRole("button", { name: "Fork with another result" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/Events 1 to \d+ are shared/).waitFor();
    await dialog.getByLabel("Result of fetchPrice in the fork, as JSON").fill('{"sku":"lamp",');
    await dialog.getByText("The value is not JSON").waitFor();
    await dialog.getByLabel("Result of fetchPrice in the fork, as JSON").fill('{"sku":"lamp","price":15}');
    await dialog.getByText("task:fetchPrice#0").waitFor();
    await dialog.getByText("chargeCard").waitFor();
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Fork", exact: true }).click();
    await page.waitForURL(new RegExp(`/runs/${run.id}/vs/`));
    const made = page.url().split("/vs/")[1]?.slice(0, 26) ?? "";
    expect(await house.engine.result(made)).toBe("paid 15");
    await page.getByText(/2 calls differ/).first().waitFor();
    await page.goto(`${house.viewer.origin}/runs/${made}`);
    await page.getByRole("link", { name: /fork of/ }).waitFor();
  });

  test("who retries a failed run after its code was mended on disk: what had succeeded is not done again", async () => {
    const flow = (charged: string): string => `import { task, workflow } from "reprise";
import { appendFileSync } from "node:fs";
const fetchPrice = task("fetchPrice", async () => { appendFileSync("done.txt", "price "); return 20 });
const charge = task("charge", async (price) => { ${charged} });
export const flow = workflow("flow", async () => charge(await fetchPrice()));\n`;
    const folder = project("mended", { "flow.mjs": flow('throw new Error("402")'), "serve.mjs":
      `import { openEngine } from "reprise"; import { flow } from "./flow.mjs";
const engine = await openEngine({ viewer: { port: 0 } });
if (process.argv[2]) { const run = await engine.start(flow); await run.result().catch(() => undefined);
  console.log("failed " + run.id) }
setInterval(() => undefined, 1000);` });
    const first = start(folder, ["serve.mjs", "begin"]);
    const [, id = ""] = await first.until(/failed (\w+)/);
    first.child.kill("SIGKILL");
    await first.ended;
    writeFileSync(join(folder, "flow.mjs"), flow('appendFileSync("done.txt", "charge "); return "paid " + price'));
    const [, url = ""] = await start(folder, ["serve.mjs"]).until(/(http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+)/);
    const { origin, hash } = new URL(url);
    page = await house.browser.newPage({ viewport: { width: 1440, height: 900 } });
    await watch(page);
    await page.goto(`${origin}/runs/${id}${hash}`);
    await drawn(page);
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByRole("dialog").getByText(/Done anew/).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
    await page.waitForURL((to) => !to.pathname.includes(id));
    await page.getByText("completed").first().waitFor();
    expect(readFileSync(join(folder, "done.txt"), "utf8")).toBe("price charge ");
    await page.getByRole("link", { name: /retry of/ }).waitFor();
  });
});
