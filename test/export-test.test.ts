/** A run becomes a regression test: it passes with the code that ran, and says what differs with another. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { spawnSync } from "node:child_process";
import { clear, project, reprise } from "./talking.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
afterAll(clear);

const CODE = `import { task, workflow } from "reprise";
interface Order { readonly id: number; readonly items: Map<string, bigint> }
const fetchOrder = task("fetchOrder", async (id: number): Promise<Order> => ({ id, items: new Map([["lamp", 2n]]) }));
const charge = task("charge", async (n: bigint) => { console.log("charging"); return { paid: n }; });
export const pay = workflow("pay", async (id: number) => {
  const order = await fetchOrder(id);
  const { paid } = await charge(order.items.get("lamp") ?? 0n);
  return { id, paid };
});
console.log((await pay(7)).paid);
`;

/** Vitest, as a user has it beside his code. */
function vitest(folder: string): { readonly ok: boolean; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run"],
    { cwd: folder, encoding: "utf8", timeout: 150_000, env: { ...process.env, NO_COLOR: "1", VITEST: "",
      REPRISE_DATABASE_URL: "" } });
  return { ok: status === 0, said: stdout + stderr };
}

describe("reprise runs export --test", () => {
  test("writes a test that replays the run, and fails when the code decides or ends otherwise", () => {
    const folder = project("regression", { "pay.ts": CODE });
    symlinkSync(join(root, "node_modules/vitest"), join(folder, "node_modules/vitest"));
    expect(reprise(folder, "run", "pay.ts")).toMatchObject({ status: 0 });
    const { status, stderr } = reprise(folder, "runs", "export", "-1", "--test", "test/late.test.ts");
    expect(status, stderr).toBe(0);
    expect(existsSync(join(folder, "test/late.run.json"))).toBe(true);
    expect(readFileSync(join(folder, "test/late.test.ts"), "utf8")).toContain('import("../pay.ts")');
    const first = vitest(folder);
    expect(first.ok, first.said).toBe(true);
    expect(first.said, "no task runs").not.toContain("charging");
    for (const [from, to, says] of [
      ["return { id, paid }", "return { id, paid: paid + 1n }", /code now: returns .*3/],
      ["const { paid } = await charge", "await fetchOrder(8);\n  const { paid } = await charge",
        /TaskScheduled task:fetchOrder#1/],
      ["return { id, paid }", 'throw new Error("no")', /code now: fails with Error: no/],
    ] as const) {
      writeFileSync(join(folder, "pay.ts"), CODE.replace(from, to));
      const { ok, said } = vitest(folder);
      expect(ok, to).toBe(false);
      expect(said).toMatch(says);
    }
    writeFileSync(join(folder, "pay.ts"), CODE.replace("const order", "// renamed nothing\n  const order"));
    expect(vitest(folder).ok, "a harmless edit").toBe(true);
  });

  test("refuses a name that Vitest would not run, and a file that is there", () => {
    const folder = project("refused", { "pay.ts": CODE, "there.test.ts": "" });
    expect(reprise(folder, "run", "pay.ts")).toMatchObject({ status: 0 });
    expect(reprise(folder, "runs", "export", "-1", "--test", "late.ts")).toMatchObject({ status: 2 });
    expect(reprise(folder, "runs", "export", "-1", "--test", "there.test.ts")).toMatchObject({ status: 2 });
    expect(readFileSync(join(folder, "there.test.ts"), "utf8")).toBe("");
  });
});
