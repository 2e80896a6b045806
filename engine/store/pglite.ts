/** The port on PGlite: PostgreSQL inside the process, in a worker thread, on a directory of its own. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { TimedOut } from "../core/errors.ts";
import type { OpenTransaction } from "../core/transaction.ts";
import { saidBy } from "../core/thrown.ts";
import { completing, COMPLETIONS, type Session } from "./completions.ts";
import { directoryId, lockDirectory, type Lock } from "./lock.ts";
import { migrate } from "./migrate.ts";
import { SETTINGS, type Answer } from "./pglite-asks.ts";
import { StoreError, type Store } from "./port.ts";
import { serveStore, type StoreServer } from "./remote-server.ts";
import { socketFor } from "./remote-socket.ts";
import { SqlStore, type Row, type SqlDriver } from "./sql-store.ts";
import { BUILT } from "./statements.ts";
import { unpackTemplate } from "./template.ts";

/** How an embedded directory is opened. */
export interface PgliteOptions {
  /** "process" survives kill -9; "power" also a power cut, at 0.5 ms per group commit. */
  readonly durability?: "process" | "power";
  /** Other processes of this user find the store on a local socket while it is open. */
  readonly serve?: boolean;
}

/** @throws STORE_LOCKED, STORE_READ_ONLY, STORE_OPEN_FAILED, DISK_FULL, SCHEMA_NEWER */
export async function openPgliteStore(directory: string, options: PgliteOptions = {}): Promise<Store> {
  const path = resolve(directory);
  prepareDirectory(path);
  const lock = await lockDirectory(path, options.serve);
  try {
    const data = join(path, "pgdata");
    const driver = new PgliteDriver(path, data, options.durability === "power", lock);
    if (!existsSync(join(data, "PG_VERSION"))) unpackTemplate(data);
    await driver.open();
    const store = new SqlStore(driver);
    if (options.serve) await driver.serve(store);
    return store;
  } catch (error) { await lock.release(); throw error }
}

function prepareDirectory(path: string): void {
  try {
    if (existsSync(path) && !statSync(path).isDirectory()) throw new StoreError("STORE_OPEN_FAILED",
      `${path} is not a directory`, "none");
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK);
    readdirSync(path);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const ours = code === "ENOSPC" ? "DISK_FULL" : /EACCES|EPERM|EROFS/.test(code) ? "STORE_READ_ONLY"
      : "STORE_OPEN_FAILED";
    throw new StoreError(ours,
      `the directory ${path} cannot be used: ${saidBy(error)}`, "none");
  }
}

/** The one connection is the transaction's for its time: the engine stands still meanwhile, and must not for ever. */
const TRANSACTION_MS = 10_000;

class PgliteDriver implements SqlDriver {
  readonly kind = "pglite";
  readonly location: string;
  readonly #worker: Worker;
  readonly #power: boolean;
  readonly #lock: Lock;
  readonly #waiting = new Map<number, { resolve: (rows: readonly Row[]) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(runId: string | undefined) => void>();
  #next = 1;
  #dead: StoreError | undefined;
  #server: StoreServer | undefined;
  /** While somebody's transaction is open: resolves when it has ended. */
  #taken: Promise<void> | undefined;

