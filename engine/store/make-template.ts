/** Part of the build: makes the template of an embedded database, unless the one that is there still fits. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { migrate, SCHEMA } from "./migrate.ts";
import { hasTemplate, packTemplate } from "./template.ts";

if (!hasTemplate()) {
  const folder = mkdtempSync(join(tmpdir(), "reprise-template-"));
  try {
    const data = join(folder, "pgdata");
    const db = await PGlite.create(data);
    await db.exec(`create schema if not exists ${SCHEMA}; set search_path = ${SCHEMA}, public`);
    await migrate({ exec: async (script) => { await db.exec(script) },
      query: async (text) => (await db.query<{ [c: string]: unknown }>(text)).rows });
    await db.exec("vacuum analyze");
    await db.exec("checkpoint");
    await db.close();
    packTemplate(data);
  } finally { rmSync(folder, { recursive: true, force: true }) }
}
