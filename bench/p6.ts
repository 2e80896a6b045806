import { openStore } from "reprise/engine";
import { randomUUID } from "node:crypto";
import { rawPostgres, sequentialInsertMs } from "./raw.ts";
const store: any = await openStore(process.argv[2]!);
const raw = await rawPostgres(process.argv[2]!, 1);
const ev = JSON.stringify([{type:"AttemptStarted",at:1795240185446,key:"task:step#0",attempt:1},{type:"TaskCompleted",at:1795240185448,key:"task:step#0",attempt:1,result:{p:5}},{type:"TaskScheduled",key:"task:step#1",name:"step",inputHash:"1ae77b428d8a071d",input:{p:[4]},by:1,at:1795240185448,site:"bench/engine.ts:43:24 interpret"}]);
async function chain(name: string, between: () => Promise<void>) {
  const runId = randomUUID();
  await store.create({ runId, workflow:"w", name:"n", pool:"default", priority:0, tags:[], codeVersion:"", worker:"w1", appendId: randomUUID(), count:3, events: ev });
  const took: number[]=[]; let prev=1, first=4;
  for (let i=0;i<1000;i++){ await between(); const t=performance.now(); const r=await store.append([{runId,firstSeq:first,count:3,appendId:randomUUID(),epoch:1,events:ev,previousSeq:prev}],[],[]); took.push(performance.now()-t); if(r.length!==1) throw new Error(name); prev=first; first+=3; }
  took.sort((a,b)=>a-b); console.log(name, took[500]!.toFixed(3));
}
const spin = (ms: number) => { const u = performance.now()+ms; while (performance.now()<u); };
for (let i=0;i<3;i++) {
  console.log("raw", await sequentialInsertMs(raw, 500));
  await chain("plain", async () => undefined);
  await chain("immediate x4", async () => { for (let i=0;i<4;i++) await new Promise(r => setImmediate(r)) });
  await chain("spin 0.1", async () => spin(0.1));
  await chain("unref timer", async () => { setTimeout(() => undefined, 5) });
}
process.exit(0);
