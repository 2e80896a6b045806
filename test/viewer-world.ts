/** Runs as a shop has them, made by the real engine: every state, retries, kinds of values, and a hostile one. */
import { setTimeout as pause } from "node:timers/promises";
import { openRunEngine, type RunEngine } from "../engine/index.ts";
import { offerDefault } from "../sdk/default-engine.ts";
import { artifact, attributes, limit, logger, NonRetryable, progress, rate, sleep, task, taskContext, waitFor,
  workflow, z, type Workflow } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";

interface Item { readonly sku: string; readonly n: number; readonly price: bigint }
interface Order { readonly id: number; readonly customer: { readonly name: string; readonly since: Date };
  readonly items: readonly Item[]; readonly notes: ReadonlyMap<string, string> }

const fetchOrder = task("fetchOrder", async (id: number): Promise<Order> => {
  await pause(60);
  logger().info(`order ${id} is there`, { id });
  return { id, customer: { name: "Ada Lovelace", since: new Date(Date.UTC(2019, 4, 17)) },
    items: [{ sku: "lamp-e27", n: 2, price: 1990n }, { sku: "cable-2m", n: 1, price: 495n }],
    notes: new Map([["door", "ring twice"], ["gift", "no"]]) };
});
const reserveStock = task("reserveStock", { retries: 3, retryDelay: [150, 250] }, async (sku: string) => {
  await pause(40);
  const { attempt } = taskContext();
  if (attempt < (sku.startsWith("lamp") ? 3 : 2)) throw new Error("503 from the warehouse");
  return { sku, shelf: "B-12", until: new Date(Date.UTC(2026, 10, 21, 18)) };
});
const charge = task("chargeCard", { retries: 2, retryDelay: 120, timeout: "5s" },
  async (amount: number, card: { readonly number: string; readonly token: string }) => {
    await pause(80);
    logger().debug("asking the bank", { amount });
    if (amount > 100) throw new NonRetryable("the card was refused: limit of 100.00 reached");
    return { receipt: `R-${amount}`, last4: card.number.slice(-4) };
  });
const mail = task("sendMail", async (to: string, subject: string) => {
  await pause(30);
  logger().warn(`${to} bounced once`, { subject });
  return { queued: true };
});
const thumb = task("thumbnail", async (n: number) => { await pause(15 + (n * 37) % 60); return n * n });

/** A long one with all that the timeline draws. */
export const checkout = workflow("checkout", { input: z.object({ id: z.number(), amount: z.number() }) },
  async ({ id, amount }) => {
    const order = await fetchOrder(id);
    const held = await Promise.all(order.items.map((item) => reserveStock(item.sku)));
    logger().info(`${held.length} shelves are held`);
    await sleep(300);
    const receipt = await charge(amount, { number: "4242424242424242", token: "tok_live_1" });
    await mail("ada@example.com", "Your order");
    return { order: order.id, ...receipt, shelves: held.map(({ shelf }) => shelf) };
  });
export const thumbnails = workflow("thumbnails", async (n: number) =>
  (await Promise.all(Array.from({ length: n }, (_, i) => thumb(i)))).reduce((a, b) => a + b, 0));
export const reminder = workflow("reminder", async (days: number) => { await sleep(`${days}d`);
  await mail("ada@example.com", "Still there?") });
