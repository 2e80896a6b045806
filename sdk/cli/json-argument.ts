/** JSON that a person typed, as the engine records values. */
import { encodeRecorded, RepriseError, saidBy, type Payload } from "../../engine/index.ts";

/** The value that `text` says. `what` names it in the error. @throws USAGE, PAYLOAD_TOO_LARGE */
export function jsonArgument(text: string, what: string): Payload | undefined {
  let value: unknown;
  const typed = text.replace(/^@(?=-\d)/, ""); // a negative number comes here as `@-1`, see main.ts
  try { value = JSON.parse(typed) } catch (error) {
    throw new RepriseError("USAGE", `${what} is no JSON: ${saidBy(error)}`,
      "Write JSON, with quotes around texts: '\"yes\"', '{\"ok\":true}', 5.");
  }
  return encodeRecorded(value, what);
}
