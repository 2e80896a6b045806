import { benchEngine, taskMs, tasksPerSecond } from "./engine.ts";
import { rawPostgres, batchedRowsPerSecond } from "./raw.ts";
const { engine } = await benchEngine(process.argv[2]!); const raw = await rawPostgres(process.argv[2]!, 2); 
for (let i=0;i<5;i++) { const r1000 = await batchedRowsPerSecond(raw,1,1000,20000),r1 = await batchedRowsPerSecond(raw,1,100,20000), r = await batchedRowsPerSecond(raw,2,100,20000); const c2=process.cpuUsage(); const t = await tasksPerSecond(engine, 100, 200); const u=process.cpuUsage(c2); console.log("1x1000", Math.round(r1000), "1x100", Math.round(r1), "2x100", Math.round(r), Math.round(t), (t*1.05/r1000).toFixed(2), "cpu us/task", (u.user/20000).toFixed(1), (u.system/20000).toFixed(1)); }
process.exit(0);