const settle = task("settle", { retries: 5, retryDelay: "1h" }, async (id: number, open: boolean) => {
  await pause(70);
  if (!open) throw new Error("503 from the bank");
  return `settled ${id}`;
});
/** Waits for an hour in the middle when the bank is closed. */
export const invoice = workflow("invoice", async ({ id, open }: { id: number; open: boolean }) => {
  const { customer } = await fetchOrder(id);
  const settled = await settle(id, open);
  await sleep(120);
  const pages = await Promise.all([1, 2, 3].map((page) => thumb(page)));
  await mail(customer.name, settled);
  return pages.length;
});
/** Counts slowly: something that is running while one looks. */
const count = task("count", async (n: number) => { await pause(120); return n + 1 });
export const counter = workflow("counter", async (upTo: number) => {
  let n = 0;
  while (n < upTo) n = await count(n);
  return n;
});
/** Waits for a person, and shows what he needs to decide. */
export const refund = workflow("refund", async (id: number) => {
  attributes({ customer: "Ada Lovelace", order: id });
  progress(1, 3);
  const order = await fetchOrder(id);
  artifact.table("items", order.items.map(({ sku, n, price }) => ({ sku, n, price: Number(price) / 100 })));
  const { amount, approved } = await waitFor(z.object({
    amount: z.number().min(1).max(200).describe("In euros, at most 200."), approved: z.boolean(),
    reason: z.enum(["broken", "late", "not wanted"]).optional(), paid: z.iso.date().optional(),
    note: z.string().max(200).optional() }), { name: "approve", description: `May order ${id} be refunded?` });
  if (approved) await mail("ada@example.com", `Your refund of ${amount}`);
  return { approved, amount };
});
/** A family: boxes are packed by runs of their own, one of them waits for a person. */
const label = workflow("label", async (box: number) => thumb(box));
const packBox = workflow("pack-box", async (box: number) => {
  await label(box);
  if (box === 2) await waitFor(z.object({ lid: z.boolean() }), { name: "lid", description: "Does the lid close?" });
  return thumb(box);
});
export const parcel = workflow("parcel", async (boxes: number) =>
  Promise.all(Array.from({ length: boxes }, (_, i) => packBox(i + 1))));
/** Holds slots and turns for as long as one looks; others wait for them. */
export async function openQueue(): Promise<void> {
  const database = limit("warehouse", 2), bank = rate("bank", { max: 20, per: "1m" });
  const pull = task("pullShelf", { limits: [database] }, async (n: number) => {
    await pause(60_000, undefined, { signal: taskContext().abortSignal });
    return n;
  });
  const ask = task("askBank", { limits: [bank] }, async (n: number) => n);
  const sync = workflow("sync-shelves", { concurrency: { max: 1, key: (city: string) => city } },
    async (_city: string) => Promise.all([ask(1), pull(1), pull(2), pull(3)]));
  for (const [name, city] of [["early-crane", "Rome"], ["late-crane", "Rome"], ["far-crane", "Oslo"]] as const) {
    await sync.with({ name }).start(city);
  }
}
/** What a hostile or careless user puts into every field that is shown. */
export const HOSTILE =
  `<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>"'><svg onload=alert(1)>`;
const spill = task(`spill ${HOSTILE}`.slice(0, 180), async (text: string) => {
  logger().error(text, { [text]: text });
  throw Object.assign(new Error(text), { name: text });
});
/** Defined where it is wanted: it would stand among the workflows of a polite world. */
const hostile = (): Workflow<[string], unknown> => workflow(`hostile ${HOSTILE}`.slice(0, 190), async (text) => {
  try { await spill(text) } catch { /* goes on */ }
  return { [text]: text, link: "javascript:alert(1)" };
});

/** Runs that wait stay where they are while they are looked at. */
const STILL_MS = 3_600_000;

/** An engine in memory with one run of each kind; resolves when those that end have ended. */
export async function openWorld(polite = false): Promise<{ readonly engine: RunEngine;
  readonly ids: { readonly [kind: string]: string } }> {
  const engine = await openRunEngine({ database: "memory:", workflow: workflowSpec, workflows: workflowNames,
    claims: "all", observer: { events: () => undefined, line: () => undefined, outage: () => undefined },
    idleMs: STILL_MS });
  offerDefault(engine);
  const made = {
    thumbnails: await thumbnails.with({ name: "quiet-heron", tags: ["night"] }).start(40),
    done: await checkout.with({ name: "tidy-owl", tags: ["eu", "web"] }).start({ id: 7, amount: 44.75 }),
    failed: await checkout.with({ name: "brisk-fox", tags: ["us"] }).start({ id: 8, amount: 259 }),
    again: await checkout.with({ name: "calm-otter", tags: ["eu"] }).start({ id: 9, amount: 12 }),
    waiting: await reminder.with({ name: "late-moth" }).start(3),
    cancelled: await reminder.with({ name: "shy-wren" }).start(30),
    ...(!polite && { hostile: await hostile().with({ name: HOSTILE, tags: [HOSTILE] }).start(HOSTILE) }),
  };
  await made.cancelled.cancel({ reason: "the customer closed the account" });
  for (const [kind, run] of Object.entries(made)) if (kind !== "waiting") await run.result().catch(() => undefined);
  return { engine, ids: Object.fromEntries(Object.entries(made).map(([kind, { id }]) => [kind, id])) };
}
