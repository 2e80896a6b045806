/** The thread that PGlite lives in: a synchronous WASM engine must never block the event loop of the user's program. */
import { closeSync, fdatasyncSync, openSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite, type Results } from "@electric-sql/pglite";
import { SETTINGS, type Answer, type Ask } from "./pglite-asks.ts";
import type { Row } from "./sql-store.ts";

// Given by pglite.ts.
const { data } = workerData as { readonly data: string };
/** Opened by the first question: until then the directory may still be being unpacked. */
let opened: Promise<PGlite> | undefined;

async function open(): Promise<PGlite> {
  const db = await PGlite.create({ dataDir: data, relaxedDurability: false });
  await db.exec(SETTINGS);
  return db;
}

let order: Promise<void> = Promise.resolve();
parentPort?.on("message", (ask: Ask) => { order = order.then(() => serve(ask)) });

async function serve(ask: Ask): Promise<void> {
  let answer: Answer;
  try { answer = { id: ask.id, rows: await rowsOf(await (opened ??= open()), ask) } } catch (error) {
    const { message, code } = error as { message: string; code?: string }; // PGlite throws errors with a SQLSTATE
    answer = { id: ask.id, error: code === undefined ? { message } : { message, code } };
  }
  parentPort?.postMessage(answer);
}

async function rowsOf(db: PGlite, ask: Ask): Promise<readonly Row[]> {
  if ("close" in ask) { await db.close(); return [] }
  if ("exec" in ask) { await db.exec(ask.exec); return [] }
  const { rows }: Results<Row> = await db.query<Row>(ask.text, [...ask.params]);
  if (ask.sync) await syncLog(db);
  return rows;
}

/** PGlite never calls fsync: durability "power" syncs the log segment that was just written. */
async function syncLog(db: PGlite): Promise<void> {
  const { rows } = await db.query<{ file: string }>("select pg_walfile_name(pg_current_wal_insert_lsn()) as file");
  const [row] = rows;
  if (row === undefined) return;
  const file = openSync(join(data, "pg_wal", row.file), "r+");
  try { fdatasyncSync(file) } finally { closeSync(file) }
}
