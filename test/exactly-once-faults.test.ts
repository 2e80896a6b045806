/** Transactions whose connection dies, transactions of another database, runs that begin with the caller's commit. */
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { openStore } from "../engine/index.ts";
import type { Store } from "../engine/store/port.ts";
import { openEngine, RepriseError, transaction, workflow, type Engine, type Execute, type RunHandle, type Sql }
  from "../sdk/index.ts";
import { freshDatabase } from "./postgres-server.ts";

const url = inject("postgresUrl");
process.env["REPRISE_LOG_LEVEL"] = "critical";
const code = (error: unknown): unknown => error instanceof RepriseError ? error.code : error;
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => undefined, (error: unknown) => error);
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) });

interface Cutter {
  readonly url: string;
  /** `downMs`: how long nobody can connect after the cut. */
  arm(word: string, how: "before" | "after", downMs?: number): void;
  readonly cuts: number;
  readonly refused: number;
  close(): void;
}
/** Between a client and the server. When the client says `word`, `then` decides what becomes of the connection. */
async function cutter(server: string): Promise<Cutter> {
  const { port, hostname } = new URL(server);
  let armed: { word: string; how: "before" | "after"; downMs: number } | undefined;
  let cuts = 0, refused = 0, down = false;
  const proxy = net.createServer((client) => {
    if (down) { refused++; client.destroy(); return }
    const upstream = net.connect(Number(port), hostname);
    let cut = false;
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("data", (data) => {
      if (armed !== undefined && data.includes(`${armed.word}\0`)) {
        const { how, downMs } = armed;
        armed = undefined;
        down = downMs > 0;
        setTimeout(() => { down = false }, downMs);
        cuts++;
        if (how === "before") { client.destroy(); upstream.destroy(); return }
        cut = true; // the server is told, and its answer is lost
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => { if (cut) { client.destroy(); upstream.destroy() } else client.write(data) });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => { proxy.once("listening", resolve) });
  const address = proxy.address() as net.AddressInfo; // of TCP
  return { url: server.replace(`${hostname}:${port}`, `127.0.0.1:${address.port}`), close: () => { proxy.close() },
    arm: (word, how, downMs = 0) => { armed = { word, how, downMs } }, get cuts() { return cuts },
    get refused() { return refused } };
}

describe.skipIf(url === "")("a transaction whose connection dies", () => {
  let engine: Engine, sql: postgres.Sql, database: string;
  let meanwhile: (sql: Sql) => Promise<unknown> = async () => undefined;
  let executions = 0;
  const write = async (inner: Sql, name: string): Promise<string> => {
    executions++;
    await meanwhile(inner);
    await inner`insert into booked (name) values (${name})`;
    return name;
  };
  const again = transaction("again", { retries: 2 }, write);
  const flow = workflow("again-flow", (name: string) => again(name));
  const booked = async (name: string): Promise<number> =>
    (await sql`select 1 from booked where name = ${name}`).length;
  const terminate = async (inner: Sql): Promise<void> => {
    const [row] = await inner`select pg_backend_pid() as pid`;
    await sql`select pg_terminate_backend(${Number(row?.["pid"])}, 2000)`;
  };
  /** Only in the first attempt. */
  const firstTime = (fn: (inner: Sql) => Promise<unknown>): typeof meanwhile => {
    let done = false;
    return async (inner) => { if (!done) { done = true; await fn(inner) } };
  };

  beforeAll(async () => {
    database = await freshDatabase(url);
    sql = postgres(database, { max: 1, onnotice: () => undefined });
    await sql`create table booked (name text not null)`;
    engine = await openEngine({ database });
  });
  afterEach(() => { meanwhile = async () => undefined; executions = 0 });
  afterAll(async () => { await engine?.close(); await sql?.end() });

  test("before a write: nothing is written outside the transaction, and the next attempt does it", async () => {
    meanwhile = firstTime(terminate);
    expect(await (await engine.start(flow, "first")).result()).toBe("first");
    expect([await booked("first"), executions]).toEqual([1, 2]);
  });

  test("while it is idle, and the function does not look at what fails: nothing of it is written", async () => {
    meanwhile = firstTime(async (inner) => {
      await inner`insert into booked (name) values ('idle')`;
      await terminate(inner);
      await pause(100); // the driver knows by now, and would connect again
      for (let i = 0; i < 5; i++) await caught(inner`insert into booked (name) values ('outside')`);
    });
    expect(await (await engine.start(flow, "idle")).result()).toBe("idle");
    expect([await booked("idle"), await booked("outside"), executions]).toEqual([1, 0, 2]);
  });

  test("during a statement: the next attempt does it", async () => {
    meanwhile = firstTime(async (inner) => {
      const [row] = await inner`select pg_backend_pid() as pid`;
      const asleep = inner`select pg_sleep(30)`;
      await sql`select pg_terminate_backend(${Number(row?.["pid"])}, 2000)`;
      await asleep;
    });
    expect(await (await engine.start(flow, "asleep")).result()).toBe("asleep");
    expect([await booked("asleep"), executions]).toEqual([1, 2]);
  });

  test("in the commit itself: nothing of it is committed, and the next attempt does it", async () => {
    await sql.unsafe(`create table bomb (n int);
      create function explode() returns trigger language plpgsql as $$
        begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return new; end $$;
      create constraint trigger at_commit after insert on bomb deferrable initially deferred
        for each row execute function explode()`);
    meanwhile = firstTime((inner) => inner`insert into bomb values (1)`);
    expect(await (await engine.start(flow, "commit")).result()).toBe("commit");
    expect([await booked("commit"), executions]).toEqual([1, 2]);
    expect((await sql`select * from bomb`).length).toBe(0);
  });

  test("an idle connection that died is not mistaken for a failed attempt", async () => {
    await (await engine.start(flow, "warm")).result();
    await sql`select pg_terminate_backend(pid, 2000) from pg_stat_activity where application_name = 'reprise'
      and datname = current_database() and query = 'discard all'`;
    executions = 0;
    expect(await (await engine.start(flow, "cold")).result()).toBe("cold");
    expect([await booked("cold"), executions]).toEqual([1, 1]);
  });

  test("a deadlock fails one attempt, and both tasks end", async () => {
    await sql`create table locks (n int primary key)`;
    await sql`insert into locks values (1), (2)`;
    let waiting = 0;
    const both = transaction("both", { retries: 3 }, async (inner, first: number, second: number) => {
      await inner`select * from locks where n = ${first} for update`;
      for (waiting++; waiting < 2;) await pause(5);
      await inner`select * from locks where n = ${second} for update`;
      await inner`insert into booked (name) values ('deadlock')`;
      return first;
    });
    const dead = workflow("dead-flow", () => Promise.all([both(1, 2), both(2, 1)]));
    expect(await (await engine.start(dead)).result()).toEqual([1, 2]);
    expect(await booked("deadlock")).toBe(2);
  });

  test("serializable transactions that disagree fail one attempt, and both count", async () => {
    await sql`create table counter (n int)`;
    await sql`insert into counter values (0)`;
    const count = transaction("count", { retries: 30, retryDelay: 5, isolation: "serializable" }, async (inner) => {
      const [row] = await inner`select n from counter`;
      await inner`update counter set n = ${Number(row?.["n"]) + 1}`;
    });
    const counting = workflow("count-flow", async () => {
      await Promise.all(Array.from({ length: 6 }, () => count()));
    });
    await (await engine.start(counting)).result();
    expect([...await sql`select n from counter`]).toEqual([{ n: 6 }]);
  });

  test("an attempt that another follows is ended first: it cannot commit any more", async () => {
    const store = await openStore(database);
    const open = store.openTransaction as NonNullable<Store["openTransaction"]>; // a server has them
    const stopped = await open({ runId: "S", key: "k", attempt: 1 });
    await stopped.query("insert into booked (name) values ('zombie')", []);
    const next = await open({ runId: "S", key: "k", attempt: 2 });
    await next.query("insert into booked (name) values ('next')", []);
    expect(await next.commit({ result: "2" })).toBe(true);
    expect(code(await caught(stopped.commit({ result: "1" })))).toBe("STORE_UNAVAILABLE");
    expect([await booked("zombie"), await booked("next")]).toEqual([0, 1]);
    await store.close();
  });
});

describe.skipIf(url === "")("a transaction in another database", () => {
  let sql: postgres.Sql, proxy: Cutter, engine: Engine;
  let executions = 0;
  beforeAll(async () => {
    const database = await freshDatabase(url);
    sql = postgres(database, { max: 1, onnotice: () => undefined });
    await sql`create table booked (name text not null)`;
    proxy = await cutter(database);
    engine = await openEngine({ database: "memory:" });
  });
  afterAll(async () => { await engine?.close(); proxy?.close(); await sql?.end() });
  const far = (options: object): ((name: string) => Promise<RunHandle<string>>) => {
    const write = transaction("far", { database: proxy.url, ...options }, async (inner, name: string) => {
      executions++;
      await inner`insert into booked (name) values (${name})`;
      return name;
    });
    const flow = workflow("far-flow", (name: string) => write(name));
    return (name) => engine.start(flow, name);
  };

  test("makes its table of completions there, also when two begin at once", async () => {
    const start = far({});
    const handles = await Promise.all(["a", "b"].map(start));
    expect(await Promise.all(handles.map((run) => run.result()))).toEqual(["a", "b"]);
    expect((await sql`select * from reprise_completions`).length).toBe(2);
  });

  test("whose answer to the commit is lost is not run again: what it committed is found", async () => {
    executions = 0;
    const { cuts } = proxy, start = far({});
    proxy.arm("commit", "after");
    expect(await (await start("lost-answer")).result()).toBe("lost-answer");
    expect([proxy.cuts - cuts, executions]).toEqual([1, 1]);
    expect((await sql`select * from booked where name = 'lost-answer'`).length).toBe(1);
  });

  for (const [how, booked] of [["after", 1], ["before", 0]] as const) {
    test(`that is away ${how} the commit is asked until it answers, and what it says is what is told`, async () => {
      executions = 0;
      const { refused } = proxy, start = far({}), name = `away ${how}`;
      proxy.arm("commit", how, 700);
      const run = await start(name);
      if (booked === 1) expect(await run.result()).toBe(name);
      else expect(code(await caught(run.result()))).toBe("RUN_FAILED");
      expect(proxy.refused - refused, "it was away").toBeGreaterThan(0);
      expect(executions).toBe(1);
      expect((await sql`select * from booked where name = ${name}`).length).toBe(booked);
    });
  }

  test("whose commit never arrives is rolled back, and the attempt fails", async () => {
    executions = 0;
    const { cuts } = proxy, start = far({});
    proxy.arm("commit", "before");
    expect(code(await caught((await start("never")).result()))).toBe("RUN_FAILED");
    expect([proxy.cuts - cuts, executions]).toEqual([1, 1]);
    expect((await sql`select * from booked where name = 'never'`).length).toBe(0);
    const [row] = await sql`select error is not null as failed from reprise_completions order by at desc limit 1`;
    expect(row, "nobody can commit it any more").toEqual({ failed: true });
  });

  test("is needed where runs are in memory, and where they are served by another process", async () => {
    const flow = workflow("nowhere", () => transaction("nowhere", async () => 1)());
    const folder = mkdtempSync(join(tmpdir(), "reprise-served-"));
    const holder = await openStore(folder, { serve: true });
    const beside = await openEngine({ database: folder, default: false });
    for (const one of [engine, beside]) {
      const error = await caught((await one.start(flow)).result());
      expect(error).toMatchObject({ cause: { cause: { code: "TRANSACTION_UNSUPPORTED" } } });
    }
    expect(code(await caught(sql.begin((tx) => beside.start(flow, undefined, {
      tx: (text, values) => tx.unsafe(text, values as string[]) }))))).toBe("TRANSACTION_UNSUPPORTED");
    await beside.close();
    await holder.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("must have an address of PostgreSQL", () => {
    expect(() => transaction("bad", { database: "mysql://x" }, async () => 1)).toThrow(/no postgres/);
    // @ts-expect-error: no such isolation
    expect(() => transaction("bad", { isolation: "chaos" }, async () => 1)).toThrow(/isolation is "chaos"/);
    const cached: object = { cache: "1h" };
    expect(() => transaction("bad", cached, async () => 1)).toThrow(/no option 'cache'/);
  });
});

describe.skipIf(url === "")("start with a tx", () => {
  let engine: Engine, sql: postgres.Sql;
  const greet = workflow("greet", async (name: string) => `hello ${name}`);
  /** postgres.js, as a user hands it in. */
  const by = (tx: postgres.TransactionSql): Execute => (text, values) => tx.unsafe(text, values as string[]);
  beforeAll(async () => {
    const database = await freshDatabase(url);
    sql = postgres(database, { max: 3, onnotice: () => undefined });
    await sql`create table orders (name text, run text)`;
    engine = await openEngine({ database });
  });
  afterAll(async () => { await engine?.close(); await sql?.end() });
  const runs = async (): Promise<number> => Number((await sql`select count(*) as n from reprise.runs`)[0]?.["n"]);

  test("makes the run when the caller commits, and a worker takes it then", async () => {
    const run = await sql.begin(async (tx) => {
      const made = await engine.start(greet, "ada", { tx: by(tx) });
      await tx`insert into orders values ('ada', ${made.id})`;
      expect(code(await caught(made.result())), "nobody else sees it yet").toBe("RUN_NOT_FOUND");
      return made;
    });
    expect(await run.result()).toBe("hello ada");
    expect([...await sql`select name from orders where run = ${run.id}`]).toEqual([{ name: "ada" }]);
  });

  test("leaves nothing when the caller rolls back", async () => {
    const before = await runs();
    let run: RunHandle<string> | undefined;
    await caught(sql.begin(async (tx) => {
      run = await engine.start(greet, "bob", { tx: by(tx) });
      throw new Error("no");
    }));
    expect(await runs()).toBe(before);
    expect(code(await caught(run?.result() ?? Promise.resolve()))).toBe("RUN_NOT_FOUND");
  });

  test("with an id that is taken attaches, or fails, as any start", async () => {
    const first = await engine.start(greet, "eve", { id: "eve" });
    await first.result();
    const second = await sql.begin((tx) => engine.start(greet, "eve", { id: "eve", tx: by(tx) }));
    expect(second.id).toBe(first.id);
    const how = (ifExists: "fail" | "replace"): Promise<unknown> =>
      caught(sql.begin((tx) => engine.start(greet, "eve", { id: "eve", ifExists, tx: by(tx) })));
    expect(code(await how("fail"))).toBe("RUN_EXISTS");
    expect(code(await how("replace"))).toBe("INVALID_OPTION");
  });

  test("works inside a transaction(): the task, its writes and the run it starts are one commit", async () => {
    let fails = true;
    const order = transaction("order", { retries: 1 }, async (inner, name: string) => {
      await inner`insert into orders (name) values (${name})`;
      const { id } = await engine.start(greet, name, { tx: inner.unsafe });
      if (fails) { fails = false; throw new Error("once") }
      return id;
    });
    const ordering = workflow("ordering", (name: string) => order(name));
    const before = await runs();
    const id = await (await engine.start(ordering, "zoe")).result();
    expect(await engine.get(id).result()).toBe("hello zoe");
    expect(await runs()).toBe(before + 2);
    expect((await sql`select * from orders where name = 'zoe'`).length).toBe(1);
  });

  test("is refused where runs are elsewhere, where a workflow would wait in it, and with a client that gives no rows",
    async () => {
    const memory = await openEngine({ database: "memory:", default: false });
    expect(code(await caught(sql.begin((tx) => memory.start(greet, "x", { tx: by(tx) })))))
      .toBe("TRANSACTION_UNSUPPORTED");
    await memory.close();
    expect(code(await caught(sql.begin((tx) => greet.run("x", { tx: by(tx) }))))).toBe("INVALID_OPTION");
    const before = await runs();
    expect(code(await caught(sql.begin((tx) => engine.start(greet, "x", { tx: async (text, values) => {
      await tx.unsafe(text, values as string[]);
      return [];
    } }))))).toBe("INVALID_OPTION");
    expect(await runs()).toBe(before);
  });
});
