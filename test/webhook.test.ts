/** Addresses that wait: made by a workflow, answered once by whoever has them, over real HTTP. */
import { expect, test } from "vitest";
import { task, waitFor, workflow, z } from "../sdk/index.ts";
import { served } from "./served.ts";

const house = served();
async function call(path: string, body: unknown): Promise<{ status: number; code: unknown }> {
  const response = await fetch(`${house.viewer.origin}${path}`, { method: "POST",
    headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const answer = await response.json() as { error?: { code: string }; ok?: boolean }; // as the API documents
  return { status: response.status, code: answer.error?.code ?? answer.ok };
}

test("one that fits is taken once, without a token of the server; what does not fit leaves it open", async () => {
  const sent: string[] = [];
  const mail = task("mail", async (url: string) => { sent.push(url) });
  const flow = workflow("webhook-flow", async () => {
    const hook = waitFor.webhook(z.object({ paid: z.boolean() }), { name: "payment", timeout: "1h" });
    await mail(hook.url);
    return await hook;
  });
  const run = await flow.start();
  await expect.poll(() => sent.length).toBe(1);
  const [url = ""] = sent;
  expect(url).toMatch(/^\/api\/v1\/hooks\/[0-9A-Z]{26}\/[\w-]{32}$/);
  const other = `${url.slice(0, -1)}${url.endsWith("x") ? "y" : "x"}`;
  expect(await call(other, { paid: true })).toMatchObject({ status: 404 });
  expect(await call(url, { paid: "perhaps" })).toEqual({ status: 422, code: "ANSWER_REFUSED" });
  expect(await call(url, { paid: true })).toEqual({ status: 200, code: true });
  expect(await run.result()).toEqual({ paid: true });
  expect(await call(url, { paid: false })).toEqual({ status: 404, code: "HOOK_UNKNOWN" });
});
