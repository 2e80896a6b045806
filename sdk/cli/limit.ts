/** `reprise limit ls`: limits over all workers, who holds their slots and who waits. */
import type { Command } from "commander";
import { formatMs, type RunEngine } from "../../engine/index.ts";
import { withEngine } from "./open.ts";
import { out, outJson, say, table, type Style } from "./output.ts";

/** Adds `limit`. */
export function addLimit(program: Command): void {
  const limit = program.command("limit").description("slots and rates that tasks of all workers share");
  limit.command("ls").argument("[name]", "one limit, with who holds its slots and who waits")
    .description("list limits, or who is in one").option("--json").action(
      async (name: string | undefined, style: Style) => {
      await withEngine("none", async (engine) => {
        if (name === undefined) await all(engine, style); else await members(engine, name, style);
      });
    });
}

async function all(engine: RunEngine, style: Style): Promise<void> {
  const limits = await engine.store.limits();
  if (style.json) { outJson(limits); return }
  if (limits.length === 0) {
    say("No task has used a limit yet: limit(\"db\", 5), rate(\"api\", { max: 5, per: \"1s\" })."); return }
  out(table(["LIMIT", "MAX", "HELD", "WAITING"], limits.map(({ name, max, perMs, held, waiting }) =>
    [name, perMs === undefined ? String(max) : `${max} per ${formatMs(perMs)}`, perMs === undefined ? String(held) : "",
      perMs === undefined ? String(waiting) : ""])));
}

async function members(engine: RunEngine, name: string, style: Style): Promise<void> {
  const slots = await engine.store.slots(name), now = await engine.store.now();
  if (style.json) { outJson(slots); return }
  if (slots.length === 0) { say(`Nobody holds a slot of limit '${name}' or waits for one.`); return }
  out(table(["RUN", "CALL", "STATE", "SINCE"], slots.map(({ runId, key, granted, at }) =>
    [runId, key, granted ? "holds" : "waits", formatMs(Math.max(0, now - at))])));
}
