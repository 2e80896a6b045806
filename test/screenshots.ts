/**
 * The pictures in docs/screenshots: every page and state of the viewer, over runs that the engine makes for it.
 *
 *   node --import tsx test/screenshots.ts [folder] [names of pages, else all]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { openHouse } from "./browser.ts";
import { openUpgrade } from "./upgrading.ts";
import { counter, invoice, openQueue, parcel, refund } from "./viewer-world.ts";

const only = process.argv.slice(3), wanted = (name: string): boolean => only.length === 0 || only.includes(name);
const folder = resolve(process.argv[2] ?? fileURLToPath(new URL("../docs/screenshots", import.meta.url)));
mkdirSync(folder, { recursive: true });
const house = await openHouse({}, true), studio = await house.browser.newPage();

/** A picture as WebP: a third of a PNG. */
async function keep(name: string, png: Buffer): Promise<void> {
  const webp = await studio.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    const made = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality: 0.8 })).arrayBuffer());
    return [...made].map((one) => String.fromCharCode(one)).join("");
  }, png.toString("base64"));
  writeFileSync(join(folder, `${name}.webp`), Buffer.from(webp, "latin1"));
}
const { done, failed, waiting, thumbnails } = house.ids;
const asking = (await refund.with({ name: "kind-stork" }).start(7)).id;
const family = (await parcel.with({ name: "large-heron" }).start(3)).id;
await invoice.with({ name: "brave-ibis" }).run({ id: 6, open: true });
const held = (await invoice.with({ name: "keen-ibis" }).start({ id: 7, open: false })).id;
await openQueue();

/** A run that goes on. */
async function keepLive(page: Page, name: string): Promise<void> {
  const live = await counter.with({ name: "swift-gull" }).start(14);
  await page.goto(`${house.viewer.origin}/runs/${live.id}`);
  await page.getByText("following").waitFor();
  await page.waitForTimeout(900);
  await keep(name, await page.screenshot());
  await live.result();
}

/** Pages by name; with a key it is pressed before the picture. */
const PAGES: readonly (readonly [name: string, path: string, key?: string])[] = [
  ["runs", "/runs"], ["runs-none", "/runs?q=no-run-is-called-so"], ["workflows", "/workflows?start=checkout"],
  ["limits", "/limits?limit=warehouse"],
  ["run-failed", `/runs/${failed}`],
  ["run-completed", `/runs/${done}?e=20`], ["run-waiting", `/runs/${waiting}`], ["run-many", `/runs/${thumbnails}`],
  ["expected", `/runs/${held}`], ["ask", `/runs/${asking}?tab=shown`],
  ["table", `/runs/${done}?view=table`], ["events", `/runs/${done}?view=list&e=16`],
  ["graph", `/runs/${done}?view=graph&e=20`], ["state", `/runs/${done}?tab=state&e=12`],
  ["diff", `/runs/${done}?a=5&b=20`], ["source", `/runs/${done}?tab=source&e=12`],
  ["logs", `/runs/${done}?tab=logs`],
  ["tree", `/runs/${family}?view=tree`], ["cause", `/runs/${done}?tab=cause&e=12`],
  ["compare", `/runs/${done}/vs/${failed}`],
  ["keys", `/runs/${done}`, "?"], ["palette", `/runs/${done}`, "Control+k"],
  ["not-found", "/runs/01JZZZZZZZZZZZZZZZZZZZZZZZ"],
];
const upgrade = wanted("code") ? await openUpgrade() : undefined;
for (const colorScheme of ["light", "dark"] as const) for (const width of [1440, 800]) {
  const page = await house.open("/runs", { colorScheme, viewport: { width, height: width > 1000 ? 900 : 1000 } });
  await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
  for (const [name, path, key] of PAGES.filter(([one]) => wanted(one))) {
    await page.goto(`${house.viewer.origin}${path}`);
    await page.locator("#app main").waitFor();
    await page.waitForFunction(() => document.querySelector(".loading") === null);
    if (key !== undefined) { await page.keyboard.press(key); await page.getByRole("dialog").waitFor() }
    await page.waitForTimeout(400); // canvases are painted in the frame after next
    await keep(`${name}-${width}-${colorScheme}`, await page.screenshot());
  }
  if (wanted("run-live")) await keepLive(page, `run-live-${width}-${colorScheme}`);
  if (upgrade !== undefined) {
    await page.goto(upgrade.url);
    await page.getByText("1 set aside now").waitFor();
    await page.waitForTimeout(400);
    await keep(`code-${width}-${colorScheme}`, await page.screenshot());
  }
  await page.close();
}
await upgrade?.close();
await house.close();
process.exit(0);
