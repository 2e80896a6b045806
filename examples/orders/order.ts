/**
 * An order: stock is reserved, the card charged (the bank fails twice, then accepts; the idempotency key keeps it from
 * charging twice), the parcel sent. A refused card gives the stock back.   npx reprise run examples/orders/order.ts
 */
import { exponential, isMain, NonRetryable, task, taskContext, workflow, z } from "reprise";
import { ran } from "../ledger.ts";

const reserve = task("reserve", async (sku: string) => { ran(); return `hold-${sku}` });
const release = task("release", async (hold: string) => { ran(); return `released ${hold}` });
const ship = task("ship", async (sku: string, receipt: string) => { ran(); return `${sku} sent (${receipt})` });

const charge = task("charge", { retries: 4, retryDelay: exponential("10ms"), timeout: "5s" },
  async (card: string, cents: number) => {
    const { attempt, idempotencyKey } = taskContext();
    if (card === "stolen") throw new NonRetryable("the bank refuses the card");
    if (attempt <= 2) throw new Error("the bank does not answer");
    ran();
    return `paid ${cents} with ${idempotencyKey.split("/")[1] ?? ""}`;
  });

const Order = z.object({ sku: z.string(), card: z.string(), cents: z.number().int().positive() });

export const order = workflow("order", { input: Order, runName: "order-{sku}" }, async ({ sku, card, cents }) => {
  const hold = await reserve(sku);
  try {
    return await ship(sku, await charge(card, cents));
  } catch (error) {
    await release(hold);
    throw error;
  }
});

if (isMain(import.meta)) {
  console.log(await order({ sku: "lamp", card: "valid", cents: 4900 }));
  console.log(await order({ sku: "chair", card: "stolen", cents: 9900 }).catch((error: Error) => error.message));
}
