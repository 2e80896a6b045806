import { benchEngine, taskMs } from "./engine.ts";
const { engine } = await benchEngine(process.argv[2]!);
for (let i=0;i<4;i++) { console.log(await taskMs(engine, 1000)); const T=(globalThis as any).T; console.log(T.map((x: number)=>(x/T[3]*1000).toFixed(1)), T[3]); (globalThis as any).T=undefined; }
await engine.close(0); process.exit(0);
