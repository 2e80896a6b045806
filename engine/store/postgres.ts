/**
 * The port on a PostgreSQL server, by the rules that failures of the driver taught (design 3.3): every state change is
 * one autocommit statement; no begin or reserve on a shared pool; a deadline of ours per call; on a connection-class
 * error the client is thrown away and the outcome is unknown.
 */
import { randomUUID } from "node:crypto";
import { Worker as Thread } from "node:worker_threads";
import postgres from "postgres";
import type { OpenTransaction } from "../core/transaction.ts";
import { COMPLETIONS, FOREIGN_COMPLETIONS } from "./completions.ts";
import type { LeaseData } from "./lease-thread.ts";
import { migrate, SCHEMA } from "./migrate.ts";
import type { LeaseGuard, Store } from "./port.ts";
import { DEADLINE_MS, fromDriver, placeOf, UNTYPED, within } from "./postgres-connection.ts";
import { PostgresTransactions } from "./postgres-transactions.ts";
import { SqlStore, type Row, type SqlDriver } from "./sql-store.ts";
import { BUILT } from "./statements.ts";

const STATEMENT_TIMEOUT_MS = 4000;
const HINT_MS = 10;
const NONCE_MS = 5000;
const CHANNEL = "reprise";

/** @throws STORE_UNAVAILABLE, SCHEMA_NEWER, MIGRATION_CHANGED */
export async function openPostgresStore(url: string): Promise<Store> {
  const driver = new PostgresDriver(url);
  try { await driver.open() } catch (error) { await driver.close(); throw error }
  return new SqlStore(driver);
}

/** Transactions of tasks in a database that is not the engine's. */
export function openTransactions(url: string): OpenTransaction {
  const transactions = new PostgresTransactions(url, FOREIGN_COMPLETIONS);
  return (request) => transactions.open(request);
}

/** A pool that is thrown away when a connection of it fails. */
class Pool {
  readonly #url: string;
  readonly #size: number;
  readonly #timeoutMs: number;
  #sql: postgres.Sql | undefined;
  constructor(url: string, size: number, timeoutMs: number) { this.#url = url; this.#size = size;
    this.#timeoutMs = timeoutMs }

  async query(text: string, params: readonly unknown[], deadlineMs = DEADLINE_MS): Promise<readonly Row[]> {
    const sql = this.#sql ??= connect(this.#url, this.#size, this.#timeoutMs);
    // A simple statement (several at once, no parameters) cannot be prepared.
    const asked = params.length === 0 ? sql.unsafe(text).execute()
      : sql.unsafe(text, params as postgres.ParameterOrJSON<never>[], { prepare: true }).execute();
    asked.catch(() => undefined);
    try { return await within(deadlineMs, asked) } catch (error) {
      const failure = fromDriver(error);
      if (failure.outcome === "unknown") this.#drop(sql);
      throw failure;
    }
  }

  #drop(sql: postgres.Sql): void {
    if (this.#sql === sql) this.#sql = undefined;
    sql.end({ timeout: 0 }).catch(() => undefined);
  }
  async close(): Promise<void> {
    const sql = this.#sql;
    this.#sql = undefined;
    await sql?.end({ timeout: 1 }).catch(() => undefined);
  }
}

function connect(url: string, max: number, statementTimeoutMs: number): postgres.Sql {
  return postgres(url, {
    ...UNTYPED, max, fetch_types: false, onnotice: () => undefined, connect_timeout: 4, backoff: () => 0.05,
    // Compiling a statement took 0.4 s of the 0.43 that the longest runs of a million were found in.
    connection: { jit: "off", search_path: `${SCHEMA},public`, statement_timeout: statementTimeoutMs,
      application_name: "reprise" },
  });
}

class PostgresDriver implements SqlDriver {
  readonly kind = "postgres";
  readonly location: string;
  readonly #url: string;
  readonly #general: Pool;
  readonly #append: Pool;
  readonly #notify: Pool;
  readonly #transactions: PostgresTransactions;
  readonly #hints = new Set<string>();
  #hintTimer: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<Listener>();

