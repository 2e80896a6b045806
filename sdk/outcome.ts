/** How a run came out, so that it can be compared with another: for `reprise torture` and `explore()`. */
import { asError, encodeRecorded, inputHash, isA, RepriseError, RunError } from "../engine/index.ts";
import { readableJson } from "./readable-json.ts";

/** How a run came out. Runs came out alike if `kind` and `hash` are equal. */
export interface Outcome {
  readonly kind: string;
  /** Of the value or the message. */
  readonly hash: string;
  /** For a person. */
  readonly said: string;
}
/** It does not end. */
export const STUCK: Outcome = { kind: "stuck", hash: "", said: "does not end" };

/** The outcome of a run that returned `value`. */
export function completed(value: unknown): Outcome {
  const hash = inputHash(encodeRecorded(value, "result"));
  return { kind: "completed", hash, said: `returns ${short(readableJson(value, "nothing"))}` };
}
/** The outcome of a run whose `result()` threw `error`. */
export function otherwise(error: unknown): Outcome {
  const cause = isA(error, RunError) ? error.cause : error;
  const root = isA(cause, Error) && isA(cause.cause, Error) ? cause.cause : cause;
  const { name, message } = asError(root);
  const kind = isA(error, RunError) ? error.state : "parked";
  const what = isA(root, RepriseError) ? root.code : name;
  return { kind: `${kind} ${what}`, hash: message, said: `${kind} with ${what}: ${short(message)}` };
}
function short(text: string): string { return text.length > 200 ? `${text.slice(0, 200)}...` : text }

/** `varies`: values differ without any cause, so that only how runs end is compared. */
export function alike(one: Outcome, other: Outcome, varies: boolean): boolean {
  return one.kind === other.kind && (varies || one.hash === other.hash);
}
