/** Typed errors: what happened with the values, the next step, and a page that exists (docs/errors/CODE.md). */

/** Every error of ours: `code` names the page, `hint` is the next step in one sentence. */
export class RepriseError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly docs: string;
  constructor(code: string, message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RepriseError";
    this.code = code;
    this.hint = hint;
    this.docs = `docs/errors/${code}.md`;
  }
}

/** A task failed for good. `cause` is the error of its last attempt, rebuilt. */
export class TaskError extends RepriseError {
  readonly task: string;
  /** Attempts made, from 1. */
  readonly attempts: number;
  readonly data: unknown;
  constructor(task: string, attempts: number, cause: Error, data?: unknown) {
    super("TASK_FAILED", cause.message, `See the attempts of task '${task}' with: reprise runs inspect <run>`,
      { cause });
    this.name = "TaskError";
    this.task = task;
    this.attempts = attempts;
    this.data = data;
  }
}

/** A run ended otherwise than by completing. */
export class RunError extends RepriseError {
  readonly runId: string;
  readonly state: "completed" | "failed" | "cancelled" | "crashed";
  constructor(runId: string, state: RunError["state"], message: string, cause?: unknown) {
    super("RUN_" + state.toUpperCase(), message, `See what happened with: reprise runs inspect ${runId}`,
      cause === undefined ? undefined : { cause });
    this.name = "RunError";
    this.runId = runId;
    this.state = state;
  }
}

/** A wait, a scope or an attempt took longer than allowed. */
export class TimedOut extends RepriseError {
  /** @param what the whole message; with `limit` what took too long
   *  @param limit milliseconds, or what set the limit, in words */
  constructor(what: string, limit?: number | string) {
    super("TIMED_OUT", limit === undefined ? what
      : `${what} took longer than ${typeof limit === "number" ? `${limit} ms` : limit}`,
      "Raise the limit, or catch TimedOut and go another way.");
    this.name = "TimedOut";
  }
}

/** The run, scope or task was cancelled. */
export class Cancelled extends RepriseError {
  readonly reason: string | undefined;
  constructor(reason?: string) {
    super("CANCELLED", reason === undefined ? "cancelled" : `cancelled: ${reason}`,
      "Let it pass; clean up in finally.");
    this.name = "Cancelled";
    this.reason = reason;
  }
}

/** Thrown by a task: do not try again. */
export class NonRetryable extends Error {
  readonly data: unknown;
  constructor(message: string | Error, data?: unknown) {
    super(typeof message === "string" ? message : message.message,
      typeof message === "string" ? undefined : { cause: message });
    this.name = "NonRetryable";
    this.data = data;
  }
}
