/** The port on PGlite: PostgreSQL inside the process, in a worker thread, on a directory of its own. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { directoryId, lockDirectory, type Lock } from "./lock.ts";
import { migrate } from "./migrate.ts";
import { StoreError, type Store } from "./port.ts";
import { serveStore, type StoreServer } from "./remote-server.ts";
import { socketFor } from "./remote-socket.ts";
import { SqlStore, type Row, type SqlDriver } from "./sql-store.ts";
import { BUILT } from "./statements.ts";
import { unpackTemplate } from "./template.ts";

/** What the thread is asked, and what it answers. */
export type Ask = { readonly id: number; readonly exec: string }
  | { readonly id: number; readonly text: string; readonly params: readonly unknown[]; readonly sync: boolean }
  | { readonly id: number; readonly close: true };
export type Answer = { readonly id: number; readonly rows: readonly Row[] }
  | { readonly id: number; readonly error: { readonly message: string; readonly code?: string } };

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
      `the directory ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`, "none");
  }
}

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

  query(text: string, params: readonly unknown[], lane?: "append"): Promise<readonly Row[]> {
    return this.#send({ text, params, sync: this.#power && lane === "append" });
  }
  hint(runId: string): void { for (const wake of this.#listeners) queueMicrotask(() => wake(runId)) }
  async listen(wake: (runId: string | undefined) => void): Promise<() => Promise<void>> {
    this.#listeners.add(wake);
    return async () => { this.#listeners.delete(wake) };
  }
  async close(): Promise<void> {
    this.#lock.announce(undefined);
    await this.#server?.close();
    this.#listeners.clear();
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
    if (this.#waiting.size === 0) this.#worker.unref();
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

/** What PGlite said, as ours. One process and no network: what fails has not been committed. */
function fromDatabase({ message, code }: { readonly message: string; readonly code?: string }): StoreError {
  if (code === "53100" || /no space left|ENOSPC/i.test(message)) return new StoreError("DISK_FULL",
    `the disk is full: ${message}`, "none", code);
  return new StoreError(code === undefined ? "STORE_OPEN_FAILED" : "STORE_FAILED", message, "none", code);
}
