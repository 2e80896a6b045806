/** Suite H: what must hold of any history, checked in one pass. */
import { expect } from "vitest";
import { isTerminal, type Event } from "../engine/index.ts";

/** Throws when the history breaks the contract: L2, L7, E3, T2, one owner at a time, instants that never go back. */
export function checkHistory(events: readonly Event[], what: string): void {
  const ended = new Set<string>();
  let at = 0, epoch = 0;
  for (const [index, event] of events.entries()) {
    const where = `${what}: event ${event.seq} ${event.type}`;
    expect(event.seq, `${where} L2: seqs are dense`).toBe(index + 1);
    expect(event.at, `${where}: time never goes back`).toBeGreaterThanOrEqual(at);
    at = event.at;
    if (isTerminal(event)) expect(index, `${where} L7: the terminal event is the last`).toBe(events.length - 1);
    if (event.type === "TaskCompleted" || event.type === "TaskFailed" || event.type === "TimerFired") {
      expect(ended.has(event.key), `${where} E3: one result per call`).toBe(false);
      ended.add(event.key);
    }
    if (event.type === "RunForked") epoch = 0; // what was before is another run's
    if (event.type === "RunClaimed" || event.type === "RunLost") {
      expect(event.epoch, `${where} L4: epochs grow`).toBeGreaterThan(epoch);
      epoch = event.epoch;
    }
    if ("by" in event) expect(event.by, `${where}: a decision follows its cause`).toBeLessThan(event.seq);
  }
}
