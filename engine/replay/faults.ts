/** What workflow code can do wrong, as errors. */
import { RepriseError, TimedOut } from "../core/errors.ts";
import type { RunInfo } from "../core/policy.ts";

/** Code of a run was reached outside its turn. */
export function foreignAwait(what: string, otherRun: boolean): RepriseError {
  const how = otherRun
    ? "it was resumed by another run: a promise, queue or limiter is shared between runs at module level"
    : "the code before it awaited something that the engine does not know: I/O, a timer of a library, a promise " +
    "made outside";
  return new RepriseError("FOREIGN_AWAIT", `${what} was reached outside the run's turn: ${how}`,
    "Move what is awaited into a task(), so that its result is recorded.");
}

/** The code ended with open calls, and its policy forbids that. */
export function dangling(keys: readonly string[]): RepriseError {
  return new RepriseError("DANGLING_CALLS",
    `the workflow ended with ${keys.length} open calls: ${keys.slice(0, 5).join(", ")}`,
    "Await every call before returning, or set dangling to \"cancel\" or \"await\".");
}

/** A durable call where only reading is allowed. */
export function notReadOnly(what: string): RepriseError {
  return new RepriseError("NOT_READ_ONLY", `${what} was called in a condition, a query or a validation`,
    "These only look at the run's variables: make the durable call in the workflow itself.");
}

/** The run's time is over at `at`: its own, or what the run that started it had left. */
export function tooLate({ workflow, startedAt }: RunInfo, at: number, deadlineMs = Infinity): TimedOut {
  return new TimedOut(`workflow '${workflow}'`, at - startedAt.getTime() >= deadlineMs ? deadlineMs
    : "the deadline of the run that started it allows");
}
