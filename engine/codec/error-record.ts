/** Errors as plain records in history, and back as errors that `instanceof` and `catch` can tell apart. */
import type { ErrorRecord, Payload } from "../core/events.ts";
import { saidBy } from "../core/thrown.ts";
import { isError } from "./kinds.ts";
import { INLINE_LIMIT } from "./limits.ts";
import { propNames, readError, rebuildError, textOf } from "./rebuild.ts";
import { decodeValue, encodeValue, payloadBytes } from "./value.ts";

/** Causes and parts nested deeper than this are left out. */
const MAX_CAUSES = 10;
/** Records made from one error, over all its causes and parts. */
const MAX_RECORDS = 1_000;
/** UTF-16 units; longer texts are cut, since a record always stands inside its event. */
const MAX_TEXT = 32 * 1024;

/** Names whose `data` is the value given to them; for all others it is an object of their own properties. */
const DATA_IS_VALUE: ReadonlySet<string> = new Set(["NonRetryable", "NonError"]);

interface Budget { records: number; dataBytes: number }

/**
 * The record of anything thrown. Never throws, whatever getters and Proxies do. What is no Error becomes one named
 * NonError, with the value as data. Properties that cannot be kept, or that make data exceed 32 KiB, are left out;
 * message and stack are cut at 32 Ki characters; causes end after 10, and where they repeat.
 */
export function toErrorRecord(error: unknown): ErrorRecord {
  return record(error, [], { records: MAX_RECORDS, dataBytes: INLINE_LIMIT });
}

function record(error: unknown, above: readonly unknown[], budget: Budget): ErrorRecord {
  budget.records--;
  try {
    return isError(error) ? ofError(error, above, budget) : ofOther(error, budget);
  } catch {
    return { name: "NonError", message: "something was thrown that cannot be read" };
  }
}

function ofError(error: Error, above: readonly unknown[], budget: Budget): ErrorRecord {
  const chain = [...above, error];
  const goOn = (next: unknown): boolean => chain.length <= MAX_CAUSES && budget.records > 0 && !chain.includes(next);
  const name = textOf(error, "name", "Error");
  const stack = textOf(error, "stack", "");
  const code = textOf(error, "code", "");
  const data = DATA_IS_VALUE.has(name) ? keep(readError(error, "data"), budget) : dataOf(error, budget);
  const cause = readError(error, "cause");
  const errors = error instanceof AggregateError ? readError(error, "errors") : undefined;
  const parts: ErrorRecord[] = [];
  if (Array.isArray(errors)) for (const part of errors) if (goOn(part)) parts.push(record(part, chain, budget));
  return {
    name: cut(name),
    message: cut(textOf(error, "message", "")),
    ...(stack === "" ? {} : { stack: cut(stack) }),
    ...(code === "" ? {} : { code: cut(code) }),
    ...(data === undefined ? {} : { data }),
    ...(cause === undefined || cause === null || !goOn(cause) ? {} : { cause: record(cause, chain, budget) }),
    ...(Array.isArray(errors) ? { errors: parts } : {}),
  };
}

function ofOther(value: unknown, budget: Budget): ErrorRecord {
  const data = keep(value, budget);
  return { name: "NonError", message: cut(saidBy(value)), ...(data === undefined ? {} : { data }) };
}

function dataOf(error: Error, budget: Budget): Payload | undefined {
  const kept: { [key: string]: unknown } = {};
  const before = budget.dataBytes;
  for (const key of propNames(error)) {
    const value = readError(error, key);
    if (value === undefined || keep(value, budget) !== undefined) kept[key] = value;
  }
  if (Object.keys(kept).length === 0) return undefined;
  budget.dataBytes = before; // counted again, as a whole
  return keep(kept, budget, before * 2);
}

/** The payload, unless it cannot be kept or is larger than what is left of the budget. */
function keep(value: unknown, budget: Budget, limit: number = budget.dataBytes): Payload | undefined {
  try {
    const payload = encodeValue(value);
    const bytes = payloadBytes(payload);
    if (bytes > limit) return undefined;
    budget.dataBytes -= bytes;
    return payload;
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} more characters)`;
}

/**
 * The error of a record: an instance of the built-in class or of the class of ours that its name and code tell,
 * otherwise an Error with that name. Causes and parts are errors as well; what was thrown as no Error is one named
 * NonError, with the value in `data`. Data that cannot be decoded is left out.
 */
export function fromErrorRecord(record: ErrorRecord): Error { return build(record, 0) }

function build(record: ErrorRecord, depth: number): Error {
  const goOn = depth < MAX_CAUSES;
  const { name, message, stack, code, cause, errors } = record;
  return rebuildError({
    name, message, props: propsOf(record),
    ...(stack === undefined ? {} : { stack }), ...(code === undefined ? {} : { code }),
    ...(cause === undefined || !goOn ? {} : { cause: build(cause, depth + 1) }),
    ...(errors === undefined ? {} : { errors: goOn ? errors.map(part => build(part, depth + 1)) : [] }),
  });
}

function propsOf(record: ErrorRecord): ReadonlyMap<string, unknown> {
  const value = decodeData(record.data);
  if (DATA_IS_VALUE.has(record.name)) return new Map([["data", value]]);
  if (typeof value !== "object" || value === null) return new Map();
  return new Map(Object.entries(value).filter(([key]) => key !== "__proto__"));
}

function decodeData(data: Payload | undefined): unknown {
  try {
    return decodeValue(data);
  } catch {
    return undefined; // the error itself matters more than what hangs on it
  }
}
