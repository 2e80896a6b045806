/**
 * An account that lives for years: one run that reads messages for ever. After every hundred it continues as a fresh
 * run with its balance as input, so that no history grows long. To everybody outside it stays the same run: messages,
 * queries and the result go by the id of the first.   npx reprise run examples/entity/account.ts
 */
import { continueWith, expose, isMain, query, signal, workflow, z } from "reprise";

const message = signal("message", z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("book"), cents: z.number() }), z.object({ kind: z.literal("close") }),
]));
const balance = query<number>("balance");

const PER_LINK = 100;
const State = z.object({ owner: z.string(), cents: z.number().default(0), bookings: z.number().default(0) });

export const account = workflow("account", { input: State }, async ({ owner, cents, bookings }) => {
  expose(balance, () => cents);
  for (let read = 0; read < PER_LINK; read++) {
    const next = await message.wait();
    if (next.kind === "close") return `${owner}: ${bookings} bookings, ${cents} cents`;
    cents += next.cents;
    bookings++;
  }
  return continueWith({ owner, cents, bookings });
});

if (isMain(import.meta)) {
  const ada = await account.start({ owner: "ada" });
  // With a key, a message arrives once, also when this script is started again and sends it again.
  for (let n = 1; n <= 250; n++) await ada.signal(message, { kind: "book", cents: n }, { key: `booking-${n}` });
  await ada.signal(message, { kind: "close" }, { key: "close" });
  console.log(await ada.result());
  console.log(await ada.query(balance));
}
