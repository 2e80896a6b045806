/** A task that computes without pause for longer than its worker's lease, where nobody else can take the run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openRunEngine } from "../engine/index.ts";
import { task, workflow } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";

const folder = mkdtempSync(join(tmpdir(), "reprise-blocked-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });

const compute = task("compute", (ms: number) => { const until = performance.now() + ms;
  while (performance.now() < until); return ms });
workflow("computing", async () => await compute(1500) + await compute(10));

for (const [store, database] of [["memory", "memory:"], ["an embedded directory", join(folder, "db")]] as const) {
  test(`keeps its run on ${store}: one claim, each attempt once`, async () => {
    const engine = await openRunEngine({ database, leaseMs: 600, workflow: workflowSpec, workflows: workflowNames,
      claims: "all", observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
    const spec = workflowSpec("computing");
    if (spec === undefined) throw new Error("not defined");
    const { runId } = await engine.start({ workflow: spec, input: undefined });
    expect(await engine.result(runId)).toBe(1510);
    const types = (await engine.history(runId)).map(({ type }) => type);
    expect(types.filter((type) => type === "RunClaimed")).toHaveLength(1);
    expect(types).not.toContain("RunLost");
    await engine.close(0);
  });
}
