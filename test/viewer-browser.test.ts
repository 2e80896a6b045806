/** The viewer in a real browser: a channel that breaks, hostile values, recordings without a server, accessibility. */
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordingOf, recordRun } from "../replay-viewer/server/record.ts";
import { calm, drawn, openHouse, violations, watch, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { counter, HOSTILE, thumbnails } from "./viewer-world.ts";

const folder = mkdtempSync(join(tmpdir(), "reprise-browser-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

/** A wire between the browser and the server that can be cut. */
async function openWire(): Promise<{ readonly port: number; to(port: number): void; cut(): number; close(): void }> {
  let target = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => { other.destroy() }).on("close", () => { sockets.delete(one); other.destroy() });
    }
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) });
  const address = server.address();
  const cut = (): number => { const { size } = sockets; for (const socket of sockets) socket.destroy(); return size };
  return { port: typeof address === "object" && address !== null ? address.port : 0, to: (port) => { target = port },
    cut, close: () => { cut(); server.close() } };
}

/** The run as the page has it, by its own export. */
async function exported(page: Page): Promise<{ readonly events: readonly { readonly seq: number }[] }> {
  await page.getByRole("button", { name: "Export" }).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByText("The data").click()]);
  const path = join(folder, "page.json");
  await file.saveAs(path);
  return JSON.parse(readFileSync(path, "utf8")) as { events: { seq: number }[] }; // the page's own format
}

