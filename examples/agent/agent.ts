/**
 * An agent: a model says which tool to use, the tool is run, its result goes back to the model, until it answers. Every
 * call of the model and of a tool is recorded, so that a crash costs no token twice; what costs money asks a person.
 * The model here is a few rules, so that the example prints the same each time; put your own into the task.
 * npx reprise run examples/agent/agent.ts
 */
import { isMain, progress, stream, task, waitFor, workflow, z, type RunHandle } from "reprise";

interface Message { readonly from: "user" | "model" | "tool"; readonly text: string }
type Move = { readonly tool: keyof typeof tools; readonly input: string } | { readonly answer: string };

const model = task("model", { retries: 3, retryDelay: "1s", timeout: "1m" }, async (chat: Message[]): Promise<Move> => {
  const said = chat.map(({ text }) => text).join("\n");
  if (!said.includes("order 7:")) return { tool: "lookUp", input: "7" };
  if (!said.includes("refund")) return { tool: "refund", input: "7" };
  const paid = said.includes("refund of order 7 is done");
  return { answer: paid ? "Your money is on its way." : "I may not refund this." };
});

const tools = {
  lookUp: task("look-up", async (id: string) => `order ${id}: one lamp, 49.00, arrived broken`),
  refund: task("refund", async (id: string) => `refund of order ${id} is done`),
};
const costsMoney = new Set<keyof typeof tools>(["refund"]);
const Approval = z.object({ allowed: z.boolean() });

export const agent = workflow("agent", async (question: string) => {
  const chat: Message[] = [{ from: "user", text: question }];
  for (let step = 1; step <= 10; step++) {
    progress(step, 10);
    const move = await model(chat);
    if ("answer" in move) return { answer: move.answer, steps: step };
    const { tool, input } = move;
    chat.push({ from: "model", text: `use ${tool}(${input})` });
    stream<string>("thoughts").write(`use ${tool}(${input})`);
    const { allowed } = !costsMoney.has(tool) ? { allowed: true }
      : await waitFor(Approval, { name: "approval", description: `May the agent use ${tool}(${input})?` });
    chat.push({ from: "tool", text: allowed ? await tools[tool](input) : `refund of order ${input} was refused` });
  }
  throw new Error("no answer after ten steps");
});

/** A person, as a script plays one: answers each form as it opens. */
async function person(run: RunHandle<{ answer: string }>, allowed: boolean): Promise<void> {
  for await (const event of run) {
    if (event.type !== "WaitOpened") continue;
    for (const { name } of await run.waits()) await run.answer(name, { allowed }, { by: "grace" });
  }
}

if (isMain(import.meta)) {
  for (const allowed of [true, false]) {
    const run = await agent.start("My lamp is broken, I want my money back.", { id: `agent-${allowed}` });
    await person(run, allowed);
    const { answer, steps } = await run.result();
    console.log(`${answer} (${steps} steps)`);
  }
}
