/** `reprise dev`, as a person at an editor meets it: run, save, break, mend, Ctrl-C. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { ask, clear, cli, endAll, lives, project, start, type Talking } from "./talking.ts";

afterEach(endAll);
afterAll(clear);

const LINK = /(http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+)\n/;
const WAITING = `import { sleep, task, workflow } from "reprise";
import { factor } from "./factor.ts";
const step = task("step", async (n: number) => n * factor);
const slow = workflow("slow", async () => {
  const a = await step(1);
  await sleep("9s");
  return a + await step(2);
});
console.log("result", await slow());
`;
const FACTOR = "export const factor = 10;\n";

interface Row { readonly runId: string; readonly state: string }
async function dev(folder: string, ...args: readonly string[]): Promise<{ readonly program: Talking; url: string }> {
  const program = start(folder, [cli, "dev", ...args, "--port", "0"]);
  const [, url = ""] = await program.until(LINK);
  return { program, url };
}
const save = (folder: string, file: string, text: string): void => { writeFileSync(join(folder, file), text) };
/** The process that holds the user's code: it serves the viewer. */
const holder = (folder: string): number =>
  (JSON.parse(readFileSync(join(folder, ".reprise/viewer.json"), "utf8")) as { pid: number }).pid; // our own note

describe("reprise dev", () => {
  test("continues a waiting run when a file that it imports is saved, at the same address", async () => {
    const folder = project("saved", { "a.ts": WAITING, "factor.ts": FACTOR });
    const { program, url } = await dev(folder, "a.ts");
    await program.until(/Finished in state Completed/);
    const first = holder(folder);
    save(folder, "factor.ts", "export const factor = 100;\n");
    await program.until(/factor\.ts changed: starting again/);
    await program.until(/Resuming run '[a-z]+-[a-z]+' at event \d+: 1 task kept/);
    await program.until(/result 210/); // the first task is kept, the second meets the new code
    expect((await ask<{ runs: Row[] }>(url, "/runs")).runs.map(({ state }) => state)).toEqual(["completed"]);
    expect(lives(first), "the process with the old code").toBe(false);
    const last = holder(folder);
    program.child.kill("SIGINT");
    expect(await program.ended, program.said()).toBe(130);
    expect(lives(last)).toBe(false);
  });

  test("tells a failed run's code, file:line and link; a file that does not compile; and runs what was mended",
    async () => {
      const broken = WAITING.replace('await sleep("9s");', 'if (a > 1) throw new RangeError("too much");');
      const folder = project("broken", { "a.ts": broken, "factor.ts": FACTOR });
      const { program, url } = await dev(folder, "a.ts");
      const [, link = ""] = await program.until(/ {2}(http:\/\/127\.0\.0\.1:\d+\/runs\/\w+\?e=\d+)\n/);
      expect(program.said()).toContain(`  a.ts:6:20
       4 | const slow = workflow("slow", async () => {
       5 |   const a = await step(1);
  >    6 |   if (a > 1) throw new RangeError("too much");
         |                    ^`);
      const [, id, seq] = /runs\/(\w+)\?e=(\d+)/.exec(link) ?? [];
      const { events } = await ask<{ events: { type: string; seq: number }[] }>(url, `/runs/${id}/history`);
      expect(events[Number(seq) - 1]).toMatchObject({ type: "RunFailed", seq: Number(seq) });
      save(folder, "a.ts", "const = 1;");
      await program.until(/error TransformError: .*\n.*a\.ts:1:6/);
      expect((await fetch(new URL("/api/v1/health", url))).status, "the viewer goes on").toBe(200);
      save(folder, "a.ts", broken.replace("a > 1", "a > 10"));
      await program.until(/result 30/);
      expect((await ask<{ runs: Row[] }>(url, "/runs")).runs.map(({ state }) => state))
        .toEqual(["completed", "failed"]);
    });

  test("parks a run that an edit does not fit, with both lines, and goes on with it when the edit is undone",
    async () => {
      const folder = project("parked", { "a.ts": WAITING, "factor.ts": FACTOR });
      const { program, url } = await dev(folder, "a.ts");
      await program.until(/Finished in state Completed/);
      save(folder, "a.ts", WAITING.replace('await sleep("9s");', 'await step(99);\n  await sleep("4s");'));
      await program.until(/error REPLAY_DIVERGED/);
      expect(program.said()).toMatch(/- history : TimerStarted timer:sleep#0/);
      save(folder, "a.ts", WAITING);
      await program.until(/result 30/);
      expect((await ask<{ runs: Row[] }>(url, "/runs")).runs.map(({ state }) => state)).toEqual(["completed"]);
    });

  test("waits for a save when the user's code ends its process, and never outlives a kill", async () => {
    const folder = project("ended", { "a.ts": "process.exit(3);" });
    const program = start(folder, [cli, "dev", "a.ts", "--port", "0"]);
    await program.until(/The process ended with code 3\. Save a file to start it again/);
    save(folder, "a.ts", "import { workflow } from 'reprise';\nworkflow('w', async () => 1);\n");
    await program.until(/Loaded\. Nothing was started/);
    const child = holder(folder);
    program.child.kill("SIGKILL");
    await expect.poll(() => lives(child)).toBe(false);
  });
});

describe("saving the fix of a failed run", () => {
  const CHARGE = `import { task, workflow } from "reprise";
const fetchOrder = task("fetchOrder", async (id: number) => { console.log("fetching"); return { id, cents: 4475 }; });
const charge = task("charge", async (cents: number) => {
  if (cents > 1000) throw new Error("the bank takes whole euros");
  return "paid " + cents;
});
const pay = workflow("pay", async (id: number) => {
  const order = await fetchOrder(id);
  return charge(order.cents);
});
console.log("result", await pay(7));
`;
  const states = async (url: string): Promise<readonly string[]> =>
    (await ask<{ runs: Row[] }>(url, "/runs")).runs.map(({ state }) => state);

  for (const [what, from, to, result] of [
    ["in the task", 'throw new Error("the bank takes whole euros")', "cents = Math.ceil(cents / 100)", "paid 45"],
    ["in what the task is given", "charge(order.cents)", "charge(order.cents / 100)", "paid 44.75"],
  ] as const) {
    test(`${what} continues it from the failed call, and what had succeeded does not run again`, async () => {
      const folder = project(`fixed-${what.length}`, { "a.ts": CHARGE });
      const { program, url } = await dev(folder, "a.ts");
      await program.until(/\?e=\d+\n/);
      save(folder, "a.ts", CHARGE.replace(from, to));
      await program.until(/Run '[a-z]+-[a-z]+' goes on from event \d+ of '[a-z]+-[a-z]+': 1 task kept/);
      await program.until(new RegExp(`result ${result}`));
      expect(program.said().match(/^fetching$/gm)).toHaveLength(1);
      expect(await states(url)).toEqual(["completed", "failed"]);
      save(folder, "a.ts", `${CHARGE.replace(from, to)}// and on\n`);
      await program.until(new RegExp(`result ${result}`), 2); // it has ended: the call begins anew
      expect(await states(url)).toEqual(["completed", "completed", "failed"]);
    });
  }

  test("begins anew when the code before the failed call is another now, and leaves the failed run as it is",
    async () => {
      const folder = project("rewritten", { "a.ts": CHARGE });
      const { program, url } = await dev(folder, "a.ts");
      await program.until(/\?e=\d+\n/);
      save(folder, "a.ts", CHARGE.replace("await fetchOrder(id)", "{ cents: id }"));
      await program.until(/result paid 7/);
      expect(program.said()).not.toContain("goes on from event");
      expect(await states(url)).toEqual(["completed", "failed"]);
    });
});
