/** Changing code under open runs, and runs that go on for ever. */
import { workflowFrame } from "./frame.ts";

/** True: take the new way. Runs that had passed this point before the change keep the old one; the answer is recorded.
 *  (The idea is Temporal's.) @throws NOT_IN_RUN */
export function patched(id: string): boolean { return workflowFrame(`patched('${id}')`).execution.patched(id) }
/** The old way is gone from the code: runs that had taken the new one still match. */
export function deprecatePatch(id: string): void {
  workflowFrame(`deprecatePatch('${id}')`).execution.patched(id, true);
}

/**
 * Ends this run here and starts the next link of its chain with `input`, in one commit: a loop without end keeps a
 * short
 * history. Signals that nobody has read go along; open calls are settled by the `dangling` policy. What comes after the
 * call has no effect. @throws NOT_IN_RUN
 */
export function continueWith(input?: unknown): never {
  return workflowFrame("continueWith()").execution.continueWith(input);
}
