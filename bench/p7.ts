import { openStore, inFrame } from "reprise/engine";
import { benchEngine, taskMs } from "./engine.ts";
import { randomUUID } from "node:crypto";
const store: any = await openStore(process.argv[2]!);
const ev = JSON.stringify([{type:"AttemptStarted",at:1795240185446,key:"task:step#0",attempt:1},{type:"TaskCompleted",at:1795240185448,key:"task:step#0",attempt:1,result:{p:5}},{type:"TaskScheduled",key:"task:step#1",name:"step",inputHash:"1ae77b428d8a071d",input:{p:[4]},by:1,at:1795240185448,site:"bench/engine.ts:43:24 interpret"}]);
async function chain(name: string) {
  const runId = randomUUID();
  await store.create({ runId, workflow:"w", name:"n", pool:"default", priority:0, tags:[], codeVersion:"", worker:"w1", appendId: randomUUID(), count:3, events: ev });
  const took: number[]=[]; let prev=1, first=4; const c = process.cpuUsage(), w = performance.now();
  for (let i=0;i<2000;i++){ const t=performance.now(); const r=await store.append([{runId,firstSeq:first,count:3,appendId:randomUUID(),epoch:1,events:ev,previousSeq:prev}],[],[]); took.push(performance.now()-t); if(r.length!==1) throw new Error(name); prev=first; first+=3; }
  const u = process.cpuUsage(c);
  took.sort((a,b)=>a-b); console.log(name, took[1000]!.toFixed(3), "wall", ((performance.now()-w)/2000).toFixed(3), "user", (u.user/2e6).toFixed(3), "sys", (u.system/2e6).toFixed(3));
}
for (let i=0;i<2;i++) await chain("before");
inFrame({} as any, () => {});
for (let i=0;i<2;i++) await chain("after ALS");
const { engine } = await benchEngine(process.argv[2]!);
for (let i=0;i<2;i++) await chain("engine open");
console.log(await taskMs(engine, 1000));
for (let i=0;i<2;i++) await chain("engine used");
console.log(await taskMs(engine, 1000));
process.exit(0);
