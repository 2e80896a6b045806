/**
 * The thread that renews a worker's lease on a connection of its own, so that a synchronous task of a minute does not
 * cost the process its runs. It stops when the process's own loop has not moved for five minutes: nobody is at home.
 */
import { workerData } from "node:worker_threads";
import postgres from "postgres";
import { renewWhileMoving } from "./lease-beat.ts";
import { SCHEMA } from "./migrate.ts";
import { statement } from "./statements.ts";

/** What the thread is told. `beat[0]` is raised by the process's own loop. */
export interface LeaseData {
  readonly url: string; readonly worker: string; readonly ttlMs: number; readonly everyMs: number;
    readonly beat: SharedArrayBuffer;
}

const { url, worker, ttlMs, everyMs, beat } = workerData as LeaseData; // given by postgres.ts
const sql =
  postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined, connect_timeout: 4, backoff: () => 0.05,
  connection: { search_path: `${SCHEMA},public`, statement_timeout: 4000, application_name: "reprise lease" } });
renewWhileMoving(beat, everyMs, async () => {
  await sql.unsafe(statement("heartbeat"), [worker, ttlMs], { prepare: true });
});
