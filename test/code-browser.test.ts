/** Upgrading safely, as a person does it: runs in flight, an edit, the page that says which it would set aside and at
 *  which line, `patched`, and the runs that end. `reprise dev` and the browser are real. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { calm, violations, watch } from "./browser.ts";
import { CHROMIUM_ARGS, chromiumForTests, chromiumPath } from "./chromium.ts";
import { ask, clear, cli, endAll, project, reprise, start, type Talking } from "./talking.ts";

const ORDER = `import { patched, task, waitFor, workflow, z } from "reprise";

const email = task("email", async (id: number) => "email " + id);
const letter = task("letter", async (id: number) => "letter " + id);

export const order = workflow("order", async (id: number) => {
  const sent = await email(id);
  const { paid } = await waitFor(z.object({ paid: z.boolean() }), { name: "payment" });
  return sent + (paid ? ", paid" : ", not paid");
});
void [letter, patched];
`;
const LETTER = ORDER.replace("await email(id)", "await letter(id)");
const PATCHED = ORDER.replace("await email(id)", 'patched("letter") ? await letter(id) : await email(id)');

interface Row { readonly runId: string; readonly name: string; readonly state: string; readonly parked: string | null }

describe.skipIf(chromiumForTests() === undefined)("the page of code", () => {
  let browser: Browser, page: Page;
  beforeAll(async () => {
    const executablePath = chromiumPath();
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...CHROMIUM_ARGS] });
  });
  afterEach(async () => { calm(page); await page.close(); endAll() });
  afterAll(async () => { await browser.close(); clear() });

  async function dev(folder: string): Promise<{ readonly program: Talking; readonly url: string }> {
    const program = start(folder, [cli, "dev", "order.ts", "--port", "0"]);
    const [, url = ""] = await program.until(/(http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+)\n/);
    await program.until(/Loaded\. Nothing was started/);
    return { program, url };
  }
  async function post(url: string, path: string, body: object): Promise<unknown> {
    const [origin = "", token = ""] = url.split("/#token=");
    const response = await fetch(`${origin}/api/v1${path}`, { method: "POST", body: JSON.stringify(body),
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } });
    expect(response.status, await response.clone().text()).toBe(200);
    return response.json();
  }
  const row = async (url: string, id: string): Promise<Row> =>
    (await ask<{ run: Row }>(url, `/runs/${id}`)).run;
  /** Runs that wait to be paid, with their emails sent. */
  async function begun(url: string, names: readonly string[]): Promise<readonly string[]> {
    const ids: string[] = [];
    for (const [i, name] of names.entries()) {
      const { run } = await post(url, "/runs", { workflow: "order", input: i, name }) as { run: string }; // its schema
      ids.push(run);
      await expect.poll(async () => (await ask<{ waits: unknown[] }>(url, `/runs/${run}/waits`)).waits.length).toBe(1);
    }
    return ids;
  }
  async function opened(url: string): Promise<Page> {
    const made = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
    await watch(made);
    await made.goto(url.replace("/#", "/code#"));
    return made;
  }
  const heading = (text: string): ReturnType<Page["getByRole"]> => page.getByRole("heading", { name: text });

  test("teaches while no run is in flight; follows each save: all go on, some would not, patched() lets them; they end",
    async () => {
      const folder = project("upgrade", { "order.ts": ORDER }), { program, url } = await dev(folder);
      page = await opened(url);
      await heading("No run is in flight").waitFor();
      expect(await violations(page)).toEqual([]);
      const [first = "", second = "", third = ""] = await begun(url, ["kind-owl", "shy-fox", "wise-elk"]);
      await heading("All 3 runs in flight go on with the code on disk").waitFor();

      writeFileSync(join(folder, "order.ts"), LETTER);
      await heading("3 runs would be set aside by the code on disk; none goes on").waitFor();
      const meant = page.locator(".code-line.meant");
      expect(await meant.allInnerTexts()).toEqual([expect.stringMatching(/^7\s+const sent = await email\(id\);$/),
        expect.stringMatching(/^7\s+const sent = await letter\(id\);$/)]);
      await page.getByText('const sent = patched("order-2")').waitFor();
      for (const [colorScheme, width] of [["dark", 800], ["light", 1440]] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        expect(await violations(page), `${colorScheme} ${width}`).toEqual([]);
      }
      await post(url, `/runs/${first}/answer`, { name: "payment", value: { paid: true } });
      await expect.poll(async () => (await row(url, first)).parked).toBe("REPLAY_DIVERGED");
      await page.getByText("1 set aside now").waitFor();

      writeFileSync(join(folder, "order.ts"), PATCHED);
      await page.getByRole("heading", { name: /runs in flight go on with the code on disk/ })
        .waitFor();
      expect(await meant.count()).toBe(0);
      await expect.poll(async () => (await row(url, first)).state).toBe("completed");
      const { events } = await ask<{ events: readonly object[] }>(url, `/runs/${first}/history`);
      expect(events.at(-1), "it kept the way that it had taken").toMatchObject({ result: { p: "email 0, paid" } });
      await page.getByRole("link", { name: "order", exact: true }).press("Enter");
      await page.getByRole("row", { name: /shy-fox/ }).waitFor();
      expect(new URL(page.url()).searchParams.get("workflow")).toBe("order");
      for (const id of [second, third]) {
        await post(url, `/runs/${id}/answer`, { name: "payment", value: { paid: false } });
        await expect.poll(async () => (await row(url, id)).state).toBe("completed");
      }
      await page.goBack();
      await heading("No run is in flight").waitFor();
      program.child.kill("SIGINT");
      expect(await program.ended, program.said()).toBe(130);
      expect(reprise(folder, "check", "order.ts").stdout).toBe("3 runs replayed, 0 diverged\n");
    });

  test("lets runs that were set aside go on, when the code fits them again; says the same as `reprise check` before",
    async () => {
      const folder = project("aside", { "order.ts": ORDER }), before = await dev(folder);
      const [id = ""] = await begun(before.url, ["late-moth"]);
      writeFileSync(join(folder, "order.ts"), LETTER);
      await before.program.until(/order\.ts changed: starting again/);
      await before.program.until(/Loaded\. Nothing was started/, 2);
      await post(before.url, `/runs/${id}/answer`, { name: "payment", value: { paid: true } });
      await expect.poll(async () => (await row(before.url, id)).parked).toBe("REPLAY_DIVERGED");
      before.program.child.kill("SIGINT");
      expect(await before.program.ended).toBe(130);
      const check = reprise(folder, "check", "order.ts");
      expect(check.status, check.stderr).toBe(3);
      expect(check.stdout).toContain(`1 run (late-moth)
INSERTED: the code now makes a call that history does not have, after event 1 (RunStarted)
  - history : TaskScheduled task:email#0  at order.ts:7:22
      const sent = await email(id);
  + code now: TaskScheduled task:letter#0  at order.ts:7:22
      const sent = await letter(id);`);

      writeFileSync(join(folder, "order.ts"), PATCHED);
      const { url } = await dev(folder);
      page = await opened(url);
      await heading("1 run of order, set aside, and the code fits now").waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByRole("button", { name: "Let 1 run go on" }).press("Enter");
      await expect.poll(async () => (await row(url, id)).state).toBe("completed");
      await heading("No run is in flight").waitFor();
    });
});
