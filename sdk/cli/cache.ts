/** `reprise cache ls|rm`: results that tasks share across runs. */
import type { Command } from "commander";
import { formatMs, RepriseError, type CacheEntry } from "../../engine/index.ts";
import { withEngine } from "./open.ts";
import { out, outJson, table, when, type Style } from "./output.ts";
import { wholeNumber } from "./numbers.ts";

/** `reprise cache ...`. */
export function addCache(program: Command): void {
  const cache = program.command("cache").description("results that tasks share across runs");
  cache.command("ls").argument("[task]", "file#name, or the name alone")
    .option("-n, --limit <n>", "at most", wholeNumber, 100).option("--json").option("-q, --quiet", "keys only")
    .description("entries, newest first")
    .action(async (task: string | undefined, options: Style & { limit: number }) => { await list(task, options) });
  cache.command("rm").argument("[task]", "file#name, or the name alone").option("--key <key>", "only this key")
    .option("--expired", "only what has expired").option("--all", "of every task").option("--json")
    .description("delete entries: the next call executes its task")
    .action(async (task: string | undefined, options: Style & Which) => { await remove(task, options) });
}
interface Which { readonly key?: string; readonly expired?: boolean; readonly all?: boolean }

async function list(task: string | undefined, options: Style & { limit: number }): Promise<void> {
  const entries = await withEngine("none", (engine) =>
    engine.store.cacheList({ limit: options.limit, ...(task !== undefined && { task }) }));
  if (options.json) { outJson(entries); return }
  if (options.quiet) { for (const { key } of entries) out(key); return }
  out(table(["TASK", "KEY", "CREATED", "EXPIRES", "RUN", "CALL", "BYTES"], entries.map((entry) => [
    entry.task, entry.key, when(entry.createdAt), expiry(entry), entry.runId, entry.call, String(entry.size)])));
}

function expiry({ createdAt, expiresAt, expired }: CacheEntry): string {
  if (expiresAt === null) return "never";
  return expired ? "expired" : `after ${formatMs(expiresAt - createdAt)}`;
}

async function remove(task: string | undefined, options: Style & Which): Promise<void> {
  if (task === undefined && !options.expired && !options.all) throw new RepriseError("USAGE",
    "cache rm does not say what to delete", "Name a task, or give --expired or --all.");
  const removed = await withEngine("none", (engine) => engine.store.cacheRemove({
    ...(task !== undefined && { task }), ...(options.key !== undefined && { key: options.key }),
    ...(options.expired && { expired: true }) }));
  if (options.json) outJson({ removed });
  else out(`${removed} ${removed === 1 ? "entry" : "entries"} deleted`);
}
