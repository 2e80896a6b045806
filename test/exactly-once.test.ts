/** A task's writes and its result are one commit: on both databases, and whatever happens to the connection. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { openStore } from "../engine/index.ts";
import type { Store } from "../engine/store/port.ts";
import { NonRetryable, openEngine, RepriseError, task, taskContext, transaction, workflow, type Engine, type Event,
  type RunHandle, type Sql } from "../sdk/index.ts";
import { freshDatabase } from "./postgres-server.ts";

const url = inject("postgresUrl");
const folder = mkdtempSync(join(tmpdir(), "reprise-once-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
process.env["REPRISE_LOG_LEVEL"] = "critical";

const book = "insert into booked (name) values ($1)";
/** Books a line under a name, and does what it is told in between. */
let meanwhile: (sql: Sql, attempt: number) => Promise<unknown> = async () => undefined;
const write = async (sql: Sql, name: string): Promise<string> => {
  const { attempt } = taskContext();
  await sql.unsafe(book, [name]);
  await meanwhile(sql, attempt);
  return `${name} in attempt ${attempt}`;
};
const once = transaction("once", write);
const thrice = transaction("thrice", { retries: 2 }, write);
const hasty = transaction("hasty", { timeout: 300, retries: 1 }, write);
const onceFlow = workflow("once-flow", (name: string) => once(name));
const thriceFlow = workflow("thrice-flow", (name: string) => thrice(name));
const hastyFlow = workflow("hasty-flow", (name: string) => hasty(name));
const code = (error: unknown): unknown => error instanceof RepriseError ? error.code : error;
async function failure(run: Promise<unknown>): Promise<Error> {
  // A run that fails rejects with its own error, whose causes lead to what was thrown.
  let error: unknown = await run.then(() => new Error("it did not fail"), (thrown: unknown) => thrown);
  while (error instanceof Error && error.cause instanceof Error && /_FAILED/.test(String(code(error)))) {
    error = error.cause;
  }
  return error as Error;
}
async function events(handle: RunHandle<unknown>): Promise<readonly Event[]> {
  const all: Event[] = [];
  for await (const event of handle.history()) all.push(event);
  return all;
}
const types = async (handle: RunHandle<unknown>): Promise<readonly string[]> =>
  (await events(handle)).map(({ type }) => type).filter((type) => /^(Task|Attempt|Run(Completed|Failed))/.test(type));

const bookedIn = (rows: (text: string) => Promise<readonly unknown[]>, name: string): Promise<readonly unknown[]> =>
  rows(`select name from public.booked where name = '${name}'`);

