/** What a run has to append: events in order, cut into rows, with the changes of state that go along. */
import type { Draft, Event, Payload } from "../core/events.ts";
import { contentHash } from "../codec/hash.ts";
import { INLINE_LIMIT } from "../codec/limits.ts";
import { encodeEvents } from "../codec/rows.ts";
import { payloadBytes } from "../codec/value.ts";
import type { Change } from "../store/port.ts";
import type { Birth } from "./birth.ts";
import type { Outgoing } from "./committer.ts";
import { FIELDS, payloadOf, ROW_EVENTS } from "./load.ts";
import type { Sending } from "./sent.ts";

/** A change of the run's row that leaves with an event. */
export type RowChange = Omit<Change, "runId">;

interface Entry {
  /** As it is delivered: values inline. */
  readonly whole: Draft;
  readonly notBefore: number | undefined;
  readonly change: RowChange | undefined;
  readonly sending: Sending | undefined;
}

/** The events of one run that are not durable yet. */
export class Outbox {
  readonly #runId: string;
  readonly #epoch: number;
  readonly #uuid: () => string;
  #previousSeq: number;
  #head: number;
  #lastAt: number;
  #waiting: Entry[] = [];
  #flying: readonly Entry[] = [];

  constructor(options: { readonly runId: string; readonly epoch: number; readonly head: number;
    readonly previousSeq: number; readonly lastAt: number; readonly uuid: () => string }) {
    this.#runId = options.runId;
    this.#epoch = options.epoch;
    this.#uuid = options.uuid;
    this.#previousSeq = options.previousSeq;
    this.#head = options.head;
    this.#lastAt = options.lastAt;
  }

  /** The epoch in which this worker owns the run. */
  get epoch(): number { return this.#epoch }
  /** seq of the last durable event. */
  get head(): number { return this.#head }
  get empty(): boolean { return this.#waiting.length === 0 && this.#flying.length === 0 }

  /** Is this run about to be made, or made perhaps and not known to be? */
  bears(runId: string): boolean {
    return [...this.#flying, ...this.#waiting].some(({ sending }) => sending?.born?.run.runId === runId);
  }

  /** Adds an event; its instant is never below that of the event before. */
  add(draft: Draft, change?: RowChange, notBefore?: number, sending?: Sending): void {
    this.#lastAt = Math.max(this.#lastAt, draft.at);
    const whole = draft.at === this.#lastAt ? draft : { ...draft, at: this.#lastAt };
    this.#waiting.push({ whole, notBefore, change, sending });
  }

  /** Forgets what has not left: the run diverged, and nothing of that may be recorded. */
  clear(): void { this.#waiting = [] }

  /** Cuts the next row. */
  take(): Outgoing | undefined {
    if (this.#waiting.length === 0) return undefined;
    const entries = this.#waiting.length <= ROW_EVENTS ? this.#waiting : this.#waiting.slice(0, ROW_EVENTS);
    this.#waiting = this.#waiting.length <= ROW_EVENTS ? [] : this.#waiting.slice(ROW_EVENTS);
    this.#flying = entries;
    const payloads: { hash: string; text: string }[] = [];
    let change: Change | undefined, notBefore: number | undefined;
    const whole = entries.map((entry) => {
      if (entry.change !== undefined) change = { ...change, ...entry.change, runId: this.#runId };
      if (entry.notBefore !== undefined) notBefore = Math.max(notBefore ?? 0, entry.notBefore);
      return entry.whole;
    });
    let events = encodeEvents(whole);
    // A row that is short as a whole holds no large value.
    if (events.length > INLINE_LIMIT) events = encodeEvents(whole.map((draft) => apart(draft, payloads)));
    return {
      row: {
        runId: this.#runId, firstSeq: this.#head + 1, count: entries.length, appendId: this.#uuid(),
        epoch: this.#epoch, events, previousSeq: this.#previousSeq,
        ...(notBefore !== undefined && { notBefore }),
      },
      change, payloads, sent: entries.flatMap(({ sending }) => sending?.sent ?? []),
    };
  }

  /** The row that was taken is durable: its events, with their places, and the runs that it made for this worker. */
  landed(): { readonly events: readonly Event[]; readonly born: readonly Birth[] } {
    const entries = this.#flying;
    this.#flying = [];
    this.#previousSeq = this.#head + 1;
    // The draft was made for this event alone: it gets its seq in place, a copy of it costs 0.3 us.
    const events = entries.map(({ whole }, index): Event => Object.assign(whole, { seq: this.#head + 1 + index }));
    this.#head += entries.length;
    return { events, born: entries.flatMap(({ sending }) => sending?.born ?? []) };
  }
}

/** Moves large values out of an event; history keeps their hash. */
function apart(draft: Draft, payloads: { hash: string; text: string }[]): Draft {
  let stored = draft;
  for (const field of FIELDS) {
    const payload: Payload | undefined = payloadOf(draft, field);
    if (payload === undefined || "ref" in payload || payloadBytes(payload) <= INLINE_LIMIT) continue;
    const text = JSON.stringify(payload);
    const hash = contentHash(text);
    payloads.push({ hash, text });
    stored = { ...stored, [field]: { ref: hash, bytes: text.length } };
  }
  return stored;
}
