/** The viewer in a real browser: Chromium of the system, where there is one; skipped, and said so, where there is
 *  none. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRunEngine, type RunEngine } from "../engine/index.ts";
import { openViewer } from "../dist/replay-viewer/server/viewer.js";
import { recordRun } from "../dist/replay-viewer/server/record.js";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";
import { CHROMIUM_ARGS, chromiumForTests } from "./chromium.ts";
import { specimens } from "./corpus/workflows.ts";

const executablePath = chromiumForTests();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(executablePath === undefined)("the viewer's page", () => {
  const folder = mkdtempSync(join(tmpdir(), "reprise-page-"));
  let browser: Browser, engine: RunEngine, viewer: { readonly url: string; close(): Promise<void> }, runId = "";
  beforeAll(async () => {
    engine = await openRunEngine({ database: "memory:", workflow: workflowSpec, workflows: workflowNames, claims: "all",
      observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
    for (const { run } of specimens) {
      const workflow = workflowSpec(run.workflowName);
      if (workflow === undefined) continue;
      const started = await engine.start({ workflow, input: undefined });
      await engine.result(started.runId).catch(() => undefined);
      if (run.workflowName === "corpus-retries") runId = started.runId;
    }
    // the built server takes an engine of the source, too
    viewer = await openViewer({ engine: engine as never, port: 0 });
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...CHROMIUM_ARGS] });
  });
  afterAll(async () => {
    await browser.close();
    await viewer.close();
    await engine.close(0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Rules of accessibility that the page breaks. */
  async function violations(page: Page): Promise<readonly string[]> {
    await page.evaluate(axe);
    return page.evaluate(async () => {
      // Put there by the line before.
      const { axe: checker } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } };
      return (await checker.run()).violations.map(({ id }) => id);
    });
  }

  test("lists the runs, opens one, and breaks no rule of accessibility, light and dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme });
      const errors: string[] = [];
      page.on("pageerror", (error) => { errors.push(error.message) });
      await page.goto(viewer.url);
      await page.getByRole("row", { name: /corpus-/ }).first().waitFor();
      expect(await violations(page), `runs, ${colorScheme}`).toEqual([]);
      await page.goto(`${viewer.url.split("/#")[0] ?? ""}/runs/${runId}${viewer.url.slice(viewer.url.indexOf("#"))}`);
      await page.getByText("Run completed").first().waitFor();
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowRight");
      await page.waitForURL(/e=2/);
      expect(await violations(page), `run, ${colorScheme}`).toEqual([]);
      expect(errors).toEqual([]);
      await page.close();
    }
  }, 60_000);

  test("as a recording opens from a file, and asks nobody for anything", async () => {
    const file = join(folder, "run.html");
    writeFileSync(file, await recordRun(engine as never, runId)); // as above
    const page = await browser.newPage(), asked: string[] = [];
    page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) asked.push(request.url()) });
    await page.goto(`file://${file}`);
    await page.getByText("Run completed").first().waitFor();
    await page.keyboard.press("Home");
    await page.waitForURL(/e=1/);
    expect(asked).toEqual([]);
    await page.close();
  }, 60_000);
});