describe.skipIf(chromiumForTests() === undefined)("the viewer in a browser", () => {
  let house: House, wire: Awaited<ReturnType<typeof openWire>>;
  beforeAll(async () => {
    wire = await openWire();
    house = await openHouse({ allowHosts: [`127.0.0.1:${wire.port}`] });
    wire.to(house.viewer.port);
  });
  afterAll(async () => { await house.close(); wire.close() });

  describe("while a run goes on", () => {
    test("is cut off again and again, and in the end has every event once, as recorded", async () => {
      const run = await counter.with({ name: "long-gull" }).start(10_000);
      const page = await house.open(`/runs/${run.id}`, {}, `http://127.0.0.1:${wire.port}`);
      await drawn(page);
      for (let cuts = 0, seen = 0; cuts < 4; cuts++) {
        const slider = page.getByRole("slider", { name: "Event" });
        await expect.poll(async () => Number(await slider.getAttribute("max")))
          .toBeGreaterThan(seen);
        seen = Number(await slider.getAttribute("max"));
        await expect.poll(() => wire.cut()).toBeGreaterThan(0);
      }
      await run.cancel();
      await page.getByText("Run cancelled").first().waitFor();
      const { events } = await exported(page);
      expect(events).toEqual(await house.engine.history(run.id));
      calm(page);
      await page.close();
    });

    test("the list of runs shows the new one and its end, without being asked again", async () => {
      const page = await house.open("/runs?workflow=counter");
      await page.getByText("live", { exact: true }).waitFor();
      const run = await counter.with({ name: "swift-gull" }).start(3);
      await page.getByRole("row", { name: /running swift-gull|waiting swift-gull/ }).waitFor();
      await run.result();
      await page.getByRole("row", { name: /completed swift-gull/ }).waitFor();
      await page.close();
    });

    test("a link without a token opens while another page of the browser has one, and asks for it otherwise",
      async () => {
        const context = await house.browser.newContext();
        const first = await context.newPage();
        await first.goto(house.viewer.url);
        await first.getByRole("row", { name: /tidy-owl/ }).waitFor();
        const second = await context.newPage();
        await second.goto(`${house.viewer.origin}/runs/${house.ids["done"]}?e=12`);
        await drawn(second);
        await context.close();
        const stranger = await house.browser.newPage();
        await stranger.goto(`${house.viewer.origin}/runs`);
        await stranger.getByPlaceholder("Token").fill(house.viewer.url.split("#token=")[1] ?? "");
        await stranger.getByRole("button", { name: "Use this token" }).click();
        await stranger.getByRole("row", { name: /tidy-owl/ }).waitFor();
        await stranger.close();
      });
  });

  describe("hostile names, values, errors and logs", () => {
    /** Nothing of the text became an element, and nothing ran. */
    async function inert(page: Page, where: string): Promise<void> {
      await expect.poll(() => page.evaluate((text) => document.body.innerText.includes(text), HOSTILE.slice(0, 20)),
        { message: where }).toBe(true);
      const found = await page.evaluate(() => ({ hacked: Reflect.get(globalThis, "hacked"),
        made: document.querySelectorAll("#app img, #app script, #app [onerror], #app [onload], #app iframe").length,
        links: [...document.querySelectorAll("a[href]")].map((link) => link.getAttribute("href") ?? "")
          .filter((href) => !/^(\/|#|https?:|blob:)/.test(href)) }));
      expect(found, where).toEqual({ hacked: undefined, made: 0, links: [] });
    }
    const PLACES = ["view=timeline", "view=table", "view=list", "view=graph", "tab=event&e=6", "tab=state",
      "tab=diff&a=2", "tab=source&e=6", "tab=logs", "tab=cause&e=6", "tab=raw"];

    test("are shown as text in every view, tab and dialog", async () => {
      const page = await house.open("/runs");
      await page.getByRole("row", { name: /hostile/ }).first().waitFor();
      await inert(page, "runs");
      await page.goto(`${house.viewer.origin}/workflows`);
      await page.getByRole("link", { name: /hostile/ }).first().click();
      await inert(page, "workflows");
      for (const query of PLACES) {
        await page.goto(`${house.viewer.origin}/runs/${house.ids["hostile"]}?${query}`);
        await page.getByRole("tablist", { name: "Inspector" }).waitFor();
        await inert(page, query);
      }
      for (const key of ["Control+k", "?"]) {
        await page.keyboard.press(key);
        await page.getByRole("dialog").waitFor();
        await inert(page, key);
        await page.keyboard.press("Escape");
      }
      await page.goto(`${house.viewer.origin}/runs/${house.ids["hostile"]}/vs/${house.ids["done"]}`);
      await page.getByText(/differ/).first().waitFor();
      await inert(page, "compare");
      await page.goto(`${house.viewer.origin}/runs?q=${encodeURIComponent(HOSTILE)}`);
      await page.getByRole("row", { name: /hostile/ }).first().waitFor();
      await inert(page, "search");
      calm(page);
      await page.close();
    });

    test("cannot break out of a recording", async () => {
      const file = join(folder, "hostile.html");
      writeFileSync(file, await recordRun(house.engine, house.ids["hostile"] ?? ""));
      const page = await house.browser.newPage();
      await watch(page);
      await page.goto(`file://${file}`);
      await page.getByText("Run completed").first().waitFor();
      await inert(page, "recording");
      calm(page);
      await page.close();
    });
  });

  describe("a recording", () => {
    test("opens from a file in every view, and asks nobody for anything", async () => {
      const file = join(folder, "done.html");
      writeFileSync(file, await recordRun(house.engine, house.ids["done"] ?? ""));
      const page = await house.browser.newPage({ viewport: { width: 1440, height: 900 } }), asked: string[] = [];
      await watch(page);
      page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) asked.push(request.url()) });
      for (const query of ["", "view=list", "view=graph", "view=table", "tab=state&e=12", "tab=source&e=12",
        "tab=logs"]) {
        await page.goto(`file://${file}#/runs/${house.ids["done"]}?${query}`);
        await page.reload();
        await page.getByRole("tablist", { name: "Inspector" }).waitFor();
      }
      await page.keyboard.press("Home");
      await page.waitForURL(/e=1/);
      expect(asked).toEqual([]);
      expect(await violations(page)).toEqual([]);
      calm(page);
      await page.close();
    });

    test("of a long run is packed: it opens from a file, is dropped, exported again, and read by the command line",
      async () => {
        const run = await thumbnails.start(2500);
        await run.result();
        const html = await recordRun(house.engine, run.id), file = join(folder, "long.html");
        writeFileSync(file, html);
        const recording = recordingOf(html), json = JSON.stringify(recording);
        expect(json.length).toBeGreaterThan(1_000_000);
        expect(html.length).toBeLessThan(json.length / 2);
        const page = await house.browser.newPage({ viewport: { width: 1440, height: 900 } });
        await watch(page);
        await page.goto(`file://${file}`);
        await page.getByText("Run completed").first().waitFor();
        expect((await exported(page)).events).toEqual(recording.events);
        calm(page);
        await page.close();
        const other = await house.open("/runs");
        await other.getByRole("row", { name: /tidy-owl/ }).waitFor();
        await drop(other, "long.html", html);
        await other.getByText("recording", { exact: true }).waitFor();
        await other.getByRole("button", { name: "Export" }).click();
        const [again] = await Promise.all([other.waitForEvent("download"), other.getByText("One page").click()]);
        await again.saveAs(file);
        expect(recordingOf(readFileSync(file, "utf8")).events).toEqual(recording.events);
        calm(other);
        await other.close();
      });

    test("is dropped on the page, as .html, as .json and as the command line's export; other files are refused",
      async () => {
        const id = house.ids["failed"] ?? "", html = await recordRun(house.engine, id);
        const json = JSON.stringify(recordingOf(html));
        const plain = JSON.stringify({ format: "reprise/history/1", run: await house.engine.row(id),
          events: await house.engine.history(id) });
        for (const [name, text] of [["a.html", html], ["a.json", json], ["b.json", plain]] as const) {
          const page = await house.open("/runs");
          await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
          await drop(page, name, text);
          await drawn(page);
          await page.getByText("recording", { exact: true }).waitFor();
          expect(new URL(page.url()).pathname).toBe(`/runs/${id}`);
          calm(page);
          await page.close();
        }
        const page = await house.open("/runs");
        await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
        await drop(page, "x.json", '{"format":"other"}');
        await page.getByText("x.json is no recording of a run").waitFor();
        await page.close();
      });

    async function drop(page: Page, name: string, text: string): Promise<void> {
      const data = await page.evaluateHandle(({ name, text }) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([text], name));
        return transfer;
      }, { name, text });
      await page.dispatchEvent("body", "dragover", { dataTransfer: data });
      await page.dispatchEvent("body", "drop", { dataTransfer: data });
    }
  });

  test("breaks no rule of accessibility on any page, wide and narrow, light and dark", async () => {
    const { done, failed, waiting } = house.ids;
    const paths = ["/runs", "/runs?q=nothing-like-that", "/nowhere", "/runs/01JZZZZZZZZZZZZZZZZZZZZZZZ",
      `/runs/${waiting}`, `/runs/${failed}`, ...["view=table", "view=list", "view=graph", "tab=state&e=12",
        "tab=diff&a=5&b=12", "tab=source&e=12",
        "tab=logs", "tab=cause&e=12", "tab=raw"].map((query) => `/runs/${done}?${query}`),
      `/runs/${done}/vs/${failed}`];
    for (const [colorScheme, width] of [["light", 1440], ["dark", 800]] as const) {
      const page = await house.open("/runs", { colorScheme, viewport: { width, height: 900 } });
      for (const path of paths) {
        await page.goto(`${house.viewer.origin}${path}`);
        await page.locator("#app main").waitFor();
        await expect.poll(() => page.locator(".loading").count()).toBe(0);
        expect(await violations(page), `${path} ${colorScheme} ${width}`).toEqual([]);
      }
      await page.goto(`${house.viewer.origin}/runs/${failed}`);
      await drawn(page);
      for (const name of ["Export this run", "Begin a new run"]) {
        await page.getByTitle(name).click();
        await page.getByRole("dialog").waitFor();
        expect(await violations(page), `${name} ${colorScheme}`).toEqual([]);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      calm(page);
      await page.close();
    }
  }, 600_000);
});
