/**
 * The chain of calls that decided when the run ended: each decision names the delivery whose turn made it, so the path
 * is read off, not estimated. Of `Promise.all` it holds the call that came last; of `Promise.race` the one that won.
 */
import { isDelivery } from "../../engine/core/events.ts";
import type { History } from "./history.ts";
import { isTimeout, type Call } from "./calls.ts";

/** One call of the path: from the delivery that led to it, to its own. */
export interface Link {
  readonly call: Call;
  /** seq of the delivery that ended it, or of the last event when it is still open. */
  readonly seq: number;
  readonly from: number;
  readonly to: number;
}

/** The path in order of time. Of a run that goes on: the chain to its newest open call. */
export function criticalPath(history: History): Link[] {
  const links: Link[] = [];
  const { end } = history;
  let seq = end === undefined ? 0 : history.causeOf(end.seq);
  if (end === undefined) {
    const open = history.calls.findLast((call) => call.endSeq === undefined && !isTimeout(call));
    if (open === undefined) seq = lastDelivery(history);
    else {
      links.push({ call: open, seq: history.head, from: open.at, to: history.lastAt });
      seq = open.by;
    }
  }
  for (let steps = 0; seq > 1 && steps <= history.head; steps++) {
    const event = history.event(seq), call = event === undefined ? undefined : history.callOf(event);
    if (event === undefined || call === undefined || call.by >= seq) break;
    links.push({ call, seq, from: call.at, to: event.at });
    seq = call.by;
  }
  return links.reverse();
}

function lastDelivery(history: History): number {
  return history.events.findLast((event) => isDelivery(event) && history.callOf(event) !== undefined)?.seq ?? 0;
}

/** Keys of the calls of the path. */
export function criticalKeys(path: readonly Link[]): ReadonlySet<string> {
  return new Set(path.map((link) => link.call.key));
}