  constructor(location: string, data: string, power: boolean, lock: Lock) {
    this.location = location;
    this.#power = power;
    this.#lock = lock;
    this.#worker = new Worker(new URL("pglite-thread.js", BUILT),
      { workerData: { data }, execArgv: [], stdout: true, stderr: true });
    this.#worker.on("message", (answer: Answer) => this.#onAnswer(answer));
    this.#worker.on("error",
      (error) => this.#die(new StoreError("STORE_OPEN_FAILED", `the embedded database stopped: ${error.message}`,
        "unknown")));
    this.#worker.on("exit",
      () => this.#die(new StoreError("STORE_UNAVAILABLE", "the embedded database has ended", "unknown")));
  }

  async open(): Promise<void> {
    await migrate({ exec: async (exec) => { await this.#send({ exec }) },
      query: (text) => this.#send({ text, params: [], sync: false }) });
  }

  /** Serves the store that stands on this driver until it is closed. */
  async serve(store: Store): Promise<void> {
    try { this.#server = await serveStore(store, socketFor(directoryId(this.location))) } catch (error) {
      await this.close();
      throw error;
    }
    this.#lock.announce(this.#server.address);
  }

  async query(text: string, params: readonly unknown[], lane?: "append"): Promise<readonly Row[]> {
    while (this.#taken !== undefined) await this.#taken; // first come, first served
    return this.#send({ text, params, sync: this.#power && lane === "append" });
  }

  readonly openTransaction: OpenTransaction = async (request) => {
    while (this.#taken !== undefined) await this.#taken;
    let free: (() => void) | undefined;
    this.#taken = new Promise((resolve) => { free = () => { this.#taken = undefined; resolve() } });
    const session = new ExclusiveSession({
      ask: (text, params) => this.#send({ text, params, sync: this.#power && text === "commit" }),
      run: async (exec) => { await this.#send({ exec }) },
      free: () => free?.(),
    });
    await session.begin(request.isolation ?? "read committed");
    return completing(session, COMPLETIONS, request);
  };
  hint(runId: string): void { for (const wake of this.#listeners) queueMicrotask(() => wake(runId)) }
  async listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>> {
    this.#listeners.add(wake);
    return async () => { this.#listeners.delete(wake) };
  }
  async close(): Promise<void> {
    this.#lock.announce(undefined);
    await this.#server?.close();
    this.#listeners.clear();
    while (this.#taken !== undefined) await this.#taken;
    if (this.#dead === undefined) await this.#send({ close: true }).catch(() => undefined);
    this.#dead ??= new StoreError("STORE_UNAVAILABLE", "the embedded database is closed", "none");
    await this.#worker.terminate();
    await this.#lock.release();
  }

  /** The thread keeps the process alive only while it owes an answer. */
  #send(ask: { exec: string } | { text: string; params: readonly unknown[];
    sync: boolean } | { close: true }): Promise<readonly Row[]> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...ask });
    });
  }

  #onAnswer(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    // Once closing, it stays until it has ended: the answer to a late question must not let the process go first.
    if (this.#waiting.size === 0 && this.#dead === undefined) this.#worker.unref();
    if ("rows" in answer) { waiting?.resolve(answer.rows); return }
    const error = fromDatabase(answer.error);
    waiting?.reject(error);
    // Without room it cannot even end in order, and computes for ever: opened again, it recovers from its log.
    if (error.code === "DISK_FULL") { this.#die(error); void this.#worker.terminate() }
  }

  #die(error: StoreError): void {
    this.#dead ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}

/** The connection, and how to give it back. */
interface Lent {
  ask(text: string, params: readonly unknown[]): Promise<readonly Row[]>;
  run(script: string): Promise<void>;
  free(): void;
}

class ExclusiveSession implements Session {
  readonly #lent: Lent;
  #timer: NodeJS.Timeout | undefined;
  #left: Promise<void> | undefined;
  ended: Error | undefined;
  readonly expired: Promise<Error>;
  #expire: ((error: Error) => void) | undefined;
  constructor(lent: Lent) {
    this.#lent = lent;
    this.expired = new Promise((resolve) => { this.#expire = resolve });
  }

  async begin(isolation: string): Promise<void> {
    this.#timer = setTimeout(() => {
      this.ended = new TimedOut("a transaction in the embedded database, which nothing else can use meanwhile,",
        TRANSACTION_MS);
      this.#expire?.(this.ended);
      void this.leave();
    }, TRANSACTION_MS);
    try { await this.#lent.run(`begin isolation level ${isolation}; set local search_path = public`) } catch (error) {
      await this.leave();
      throw error;
    }
  }
  async query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    try { return await this.#lent.ask(text, values) } catch (error) { throw this.ended ?? asDatabaseError(error) }
  }
  async commit(): Promise<void> {
    clearTimeout(this.#timer);
    await this.query("commit", []);
  }
  leave(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#left ??= this.#lent.run(`rollback; ${SETTINGS}`).catch(() => undefined).then(() => this.#lent.free());
  }
}

/** Users look for the SQLSTATE in `code`, as the driver of the server has it. */
function asDatabaseError(error: unknown): unknown {
  if (!(error instanceof StoreError) || error.sqlState === undefined) return error;
  return Object.assign(new Error(error.message, { cause: error }), { name: "PostgresError", code: error.sqlState });
}

/** What PGlite said, as ours. One process and no network: what fails has not been committed. */
function fromDatabase({ message, code }: { readonly message: string; readonly code?: string }): StoreError {
  if (code === "53100" || /no space left|ENOSPC/i.test(message)) return new StoreError("DISK_FULL",
    `the disk is full: ${message}`, "none", code);
  return new StoreError(code === undefined ? "STORE_OPEN_FAILED" : "STORE_FAILED", message, "none", code);
}
