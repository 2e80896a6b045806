/**
 * An order as a saga. Each task says beside itself how it is undone; when one fails, those that were done are undone,
 * last in first out. A crash in the middle of the undoing goes on with the undoing.
 * npx reprise run examples/saga/order.ts
 */
import { isMain, NonRetryable, saga, task, workflow, z } from "reprise";

// Services of yours.
const stock = { hold: async (sku: string) => `hold-${sku}`, release: async (_hold: string) => undefined };
const bank = { charge: async (cents: number) => `receipt-${cents}`, payBack: async (_receipt: string) => undefined };

const reserve = task("reserve", { undo: (hold) => stock.release(hold) }, (sku: string) => stock.hold(sku));

const charge = task("charge", { retries: 3, retryDelay: "50ms", undo: (receipt) => bank.payBack(receipt) },
  (cents: number) => bank.charge(cents));

const ship = task("ship", async (sku: string, address: string) => {
  if (address === "") throw new NonRetryable("there is no address");
  return `${sku} is on its way to ${address}`;
});

const Order = z.object({ sku: z.string(), cents: z.number(), address: z.string() });

export const order = workflow("order-saga", { input: Order }, async ({ sku, cents, address }) =>
  saga(async () => {
    await reserve(sku);
    await charge(cents);
    return ship(sku, address);
  }));

if (isMain(import.meta)) {
  console.log(await order({ sku: "lamp", cents: 4900, address: "Main Street 1" }));

  const refused = await order.start({ sku: "chair", cents: 9900, address: "" });
  console.log(await refused.result().catch((error: Error) => error.message));
  for await (const event of refused.history()) if (event.type === "TaskCompleted") console.log(event.key);
}
