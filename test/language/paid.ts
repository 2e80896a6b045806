/** Transactions: what they wrote stands there once if they completed, and not at all if they failed. */
import fc from "fast-check";
import { expect } from "vitest";
import { task, taskContext, transaction } from "../../sdk/index.ts";
import type { Store } from "../../engine/index.ts";
import { callsOf, type Leaf, type World } from "./part.ts";

/** A failing one fails when it has written. In memory, where there are no transactions, it is an ordinary task. */
export interface Paid { k: "paid"; v: number; fails: boolean }

let database = false, asked = 0;
/** The next programs run on this store. */
export async function useStore(store: Store): Promise<void> {
  database = store.openTransaction !== undefined;
  if (database) await statement(store, "create table if not exists paid (root text, run text, key text, v int)");
}
async function statement(store: Store, text: string, values: readonly unknown[] = []):
  Promise<readonly { readonly [column: string]: unknown }[]> {
  const open = await store.openTransaction?.({ runId: "probe", key: `task:probe#${asked++}`, attempt: 1 });
  if (open === undefined) throw new Error(`no transactions on ${store.kind}`);
  const rows = await open.query(text, values);
  await open.commit({ result: "null" });
  return rows;
}

const paid = transaction("paid", async (sql, root: string, v: number, fails: boolean) => {
  const { run, task: { key } } = taskContext();
  await sql`insert into paid (root, run, key, v) values (${root}, ${run.id}, ${key}, ${v})`;
  if (fails) throw new Error(`no ${v}`);
  return v;
});
const promised = task("promised", async (_: string, v: number, fails: boolean) => {
  if (fails) throw new Error(`no ${v}`);
  return v;
});

export const payment: Leaf<Paid> = {
  made: () => fc.record({ k: fc.constant("paid" as const), v: fc.nat(20), fails: fc.nat(4).map((n) => n === 0) }),
  run: ({ v, fails }, { root }) => (database ? paid : promised)(root, v, fails),
  end: ({ v, fails }) => fails ? "throws" : { value: v },
  check: async ({ family, store, what }: World) => {
    const calls = callsOf(family, "paid"), roots = [...new Set(calls.map(({ input: [root] }) => String(root)))];
    const rows = (await Promise.all(roots.map((root) =>
      statement(store, "select run, key, v from paid where root = $1", [root])))).flat();
    for (const { run, key, input: [, v, fails], end } of calls) {
      const mine = rows.filter((row) => row["run"] === run && row["key"] === key).map((row) => row["v"]);
      const where = `${what}: ${key} of run ${run}`;
      if (end?.type === "TaskCompleted") expect(mine, where).toEqual([v]);
      else if (end?.type === "TaskFailed" || fails) expect(mine, where).toEqual([]);
      else expect(mine.length, `${where} was given up`).toBeLessThanOrEqual(1);
    }
    const known = new Set(calls.map(({ run, key }) => `${run} ${key}`));
    expect(rows.filter((row) => !known.has(`${String(row["run"])} ${String(row["key"])}`)), what).toEqual([]);
  },
};
