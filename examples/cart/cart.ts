/**
 * A shopping cart: updates change it and reply, queries read it, a signal checks it out. An update that is refused
 * changes nothing and leaves no trace; a query is answered by the run's own variables, now or at any event of its past.
 * npx reprise run examples/cart/cart.ts
 */
import { expose, isMain, query, signal, task, update, workflow, z } from "reprise";

const Item = z.object({ sku: z.string(), pieces: z.number().int() });
const setItem = update<typeof Item, number>("set-item", Item);
const pieces = query<number>("pieces");
const checkOut = signal("check-out");

const priceOf = task("price-of", async (sku: string) => sku.length * 100);

export const cart = workflow("cart", async () => {
  const items = new Map<string, { pieces: number; cents: number }>();
  const total = () => [...items.values()].reduce((sum, { pieces: n, cents }) => sum + n * cents, 0);

  expose(pieces, () => [...items.values()].reduce((sum, one) => sum + one.pieces, 0));
  setItem.handle(async ({ sku, pieces: n }) => {
    items.set(sku, { pieces: n, cents: await priceOf(sku) });
    return total();
  }, { validate: ({ pieces: n }) => { if (n < 0 || n > 99) throw new Error("0 to 99 pieces, please") } });

  await checkOut.wait();
  return `${items.size} kinds, ${total()} cents`;
});

if (isMain(import.meta)) {
  const run = await cart.start();
  console.log(await run.update(setItem, { sku: "lamp", pieces: 2 }, { key: "first" }));
  console.log(await run.update(setItem, { sku: "chair", pieces: 4 }, { key: "second" }));
  console.log(await run.update(setItem, { sku: "lamp", pieces: 100 })
    .catch((error: Error) => error.message.split(": ").at(-1)));
  console.log(`${await run.query(pieces)} pieces`);
  await run.signal(checkOut, undefined, { key: "once" });
  console.log(await run.result());
}
