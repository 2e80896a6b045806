import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, inject, test } from "vitest";
import postgres from "postgres";
import { openStore } from "../engine/index.ts";
import { withFaults } from "../engine/store/faults.ts";
import { freshDatabase } from "./postgres-server.ts";
import { storeContract } from "./store-contract.ts";

const url = inject("postgresUrl");
const folder = mkdtempSync(join(tmpdir(), "reprise-store-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

storeContract("memory", () => openStore("memory:"));
storeContract("PGlite", () => openStore(join(folder, "pglite")));
storeContract("PGlite, synced to disk,", () => openStore(join(folder, "power"), { durability: "power" }));
storeContract("PostgreSQL", async () => openStore(await freshDatabase(url)), url === "");
storeContract("fault-injecting", async () => withFaults(await openStore("memory:"), () => "none"));

describe.skipIf(url === "")("history in SQL", () => {
  test("refuses update, delete and truncate, and shows events as rows", async () => {
    const database = await freshDatabase(url);
    const store = await openStore(database);
    await store.create({ runId: "01A", workflow: "wf", name: "n", pool: "default", priority: 0, tags: [],
      codeVersion: "",
      appendId: "6f2b6f0e-7a4e-4c58-9e4e-0a5b1f0c0d01", count: 1, events: '[{"type":"RunStarted","at":1000}]' });
    const sql = postgres(database, { max: 1, onnotice: () => undefined, connection: { search_path: "reprise" } });
    await expect(sql.unsafe("update history set epoch = 9")).rejects.toThrow("append-only");
    await expect(sql.unsafe("delete from history")).rejects.toThrow("append-only");
    await expect(sql.unsafe("truncate history")).rejects.toThrow("append-only");
    expect(await sql.unsafe("select run_id, seq, type from events")).toMatchObject(
      [{ run_id: "01A", seq: 1, type: "RunStarted" }]);
    await sql.end();
    await store.reset();
    expect(await store.run("01A")).toBeUndefined();
    await store.close();
  });

  test("is refused by an older version when the tables are newer", async () => {
    const database = await freshDatabase(url);
    await (await openStore(database)).close();
    const sql = postgres(database, { max: 1, onnotice: () => undefined });
    await sql.unsafe("insert into reprise.migrations (number, name, checksum) values (999, 'later', 'x')");
    await sql.end();
    await expect(openStore(database)).rejects.toMatchObject({ code: "SCHEMA_NEWER" });
  });
});

describe("an embedded directory", () => {
  test("is refused to a second opener, naming the holder", async () => {
    const store = await openStore(join(folder, "locked"));
    await expect(openStore(join(folder, "locked"))).rejects.toMatchObject(
      { code: "STORE_LOCKED", message: expect.stringContaining(String(process.pid)) });
    await store.close();
    await (await openStore(join(folder, "locked"))).close();
  });

  test("is closed to the end in a script that has nothing else to wait for, questions behind the close or not", () => {
    const script = `import { openPgliteStore } from "./dist/engine/store/pglite.js";
      const store = await openPgliteStore(${JSON.stringify(join(folder, "closing"))});
      await store.workers();
      void (async () => {
        const closed = store.close();
        for (let turn = 0; turn < 4; turn++) await null; // the close is on its way
        store.workers().catch(() => undefined);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000); // both answers are there before one is read
        await closed;
        console.log("closed");
      })();`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8",
      cwd: fileURLToPath(new URL("..", import.meta.url)), timeout: 150_000 });
    expect(stdout, stderr).toBe("closed\n");
  });
});