  constructor(url: string) {
    this.#url = url;
    this.location = placeOf(url);
    this.#general = new Pool(url, 3, STATEMENT_TIMEOUT_MS);
    this.#append = new Pool(url, 2, STATEMENT_TIMEOUT_MS);
    this.#notify = new Pool(url, 1, STATEMENT_TIMEOUT_MS);
    this.#transactions = new PostgresTransactions(url, COMPLETIONS);
  }

  async open(): Promise<void> {
    const pool = new Pool(this.#url, 1, 0);
    try {
      await migrate({
        exec: async (script) => { await pool.query(script, [], 60_000) },
        query: (text) => pool.query(text, []),
      });
    } finally { await pool.close() }
  }

  query(text: string, params: readonly unknown[], lane?: "append"): Promise<readonly Row[]> {
    return (lane === "append" ? this.#append : this.#general).query(text, params);
  }

  readonly openTransaction: OpenTransaction = (request) => this.#transactions.open(request);

  /** NOTIFY inside the appending statement serialises commits (32 clients: 10,872 tps without, 3,777 with): sent
   *  apart. */
  hint(runId: string): void {
    this.#hints.add(runId);
    this.#hintTimer ??= setTimeout(() => {
      this.#hintTimer = undefined;
      const payload = this.#hints.size > 50 ? "" : [...this.#hints].join(",");
      this.#hints.clear();
      // a hint, never the truth
      this.#notify.query("select pg_notify($1, $2)", [CHANNEL, payload]).catch(() => undefined);
    }, HINT_MS).unref();
  }

  async listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>> {
    const listener = new Listener(this.#url, this.#notify, wake);
    this.#listeners.add(listener);
    await listener.open();
    return async () => { this.#listeners.delete(listener); await listener.close() };
  }

  guardLease(worker: string, ttlMs: number): LeaseGuard {
    const beat = new SharedArrayBuffer(4), counter = new Int32Array(beat);
    const data: LeaseData = { url: this.#url, worker, ttlMs, everyMs: ttlMs / 3, beat };
    const thread = new Thread(new URL("lease-thread.js", BUILT), { workerData: data, execArgv: [] });
    thread.unref();
    thread.on("error", () => undefined); // the process's own heartbeat goes on
    return { beat: () => { Atomics.add(counter, 0, 1) }, stop: async () => { await thread.terminate() } };
  }

  async close(): Promise<void> {
    clearTimeout(this.#hintTimer);
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    this.#transactions.close();
    await Promise.all([this.#general.close(), this.#append.close(), this.#notify.close()]);
  }
}

/** Hears hints on a connection of its own; replaced when it misses its own nonce. */
class Listener {
  readonly #url: string;
  readonly #notify: Pool;
  readonly #wake: (runId: string | undefined) => void;
  readonly #nonce = `nonce:${randomUUID()}`;
  #sql: postgres.Sql | undefined;
  #heard = true;
  #check: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: string, notify: Pool, wake: (runId: string | undefined) => void) {
    this.#url = url;
    this.#notify = notify;
    this.#wake = wake;
  }

  async open(): Promise<void> {
    await this.#connect().catch(() => { this.#heard = false });
    this.#check = setInterval(() => { void this.#probe() }, NONCE_MS).unref();
  }

  async #connect(): Promise<void> {
    const sql = this.#sql = postgres(this.#url, { ...UNTYPED, max: 1, fetch_types: false, onnotice: () => undefined,
      connect_timeout: 4, backoff: () => 0.05 });
    const listening = sql.listen(CHANNEL, (payload) => {
      if (payload === this.#nonce) this.#heard = true;
      else if (payload === "") this.#wake(undefined);
      else if (!payload.startsWith("nonce:")) for (const runId of payload.split(",")) this.#wake(runId);
    });
    listening.catch(() => undefined);
    await within(DEADLINE_MS, listening);
  }

  async #probe(): Promise<void> {
    if (!this.#heard && !this.#closed) {
      this.#sql?.end({ timeout: 0 }).catch(() => undefined);
      await this.#connect().catch(() => undefined);
      this.#wake(undefined);
    }
    this.#heard = false;
    this.#notify.query("select pg_notify($1, $2)", [CHANNEL, this.#nonce]).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#check);
    await this.#sql?.end({ timeout: 1 }).catch(() => undefined);
  }
}
