/** A run before its first row: what `start`, a child call and `continueWith` have in common. */
import type { Draft, Event, Payload, RunParent, RunStarted } from "../core/events.ts";
import { RepriseError } from "../core/errors.ts";
import { runName } from "../core/names.ts";
import type { WorkflowSpec } from "../core/policy.ts";
import { encodeEvents } from "../codec/rows.ts";
import { decodeValue } from "../codec/value.ts";
import type { NewRun } from "../store/port.ts";
import type { Ids } from "./ids.ts";
import type { History } from "./load.ts";

/** Grows when replay itself changes what old histories mean. */
export const ENGINE_FLAGS = 1;

/** What a new run is. Absent `worker`: whoever claims it runs it. */
export interface BirthRequest {
  readonly runId: string;
  readonly workflow: Pick<WorkflowSpec, "name" | "codeVersion" | "file" | "concurrency" | "deadlineMs" | "signals" |
    "version">;
  readonly input: Payload | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly name?: string | undefined;
  readonly pool?: string | undefined;
  readonly priority?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly worker?: string | undefined;
  readonly parent?: RunParent | undefined;
  readonly chain?: RunStarted["chain"];
  readonly task?: RunStarted["task"];
  /** The instant after which the run that starts it has no time left. */
  readonly deadlineAt?: number | undefined;
  /** The user's id. */
  readonly id?: string | undefined;
  readonly scriptKey?: string | undefined;
  readonly readyAt?: number | undefined;
  readonly replace?: boolean;
  readonly skipIfFull?: boolean;
}
/** A new run as the store wants it, and its history as a driver wants it. */
export interface Birth { readonly run: NewRun; readonly history: History }

/** Gives a new run its name, its seed and its first events. */
export function birth(request: BirthRequest, ids: Ids): Birth {
  const { workflow, at, parent, tags = [] } = request, slot = slotOf(workflow, request.input);
  const worker = slot === undefined ? request.worker : undefined; // whose turn it is, the store says
  const name = request.name ?? runName(ids.random);
  const started: Draft = {
    type: "RunStarted", at, workflow: workflow.name, name, seed: ids.seed?.(request) ?? ids.uuid(),
    engineFlags: ENGINE_FLAGS,
    ...(request.input && { input: request.input }), ...(tags.length > 0 && { tags }),
    ...(workflow.signals && { signals: workflow.signals }), ...(workflow.version && { version: workflow.version }),
    ...(workflow.codeVersion && { codeVersion: workflow.codeVersion }), ...(workflow.file && { file: workflow.file }),
    ...(parent && { parent }), ...(request.chain && { chain: request.chain }),
    ...(request.task && { task: request.task }),
    ...(request.pool !== undefined && request.pool !== "default" && { pool: request.pool }),
    ...(request.priority && { priority: request.priority }), ...deadlineOf(workflow, request),
  };
  const drafts: Draft[] = worker === undefined ? [started] : [started, { type: "RunClaimed", at, epoch: 1, worker }];
  const run: NewRun = {
    runId: request.runId, workflow: workflow.name, name, pool: request.pool ?? "default",
    priority: request.priority ?? 0, tags, codeVersion: workflow.codeVersion, appendId: ids.uuid(),
    count: drafts.length, events: encodeEvents(drafts),
    ...(request.id !== undefined && { idempotencyKey: request.id }),
    ...(request.scriptKey !== undefined && { scriptKey: request.scriptKey }),
    ...(workflow.file !== undefined && { file: workflow.file }), ...(worker !== undefined && { worker }),
    ...(request.readyAt !== undefined && { readyAt: request.readyAt }),
    ...(request.replace && { replace: true }), ...(request.skipIfFull && { skipIfFull: true }),
    ...slot, ...(parent && { parentId: parent.id, rootId: parent.root }),
  };
  // Each draft with its place is the event that it was the draft of.
  const events = drafts.map((draft, i) => ({ ...draft, seq: i + 1 }) as Event);
  return { run, history: { events, lastFirstSeq: 1, partial: false } };
}

/** The turns that a run of this workflow takes, if it takes any. @throws INVALID_OPTION when its key is no text */
export function slotOf({ name, concurrency }: Pick<WorkflowSpec, "name" | "concurrency">, input: Payload | undefined):
  { readonly slotKey: string; readonly slotMax: number } | undefined {
  if (concurrency === undefined) return undefined;
  const key: unknown = concurrency.key?.(decodeValue(input)) ?? "";
  if (typeof key !== "string") throw new RepriseError("INVALID_OPTION",
    `workflow '${name}': the key of its concurrency is ${JSON.stringify(key)}`, "Let key return a text.");
  return { slotKey: key === "" ? name : `${name}/${key}`, slotMax: concurrency.max };
}

/** Its own limit counts from its start; never beyond that of the run that starts it. */
function deadlineOf({ deadlineMs }: Pick<WorkflowSpec, "deadlineMs">, { at, readyAt, deadlineAt }: BirthRequest):
  { readonly deadlineAt?: number } {
  const own = deadlineMs === undefined ? Infinity : Math.max(at, readyAt ?? 0) + deadlineMs;
  const earliest = Math.min(own, deadlineAt ?? Infinity);
  return earliest === Infinity ? {} : { deadlineAt: earliest };
}