/** What both databases keep. `rows`: as another connection, or a later transaction, sees them. */
function kept(given: () => { readonly engine: Engine; rows(text: string): Promise<readonly unknown[]> }): void {
  const booked = (name: string): Promise<readonly unknown[]> => bookedIn(given().rows, name);

  test("commits what the function writes together with what it returns", async () => {
    const { engine, rows } = given();
    const run = await engine.start(onceFlow, "both");
    expect(await run.result()).toBe("both in attempt 1");
    expect(await booked("both")).toHaveLength(1);
    expect(await rows(`select key from reprise.completions where run_id = '${run.id}'`))
      .toEqual([{ key: "task:once#0" }]);
    expect(await types(run)).toEqual(["TaskScheduled", "AttemptStarted", "TaskCompleted", "RunCompleted"]);
  });

  test("rolls back what a throwing function wrote, and tries again as any task", async () => {
    meanwhile = async (_, attempt) => { if (attempt < 3) throw new Error(`attempt ${attempt}`) };
    const run = await given().engine.start(thriceFlow, "thrice");
    expect(await run.result()).toBe("thrice in attempt 3");
    expect(await booked("thrice")).toHaveLength(1);
  });

  test("fails as its function does, with nothing written", async () => {
    meanwhile = async () => { throw new NonRetryable("no money") };
    const run = await given().engine.start(thriceFlow, "poor");
    expect((await failure(run.result())).message).toBe("no money");
    expect(await booked("poor")).toEqual([]);
  });

  test("passes the database's own errors, which end the transaction even when the function catches them", async () => {
    let seen: unknown;
    meanwhile = async (sql) => { await sql`select 1 / 0`.catch((error: unknown) => { seen = error }) };
    const run = await given().engine.start(onceFlow, "caught");
    expect(await failure(run.result())).toMatchObject({ name: "PostgresError", code: "25P02" });
    expect(seen).toMatchObject({ code: "22012" });
    expect(await booked("caught")).toEqual([]);
  });

  test("goes on after an error that the function rolled back to a savepoint", async () => {
    meanwhile = async (sql) => {
      await sql`savepoint s`;
      await sql`select 1 / 0`.catch(() => sql`rollback to savepoint s`);
    };
    expect(await (await given().engine.start(onceFlow, "savepoint")).result()).toBe("savepoint in attempt 1");
  });

  test("refuses a function that commits for itself, and completes nothing with it", async () => {
    for (const statements of [["commit"], ["/* sly */ rollback", "/* sly */ begin"], ["/* sly */ rollback"]]) {
      meanwhile = async (sql) => { for (const statement of statements) await sql.unsafe(statement) };
      const run = await given().engine.start(onceFlow, "own-commit");
      expect(code(await failure(run.result()))).toBe("TRANSACTION_OVER");
      expect(await booked("own-commit")).toEqual([]);
    }
  });

  test("refuses statements that come after the function has ended", async () => {
    let late: Sql | undefined;
    meanwhile = async (sql) => { late = sql };
    await (await given().engine.start(onceFlow, "late")).result();
    expect(code(await late?.unsafe(book, ["late"]).catch((error: unknown) => error))).toBe("TRANSACTION_OVER");
    expect(await booked("late")).toHaveLength(1);
  });

  test("that is too slow is rolled back, and the next attempt finds the way free", async () => {
    meanwhile = async (_, attempt) => { if (attempt === 1) await new Promise(() => undefined) };
    const run = await given().engine.start(hastyFlow, "hasty");
    expect(await run.result()).toBe("hasty in attempt 2");
    expect(await booked("hasty")).toHaveLength(1);
  });

  test("fails with what the database says at the commit itself", async () => {
    meanwhile = async (sql, attempt) => {
      await sql`create table if not exists pairs (n int unique deferrable initially deferred)`;
      await sql`insert into pairs values (1)`;
      if (attempt === 1) await sql`insert into pairs values (1)`;
    };
    expect(await (await given().engine.start(thriceFlow, "deferred")).result()).toBe("deferred in attempt 2");
    expect(await booked("deferred")).toHaveLength(1);
    meanwhile = async (sql) => { await sql`insert into pairs values (1)` };
    const run = await given().engine.start(onceFlow, "deferred, once");
    expect(await failure(run.result())).toMatchObject({ code: "23505" });
    expect(await booked("deferred, once")).toEqual([]);
  });

  test("keeps a result that cannot be recorded from being written", async () => {
    const flow = workflow("odd-flow", () => transaction("odd", async (sql) => { await sql.unsafe(book, ["odd"]);
      return () => 1 })());
    expect(code(await failure((await given().engine.start(flow)).result()))).toBe("UNSERIALIZABLE");
    expect(await booked("odd")).toEqual([]);
  });

  test("gives and takes values as the other database does", async () => {
    const flow = workflow("values-flow", () => transaction("values", async (sql) => {
      const at = new Date(Date.UTC(2026, 0, 2));
      const [row] = await sql`select count(*) as n, ${"a'b"}::text as t, ${at}::timestamptz as at, ${null}::int as none,
        ${[1, 2]}::int[] as list, ${["x", 'y "z", \\']}::text[] as texts, ${{ a: [1] }}::jsonb as doc,
        9007199254740993::bigint as big, 1.5::numeric as exact, true as yes`;
      return row;
    })());
    expect(await (await given().engine.start(flow)).result()).toEqual({ n: 1, t: "a'b",
      at: new Date(Date.UTC(2026, 0, 2)), none: null, list: [1, 2], texts: ["x", 'y "z", \\'], doc: { a: [1] },
      big: 9007199254740993n, exact: "1.5", yes: true });
  });

  test("finds the user's tables before the engine's", async () => {
    const flow = workflow("names-flow", () => transaction("names", async (sql) => {
      await sql`create table runs (mine int)`;
      return sql`select count(*) as n from runs`;
    })());
    expect(await (await given().engine.start(flow)).result()).toEqual([{ n: 0 }]);
  });

  test("many at once all commit, beside tasks of other kinds", async () => {
    const plain = task("plain", async (n: number) => n);
    const flow = workflow("many-flow", async () => (await Promise.all(Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0 ? once(`many-${i}`) : plain(i)))).length);
    expect(await (await given().engine.start(flow)).result()).toBe(40);
    expect(await given().rows("select name from public.booked where name like 'many-%'")).toHaveLength(20);
  });

  test("refuses a call inside another task, and a run that is started beside the transaction", async () => {
    const outer = workflow("outer-flow", () => task("outer", () => once("inner"))());
    expect(code(await failure((await given().engine.start(outer)).result()))).toBe("TASK_IN_TASK");
    meanwhile = async () => { await given().engine.start(thriceFlow, "beside") };
    expect(code(await failure((await given().engine.start(onceFlow, "starts")).result()))).toBe("IN_TRANSACTION");
  });
}

