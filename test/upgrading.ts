/** A shop in the middle of an upgrade: runs in flight under `reprise dev`, and an edit that some of them do not fit. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ORDERS = `import { sleep, task, waitFor, workflow, z } from "reprise";

interface Order { readonly id: number; readonly total: number }
const reserve = task("reserve", async (id: number): Promise<Order> => ({ id, total: 59.85 }));
const email = task("email", async (order: Order) => \`email for \${order.id}\`);
const letter = task("letter", async (order: Order) => \`letter for \${order.id}\`);
const ship = task("ship", async (order: Order) => \`parcel \${order.id}\`);

/** Ends when it is paid: that may take days. */
export const order = workflow("order", async (id: number) => {
  const reserved = await reserve(id);
  // Whoever orders is told at once.
  const told = await email(reserved);
  const { paid } = await waitFor(z.object({ paid: z.boolean() }), { name: "payment" });
  return paid ? [told, await ship(reserved)] : [told];
});

export const reminder = workflow("reminder", async (days: number) => {
  await sleep(\`\${days}d\`);
  await email({ id: days, total: 0 });
});

export const payout = workflow("payout", { evolve: "pin" }, async (id: number) => {
  await reserve(id);
  await waitFor(z.object({ ok: z.boolean() }), { name: "second-pair-of-eyes" });
});
void letter;
`;
const EDITED = ORDERS.replace("// Whoever orders is told at once.\n  const told = await email(",
  "// A letter is harder to overlook.\n  const told = await letter(");

/** Starts it; the address of its page of code, and how it ends. */
export async function openUpgrade(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const root = fileURLToPath(new URL("..", import.meta.url)), folder = mkdtempSync(join(tmpdir(), "reprise-upgrade-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/reprise"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const file = join(folder, "orders.ts");
  writeFileSync(file, ORDERS);
  const dev = spawn(process.execPath, [join(root, "dist/sdk/cli/main.js"), "dev", "orders.ts", "--port", "0"],
    { cwd: folder, stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, REPRISE_LOG_LEVEL: "critical" } });
  const [said] = await once(dev.stdout, "data") as [Buffer]; // its first line is the address
  const [origin = "", token = ""] = String(said).trim().split("/#token=");
  const ask = async (path: string, body?: object): Promise<object> => {
    const response = await fetch(`${origin}/api/v1${path}`, { headers: { authorization: `Bearer ${token}`,
      ...(body && { "content-type": "application/json" }) }, ...(body && { method: "POST",
      body: JSON.stringify(body) }) });
    const answer = await response.json() as object; // as every answer of the API is
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const until = async (path: string, text: string): Promise<void> => {
    while (!JSON.stringify(await ask(path).catch(() => "")).includes(text)) await pause(100);
  };
  await until("/workflows", "payout");
  const ids: string[] = [];
  for (const [workflow, names] of [["order", ["kind-owl", "shy-fox", "wise-elk"]], ["payout", ["grey-seal"]],
    ["reminder", ["late-moth", "slow-heron"]]] as const) for (const [i, name] of names.entries()) {
    const { run } = await ask("/runs", { workflow, input: i + 7, name }) as { run: string }; // its schema
    ids.push(run);
    await until(`/runs/${run}/history`, workflow === "reminder" ? "TimerStarted" : "WaitOpened");
  }
  writeFileSync(file, EDITED);
  await until("/code", '"differs":3');
  const [first = ""] = ids;
  await ask(`/runs/${first}/answer`, { name: "payment", value: { paid: true } });
  await until("/code", '"parked":1');
  return { url: `${origin}/code#token=${token}`, close: async () => {
    dev.kill("SIGINT");
    await once(dev, "exit");
    rmSync(folder, { recursive: true, force: true });
  } };
}
