/** What a run may do next, as far as an earlier run of the same code tells: the calls that it made and this one has
 *  not. */
import { isTimeout, type Call, type CallKind } from "./calls.ts";
import type { History } from "./history.ts";

/** A call of an earlier run; times are of that run. */
export interface EarlierCall {
  readonly key: string; readonly kind: CallKind; readonly name: string;
  /** What tells it from its namesakes. */
  readonly nth: string;
  /** The event with which it ended there, or began. */
  readonly seq: number;
  /** Milliseconds after that run's start. */
  readonly at: number;
  /** How long it took, in milliseconds; null where it did not end. */
  readonly ms: number | null;
  readonly attempts: number;
}
/** The earlier run, and as many of its calls as are told. */
export interface Earlier {
  readonly runId: string; readonly name: string;
  /** How long the run took, in milliseconds. */
  readonly ms: number;
  readonly calls: readonly EarlierCall[];
  /** It made more. */
  readonly more: boolean;
}

/** The calls of a run, without limits that run beside others, in the order of calling; at most `most`. */
export function earlierCalls(history: History, most: number): EarlierCall[] {
  const calls: readonly Call[] = history.calls.filter((call) => !isTimeout(call)).slice(0, most);
  return calls.map(({ key, kind, name, nth, seq, endSeq, at, endAt, tries }) => ({ key, kind, name, nth,
    seq: endSeq ?? seq, at: at - history.startAt, ms: endAt === undefined ? null : endAt - at,
    attempts: tries.length }));
}

/** Those that this run has not made; the same key is the same call, as in a comparison. None once it has ended. */
export function expectedCalls(history: History, earlier: Earlier): readonly EarlierCall[] {
  return history.over ? [] : earlier.calls.filter(({ key }) => history.call(key) === undefined);
}