/** The places of results, as two attempts see them. */
function placed(given: () => { readonly store: Store; rows(text: string): Promise<readonly unknown[]> }): void {
  const open = (key: string, attempt = 1): ReturnType<NonNullable<Store["openTransaction"]>> => {
    const { openTransaction } = given().store;
    if (openTransaction === undefined) throw new Error("this store has no transactions");
    return openTransaction({ runId: "R", key, attempt });
  };

  test("a result that stands is found, and stands for ever", async () => {
    const first = await open("stands");
    expect(first.found).toBeUndefined();
    await first.query(book, ["first"]);
    expect(await first.commit({ result: "1" })).toBe(true);
    const second = await open("stands", 2);
    expect(second.found).toEqual({ result: "1" });
    await second.query(book, ["second"]);
    expect(await second.commit({ result: "2" }), "its place is taken").toBe(false);
    expect(await given().rows("select name from public.booked where name in ('first', 'second')"))
      .toEqual([{ name: "first" }]);
  });

  test("a result is forgotten a day after its run has ended, not before, and not while the run goes on", async () => {
    const { store, rows } = given(), [going, ended] = [randomUUID(), randomUUID()];
    const events = JSON.stringify([{ type: "RunStarted", at: 1, workflow: "w", name: "n", seed: "s", engineFlags: 1 }]);
    for (const runId of [going, ended]) await store.create({ runId, workflow: "w", name: "n", pool: "nobody's",
      priority: 0, tags: [], codeVersion: "", appendId: randomUUID(), count: 1, events });
    const within = async (runId: string, key: string, ...statements: readonly string[]): Promise<void> => {
      const one = await store.openTransaction?.({ runId, key, attempt: 1 });
      for (const text of statements) await one?.query(text, []);
      expect(await one?.commit({ result: "1" })).toBe(true);
    };
    for (const runId of [going, ended, "no-run"]) await within(runId, "long-ago");
    await within(ended, "just-now");
    await within("no-run", "other", "update reprise.completions set at = at - interval '2 days' where key = 'long-ago'",
      `update reprise.runs set ended_at = now() - interval '2 days', state = 'completed' where run_id = '${ended}'`);
    for (let i = 0; i < 60; i++) await store.sweep(5, 10, randomUUID());
    const left = await rows("select run_id, key from reprise.completions where key in ('long-ago', 'just-now')");
    expect(left).toHaveLength(2);
    expect(left).toEqual(expect.arrayContaining(
      [{ run_id: going, key: "long-ago" }, { run_id: ended, key: "just-now" }]));
  });

  test("a failure for good takes the place of a result", async () => {
    expect(await (await open("failed")).commit({ error: "{}" })).toBe(true);
    const second = await open("failed");
    expect(second.found).toEqual({ error: "{}" });
    await second.rollback();
  });
}

