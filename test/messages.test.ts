/** What runs say to one another and to people: signals, forms, conditions, queries, updates. Each run is replayed. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  condition, expose, openEngine, query, RepriseError, signal, sleep, task, TimedOut, update, waitFor, workflow, z,
  type Engine, type RunHandle,
} from "../sdk/index.ts";
import { ended, history, until } from "./histories.ts";

let engine: Engine;
beforeEach(async () => { process.env["REPRISE_LOG_LEVEL"] = "critical";
  engine = await openEngine({ database: process.env["LANGUAGE_DB"] ?? "memory:" }) });
afterEach(async () => { await engine.close() });
let names = 0;

/** Starts code as a workflow of its own. */
function begin<Out>(fn: () => Promise<Out>): Promise<RunHandle<Out>> {
  return engine.start(workflow(`messages-${names++}`, fn));
}
const code = (error: unknown): string => error instanceof RepriseError ? error.code : String(error);

describe("signals", () => {
  const approved = signal("approved", z.object({ by: z.string() }));
  const ping = signal("ping", z.number());

  test("one sent before anybody waits is kept, and each is read once, in the order of coming", async () => {
    const run =
      await begin(async () => { await sleep(20); return [await ping.wait(), await ping.wait(), await ping.wait()] });
    for (const n of [1, 2]) await run.signal(ping, n);
    await until(run, "SignalReceived", 2);
    await ping.send(run.id, 3);
    expect(await ended(run)).toEqual([1, 2, 3]);
  });
  test("two waits for one name are served oldest first", async () => {
    const run = await begin(async () => Promise.all([ping.wait(), ping.wait()]));
    await run.signal(ping, 1);
    await run.signal(ping, 2);
    expect(await ended(run)).toEqual([1, 2]);
  });
  test("a repeated key arrives once", async () => {
    const run = await begin(async () => [await ping.wait(), await ping.wait()]);
    await run.signal(ping, 1, { key: "a" });
    await run.signal(ping, 1, { key: "a" });
    await run.signal(ping, 2, { key: "b" });
    expect(await ended(run)).toEqual([1, 2]);
  });
  test("one that does not fit is refused where it is sent", async () => {
    const run = await begin(async () => approved.wait());
    expect(code(await run.signal(approved, { by: 5 as unknown as string }).catch((error: unknown) => error)))
      .toBe("INPUT_INVALID");
    await run.signal(approved, { by: "ada" });
    expect(await ended(run)).toEqual({ by: "ada" });
  });
  test("a wait that times out throws TimedOut, or gives what `else` says; what comes later is kept", async () => {
    const run = await begin(async () => {
      const first = await ping.wait({ timeout: 10 }).catch((error: unknown) => error instanceof TimedOut);
      const second = await ping.wait({ timeout: 10, else: "nothing" });
      return [first, second, await ping.wait({ timeout: "1h" })];
    });
    await until(run, "WaitOpened", 3);
    await run.signal(ping, 7);
    expect(await ended(run)).toEqual([true, "nothing", 7]);
  });
  test("for await reads one after the other", async () => {
    const run = await begin(async () => {
      let sum = 0;
      for await (const n of ping) { if (n < 0) break; sum += n }
      return sum;
    });
    for (const n of [1, 2, 3, -1]) await run.signal(ping, n);
    expect(await ended(run)).toBe(6);
  });
  test("a workflow sends to another in the commit of its turn", async () => {
    const receiver = await begin(async () => ping.wait());
    const sender = await begin(async () => { await ping.send(receiver.id, 42); return "sent" });
    expect(await ended(sender)).toBe("sent");
    expect(await ended(receiver)).toBe(42);
  });
  test("a run that waits long is let go of, and costs a row; the signal brings it back", async () => {
    const run = await begin(async () => ping.wait({ timeout: "365d" }));
    await until(run, "RunReleased");
    expect((await history(run)).at(-1)).toMatchObject({ type: "RunReleased", reason: "idle" });
    expect((await run.state()).state).toBe("waiting");
    await run.signal(ping, 9);
    expect(await ended(run)).toBe(9);
    expect((await history(run)).filter((event) => event.type === "RunClaimed")).toHaveLength(2);
  });
  test("to a run that has ended: RUN_ENDED; to none: RUN_NOT_FOUND", async () => {
    const run = await begin(async () => 1);
    await run.result();
    expect(code(await run.signal(ping, 1).catch((error: unknown) => error))).toBe("RUN_ENDED");
    expect(code(await ping.send("01AAAAAAAAAAAAAAAAAAAAAAAA", 1).catch((error: unknown) => error))).toBe(
      "RUN_NOT_FOUND");
  });
  test("a race of a signal and a task is won by what came first, and stays so", async () => {
    const endless = task("endless", () => new Promise<number>(() => undefined));
    const run = await begin(async () => Promise.race([endless(), ping.wait()]));
    await run.signal(ping, 1);
    expect(await ended(run)).toBe(1);
  });
});

