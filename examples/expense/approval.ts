/**
 * An expense is approved by a person, through a form: the viewer draws it, `npx reprise runs answer` fills it in, and
 * whatever is not the shape of `Decision` is refused before the run moves. Nobody within the time: it is declined.
 * npx reprise run examples/expense/approval.ts
 */
import { isMain, task, waitFor, workflow, z, type RunHandle } from "reprise";

const Expense = z.object({
  who: z.string(), cents: z.number(), what: z.string(), within: z.number().default(3_600_000),
});
const Decision = z.object({ approved: z.boolean(), comment: z.string().default("") });

const pay = task("pay", async (who: string, cents: number) => `${cents} paid to ${who}`);

export const expense = workflow("expense", { input: Expense }, async ({ who, cents, what, within }) => {
  if (cents < 2000) return pay(who, cents);
  const decision = await waitFor(Decision, {
    name: "decision", description: `${who} asks for ${cents} for ${what}`, timeout: within,
    else: { approved: false, comment: "nobody answered" },
  });
  return decision.approved ? pay(who, cents) : `declined: ${decision.comment}`;
});

/** A manager, as a script plays one: answers each form as it opens. */
async function manager(run: RunHandle<string>): Promise<string> {
  for await (const event of run) {
    if (event.type !== "WaitOpened") continue;
    for (const { name, description = "" } of await run.waits()) {
      await run.answer(name, { approved: !description.includes("yacht"), comment: "too big" }, { by: "grace" });
    }
  }
  return run.result();
}

if (isMain(import.meta)) {
  console.log(await expense({ who: "ada", cents: 1500, what: "pencils" }));
  console.log(await manager(await expense.start({ who: "ada", cents: 45_00, what: "books" })));
  console.log(await manager(await expense.start({ who: "bob", cents: 9_000_000_00, what: "a yacht" })));
  console.log(await expense({ who: "eve", cents: 5000, what: "a chair", within: 100 }));
}
