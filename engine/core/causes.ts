/** An error record in words: its message, and what caused it. */
import type { ErrorRecord } from "./events.ts";

/** What an error says; of one without a message, such as an AggregateError, what its first part says, else its code. */
export function messageOf({ message, errors = [], code = "" }: ErrorRecord): string {
  const [first] = errors;
  return message || (first && messageOf(first)) || code;
}

/** The causes of an error, the nearest first. One that says the same as the error before it is left out. */
export function causesOf(error: ErrorRecord): readonly ErrorRecord[] {
  const { cause } = error;
  if (cause === undefined) return [];
  return messageOf(cause) === messageOf(error) ? causesOf(cause) : [cause, ...causesOf(cause)];
}

/** `, caused by Error: connect ECONNREFUSED 127.0.0.1:9` for each cause, with the first line of each; empty where there
 *  is none. @param before what stands before each */
export function causedBy(error: ErrorRecord, before = ", "): string {
  return causesOf(error).map((cause) => `${before}caused by ${cause.name}: ${messageOf(cause).split("\n")[0] ?? ""}`)
    .join("");
}
/** The message and the causes in one line. */
export function wholeMessage(error: ErrorRecord): string { return `${messageOf(error)}${causedBy(error)}` }
