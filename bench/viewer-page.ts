/** What a reader waits for, measured in a real Chromium: from a navigation or a key to what stands on the screen. */
import type { Browser, CDPSession, Page } from "playwright-core";
import { ms, quantile } from "./numbers.ts";

/** What the TypeScript loader writes around named functions, for those that go into a page. */
export const LOADER = "globalThis.__name ??= (fn) => fn";

/** Milliseconds until the condition holds, looked at once a frame in the page itself. */
async function until(page: Page, condition: () => boolean): Promise<void> {
  await page.waitForFunction(condition, undefined, { polling: "raf", timeout: 120_000 });
}

/** From the beginning of the navigation to the first row of the list. */
export async function listMs(browser: Browser, url: string, rounds: number): Promise<number> {
  const found: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const from = ms();
    await page.goto(url, { waitUntil: "commit" });
    await until(page, () => document.querySelector(".run-row") !== null);
    found.push(ms() - from);
    await page.close();
  }
  return quantile(found, 0.5);
}

/** The page of a long run: first drawing, then all events here and a key answered. */
export async function openRun(browser: Browser, url: string, events: number):
  Promise<{ readonly page: Page; readonly drawnMs: number; readonly interactiveMs: number }> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript(LOADER);
  const from = ms();
  await page.goto(url, { waitUntil: "commit" });
  await until(page, () => document.querySelector(".lane") !== null);
  const drawnMs = ms() - from;
  await page.waitForFunction((head) => document.querySelector(".progress") === null
    && document.querySelector<HTMLInputElement>("input[type=range]")?.max === String(head), events,
  { polling: "raf", timeout: 120_000 });
  await page.keyboard.press("Home");
  await until(page, () => document.querySelector<HTMLInputElement>("input[type=range]")?.value === "1");
  return { page, drawnMs, interactiveMs: ms() - from };
}

/** Moves the slider to `steps` places; from each input event to the end of the frame that shows it, 95 of 100. */
export async function scrubP95(page: Page, steps: number): Promise<number> {
  return quantile(await page.evaluate(async (count) => {
    const slider = document.querySelector<HTMLInputElement>("input[type=range]");
    if (slider === null) throw new Error("the page has no slider");
    const painted = (): Promise<void> => new Promise((resolve) => { requestAnimationFrame(() => {
      const channel = new MessageChannel(); // its message comes after the frame is drawn
      channel.port1.onmessage = () => { resolve() };
      channel.port2.postMessage(0);
    }) });
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
    const taken: number[] = [], max = Number(slider.max);
    for (let i = 0; i < count; i++) {
      await painted();
      const to = 1 + Math.floor((i * 0.618_033_988) % 1 * (max - 1)), from = performance.now();
      set?.call(slider, String(to));
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await painted();
      taken.push(performance.now() - from);
    }
    return taken;
  }, steps), 0.95);
}

/** From typing a word into the search over all events to the number of those found; the median. */
export async function searchMs(page: Page, words: readonly string[]): Promise<number> {
  await page.getByRole("button", { name: "Events", exact: true }).click();
  await page.locator("#search").waitFor();
  await page.waitForTimeout(4000); // the page makes its texts while nothing else is to do
  const found: number[] = [];
  for (const word of words) {
    found.push(await page.evaluate(async (text) => {
      const input = document.querySelector<HTMLInputElement>("#search");
      if (input === null) throw new Error("the page has no search");
      const status = (): string => document.querySelector(".list-head [role=status]")?.textContent ?? "";
      const before = status(), from = performance.now();
      input.value = text;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      while (status() === before) await new Promise((resolve) => { requestAnimationFrame(resolve) });
      return performance.now() - from;
    }, word));
  }
  return quantile(found, 0.5);
}

/** Bytes of live objects of the page, after a collection. */
export async function heapBytes(page: Page): Promise<number> {
  const session: CDPSession = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize;
}

/** When each head of a live run stood on the page, by the machine's clock. */
export async function watchHeads(page: Page): Promise<() => Promise<readonly (readonly [number, number])[]>> {
  await page.evaluate(() => {
    const seen: [number, number][] = [];
    Reflect.set(globalThis, "seenHeads", seen);
    const look = (): void => {
      const head = Number(document.querySelector<HTMLInputElement>("input[type=range]")?.max ?? 0);
      if (head > (seen.at(-1)?.[0] ?? 0)) seen.push([head, performance.timeOrigin + performance.now()]);
      requestAnimationFrame(look);
    };
    look();
  });
  // The list made just above.
  return () => page.evaluate(() => Reflect.get(globalThis, "seenHeads") as [number, number][]);
}
