/** What user code throws need be no error; it must never be more than a failure. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asError, isA, saidBy } from "../engine/core/thrown.ts";
import { openEngine, sleep, task, update, waitFor, workflow, z, type Engine, type RunHandle } from "../sdk/index.ts";
import { history, until } from "./histories.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: "memory:" }) });
afterEach(async () => { await engine.close() });

const revoked = (): object => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy };
const deaf = Object.defineProperty(new Error("never read"), "message", { get: () => { throw revoked() } });
const things: readonly (readonly [string, unknown])[] = [["an object without a prototype", Object.create(null)],
  ["a revoked proxy", revoked()], ["an error whose message throws", deaf]];
async function linesOf(run: Pick<RunHandle<unknown>, "logs">): Promise<string[]> {
  const lines: string[] = [];
  for await (const { text } of run.logs()) lines.push(text);
  return lines;
}
async function lineOf(run: Pick<RunHandle<unknown>, "logs">, what: RegExp): Promise<void> {
  while (!(await linesOf(run)).some((line) => what.test(line))) {
    await new Promise((resolve) => { setTimeout(resolve, 2) });
  }
}

describe("anything that is thrown", () => {
  test.each(things)("has a text, and can be taken as an Error: %s", (_what, thing) => {
    expect(saidBy(thing)).toMatch(/thrown/);
    expect(asError(thing).message).toBe(saidBy(thing));
    expect(asError(thing).cause).toBe(thing);
    expect(isA(thing, RangeError)).toBe(false);
  });
  test("keeps what it says", () => {
    const error = new RangeError("far");
    expect(asError(error)).toBe(error);
    expect(isA(error, RangeError)).toBe(true);
    expect([error, "no", { message: "hm" }, undefined, 1n, Symbol("s"), Object].map(saidBy))
      .toEqual(["far", "no", "hm", "undefined", "1", "Symbol(s)", "a function was thrown"]);
  });
});

describe("what cannot be read, thrown by user code,", () => {
  const quickly = { retries: 1, retryDelay: 1 };

  test.each(things)("is an ordinary failed attempt: %s", async (_what, thing) => {
    let tries = 0;
    for (const [name, options] of [["tried once", {}], ["tried twice", quickly],
      ["asked about", { ...quickly, retryIf: () => true }]] as const) {
      tries = 0;
      const thrower = task(name, options, () => { tries++; throw thing });
      const failing = workflow(`${name} and failed`, async () => thrower());
      await expect(failing()).rejects.toMatchObject({ cause: { code: "TASK_FAILED" } });
      expect(tries).toBe("retries" in options ? 2 : 1);
    }
  });

  test.each(things)("is a warning from a hook, and an Error to it: %s", async (_what, thing) => {
    const told: unknown[] = [];
    const heard = task("heard", { onFailed: (error) => { told.push(error); throw thing } }, () => { throw thing });
    const run = await workflow("hears", async () => heard().catch(() => undefined)).start();
    await run.result();
    await lineOf(run, /a hook of task 'heard' threw: /);
    expect(told).toEqual([expect.any(Error)]);
  });

  test.each(things)("fails a workflow, and only warns where it is left to nobody: %s", async (_what, thing) => {
    const leaving = workflow("leaving", async () => { void Promise.reject(thing); await sleep(1); throw thing });
    const run = await leaving.start();
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_FAILED" });
    await lineOf(run, /A promise was rejected and nobody handled it: /);
  });

  test.each(things)("refuses an update and an answer: %s", async (_what, thing) => {
    const wish = update("wish", z.string()), form = z.string().refine(() => { throw thing });
    const asked = workflow("asked", async () => {
      wish.handle((value) => value, { validate: () => { throw thing } });
      await waitFor(form, { name: "form" });
    });
    const run = await asked.start();
    await until(run, "WaitOpened");
    await expect(run.update(wish, "x")).rejects.toBeInstanceOf(Error);
    await run.answer("form", "x").catch(() => undefined);
    await until(run, "MailIgnored", 2);
    for (const event of await history(run)) if (event.type === "MailIgnored") expect(event.why).toMatch(/thrown/);
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
  });

  test.each(things)("only makes a cached task be executed: %s", async (_what, thing) => {
    const keyless = task("keyless", { cache: { ttl: "1m", key: () => { throw thing } } }, () => 1);
    expect(await workflow("uncached", async () => keyless())()).toBe(1);
  });
});
