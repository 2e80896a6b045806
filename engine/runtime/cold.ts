/** Ends or parks a run without its code: one that has not begun, is set aside, or cannot be read. */
import { RepriseError } from "../core/errors.ts";
import type { Draft } from "../core/events.ts";
import { saidBy } from "../core/thrown.ts";
import { encodeEvents } from "../codec/rows.ts";
import type { Claimed, Mail, RunRow, Store } from "../store/port.ts";
import type { Ids } from "./ids.ts";
import { loadHistory, startOf } from "./load.ts";
import type { Patience } from "./patience.ts";
import { endLetter } from "./sent.ts";

/** The worker that does it; its lease lives. */
export interface Ender {
  readonly store: Store;
  readonly ids: Ids;
  readonly patience: Patience;
  readonly id: string;
  now(): number;
}

/** Claims the run and appends its end, if a cancellation is in its mail. */
export async function endCold(worker: Ender, { runId, pool, mailRead }: RunRow): Promise<void> {
  const letter = (await worker.store.mail(runId, mailRead)).find(({ kind }) => kind === "cancel");
  if (letter === undefined) return;
  const [claimed] = await worker.store.claim({ worker: worker.id, pools: [pool], codeVersion: "", limit: 1,
    claimId: worker.ids.uuid(), runs: [runId], evenIfNotReady: true });
  if (claimed !== undefined) await endClaimed(worker, claimed, letter);
}

async function endClaimed(worker: Ender, { runId, epoch, head }: Claimed, { n, payload }: Mail): Promise<void> {
  const { events, lastFirstSeq } = await loadHistory(worker.store, runId);
  const { parent } = startOf(events), at = Math.max(worker.now(), events.at(-1)?.at ?? 0);
  const { reason } = JSON.parse(payload ?? "{}") as { readonly reason?: string }; // written by the operator
  const why = reason === undefined ? {} : { reason };
  const drafts: readonly Draft[] = [{ type: "CancelRequested", at, n, ...why },
    { type: "RunCancelled", at, key: "run:end", by: head + 1, ...why }];
  const told = parent && endLetter(runId, parent, { state: "cancelled", ...why });
  await worker.patience.insist(() => worker.store.append([{ runId, firstSeq: head + 1, count: 2, epoch,
    appendId: worker.ids.uuid(), events: encodeEvents(drafts), previousSeq: lastFirstSeq }],
  [{ runId, state: "cancelled", release: true, mailRead: n, parked: null }], told === undefined ? [] : [told]));
}

/** A history that cannot be read parks its run and blocks nobody. */
export async function parkUnreadable(worker: Ender, { runId, epoch, head }: Claimed, error: unknown): Promise<void> {
  const code = error instanceof RepriseError ? error.code : "HISTORY_CORRUPT";
  const message = saidBy(error);
  const events = JSON.stringify([{ type: "RunParked", at: worker.now(), code, message }]);
  await worker.patience.insist(() => worker.store.append([{ runId, firstSeq: head + 1, count: 1, epoch, events,
    appendId: worker.ids.uuid(), previousSeq: head }], [{ runId, state: "parked", parked: code, release: true }], []));
}
