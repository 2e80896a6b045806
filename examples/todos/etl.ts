/** The todos ETL: extract over HTTP, rename the keys, write JSON in batches. Kill it anywhere and run it again. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { exponential, sleep, task, workflow, z } from "reprise";

interface Todo { userId: number; id: number; title: string; completed: boolean }
interface Row { owner: number; number: number; text: string; done: boolean }

/** Every real execution of a task leaves a line here: the proof that none ran twice. */
const ledger = process.env["LEDGER"];
function effect(what: string): void { if (ledger) appendFileSync(ledger, `${what}\n`) }

const extract = task("extract", { retries: 3, retryDelay: exponential("200ms") },
  async (url: string): Promise<Todo[]> => {
  effect("extract");
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json() as Promise<Todo[]>;
});

const transform = task("transform", (todos: Todo[]): Row[] => {
  effect("transform");
  return todos.map(({ userId, id, title, completed }) => ({ owner: userId, number: id, text: title, done: completed }));
});

const load = task("load", async (folder: string, owner: number, rows: Row[]): Promise<number> => {
  effect(`load ${owner}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/owner-${owner}.json`, JSON.stringify(rows, null, 2));
  await new Promise((resolve) => { setTimeout(resolve, 100) });
  return rows.length;
});

export const todosEtl = workflow("todos-etl", { input: z.object({ url: z.url(), folder: z.string() }) },
  async ({ url, folder }) => {
    const rows = await transform(await extract(`${url}/todos`));
    await sleep("100ms");
    let written = 0;
    for (const owner of new Set(rows.map((row) => row.owner))) {
      written += await load(folder, owner, rows.filter((row) => row.owner === owner));
    }
    return { written, done: rows.filter((row) => row.done).length };
  });

console.log(
  JSON.stringify(await todosEtl({ url: process.env["TODOS_URL"] ?? "", folder: process.env["OUT"] ?? "out" })));