describe.skipIf(url === "")("a transaction on PostgreSQL", () => {
  let engine: Engine, database: string, sql: postgres.Sql, store: Store;
  const rows = async (text: string): Promise<readonly unknown[]> => [...await sql.unsafe(text)];
  beforeAll(async () => {
    database = await freshDatabase(url);
    sql = postgres(database, { max: 1, onnotice: () => undefined });
    await sql`create table booked (id serial primary key, name text not null)`;
    engine = await openEngine({ database });
    store = await openStore(database);
  });
  afterEach(() => { meanwhile = async () => undefined });
  afterAll(async () => { await engine?.close(); await store?.close(); await sql?.end() });

  kept(() => ({ engine, rows }));
  placed(() => ({ store, rows }));

  test("that is cancelled is rolled back at once", async () => {
    let inside: (() => void) | undefined;
    const entered = new Promise<void>((resolve) => { inside = resolve });
    meanwhile = async () => { inside?.(); await new Promise(() => undefined) };
    const run = await engine.start(onceFlow, "cancelled");
    await entered;
    await run.cancel();
    expect(code(await failure(run.result()))).toBe("RUN_CANCELLED");
    expect(await bookedIn(rows, "cancelled")).toEqual([]);
  });
});

describe("a transaction on PGlite", () => {
  let engine: Engine, store: Store;
  const rows = async (text: string): Promise<readonly unknown[]> => {
    const flow = workflow("rows", () => transaction("ask", (sql) => sql.unsafe(text))());
    return (await engine.start(flow)).result();
  };
  beforeAll(async () => {
    engine = await openEngine({ database: join(folder, "kept") });
    await rows("create table booked (id serial primary key, name text not null)");
  });
  afterEach(() => { meanwhile = async () => undefined });
  afterAll(async () => { await engine?.close() });
  kept(() => ({ engine, rows }));

  test("holds the engine's own statements back until it ends, and then they are done", async () => {
    const order: string[] = [];
    meanwhile = async () => {
      void engine.list({ limit: 1 })[Symbol.asyncIterator]().next().then(() => order.push("the engine is answered"));
      await new Promise((resolve) => { setTimeout(resolve, 300) });
      order.push("the transaction ends");
    };
    const first = await engine.start(onceFlow, "before");
    expect(await first.result()).toBe("before in attempt 1");
    while (order.length < 2) await new Promise((resolve) => { setTimeout(resolve, 5) });
    expect(order).toEqual(["the transaction ends", "the engine is answered"]);
  });

  test("that hangs does not stop the engine for ever: it is rolled back, and others go on", async () => {
    let hangs = true;
    meanwhile = async () => { if (hangs) { hangs = false; await new Promise(() => undefined) } };
    const both = workflow("hangs", () => Promise.all([once.settle("hangs"), once.settle("goes on")]));
    const [first, second] = await (await engine.start(both)).result();
    expect(first).toMatchObject({ ok: false, error: { cause: { code: "TIMED_OUT" } } });
    expect(second).toMatchObject({ ok: true, value: "goes on in attempt 1" });
    expect(await bookedIn(rows, "hangs")).toEqual([]);
  });

  describe("in the store", () => {
    const ask = async (text: string): Promise<readonly unknown[]> => {
      const one = await store.openTransaction?.({ runId: "ask", key: text, attempt: 1 });
      try { return await one?.query(text, []) ?? [] } finally { await one?.rollback() }
    };
    beforeAll(async () => {
      store = await openStore(join(folder, "placed"));
      const one = await store.openTransaction?.({ runId: "make", key: "make", attempt: 1 });
      await one?.query("create table booked (name text)", []);
      await one?.commit({ result: "null" });
    });
    afterAll(async () => { await store?.close() });
    placed(() => ({ store, rows: ask }));
  });
});
