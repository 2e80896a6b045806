/** The public names for messages, structure, limits and what a run shows, as a user uses them. Nothing here runs. */
import {
  artifact, attributes, condition, continueWith, deprecatePatch, expose, limit, patched, progress, query, rate, record,
  saga, scope, shield, signal, sleep, stream, update, waitFor, withTimeout, z, type Limit, type QueryDef,
  type SignalDef, type Stream, type UpdateDef, type WaitForOptions, type WaitOptions, type Webhook,
} from "reprise";
import { is } from "./surface.ts";

const paid = signal("paid", z.object({ sum: z.number() })), go = signal("go");
is<typeof paid, SignalDef<{ sum: number }>>(true);
is<typeof go, SignalDef<void>>(true);
is<typeof paid.signalName, string>(true);

export async function signals(runId: string): Promise<void> {
  const limits: WaitOptions<"late"> = { timeout: "1h", else: "late" };
  is<Awaited<ReturnType<typeof paid.send>>, void>(true);
  const first: { sum: number } = await paid.wait();
  const second: { sum: number } = await paid.wait({ timeout: "5m" });
  const third: { sum: number } | null = await paid.wait({ timeout: "5m", else: null });
  for await (const { sum } of paid) if (sum > first.sum) break;
  await paid.send(runId, { sum: 3 }, { key: "payment-1" });
  await go.send(runId);
  // @ts-expect-error: its schema wants a sum
  await paid.send(runId, { total: 3 });
  void [limits, second, third];
}

export async function people(): Promise<void> {
  const how: WaitForOptions = { name: "approve", timeout: "3d", description: "May it be paid?" };
  const form = z.object({ ok: z.boolean() });
  const answer: { ok: boolean } = await waitFor(form, how);
  const late: { ok: boolean } | "nobody" = await waitFor(form, { name: "late", timeout: "1h", else: "nobody" });
  const hook: Webhook<{ ok: boolean }> = waitFor.webhook(form, { name: "bank" });
  is<typeof hook.url, string>(true);
  const called: { ok: boolean } = await hook;
  void [answer, late, called];
}

export async function asking(): Promise<void> {
  let n = 1;
  const held: true = await condition(() => n > 3);
  const inTime: boolean = await condition(() => n > 3, { timeout: "1m" });
  const items = query<number>("items");
  is<typeof items, QueryDef<number>>(true);
  is<typeof items.queryName, string>(true);
  expose(items, () => n);
  expose({ twice: () => n * 2 });
  // @ts-expect-error: the query gives a number
  expose(items, () => "many");
  const setQuantity = update("set-quantity", z.number(), z.string());
  is<typeof setQuantity, UpdateDef<number, string>>(true);
  is<typeof setQuantity.updateName, string>(true);
  setQuantity.handle(async (value) => { n = value; return `${n}` }, { validate: (value) => {
    if (value < 0) throw new Error("never negative") } });
  const loose: UpdateDef<number, boolean> = update<z.ZodNumber, boolean>("loose", z.number());
  void [held, inTime, loose];
}

export async function structure(days: number): Promise<number> {
  await sleep("2d");
  await sleep(new Date());
  await sleep(250);
  is<Awaited<ReturnType<typeof withTimeout<number>>>, number>(true);
  const inTime: number = await withTimeout("30s", async () => days);
  const scoped: number = await scope(async () => inTime);
  const kept: number = await shield(async () => scoped);
  const undone: number = await saga(async () => kept);
  const zone: string | undefined = record("zone", () => process.env["TZ"]);
  if (patched("weekly")) deprecatePatch("daily");
  if (undone > 3 && zone !== undefined) continueWith({ days: days - 1 });
  return undone;
}

export function shared(): readonly Limit[] {
  const all = [limit("db", 4), rate("api", { max: 10, per: "1m" })];
  return all.map(({ limitName }) => ({ limitName }));
}

export function shows(): void {
  attributes({ customer: "ada", sum: 12, vip: true, since: new Date() });
  progress(3, 4);
  progress(0.5);
  artifact.table("rows", [{ sku: "lamp" }]);
  artifact.markdown("note", "**done**");
  artifact.link("report", "https://shop.example/7");
  artifact.image("chart", "data:image/png;base64,AA==");
  artifact.progress("upload", 0.25);
  const lines: Stream<{ line: string }> = stream("lines");
  lines.write({ line: "one" });
  is<typeof lines.streamName, string>(true);
}
