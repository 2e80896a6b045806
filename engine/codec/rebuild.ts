/** Errors taken apart and put together again: which properties count, and which class a name stands for. */
import { Cancelled, NonRetryable, RepriseError, RunError, TaskError, TimedOut } from "../core/errors.ts";
import { RetryAfter } from "../core/retry.ts";

/** An error in parts. `props` are its own enumerable properties beyond the standard ones. */
export interface ErrorParts {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: unknown;
  /** The parts of an AggregateError. */
  readonly errors?: unknown;
  readonly props: ReadonlyMap<string, unknown>;
}

const BUILT_IN: ReadonlyMap<string, object> = new Map<string, object>([
  ["Error", Error.prototype], ["TypeError", TypeError.prototype], ["RangeError", RangeError.prototype],
  ["SyntaxError", SyntaxError.prototype], ["ReferenceError", ReferenceError.prototype],
  ["EvalError", EvalError.prototype], ["URIError", URIError.prototype], ["AggregateError", AggregateError.prototype],
]);

/** The prototype for a name. Ours are recognised by name and code, so that a namesake of a user's is not taken. */
function prototypeOf(name: string, code: string | undefined): object {
  if (name === "RepriseError" && code !== undefined) return RepriseError.prototype;
  if (name === "TaskError" && code === "TASK_FAILED") return TaskError.prototype;
  if (name === "RunError" && code?.startsWith("RUN_") === true) return RunError.prototype;
  if (name === "TimedOut" && code === "TIMED_OUT") return TimedOut.prototype;
  if (name === "Cancelled" && code === "CANCELLED") return Cancelled.prototype;
  if (name === "NonRetryable") return NonRetryable.prototype;
  if (name === "RetryAfter") return RetryAfter.prototype;
  return BUILT_IN.get(name) ?? Error.prototype;
}

/**
 * An Error with these parts. It is made by `new Error` and then given its class's prototype: constructors of ours
 * compute their message from other arguments, and Object.create would not make a genuine Error.
 */
export function rebuildError(parts: ErrorParts): Error {
  const error = new Error(parts.message);
  const prototype = prototypeOf(parts.name, parts.code);
  Object.setPrototypeOf(error, prototype);
  if (error.name !== parts.name) hide(error, "name", parts.name);
  // Without a recorded stack the line of this function would be shown, which misleads.
  hide(error, "stack", parts.stack ?? `${parts.name}: ${parts.message}`);
  if (parts.cause !== undefined) hide(error, "cause", parts.cause);
  if (parts.errors !== undefined) hide(error, "errors", parts.errors);
  if (parts.code !== undefined) show(error, "code", parts.code);
  for (const [key, value] of parts.props) show(error, key, value);
  if (prototype === Cancelled.prototype && !Object.hasOwn(error, "reason")) show(error, "reason", undefined);
  return error;
}

// defineProperty throughout: assignment would run setters, and `__proto__` would change the class.
function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true });
}
function show(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true });
}

const STANDARD: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);

/** A property of an error, or `undefined` if reading it throws. */
export function readError(error: object, key: string): unknown {
  try {
    return Reflect.get(error, key);
  } catch {
    return undefined;
  }
}

/** Names of the own enumerable properties that are not standard parts: what `props` holds. Never throws. */
export function propNames(error: object): string[] {
  try {
    const isAggregate = error instanceof AggregateError;
    return Object.keys(error).filter(key => !STANDARD.has(key) && key !== "__proto__"
      && !(key === "code" && typeof readError(error, "code") === "string") && !(key === "errors" && isAggregate));
  } catch {
    return [];
  }
}

/** A text property of an error, or `fallback` if it is not text or reading it throws. */
export function textOf(error: object, key: string, fallback: string): string {
  const value = readError(error, key);
  return typeof value === "string" ? value : fallback;
}
