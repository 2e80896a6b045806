/**
 * Task results shared across runs: asked before an attempt, kept after it. A hit is written into the run's own history,
 * so that a replay never looks here. The cache is a help: whatever is wrong with it, the task is executed.
 */
import type { Payload, TaskCompleted } from "../core/events.ts";
import { Identity, type CachePolicy, type RunInfo } from "../core/policy.ts";
import { saidBy } from "../core/thrown.ts";
import { contentHash, inputHash } from "../codec/hash.ts";
import { decodeValue } from "../codec/value.ts";
import type { OpenTask } from "../replay/calls.ts";
import type { CachePlace, Store } from "../store/port.ts";
import { loadHistory } from "./load.ts";
import type { Patience } from "./patience.ts";

/** What the caller of one attempt gives. */
export interface CacheAsk {
  readonly run: RunInfo;
  readonly epoch: number;
  readonly call: OpenTask;
  readonly policy: CachePolicy;
  /** Waits before asking again; false: nobody wants the answer any more. */
  pause(ms: number): Promise<boolean>;
  /** Something is wrong with the cache, and the task is executed. */
  warn(text: string): void;
}
/** `execute`: make an attempt; `keep` takes its result, `free` lets others try. `dropped`: nobody wants it any more. */
export type CacheFound =
  | { readonly how: "hit"; readonly result: Payload | undefined;
      readonly cached: NonNullable<TaskCompleted["cached"]> }
  | { readonly how: "execute"; readonly flight: Flight | undefined }
  | { readonly how: "dropped" };

const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 500;
/** How long the cache may keep a run from going on. */
const PATIENCE_MS = 10_000;
/** Longer keys are hashed: an index takes 2,700 bytes. */
const LONGEST_KEY = 300;

/** Looks a result up; while another run makes it, waits. Never rejects. */
export async function askCache(store: Store, patience: Patience, ask: CacheAsk): Promise<CacheFound> {
  const { run, call, policy, epoch } = ask;
  let flight: Flight | undefined;
  try {
    const key = await keyOf(store, ask);
    const place: CachePlace = { task: policy.task, key, runId: run.id, call: call.key };
    flight = new Flight(store, patience, place, ask);
    if (policy.refresh) return { how: "execute", flight };
    for (let waitMs = FIRST_POLL_MS; ; waitMs = Math.min(LAST_POLL_MS, waitMs * 2)) {
      const answer = await store.cacheTake({ ...place, epoch, single: policy.single });
      if (answer.state === "mine") return { how: "execute", flight };
      if (answer.state === "hit") {
        const result = payloadOf(answer.result, ask);
        return result === "corrupt" ? { how: "execute", flight }
          : { how: "hit", result, cached: { run: answer.runId, key: answer.call, at: Math.floor(answer.at) } };
      }
      if (!await ask.pause(waitMs)) return { how: "dropped" };
    }
  } catch (error) {
    ask.warn(`the cache of task '${ask.call.spec.name}' was not asked, so the task is executed: ${saidBy(error)}`);
    return { how: "execute", flight }; // the answer alone may be lost: then the flight is ours
  }
}

/** An attempt whose result is to be kept, and for which others may be waiting. */
export class Flight {
  readonly #store: Store;
  readonly #patience: Patience;
  readonly #place: CachePlace;
  readonly #ask: CacheAsk;
  constructor(store: Store, patience: Patience, place: CachePlace, ask: CacheAsk) {
    this.#store = store;
    this.#patience = patience;
    this.#place = place;
    this.#ask = ask;
  }

  /** Keeps the result. One that is not kept is only computed again. */
  async keep(result: Payload | undefined): Promise<void> {
    const { ttlMs } = this.#ask.policy;
    const entry = { ...this.#place, result: result === undefined ? null : JSON.stringify(result),
      ...(ttlMs !== undefined && { ttlMs }) };
    try {
      await this.#patience.insist(() => this.#store.cachePut(entry), PATIENCE_MS);
    } catch (error) {
      this.#ask.warn(`the result of task '${this.#ask.call.spec.name}' was not cached: ${saidBy(error)}`);
      await this.free();
    }
  }

  /** The attempt made no result: whoever waits may try. */
  async free(): Promise<void> {
    if (this.#ask.policy.refresh || !this.#ask.policy.single) return;
    try {
      await this.#patience.insist(() => this.#store.cacheFree({ ...this.#place, epoch: this.#ask.epoch }), PATIENCE_MS);
    } catch (error) {
      const { name } = this.#ask.call.spec;
      this.#ask.warn(`others that need task '${name}' wait until this run is given up: ${saidBy(error)}`);
    }
  }
}

/** `inputs=5f3a... version="2"`: readable, equal when every part of the policy is. */
async function keyOf(store: Store, { run: made, call, policy }: CacheAsk): Promise<string> {
  const run = Identity.callOf(made)?.caller?.run ?? made;
  const said: string[] = [];
  if (policy.key !== undefined) {
    // The arguments were encoded from an array.
    const own: unknown = policy.key(...decodeValue(call.input) as readonly unknown[]);
    if (typeof own !== "string") throw new TypeError(`its cache key is ${typeof own}, not a string`);
    said.push(`key=${JSON.stringify(own)}`);
  } else if (policy.parts.includes("inputs")) said.push(`inputs=${inputHash(call.input)}`);
  if (policy.parts.includes("version") && policy.version !== "") said.push(`version=${JSON.stringify(policy.version)}`);
  if (policy.parts.includes("source")) said.push(`source=${contentHash(String(call.spec.fn)).slice(0, 16)}`);
  if (policy.parts.includes("run")) said.push(`run=${run.id}`);
  if (policy.parts.includes("workflowInput")) {
    const started = (await loadHistory(store, run.id)).events[0];
    said.push(`workflowInput=${inputHash(started?.type === "RunStarted" ? started.input : undefined)}`);
  }
  const key = said.join(" ");
  return key.length <= LONGEST_KEY ? key : `hash=${contentHash(key)}`;
}

function payloadOf(text: string | null, { warn, call }: CacheAsk): Payload | undefined | "corrupt" {
  if (text === null) return undefined;
  try {
    const payload = JSON.parse(text) as Payload; // checked by decoding it
    decodeValue(payload);
    return payload;
  } catch (error) {
    warn(`a cached result of task '${call.spec.name}' cannot be read, so the task is executed: ${saidBy(error)}`);
    return "corrupt";
  }
}
