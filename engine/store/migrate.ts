/** Forward-only, checksummed migrations, the same on PostgreSQL and PGlite. */
import { createHash } from "node:crypto";
import { StoreError } from "./port.ts";
import { migrations, type Migration } from "./statements.ts";

/** What a driver must do for migrations: run a script of several statements, and ask. */
export interface MigrationDriver {
  exec(script: string): Promise<void>;
  query(text: string): Promise<readonly { readonly [column: string]: unknown }[]>;
}

/** The schema that all our tables live in. */
export const SCHEMA = "reprise";
const LOCK = 7310_2026;

/** Applies what is missing. @throws SCHEMA_NEWER, MIGRATION_CHANGED */
export async function migrate(driver: MigrationDriver): Promise<void> {
  const known = migrations();
  const missing = await pending(driver, known);
  if (missing.length === 0) return;
  // One script is one transaction on both databases; the lock and a second look make two starters safe.
  const script = missing.map(({ text, number, name }) => `${text}
    insert into migrations (number, name, checksum) values (${number}, '${name}', '${checksum(text)}');`).join("\n");
  try {
    await driver.exec(`begin; select pg_advisory_xact_lock(${LOCK}); ${script} commit;`);
  } catch (error) {
    await driver.exec("rollback").catch(() => undefined);
    if ((await pending(driver, known)).length > 0) throw error; // otherwise another process was first
  }
}

async function pending(driver: MigrationDriver, known: readonly Migration[]): Promise<readonly Migration[]> {
  const [there] = await driver.query(`select to_regclass('${SCHEMA}.migrations') is not null as there`);
  if (there?.["there"] !== true) {
    await driver.exec(`begin; select pg_advisory_xact_lock(${LOCK}); create schema if not exists ${SCHEMA};
      create table if not exists ${SCHEMA}.migrations (number integer primary key, name text not null,
        checksum text not null,
      at timestamptz not null default clock_timestamp()); commit;`);
  }
  const applied = await driver.query(`select number, checksum from ${SCHEMA}.migrations order by number`);
  const last = Number(applied.at(-1)?.["number"] ?? 0), newest = known.at(-1)?.number ?? 0;
  if (last > newest) throw new StoreError("SCHEMA_NEWER",
    `the database has migration ${last}; this version of reprise knows only ${newest}`, "none");
  for (const row of applied) {
    const mine = known.find(({ number }) => number === Number(row["number"]));
    if (mine !== undefined && checksum(mine.text) !== row["checksum"]) throw new StoreError("MIGRATION_CHANGED",
      `migration ${mine.name} was applied with another text than this version has`, "none");
  }
  const done = new Set(applied.map((row) => Number(row["number"])));
  return known.filter(({ number }) => !done.has(number));
}

function checksum(text: string): string { return createHash("sha256").update(text).digest("hex").slice(0, 16) }

/** Names the schema that the code wants: a template of another is of no use. */
export function schemaKey(): string { return checksum(migrations().map(({ text }) => text).join("\n")) }
