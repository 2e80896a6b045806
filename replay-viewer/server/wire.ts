/**
 * What crosses the wire, as schemas: they check what comes in, type what goes out, and are the text of openapi.json.
 * Instants are milliseconds since 1970 on the database's clock.
 */
import { z } from "zod";
import type { LogLine, RunRow } from "../../engine/index.ts";

const STATES = ["scheduled", "pending", "running", "waiting", "paused", "cancelling", "parked", "completed", "failed",
  "cancelled", "crashed"] as const;
/** A run's state; parked stands beside the states and covers them. */
export const state = z.enum(STATES);
const instant = z.number();
const maybeInstant = instant.nullable();
const maybeText = z.string().nullable();
/** A run's id: a ULID. */
export const runId = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/i, "a run's id has 26 letters and digits")
  .transform((id) => id.toUpperCase());

/** One run as the list shows it: a projection of its history up to `asOf`. */
export const runRow = z.object({
  runId: z.string(), workflow: z.string(), name: z.string(), state, asOf: z.number(), epoch: z.number(),
  owner: maybeText, ownerAlive: z.boolean(), crashes: z.number(), readyAt: maybeInstant, parked: maybeText,
  mailHead: z.number(), mailRead: z.number(), pool: z.string(), priority: z.number(), tags: z.array(z.string()),
  codeVersion: z.string(), file: maybeText, idempotencyKey: maybeText, scriptKey: maybeText, parentId: maybeText,
  rootId: maybeText, retriedAs: maybeText, slotKey: maybeText, slotMax: z.number().nullable(), slotHeld: z.boolean(),
  createdAt: instant, startedAt: maybeInstant, endedAt: maybeInstant,
}) satisfies z.ZodType<unknown, RunRow>;

/** One recorded fact; its further fields depend on its type. */
export const event = z.looseObject({ seq: z.int().min(1), type: z.string(), at: instant });
/** An event as it is sent: plain JSON. */
export type WireEvent = z.infer<typeof event>;

/** One line that user code wrote. */
export const logLine = z.object({
  runId: z.string(), seq: z.int().min(0), at: instant, level: z.enum(["debug", "info", "warn", "error", "critical"]),
  message: z.string(), key: z.string().exactOptional(), attempt: z.number().exactOptional(),
  data: z.string().describe("JSON text").exactOptional(),
}) satisfies z.ZodType<unknown, LogLine>;

/** The body of every error. */
export const problem = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string(), docs: z.string() }),
});

/** A whole number in a query string, with bounds and a default. */
function count(least: number, most: number, otherwise: number): z.ZodType<number, string | undefined> {
  return z.string().regex(/^\d{1,9}$/, "a whole number is needed").default(String(otherwise)).transform(Number)
    .pipe(z.number().min(least).max(most));
}
/** A name, a key, a word. */
export const short = z.string().min(1).max(200);
const stateList = z.string().max(200).transform((text) => text.split(",")).pipe(z.array(state).min(1));

/** Filters of the list of runs. `before` is the `next` of the page before. */
export const listQuery = z.strictObject({
  state: stateList.describe(`one or several of ${STATES.join(", ")}, with commas`).optional(),
  workflow: short.optional(), tag: short.optional(),
  q: short.describe("part of an id, a name, a workflow or a tag").optional(),
  since: z.string().min(1).max(40).describe("created since: 24h, 30m, an ISO date, or milliseconds since 1970")
    .optional(),
  worker: short.describe("the worker that holds them, by its id").optional(),
  version: short.describe("the code version that began them").optional(),
  took: z.string().min(1).max(40).describe("they took so long at least, until now if they go on: 30s, 5m, 1h")
    .optional(),
  sort: z.enum(["newest", "oldest", "longest"]).describe("longest: of the 20,000 newest, one page").optional(),
  before: runId.describe("`next` of the page before").optional(),
  limit: count(1, 500, 100),
});
export type ListQuery = z.output<typeof listQuery>;
export const listAnswer = z.object({ runs: z.array(runRow), next: maybeText });

const idList = z.string().max(3000).transform((text) => text.split(",")).pipe(z.array(runId).min(1).max(100));
export const talliesQuery = z.strictObject({ runs: idList.describe("ids with commas, at most 100") });
/** Events by now, tasks that are done and that failed, retries, and lines of the log that are warnings, or errors or
 *  worse; null for a run of more than 5,000 events, and for one that is not there. */
export const talliesAnswer = z.object({ tallies: z.array(z.object({ events: z.number(), done: z.number(),
  failed: z.number(), retries: z.number(), warnings: z.number(), errors: z.number() }).nullable()) });

export const oneRun = z.strictObject({ id: runId });
/** The address of a webhook. */
export const oneHook = z.strictObject({ id: runId, token: z.string().regex(/^[\w-]{20,100}$/) });
/** What a webhook is told: any JSON. */
export const hookBody = z.json();
/** `pending`: taken, and no worker has read it yet. */
export const hookAnswer = z.object({ ok: z.literal(true), pending: z.boolean() });
export const runAnswer = z.object({ run: runRow });

/** `after` is the seq of the last event that the caller has. */
export const historyQuery = z.strictObject({ after: count(0, 999_999_999, 0), limit: count(1, 10_000, 1000) });
export const historyAnswer = z.object({ events: z.array(event), head: z.int(), now: instant });
export const logsAnswer = z.object({ lines: z.array(logLine) });

export const sourcesQuery = z.strictObject({ version: z.string().regex(/^[\w.-]{1,100}$/).optional() });
export const sourcesAnswer = z.object({ codeVersion: z.string(), files: z.record(z.string(), z.string()) });

export const onePayload = z.strictObject({ hash: z.string().regex(/^[\w:=+.-]{1,128}$/) });
export const payloadAnswer = z.object({ hash: z.string(), payload: z.unknown() });

export const nothing = z.strictObject({});
export const healthAnswer = z.object({ status: z.literal("ok") });

// ---- the socket ---------------------------------------------------------------------------------------------------
/** What a client may say: follow a run from after an event, stop following it, follow the list of runs. */
export const clientMessage = z.union([
  z.strictObject({ sub: runId, after: z.int().min(0).default(0) }),
  z.strictObject({ unsub: runId }),
  z.strictObject({ runs: z.boolean() }),
]);
export type ClientMessage = z.output<typeof clientMessage>;

/** What the server says. `run` is a run's id, `row` what the list shows of it. `behind`: so many events wait until the
 *  client reads; they come when it does, unless it pages by HTTP and subscribes again from there. */
export const serverMessage = z.union([
  z.strictObject({ run: z.string(), row: runRow, events: z.array(event), head: z.int(), now: instant }),
  z.strictObject({ run: z.string(), behind: z.int() }),
  z.strictObject({ changed: z.array(runRow), now: instant }),
  z.strictObject({ run: z.string().optional(), ...problem.shape }),
]);
export type ServerMessage = z.output<typeof serverMessage>;
