/** What the database itself can do: the limits that the engine is measured against. */
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { ms } from "./numbers.ts";

/** A row like those of history: about 330 bytes of events. */
const EVENTS = JSON.stringify([
  { type: "AttemptStarted", at: 1_795_240_185_446, key: "task:step#0", attempt: 1 },
  { type: "TaskCompleted", at: 1_795_240_185_448, key: "task:step#0", attempt: 1, result: { p: 5 } },
  { type: "TaskScheduled", key: "task:step#1", name: "step", inputHash: "1ae77b428d8a071d", input: { p: [4] }, by: 1,
    at: 1_795_240_185_448, site: "bench/engine.ts:43:24 interpret" },
]);

const TABLE =
  `create table if not exists raw_rows (run_id text not null, first_seq integer not null, count smallint not null,
  append_id uuid not null, epoch integer not null, at timestamptz not null default clock_timestamp(),
    events text not null,
  primary key (run_id, first_seq))`;
const ONE = `insert into raw_rows (run_id, first_seq, count, append_id, epoch, events)
  values ($1, $2::integer, 3, $3::text::uuid, 1, $4)`;
const MANY = `insert into raw_rows (run_id, first_seq, count, append_id, epoch, events)
  select x.r, x.s, 3, x.a, 1, x.v from json_to_recordset($1::text::json) as x(r text, s integer, a uuid, v text)`;

/** A connection that runs one statement. */
export interface Raw { query(text: string, params: readonly unknown[]): Promise<unknown>; close(): Promise<void> }

/** @param connections open at once */
export async function rawPostgres(url: string, connections: number): Promise<Raw> {
  const sql = postgres(url, { max: connections, fetch_types: false, onnotice: () => undefined });
  await sql.unsafe(TABLE);
  return {
    // strings and numbers
    query: (text, params) => sql.unsafe(text, params as postgres.ParameterOrJSON<never>[], { prepare: true }),
    close: () => sql.end({ timeout: 1 }),
  };
}

/** PGlite in this thread, without the hop to a worker thread that the engine pays. */
export async function rawPglite(directory: string): Promise<Raw> {
  const { PGlite } = await import("@electric-sql/pglite");
  const db = await PGlite.create({ dataDir: directory, relaxedDurability: true });
  await db.exec(TABLE);
  return { query: (text, params) => db.query(text, [...params]), close: () => db.close() };
}

/** Milliseconds of one insert with its commit, one after another: the mean, as for tasks. */
export async function sequentialInsertMs(raw: Raw, count: number): Promise<number> {
  const run = randomUUID(), from = ms();
  for (let i = 0; i < count; i++) await raw.query(ONE, [run, i + 1, randomUUID(), EVENTS]);
  return (ms() - from) / count;
}

/** Rows a second of inserts of `size` rows each, `lanes` in flight at once; the rows are made beforehand. */
export async function batchedRowsPerSecond(raw: Raw, lanes: number, size: number, rows: number): Promise<number> {
  const wires = Array.from({ length: Math.ceil(rows / size) }, () => JSON.stringify(
    Array.from({ length: size }, (_, i) => ({ r: randomUUID(), s: i + 1, a: randomUUID(), v: EVENTS }))));
  const from = ms();
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    for (let i = lane; i < wires.length; i += lanes) await raw.query(MANY, [wires[i]]);
  }));
  return wires.length * size / ((ms() - from) / 1000);
}
