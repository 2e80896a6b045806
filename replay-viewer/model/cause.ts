/** Cause and effect: what led to an event, back to the start, and what came of it. */
import type { History } from "./history.ts";

/** seqs from the run's start (or from outside) to the event itself. */
export function causesOf(history: History, seq: number): number[] {
  const chain = [seq];
  for (let at = history.causeOf(seq); at > 0 && at < (chain[0] ?? 0); at = history.causeOf(at)) chain.unshift(at);
  return chain;
}

/** An effect and how far it is: 1 for what the event brought about itself. */
export interface Effect { readonly seq: number; readonly depth: number }

/** What came of an event, in order of seq, at most `most`; `more` tells how many were left out. */
export function effectsOf(history: History, seq: number, most = 200): { readonly effects: readonly Effect[];
  readonly more: number } {
  const found: Effect[] = [];
  const open: Effect[] = [{ seq, depth: 0 }];
  let more = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const effect of history.effectsOf(next.seq)) {
      if (found.length >= most) { more++; continue }
      const one = { seq: effect, depth: next.depth + 1 };
      found.push(one);
      if (one.depth < 4) open.push(one);
    }
  }
  return { effects: found.sort((a, b) => a.seq - b.seq), more };
}
