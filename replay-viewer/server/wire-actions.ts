/** What actions take and answer, and how things stand, as schemas. Instants are milliseconds since 1970. */
import { z } from "zod";
import { short, state } from "./wire.ts";

/** A value of the caller's: any JSON; left out, `undefined`. */
const value = z.json().optional();
const by = short.describe("your name, for the run's history").optional();
const reason = z.string().min(1).max(2000);
const key = z.string().min(1).max(400).describe("of the call, such as task:charge#0");
const dryRun = z.boolean().describe("make nothing, say what would be shared").optional();

export const cancelBody = z.strictObject({ reason: reason.optional() });
export const byBody = z.strictObject({ by });
export const retryBody = z.strictObject({ by, dryRun });
export const forkBody = z.strictObject({
  at: z.union([z.int().min(1), key]).describe("the last event to share, or the call to be made anew").optional(),
  edit: z.record(z.string().max(400), z.json()).describe("results to put in place of recorded ones, by key").optional(),
  input: value, by, dryRun,
});
export type ForkBody = Omit<z.output<typeof forkBody>, "by" | "dryRun">;
export const signalBody = z.strictObject({ name: short, value,
  key: short.describe("signals with the same key arrive once").optional() });
export type SignalBody = z.output<typeof signalBody>;
export const answerBody = z.strictObject({ name: key.describe("of the form, or its key"), value, by });
export const updateBody = z.strictObject({ name: short, value, key: short.optional(),
  wait: z.enum(["accepted", "completed"]).describe("until when to wait; default completed").optional() });
export type UpdateBody = z.output<typeof updateBody>;
export const injectBody = z.strictObject({ key, value, by: short, reason });
export const skipBody = injectBody.omit({ value: true });
export const startBody = z.strictObject({ workflow: short, input: value, name: short.exactOptional(),
  id: short.describe("an id of your own: the idempotency key").exactOptional(),
  ifExists: z.enum(["attach", "fail", "replace"]).exactOptional(), tags: z.array(short).max(50).exactOptional() });
export type StartBody = Omit<z.output<typeof startBody>, "workflow" | "input">;

/** Where a fork or a retry leaves the history. `open`: calls under way there, which are done anew. */
export const plan = z.object({ seqs: z.int(), open: z.array(z.string()), replaced: z.array(z.string()),
  injected: z.array(z.string()) });
export type Plan = z.output<typeof plan>;
/** `ok`: the run has been told. `run`: the one that came of it, where a new one did. */
export const actionAnswer = z.object({ ok: z.literal(true), run: z.string().optional(), pending: z.boolean().optional(),
  plan: plan.optional(), reply: z.unknown().optional(),
  error: z.string().describe("what the handler of an update threw").optional() });
/** `canStart`: this server starts runs, of `workflows`. `schema`: the JSON schema of the input, null for none.
 *  `elsewhere`: workflows that other processes have run lately, and this one has not loaded. */
export const workflowsAnswer = z.object({ canStart: z.boolean(), workflows: z.array(z.object({ name: z.string(),
  file: z.string().nullable(), description: z.string().nullable(), schema: z.unknown() })),
elsewhere: z.array(z.object({ name: z.string(), file: z.string() })) });
export const startAnswer = z.object({ ok: z.literal(true), run: z.string() });

/** What a run waits for, in the order of opening. `schema`: the JSON schema of a form's answer. */
export const waitsAnswer = z.object({ waits: z.array(z.object({ key: z.string(), name: z.string(),
  kind: z.enum(["signal", "form", "condition"]), description: z.string().nullable(), schema: z.unknown(),
  since: z.number(), until: z.number().nullable() })) });
const kin = z.object({ runId: z.string(), name: z.string(), workflow: z.string(), state,
  parentId: z.string().nullable(), key: z.string().nullable(), createdAt: z.number(), endedAt: z.number().nullable() });
/** `above`: from the first of all down to the parent. `key`: the call of the parent. `more`: the tree is larger. */
export const treeAnswer = z.object({ above: z.array(kin), more: z.boolean(), runs: z.array(kin) });
/** `ms`: how long the run or a call took, null where it did not end; `at`: after that run's start. */
export const expectedAnswer = z.object({ earlier: z.object({ runId: z.string(), name: z.string(), ms: z.number(),
  more: z.boolean(), calls: z.array(z.object({ key: z.string(), name: z.string(), nth: z.string(),
    kind: z.enum(["task", "timer", "value", "wait", "child"]), seq: z.int(), at: z.number(), ms: z.number().nullable(),
    attempts: z.int() })) }).nullable() });
/** `perMs`: of a rate, the time in which `max` may begin; its `held` and `waiting` are 0, and `nextAt` is the instant
 *  from which one more may. `turns`: keys of workflows with `concurrency`, as far as their runs have not ended. */
/** Those whose lease has not lapsed. */
export const workersAnswer = z.object({ workers: z.array(z.object({ worker: z.string(), name: z.string().nullable(),
  pools: z.array(z.string()) })) });
export const limitsAnswer = z.object({ limits: z.array(z.object({ name: z.string(), max: z.number(),
  perMs: z.number().nullable(), nextAt: z.number().nullable(), held: z.number(), waiting: z.number() })),
turns: z.array(z.object({ key: z.string(), workflow: z.string(), max: z.number(), held: z.number(),
  waiting: z.number() })), now: z.number() });
export const oneLimit = z.strictObject({ name: short });
/** Holders since `at`, then those in line since `at`; the names of the first hundred. `more`: there are others. */
export const slotsAnswer = z.object({ more: z.boolean(), now: z.number(), slots: z.array(z.object({ runId: z.string(),
  name: z.string().nullable(), key: z.string(), worker: z.string(), granted: z.boolean(), at: z.number() })) });
export const turnsQuery = z.strictObject({ key: z.string().min(1).max(1000) });
/** Runs that have their turn, then those in line, each since `at`; the first hundred. */
export const turnsAnswer = z.object({ more: z.boolean(), now: z.number(), turns: z.array(z.object({ runId: z.string(),
  name: z.string(), workflow: z.string(), state, worker: z.string().nullable(), held: z.boolean(),
  at: z.number() })) });
