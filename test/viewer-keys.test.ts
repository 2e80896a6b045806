/** The viewer without a mouse: every place and every action is reached by keys, and none fires inside a field. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { calm, drawn, focused, openHouse, type House } from "./browser.ts";
import { chromiumForTests } from "./chromium.ts";
import { reminder } from "./viewer-world.ts";

describe.skipIf(chromiumForTests() === undefined)("by keys alone", () => {
  let house: House, page: Page;
  beforeAll(async () => { house = await openHouse() });
  afterEach(async () => { calm(page); await page.close() });
  afterAll(async () => { await house.close() });

  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const at = (seq: number): Promise<void> => expect.poll(() => focused(page)).toBe(seq);
  const query = (name: string): string | null => new URL(page.url()).searchParams.get(name);
  /** Goes on with Tab until this is focused. */
  async function tabTo(role: string, name: RegExp): Promise<void> {
    const seen: string[] = [];
    for (let i = 0; i < 80; i++) {
      await press("Tab");
      const here = await page.evaluate(() => {
        const element = document.activeElement;
        return { role: element?.getAttribute("role") ?? element?.tagName.toLowerCase() ?? "",
          name: (element?.getAttribute("aria-label") ?? element?.textContent ?? "").trim() };
      });
      if (here.role === role && name.test(here.name)) return;
      seen.push(`${here.role} ${here.name.slice(0, 20)}`);
    }
    throw new Error(`Tab does not come to ${role} ${name}: ${seen.join(", ")}`);
  }

  test("the list is searched, walked, opened, and come back to", async () => {
    page = await house.open("/runs");
    await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
    await press("/");
    await page.keyboard.type("owl x?1");
    await expect.poll(() => query("q")).toBe("owl x?1"); // the keys of the page slept meanwhile
    await page.getByText("No run meets these filters").waitFor();
    for (let i = 0; i < 4; i++) await press("Backspace");
    await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
    await press("Escape", "ArrowDown", "Enter");
    await drawn(page);
    expect(new URL(page.url()).pathname).toBe(`/runs/${house.ids["done"]}`);
    await page.goBack();
    expect(query("q")).toBe("owl");
  });

  test("two runs are compared", async () => {
    page = await house.open("/runs?workflow=checkout");
    await page.getByRole("row", { name: /tidy-owl/ }).waitFor();
    await press("ArrowDown", "x", "ArrowDown", "x");
    await page.waitForURL(/\/vs\//);
    await page.getByText("2 calls differ, 3 the same, 1 only in A, 0 only in B", { exact: true }).waitFor();
    await press("]");
    await expect.poll(() => query("key")).toBe("task:chargeCard#0");
  });

  test("a key that is pressed the moment its page is seen is heard", async () => {
    const [a, b] = [house.ids["done"] ?? "", house.ids["failed"] ?? ""];
    page = await house.open("/runs");
    await page.addInitScript(() => {
      const eager = new MutationObserver(() => {
        if (document.querySelector(".compare [aria-current=true]") === null) return;
        eager.disconnect();
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
      });
      eager.observe(document, { childList: true, subtree: true, characterData: true });
    });
    await page.goto(`${house.viewer.origin}/runs/${a}/vs/${b}`);
    await expect.poll(() => query("key")).not.toBeNull();
  });

  test("events are gone through one by one, by call, by failure, and played", async () => {
    page = await house.open(`/runs/${house.ids["done"]}`);
    await drawn(page);
    const events = await house.engine.history(house.ids["done"] ?? "");
    await press("Home");
    await at(1);
    await press("ArrowRight", "ArrowRight", "ArrowLeft");
    await at(2);
    await press("End");
    await at(events.length);
    await press("Home", "]");
    const failed = events.flatMap(({ type, seq }) => type === "AttemptFailed" ? [seq] : []);
    await at(failed[0] ?? 0);
    await press("]");
    await at(failed[1] ?? 0);
    await press("[");
    await at(failed[0] ?? 0);
    await press("Shift+ArrowRight");
    const key = events.flatMap((event) => event.seq === failed[0] && "key" in event ? [event.key] : [])[0];
    await at(events.find((event) => event.seq > (failed[0] ?? 0) && "key" in event && event.key === key)?.seq ?? 0);
    const before = await focused(page);
    await press("ArrowDown");
    expect(await focused(page)).not.toBe(before);
    await press("Home", " ");
    await expect.poll(() => focused(page)).toBeGreaterThan(1);
    await press(" ");
  });

  test("the inspector's tabs, a diff, a copied link, the timeline's window", async () => {
    page = await house.open(`/runs/${house.ids["done"]}?e=12`);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: house.viewer.origin });
    await drawn(page);
    const words = ["Event", "State", "Diff", "Source", "Logs", "Cause", "Raw"];
    for (const [i, word] of words.entries()) {
      await press(String(i + 1));
      await page.getByRole("tab", { name: word, selected: true }).waitFor();
    }
    await press("x", "ArrowRight", "ArrowRight", "x");
    await page.getByRole("tab", { name: "Diff", selected: true }).waitFor();
    expect(query("a")).toBe("12");
    await press(".");
    await page.getByText(/Copied the address/).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
    await press("w", "d");
    await expect.poll(() => query("z")).toMatch(/~/);
    await press("0");
    await expect.poll(() => query("z")).toBeNull();
    await press("z");
    await expect.poll(() => query("z")).toMatch(/~/);
    await press("a", "s", "/");
    await page.locator("#search").waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("search");
    await page.keyboard.type("type:failed");
    await page.getByText(/^3 of 29|3 events/).first().waitFor();
  });

  test("a value is selected in the state, its changes are walked, and it is copied", async () => {
    page = await house.open(`/runs/${house.ids["done"]}?tab=state&e=last&sel=.state`);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: house.viewer.origin });
    await drawn(page);
    await press("{");
    await expect.poll(() => query("e")).toBe("2"); // there the run was claimed: it had been pending
    await press("}");
    await expect.poll(() => query("e")).toBe("29"); // and there it ended
    await press("y");
    await page.getByText(/Copied \.state/).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('"completed"'); // as JSON
  });

  test("the sheet of keys and the palette open, choose, and give the focus back", async () => {
    page = await house.open(`/runs/${house.ids["failed"]}`);
    await drawn(page);
    await press("?");
    await page.getByRole("dialog", { name: "Keys and marks" }).waitFor();
    await press("ArrowLeft"); // belongs to the dialog
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await press("Control+k");
    await page.getByRole("combobox", { name: "Go to" }).waitFor();
    await page.keyboard.type("chargeCard");
    await press("Enter");
    await expect.poll(() => page.getByRole("heading", { name: "Task failed" }).or(page.getByText("Task failed"))
      .first().isVisible()).toBe(true);
    await press("Control+k");
    await page.getByRole("combobox", { name: "Go to" }).waitFor();
    await page.keyboard.type("graph");
    await press("Enter");
    await expect.poll(() => query("view")).toBe("graph");
    const marked = page.locator(".graph [aria-current=true]");
    await expect.poll(() => marked.allTextContents()).toEqual([expect.stringContaining("chargeCard")]);
    await press("Home");
    await expect.poll(() => marked.allTextContents(), "the box of the start, and no other").toEqual([
      expect.stringContaining("began")]);
  });

  test("a waiting run is cancelled, with a reason, and the page shows it end", async () => {
    const run = await reminder.start(5);
    page = await house.open(`/runs/${run.id}`);
    await drawn(page);
    await tabTo("button", /^Cancel$/);
    await press("Enter");
    await page.getByRole("dialog", { name: /^Cancel/ }).waitFor();
    await tabTo("input", /.*/);
    await page.keyboard.type("not needed any more");
    await press("Enter");
    await page.getByText("Asked the run to stop", { exact: true }).waitFor();
    await page.getByText("Run cancelled").first().waitFor();
    expect((await house.engine.history(run.id)).at(-1)).toMatchObject({ type: "RunCancelled",
      reason: "not needed any more" });
  });

  test("a failed run is tried again, and a completed one forked with another result: both open what came of it",
    async () => {
      page = await house.open(`/runs/${house.ids["failed"]}`);
      await drawn(page);
      await tabTo("button", /^Retry$/);
      await press("Enter");
      await page.getByText("goes on from the call that failed").waitFor();
      await tabTo("button", /^Retry$/);
      await press("Enter");
      await expect.poll(() => new URL(page.url()).pathname).not.toContain(house.ids["failed"] ?? "");
      await page.getByText("Task failed").first().waitFor(); // the card is still refused
      const done = house.ids["done"] ?? "", events = await house.engine.history(done);
      const paid = events.find((event) => event.type === "TaskCompleted" && event.key === "task:chargeCard#0")?.seq;
      await page.goto(`${house.viewer.origin}/runs/${done}?e=${paid}`);
      await drawn(page);
      await tabTo("button", /^Fork here$/);
      await press("Enter");
      await tabTo("textarea", /.*/);
      await press("Control+a");
      await page.keyboard.type('{ "receipt": "R-free", "last4": "0000" }');
      await tabTo("button", /^Fork$/);
      await press("Enter");
      await page.waitForURL(/\/vs\//);
      await page.getByText(/R-free/).first().waitFor();
    });

  test("each action of a run is reached by Tab, and opens a dialog that Escape leaves", async () => {
    for (const [kind, names] of [["failed", ["Retry", "Export", "Fork here"]],
      ["waiting", ["Pause", "Signal", "Cancel", "Export"]]] as const) {
      page = await house.open(`/runs/${house.ids[kind]}`);
      await drawn(page);
      for (const name of names) {
        await tabTo("button", new RegExp(`^${name}$`));
        await press("Enter");
        await page.getByRole("dialog").waitFor();
        expect(await page.evaluate(() => document.activeElement?.closest("dialog") !== null), name).toBe(true);
        await press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      if (kind === "failed") { calm(page); await page.close() }
    }
  });
});
