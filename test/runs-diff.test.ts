/** Two runs beside each other: where they part. */
import { afterAll, describe, expect, test } from "vitest";
import { clear, project, reprise } from "./talking.ts";

afterAll(clear);
const CODE = `import { sleep, task, workflow } from "reprise";
const price = task("price", async (item) => item === "lamp" ? 45 : 99);
const pack = task("pack", async (item, cents) => { if (cents > 90) throw new Error("too dear"); return item });
export const order = workflow("order", async (item) => {
  const cents = await price(item);
  await sleep(1);
  return pack(item, cents);
});
export const steady = workflow("steady", async () => { await sleep(1); return price("lamp") });
`;

describe("reprise runs diff", () => {
  const folder = project("diff", { "shop.mjs": CODE });
  test("says that two runs are alike, whatever their names and times", () => {
    for (let i = 0; i < 2; i++) {
      expect(reprise(folder, "run", "shop.mjs:steady", "--fresh")).toMatchObject({ status: 0 });
    }
    const { stdout, status } = reprise(folder, "runs", "diff", "-1", "-2");
    expect(status).toBe(0);
    expect(stdout).toMatch(/decided and were answered alike: \d+ events\. They are completed and completed\./);
    expect(JSON.parse(reprise(folder, "runs", "diff", "-1", "-2", "--json").stdout)).toMatchObject(
      { differ: false, events: [null, null], states: ["completed", "completed"] });
  });
  test("shows the first difference of both, and how they are", () => {
    expect(reprise(folder, "run", "shop.mjs:order", "-p", '"lamp"')).toMatchObject({ status: 0 });
    expect(reprise(folder, "run", "shop.mjs:order", "-p", '"desk"')).toMatchObject({ status: 1 });
    const { stdout } = reprise(folder, "runs", "diff", "-2", "-1");
    expect(stdout).toMatch(/are alike for 0 decisions and answers, then part:/);
    expect(stdout).toMatch(/RunStarted[^]*RunStarted[^]*They are completed and failed\./);
    expect(reprise(folder, "runs", "diff", "-1", "none")).toMatchObject({ status: 4 });
  });
  test("of a fork with another result: its place", () => {
    expect(reprise(folder, "run", "shop.mjs:order", "-p", '"lamp"', "--fresh")).toMatchObject({ status: 0 });
    expect(reprise(folder, "runs", "fork", "-1", "shop.mjs", "--set", "task:price#0=50")).toMatchObject({ status: 0 });
    const { alike, events } = JSON.parse(reprise(folder, "runs", "diff", "-2", "-1", "--json").stdout) as
      { alike: number; events: { type: string; key: string; seq: number; result?: unknown; value?: unknown }[] };
    expect(alike).toBeGreaterThan(1);
    expect(events.map(({ key }) => key)).toEqual(["task:price#0", "task:price#0"]);
  });
});