describe("forms", () => {
  const expense = z.object({ approved: z.boolean(), comment: z.string().default("") });
  test("an answer that does not fit is refused and the wait stays open; one that fits moves the run", async () => {
    const run = await begin(async () => waitFor(expense, { name: "expense", description: "45 EUR for books" }));
    await until(run, "WaitOpened");
    const [wait] = await run.waits();
    expect(wait).toMatchObject({ name: "expense", description: "45 EUR for books", kind: "form" });
    expect(wait?.schema).toMatchObject({ type: "object", required: ["approved"] });
    expect(code(await run.answer("expense", { approved: "maybe" }).catch((error: unknown) => error))).toBe(
      "ANSWER_REFUSED");
    await run.answer("expense", { approved: true }, { by: "ada" });
    expect(await ended(run)).toEqual({ approved: true, comment: "" });
    expect((await history(run)).find((event) => event.type === "WaitAnswered")).toMatchObject({ who: "ada" });
    expect(await run.waits()).toEqual([]);
  });
  test("two answers to one form: the second is refused", async () => {
    const run =
      await begin(async () => { const first = await waitFor(expense, { name: "one" }); await sleep(30); return first });
    await until(run, "WaitOpened");
    const both =
      await Promise.allSettled([run.answer("one", { approved: true }), run.answer("one", { approved: false })]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await ended(run)).toMatchObject({ approved: both[0]?.status === "fulfilled" });
  });
  test("nobody answers in time", async () => {
    const run = await begin(async () => waitFor(expense, { timeout: 10, else: "nobody" }));
    expect(await ended(run)).toBe("nobody");
  });
});

describe("conditions", () => {
  const add = signal("add", z.number());
  test("hold as soon as the run's variables say so, in the order of waiting", async () => {
    const run = await begin(async () => {
      let sum = 0;
      const order: string[] = [];
      const reader = (async () => { for await (const n of add) { sum += n; if (sum >= 10) return } })();
      await Promise.all([condition(() => sum >= 10).then(() => order.push("ten")),
        condition(() => sum >= 3).then(() => order.push("three")), reader]);
      return order;
    });
    for (const n of [1, 2, 7]) await run.signal(add, n);
    expect(await ended(run)).toEqual(["three", "ten"]);
  });
  test("one that holds already waits for nothing; one that never does gives false in time", async () => {
    const run = await begin(async () => [await condition(() => true), await condition(() => false, { timeout: 10 })]);
    expect(await ended(run)).toEqual([true, false]);
  });
  test("a durable call inside one is refused", async () => {
    const run = await begin(async () => condition(() => { void sleep(1); return true }).catch(code));
    expect(["NOT_READ_ONLY", true]).toContain(await ended(run));
  });
});

describe("queries and updates", () => {
  const items = query<number>("items");
  const setQuantity = update<z.ZodNumber, number>("set-quantity", z.number());
  const done = signal("done");

  test("a query reads the run's variables now and at any event of the past", async () => {
    const more = signal("more", z.number());
    const run = await begin(async () => {
      let count = 0;
      expose(items, () => count);
      for (let i = 0; i < 3; i++) count += await more.wait();
      return count;
    });
    for (const n of [1, 10, 100]) await run.signal(more, n);
    expect(await ended(run)).toBe(111);
    const received = (await history(run)).filter((event) => event.type === "SignalReceived").map(({ seq }) => seq);
    expect(await run.query(items)).toBe(111);
    expect(await Promise.all(received.map((at) => run.query(items, { at })))).toEqual([1, 11, 111]);
    expect(code(await run.query(query("other")).catch((error: unknown) => error))).toBe("QUERY_UNKNOWN");
  });
  test("an update is checked, changes the run, and replies; a refused one changes nothing", async () => {
    const reserve = task("reserve", async (n: number) => n * 2);
    const run = await begin(async () => {
      let quantity = 0;
      setQuantity.handle(async (n) => { quantity = await reserve(n); return quantity },
        { validate: (n) => { if (n < 0) throw new Error("a quantity is never negative") } });
      await done.wait();
      return quantity;
    });
    expect(await run.update(setQuantity, 4)).toBe(8);
    expect(code(await run.update(setQuantity, -1).catch((error: unknown) => error))).toBe("UPDATE_REFUSED");
    expect(code(await run.update(setQuantity, "x" as unknown as number).catch((error: unknown) => error))).toBe(
      "INPUT_INVALID");
    expect(await run.update(setQuantity, 5, { key: "once" })).toBe(10);
    expect(await run.update(setQuantity, 5, { key: "once" })).toBe(10);
    await run.signal(done);
    expect(await ended(run)).toBe(10);
    expect((await history(run)).filter((event) => event.type === "UpdateReceived")).toHaveLength(2);
  });
  test("an update is checked by the run's own schema, whatever the sender's", async () => {
    const item = z.object({ sku: z.string(), count: z.number().int().positive().default(1) });
    const add = update<typeof item, number>("add-item", item), loose = update<z.ZodAny, number>("add-item", z.any());
    const run = await begin(async () => {
      let count = 0;
      add.handle((one) => count += one.count,
        { validate: ({ sku }) => { if (sku === "gone") throw new Error("gone") } });
      await done.wait();
      return count;
    });
    const refused = (value: unknown): Promise<unknown> => run.update(loose, value).catch((error: unknown) => error);
    expect(await refused({ sku: "a", count: "lots" })).toMatchObject({ code: "UPDATE_REFUSED",
      message: expect.stringContaining("count: Invalid input") as unknown });
    expect(await refused(null)).toMatchObject({ code: "UPDATE_REFUSED" });
    expect(await refused({ sku: "gone" })).toMatchObject({ code: "UPDATE_REFUSED" });
    expect(await run.update(loose, { sku: "a" })).toBe(1);
    await run.signal(done);
    expect(await ended(run)).toBe(1);
  });
  test("one that comes before its handler is kept; what a handler throws reaches whoever asked", async () => {
    const run = await begin(async () => {
      await sleep(20);
      setQuantity.handle((n) => { if (n > 9) throw new Error("too many"); return n });
      await done.wait();
    });
    expect(await run.update(setQuantity, 3)).toBe(3);
    await expect(run.update(setQuantity, 10)).rejects.toThrow("too many");
    await run.signal(done);
    await ended(run);
  });
});
