/** A task's call in a pool that nobody has taken in time: the caller's worker ends it, since no other is there to. */
import { TimedOut } from "../core/errors.ts";
import { toErrorRecord } from "../codec/error-record.ts";
import type { OpenChild } from "../replay/calls.ts";
import type { Execution } from "../replay/execution.ts";
import type { DriverHost } from "./host.ts";
import type { Addressee } from "./mail.ts";

/** Fails the call unless a worker has taken it: from then on that one looks to its limits. Never rejects. */
export async function unlessBegun(call: OpenChild, driver: Addressee, host: DriverHost, { open }: Execution):
  Promise<void> {
  const { key, childId, beginBy } = call;
  call.beginBy = undefined; // it is looked at once
  const row = await host.patience.insist(() => host.store.run(childId)).catch(() => undefined);
  if (beginBy === undefined || row === undefined || row.epoch > 0 || open.get(key) !== call) return;
  driver.deliver({ type: "TaskFailed", at: Math.max(host.now(), beginBy.dueAt), key, attempts: 0,
    error: toErrorRecord(new TimedOut(beginBy.what, beginBy.limitMs)) });
}
