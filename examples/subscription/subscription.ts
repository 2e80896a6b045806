/**
 * A subscription: one run per customer, for as long as it lasts. The customer's messages change its variables, and
 * `condition` waits until they say what the run waits for: paid, cancelled, or nothing within 14 days.
 * npx reprise run examples/subscription/subscription.ts
 */
import { condition, expose, isMain, query, signal, sleep, task, workflow, z, type RunHandle } from "reprise";

const paid = signal("paid", z.object({ month: z.number() }));
const changePlan = signal("change-plan", z.object({ cents: z.number() }));
const cancelled = signal("cancel-subscription");
const status = query<string>("status");

const invoice = task("invoice", async (customer: string, month: number, cents: number) =>
  `${customer} owes ${cents} for month ${month}`);

const Terms = z.object({ customer: z.string(), monthMs: z.number(), payWithinMs: z.number() });

export const subscription = workflow("subscription", { input: Terms }, async ({ customer, monthMs, payWithinMs }) => {
  let cents = 1000, paidUntil = 0, over = false;
  const sent: string[] = [];
  expose(status, () => `paid until month ${paidUntil}, ${cents} a month`);

  // Readers: each changes variables when a message comes. They end with the run.
  void (async () => { for await (const { month } of paid) paidUntil = month })();
  void (async () => { for await (const plan of changePlan) cents = plan.cents })();
  void cancelled.wait().then(() => { over = true });

  for (let month = 1; ; month++) {
    sent.push(await invoice(customer, month, cents));
    const inTime = await condition(() => paidUntil >= month || over, { timeout: payWithinMs });
    if (over) return [...sent, "cancelled"];
    if (!inTime) return [...sent, "suspended: not paid in time"];
    await sleep(monthMs);
  }
});

/** A customer, as a script plays one: answers each invoice once, whenever the script is started again. */
async function customer(run: RunHandle<string[]>, answer: (month: number) => Promise<void>): Promise<string[]> {
  let month = 0;
  for await (const event of run) if (event.type === "TaskCompleted") await answer(++month);
  return run.result();
}

if (isMain(import.meta)) {
  const ada = await subscription.start({ customer: "ada", monthMs: 20, payWithinMs: 60_000 });
  const invoices = await customer(ada, async (month) => {
    if (month === 2) await ada.signal(changePlan, { cents: 2500 }, { key: "to-pro" });
    if (month < 4) await ada.signal(paid, { month }, { key: `month-${month}` });
    else await ada.signal(cancelled, undefined, { key: "cancel" });
  });
  for (const line of invoices) console.log(line);
  console.log(await ada.query(status));

  const bob = await subscription.start({ customer: "bob", monthMs: 20, payWithinMs: 100 });
  for (const line of await bob.result()) console.log(line);
}
