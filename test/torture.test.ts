/** `reprise torture`, as a user calls it, on workflows of his: what ran twice, what prevents harm, what differed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { choosePoints, type TortureReport } from "../sdk/torture.ts";
import { clear, endAll, project, reprise, type Outcome } from "./talking.ts";

afterAll(() => { endAll(); clear() });

const SHOP = `
import { appendFileSync } from "node:fs";
import { sleep, task, taskContext, workflow } from "reprise";
const charge = task("charge", async (cents: number) => {
  appendFileSync("charged.txt", taskContext().idempotencyKey + "\\n");
  return "paid " + cents;
});
const mail = task("mail", async (text: string) => {
  taskContext().attempt; // looks at its context, and not at its key
  appendFileSync("mailed.txt", text + "\\n");
  console.log("sent", text);
});
let lookups = 0;
const flaky = task("flaky", { retries: 2 }, async () => {
  if (lookups++ % 2 === 0) throw new Error("not yet");
  return 7;
});
export const shop = workflow("shop", async ({ cents }: { cents: number }) => {
  const receipt = await charge(cents);
  await mail(receipt);
  return { receipt, looked: await flaky() };
});
let lives = 0;
export const unsteady = workflow("unsteady", async () => {
  const life = ++lives;
  await mail("hello");
  if (life > 3) throw new Error("the code remembers");
  return "ended";
});
const step = task("step", { runner: "thread" }, async (n: number) => n + 1);
const inner = workflow("inner", (n: number) => step(n));
const starts = task("starts", async (n: number) => (await inner.run(n)) as number);
export const nested = workflow("nested", async () => (await inner(1)) + (await starts(10)));
export const patient = workflow("patient", () => sleep("1h"));
`;
const folder = project("torture", { "shop.ts": SHOP });
const lines = (file: string): readonly string[] =>
  existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8").trimEnd().split("\n") : [];
const reportOf = ({ stdout }: Outcome): TortureReport => JSON.parse(stdout) as TortureReport;

describe("reprise torture", () => {
  test("starts nothing where nobody can be asked and --yes is missing", () => {
    const { status, stderr } = reprise(folder, "torture", "shop.ts:shop", "-p", "cents=5");
    expect(stderr).toMatch(/runs 'shop' for real.*USAGE.*--yes/s);
    expect(status).toBe(2);
    expect(lines("charged.txt")).toEqual([]);
  });

  test("tells a task that reads its idempotency key from one that has no protection, at every point", () => {
    const ran = reprise(folder, "torture", "shop.ts:shop", "-p", "cents=5", "--yes", "--json");
    expect(ran.status, ran.stderr).toBe(0);
    const report = reportOf(ran); // what the workflow printed is not in it
    expect(report).toMatchObject({ workflow: "shop", tried: 2 * report.writes, points: 2 * report.writes, varies: false,
      differences: [], outcome: { kind: "completed", said: 'returns {"receipt":"paid 5","looked":7}' } });
    const [charge, mail, flaky] = report.tasks;
    expect(charge).toMatchObject({ task: "charge", clean: 1, most: 2, protectedBy: "idempotencyKey" });
    expect(mail).toMatchObject({ task: "mail", clean: 1, most: 2, protectedBy: null });
    expect(flaky).toMatchObject({ task: "flaky", clean: 2, protectedBy: null });
    // Twice it ran where it was executed again, and the files say how often that was.
    const runs = 2 + report.tried;
    for (const [tally, file] of [[charge, "charged.txt"], [mail, "mailed.txt"]] as const) {
      expect(tally?.twiceAt.length).toBeGreaterThan(0);
      expect(lines(file).length).toBe(runs + (tally?.twiceAt.length ?? 0));
    }
    expect(flaky?.twiceAt.length, "a retry that is recorded is no repetition").toBeLessThan(report.tried / 2);
    // A key stands twice where the run crashed between the charge and its record, and nowhere three times.
    const keys = new Map<string, number>();
    for (const key of lines("charged.txt")) keys.set(key, (keys.get(key) ?? 0) + 1);
    expect([...keys.values()].filter((times) => times === 2).length).toBe(charge?.twiceAt.length);
    expect(Math.max(...keys.values())).toBe(2);
  });

  test("says for people what ran twice and what would prevent harm, at a sample of the points", () => {
    const { stdout, stderr, status } = reprise(folder, "torture", "shop.ts:shop", "-p", "cents=5", "-y", "--points",
      "7");
    expect(stderr).toMatch(/7 of 7 points/);
    expect(stdout).toMatch(/crashed at 7 of \d+ points/);
    expect(stdout).toMatch(/charge +1 +\d .*its idempotency key\n/);
    expect(stdout).toMatch(/mail +1 +\d .*-\n/);
    expect(stdout).toContain('The outcome was the same at every point: returns {"receipt":"paid 5","looked":7}.');
    expect(stdout).not.toContain("sent");
    expect(status).toBe(0);
  });

  test("ends with 1 where a crash changes the outcome, and names the points", () => {
    const ran = reprise(folder, "torture", "shop.ts:unsteady", "--yes");
    expect(ran.status, ran.stderr).toBe(1);
    expect(ran.stdout).toMatch(/The outcome differed at \d+ of \d+ points; without a crash it returns "ended"/);
    expect(ran.stdout).toMatch(/(before|after) write \d+ +\w+ +failed with Error: the code remembers/);
    expect(ran.stdout).toMatch(/Without protection: 'mail'.*taskContext\(\)\.idempotencyKey/s);
  });

  test("watches the runs that tasks and workflows start, and tasks that have a runner", () => {
    const ran = reprise(folder, "torture", "shop.ts:nested", "--yes", "--json");
    expect(ran.status, ran.stderr).toBe(0);
    const { tasks, outcome } = reportOf(ran);
    expect(outcome.said).toBe("returns 13");
    // A task that starts a run gives it an id made of its key: the second time it finds the run there.
    expect(tasks.find(({ task }) => task === "starts")).toMatchObject({ clean: 1, most: 2,
      protectedBy: "idempotencyKey" });
    expect(tasks.find(({ task }) => task === "step")).toMatchObject({ clean: 2, most: 3, protectedBy: null });
    expect(existsSync(join(folder, ".reprise")), "nothing is kept in the configured database").toBe(false);
  });

  test("gives a workflow up that does not end without a crash", () => {
    const { status, stderr } = reprise(folder, "torture", "shop.ts:patient", "--yes", "--timeout", "500ms");
    expect(stderr).toMatch(/TIMED_OUT: workflow 'patient' did not end within 500 ms/);
    expect(status).toBe(6);
  });
});

describe("a sample of points", () => {
  test("is all of them where there are no more, each side of each write once", () => {
    for (const wanted of [undefined, 6, 100]) {
      expect(choosePoints(3, wanted).map(({ write, death }) => `${death} ${write}`))
        .toEqual(["before 1", "after 1", "before 2", "after 2", "before 3", "after 3"]);
    }
  });

  test("is spread over the whole run, has both deaths, and no point twice", () => {
    for (let writes = 1; writes < 40; writes++) {
      for (let wanted = 1; wanted <= 2 * writes; wanted++) {
        const points = choosePoints(writes, wanted);
        expect(new Set(points.map(({ write, death }) => `${death} ${write}`)).size).toBe(wanted);
        expect(points.every(({ write }) => write >= 1 && write <= writes)).toBe(true);
        if (wanted > 1) expect(new Set(points.map(({ death }) => death)).size).toBe(2);
      }
    }
  });
});
