/** A viewer over a world of runs, and a real Chromium before it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type Page } from "playwright-core";
import { expect } from "vitest";
import type { RunEngine } from "../engine/index.ts";
import { openViewer, type Viewer, type ViewerOptions } from "../replay-viewer/server/viewer.ts";
import { withdrawDefault } from "../sdk/default-engine.ts";
import { loadedCode, startActions } from "../sdk/viewer.ts";
import { CHROMIUM_ARGS, chromiumPath } from "./chromium.ts";
import { openWorld } from "./viewer-world.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What a suite works with. */
export interface House {
  readonly engine: RunEngine;
  readonly viewer: Viewer;
  readonly browser: Browser;
  /** Runs of the world, by kind. */
  readonly ids: { readonly [kind: string]: string };
  /** A page at a path of the viewer, with its token; what goes wrong in it is thrown by `calm`. */
  open(path: string, options?: Parameters<Browser["newPage"]>[0], origin?: string, token?: string): Promise<Page>;
  close(): Promise<void>;
}

const faults = new WeakMap<Page, string[]>();

/** Opens all of it. `polite`: without the run of hostile values. */
export async function openHouse(options: Partial<ViewerOptions> = {}, polite = false): Promise<House> {
  const { engine, ids } = await openWorld(polite);
  const viewer = await openViewer({ engine, port: 0, actions: startActions(engine), code: loadedCode(engine),
    ...options, limits: { perSecond: 10_000, burst: 10_000, ...options.limits } });
  const executablePath = chromiumPath();
  const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...CHROMIUM_ARGS] });
  const mine = viewer.url.slice(viewer.url.indexOf("#"));
  return {
    engine, viewer, browser, ids,
    open: async (path, how = {}, origin = viewer.origin, token = mine) => {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...how });
      await watch(page);
      await page.goto(`${origin}${path}${token}`);
      return page;
    },
    close: async () => {
      await browser.close();
      await viewer.close();
      await withdrawDefault(engine);
      await engine.close(0);
    },
  };
}

/** Keeps what goes wrong in a page: errors, dialogs of the browser, and whatever its policy refused.
 *  With REPRISE_TEST_SLOW=10 its scripts run ten times slower, which shows what only a fast page does right. */
export async function watch(page: Page): Promise<void> {
  const seen: string[] = [];
  faults.set(page, seen);
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => { seen.push(`error: ${error.message}`) });
  page.on("dialog", (dialog) => { seen.push(`dialog: ${dialog.message()}`); void dialog.dismiss() });
  page.on("console", (line) => { if (/Content Security Policy/.test(line.text())) seen.push(line.text()) });
  const rate = Number(process.env["REPRISE_TEST_SLOW"] ?? 1);
  if (rate > 1) await (await page.context().newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate });
}
/** Nothing went wrong in the page. */
export function calm(page: Page): void { expect(faults.get(page)).toEqual([]) }

/** Rules of accessibility that the page breaks, each with the first place. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Found { readonly id: string; readonly nodes: readonly { readonly html: string }[] }
    // Put there by the line before.
    const { axe: checker } = globalThis as unknown as { axe: { run(): Promise<{ violations: readonly Found[] }> } };
    return (await checker.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`);
  });
}

/** Waits until the run's page is drawn. */
export async function drawn(page: Page): Promise<void> {
  await page.getByRole("table", { name: "Calls of the run" }).or(page.getByRole("list", { name: "Events" })).first()
    .waitFor();
}
/** The number of the focused event. */
export async function focused(page: Page): Promise<number> {
  return Number(await page.getByRole("slider", { name: "Event" }).inputValue());
}
