/** How large a value may be, and where it goes. */
import type { Payload } from "../core/events.ts";
import { RepriseError } from "../core/errors.ts";
import { encodeValue, payloadBytes } from "./value.ts";

/** 32 KiB, in UTF-16 units of text. Up to here a value stands in its event; above it is kept apart, by its hash. */
export const INLINE_LIMIT = 32 * 1024;
/** 2 MiB, in UTF-16 units of text. Above it a value is refused with PAYLOAD_TOO_LARGE. */
export const PAYLOAD_LIMIT = 2 * 1024 * 1024;

/** Where a payload goes: into the event, into the table of payloads, or nowhere. */
export type Placement = "inline" | "apart" | "too large";

/** Where this payload goes, limits included in the smaller class. A ref, being short, and no payload are inline. */
export function placePayload(payload: Payload | undefined): Placement {
  const bytes = payloadBytes(payload);
  if (bytes <= INLINE_LIMIT) return "inline";
  return bytes <= PAYLOAD_LIMIT ? "apart" : "too large";
}

/** A value as it is recorded. `what` names it in errors. @throws UNSERIALIZABLE, PAYLOAD_TOO_LARGE */
export function encodeRecorded(value: unknown, what: string): Payload | undefined {
  const payload = encodeValue(value, what);
  const bytes = payloadBytes(payload);
  if (bytes <= PAYLOAD_LIMIT) return payload;
  throw new RepriseError("PAYLOAD_TOO_LARGE", `${what} takes ${bytes} bytes; the limit is ${PAYLOAD_LIMIT}: ` +
    "write it to a file, a bucket or a table, and pass on where it is",
    "Pass on a path or a key instead of the value itself.");
}
