import { startPostgres, freshDatabase } from "../test/postgres-server.ts";
import { benchEngine, taskMs, tasksPerSecond } from "./engine.ts";
import { rawPostgres, sequentialInsertMs, batchedRowsPerSecond } from "./raw.ts";
const server = (await startPostgres())!;
const url = await freshDatabase(server.url);
const raw = await rawPostgres(url, 2), { engine } = await benchEngine(url);
for (let k=0;k<5;k++) { let r=0,t=0; for (let i=0;i<20;i++) { r+=await sequentialInsertMs(raw, 50); t+=await taskMs(engine, 50); } console.log("raw", (r/20).toFixed(3), "task", (t/20).toFixed(3), (t/r).toFixed(2)); }
for (let i=0;i<3;i++) console.log("raw 1000", Math.round(await batchedRowsPerSecond(raw, 2, 10)), "tasks/s", Math.round(await tasksPerSecond(engine, 100, 200)));
await engine.close(0); await raw.close(); await server.stop(); process.exit(0);
