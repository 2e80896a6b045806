/**
 * Money moves between accounts. Every booking carries the idempotency key of its task, so that a task which is run
 * again after a crash books once; and a withdrawal whose deposit is refused is paid back.
 * npx reprise run examples/transfer/transfer.ts
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isMain, NonRetryable, saga, task, taskContext, workflow, z } from "reprise";

// The bank: a file of bookings by key. A real one takes the same key as a header or a unique column.
const folder = process.env["OUT"] ?? "out", file = `${folder}/bank.json`;
type Bookings = { [key: string]: { account: string; cents: number } };
const bookings = (): Bookings => existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
const balance = (account: string) =>
  Object.values(bookings()).reduce((sum, one) => one.account === account ? sum + one.cents : sum, 0);
function book(account: string, cents: number): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify({ ...bookings(), [taskContext().idempotencyKey]: { account, cents } }));
  renameSync(`${file}.new`, file);
}

const withdraw = task("withdraw", { undo: async (_, account: string, cents: number) => { book(account, cents) } },
  async (account: string, cents: number) => { book(account, -cents) });

const deposit = task("deposit", async (account: string, cents: number) => {
  if (account === "closed") throw new NonRetryable("the account is closed");
  book(account, cents);
});

const Transfer = z.object({ from: z.string(), to: z.string(), cents: z.number().int().positive() });

export const transfer = workflow("transfer", { input: Transfer }, async ({ from, to, cents }) =>
  saga(async () => {
    await withdraw(from, cents);
    await deposit(to, cents);
    return `${cents} from ${from} to ${to}`;
  }));

if (isMain(import.meta)) {
  // An id of your own: started twice, it is the same transfer.
  console.log(await transfer.run({ from: "ada", to: "bob", cents: 5000 }, { id: "rent-may" }));
  console.log(await transfer.run({ from: "ada", to: "bob", cents: 5000 }, { id: "rent-may" }));
  console.log(await transfer.run({ from: "ada", to: "closed", cents: 700 }, { id: "gift" })
    .catch((error: Error) => error.message));
  console.log(`ada ${balance("ada")}, bob ${balance("bob")}, closed ${balance("closed")}`);
}
