/**
 * The events of one run with what is asked of them again and again: by key, by cause, by owner. Grows at its end only,
 * so that a live run costs what is new; 100,000 events are taken in 0.15 s.
 */
import type { Event, EventType } from "../../engine/core/events.ts";
import { callOf, ENDS, type BeginEvent, type EndEvent } from "./beginnings.ts";
import type { Call, Hold, Pause, Try } from "./calls.ts";

/** The key under which events of the run itself stand. */
export const RUN_KEY = "run";

const FAILURES: ReadonlySet<EventType> = new Set(["AttemptFailed", "TaskFailed", "ChildFailed", "RunFailed",
  "RunLost", "RunParked"]);
/** Events that the owner before them did not append. */
const FROM_OTHERS: ReadonlySet<EventType> = new Set(["RunLost", "RunClaimed", "RunForked"]);
/** Is this something that went wrong? */
export function isFailure(event: Event): boolean { return FAILURES.has(event.type) }
/** The key of an event, RUN_KEY for the run's own. */
export function keyOf(event: Event): string {
  if (event.type === "UpdateReceived") return `update:${event.id}`;
  return "key" in event && event.key !== undefined ? event.key : RUN_KEY;
}
type Forked = Extract<Event, { readonly type: "RunForked" }>;

/** A history, from seq 1. Read it; only `add` writes. */
export class History {
  readonly events: Event[] = [];
  readonly calls: Call[] = [];
  readonly holds: Hold[] = [];
  readonly pauses: Pause[] = [];
  /** What this run shares with another; of a fork of a fork the last. */
  forked: Forked | undefined;
  /** seqs of what went wrong, in order. */
  readonly failures: number[] = [];
  readonly #calls = new Map<string, Call>();
  readonly #byKey = new Map<string, number[]>();
  readonly #caused = new Map<number, number[]>();
  /** cause of event seq at [seq]; 0 = from outside or unknown. */
  readonly #causes: number[] = [0];
  readonly #open = new Set<Call>();
  /** Waits for a signal that are open, in the order of opening. */
  readonly #listening = new Set<Call>();
  /** The wait that a signal ended, by the signal's seq. */
  readonly #answered = new Map<number, Call>();
  /** First and last call of each name. */
  readonly #names = new Map<string, { readonly first: Call; last: Call }>();

  /** seq of the last event; 0 when there is none. */
  get head(): number { return this.events.length }
  get startAt(): number { return this.events[0]?.at ?? 0 }
  get lastAt(): number { return this.events.at(-1)?.at ?? 0 }
  get over(): boolean { return this.end !== undefined }
  /** The event that ended the run. */
  get end(): Event | undefined {
    const last = this.events.at(-1);
    return last !== undefined && /^Run(Completed|Failed|Cancelled|Continued)$/.test(last.type) ? last : undefined;
  }

  /** Takes events that follow; those already here are passed over. Throws a plain Error where one is missing. */
  add(events: readonly Event[]): void {
    for (const event of events) {
      if (event.seq <= this.head) continue;
      if (event.seq !== this.head + 1) throw new Error(`corrupt history: event ${event.seq} after event ${this.head}`);
      this.#take(event);
    }
  }

  /** Calls that have not ended, in the order of calling. */
  get open(): ReadonlySet<Call> { return this.#open }
  /** The event at `seq`, from 1. */
  event(seq: number): Event | undefined { return this.events[seq - 1] }
  call(key: string): Call | undefined { return this.#calls.get(key) }
  /** The call that an event belongs to; of a signal the wait that it ended. */
  callOf(event: Event): Call | undefined { return this.#answered.get(event.seq) ?? this.#calls.get(keyOf(event)) }
  /** Another call of the same name: the first, or for the first the last. */
  namesake(call: Call): Call | undefined {
    const names = this.#names.get(call.name);
    return names?.first === call ? (names.last === call ? undefined : names.last) : names?.first;
  }
  /** seqs of the events with this key, in order. */
  seqsOf(key: string): readonly number[] { return this.#byKey.get(key) ?? [] }
  /** seq of the event that brought this one about; 0 = from outside. */
  causeOf(seq: number): number { return this.#causes[seq] ?? 0 }
  /** seqs of what this event brought about. */
  effectsOf(seq: number): readonly number[] { return this.#caused.get(seq) ?? [] }
  /** The owner at this event, itself included. */
  holdAt(seq: number): Hold | undefined {
    let low = 0, high = this.holds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.holds[middle]?.seq ?? Infinity) <= seq) low = middle + 1; else high = middle;
    }
    return this.holds[low - 1];
  }
  /** seq of the last event at or before this instant; 1 at least. */
  seqAt(at: number): number {
    let low = 0, high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.events[middle]?.at ?? Infinity) <= at) low = middle + 1; else high = middle;
    }
    return Math.max(1, low);
  }
  /** The failure to look at first: what failed for good, else what parked the run, else the first failed attempt. */
  firstFailure(): number | undefined {
    const first = (type: EventType): number | undefined => this.failures.find((seq) => this.event(seq)?.type === type);
    return first("TaskFailed") ?? first("RunFailed") ?? first("RunParked") ?? this.failures[0];
  }

  #take(event: Event): void {
    const hold = this.holds.at(-1);
    if (event.type === "SignalReceived") this.#answer(event);
    if (hold !== undefined && hold.end === "held" && !FROM_OTHERS.has(event.type)) {
      hold.lastAt = event.at;
    }
    const cause = this.#cause(event);
    this.#causes.push(cause);
    if (cause > 0) push(this.#caused, cause, event.seq);
    push(this.#byKey, this.#answered.get(event.seq)?.key ?? keyOf(event), event.seq);
    if (isFailure(event)) this.failures.push(event.seq);
    this.events.push(event);
    this.#place(event);
  }

  #cause(event: Event): number {
    if ("by" in event) return event.by;
    const last = (type: EventType, key: string): number =>
      this.#byKey.get(key)?.findLast((seq) => this.event(seq)?.type === type) ?? 0;
    switch (event.type) {
      case "AttemptStarted": {
        const planned = Math.max(last("RetryScheduled", event.key), last("AttemptQueued", event.key));
        return planned > last("AttemptStarted", event.key) ? planned : this.#restart(event.key);
      }
      case "AttemptQueued": return last("RetryScheduled", event.key) || last("TaskScheduled", event.key);
      case "Reported": return last("AttemptStarted", event.key);
      case "WaitAnswered": return last("WaitOpened", event.key);
      case "SignalReceived": return this.#answered.get(event.seq)?.seq ?? 0;
      case "ChildCompleted": case "ChildFailed": case "ChildCancelled": return last("ChildCancelRequested", event.key)
        || last("ChildStarted", event.key);
      case "ResultInjected": return this.#calls.get(event.key)?.seq ?? 0;
      case "RunUnpaused": return last("RunPaused", RUN_KEY);
      case "AttemptFailed": return last("AttemptStarted", event.key);
      case "RetryScheduled": return last("AttemptFailed", event.key);
      case "TaskCompleted": return last("AttemptStarted", event.key) || last("TaskScheduled", event.key);
      case "TaskFailed": return last("AttemptFailed", event.key) || last("TaskScheduled", event.key)
        || last("ChildStarted", event.key);
      case "TaskCancelled": return last("TaskCancelRequested", event.key) || last("CancelRequested", RUN_KEY);
      case "TimerFired": return last("TimerStarted", event.key);
      case "RunLost": return this.holds.at(-1)?.seq ?? 0;
      case "RunClaimed": return this.#endOfHold();
      case "RunUnparked": return last("RunParked", RUN_KEY);
      case "Noted": return event.key === undefined ? 0 : this.#calls.get(event.key)?.seq ?? 0;
      default: return 0;
    }
  }
  /** A first attempt follows its call; one that nobody planned, the claim after a loss. */
  #restart(key: string): number {
    const call = this.#calls.get(key), claim = this.holds.at(-1)?.seq ?? 0;
    if (call === undefined) return 0;
    return call.seq > claim ? call.seq : this.holds.length > 1 ? claim : call.seq;
  }
  #endOfHold(): number {
    const hold = this.holds.at(-1);
    return hold === undefined ? (this.head > 0 ? 1 : 0) : hold.endSeq ?? 0;
  }

  #place(event: Event): void {
    switch (event.type) {
      case "TaskScheduled": case "TimerStarted": case "ValueRecorded": case "WaitOpened": case "ChildStarted":
        this.#begin(event); return;
      case "AttemptQueued": this.#calls.get(event.key)?.queues.push({ seq: event.seq, at: event.at,
        attempt: event.attempt, limit: event.limit, dueAt: event.dueAt }); return;
      case "AttemptStarted": this.#tried(event.key, { attempt: event.attempt, seq: event.seq, at: event.at,
        worker: this.holds.at(-1)?.worker, endSeq: undefined, endAt: undefined, outcome: "running",
        error: undefined, shared: false }); return;
      case "AttemptFailed": {
        const call = this.#calls.get(event.key);
        if (call !== undefined) endTry(call, event, "failed", event.error);
        return;
      }
      case "RetryScheduled": {
        const call = this.#calls.get(event.key);
        call?.retries.push({ seq: event.seq, at: event.at, attempt: event.attempt, dueAt: event.dueAt });
        if (call !== undefined && call.endSeq === undefined) call.state = "retrying";
        return;
      }
      case "TaskCompleted": case "TaskFailed": case "TaskCancelled": case "TaskCancelRequested":
      case "TimerFired": case "TimerCancelled": case "WaitAnswered": case "WaitClosed": case "ResultInjected":
      case "ChildCompleted": case "ChildFailed": case "ChildCancelled": case "ChildCancelRequested":
        this.#finish(event); return;
      case "RunPaused": this.#unpause(event);
        this.pauses.push({ seq: event.seq, at: event.at, who: event.who, endSeq: undefined, endAt: undefined });
        return;
      case "RunUnpaused": this.#unpause(event); return;
      case "RunForked": this.#share(event); return;
      default: this.#owner(event);
    }
  }

  #begin(event: BeginEvent): void {
    const taken = event.type === "WaitOpened" && event.taken !== undefined ? this.event(event.taken) : undefined;
    const call = callOf(event, this.calls.length, taken?.type === "SignalReceived" ? taken.value : undefined);
    this.calls.push(call);
    this.#calls.set(event.key, call);
    const names = this.#names.get(call.name);
    if (names === undefined) this.#names.set(call.name, { first: call, last: call }); else names.last = call;
    if (call.endSeq !== undefined) return;
    this.#open.add(call);
    if (call.wait?.kind === "signal") this.#listening.add(call);
  }

  /** A signal ends the oldest open wait for its name, or is kept. */
  #answer(event: Extract<Event, { readonly type: "SignalReceived" }>): void {
    for (const call of this.#listening) {
      if (call.name !== event.name) continue;
      this.#answered.set(event.seq, call);
      this.#close(call, event, "met");
      call.result = event.value;
      return;
    }
  }

  #tried(key: string, attempt: Try): void {
    const call = this.#calls.get(key);
    if (call === undefined) return;
    call.tries.push(attempt);
    if (call.endSeq === undefined) call.state = "running";
  }

  #finish(event: EndEvent): void {
    const call = this.#calls.get(event.key);
    if (call === undefined || call.endSeq !== undefined) return;
    const error = "error" in event ? event.error : undefined;
    this.#close(call, event, ENDS[event.type](call, event));
    if ("result" in event) call.result = event.result;
    if ("value" in event) call.result = event.value;
    call.error = error;
    if ("reason" in event) call.reason = event.reason;
    endTry(call, event, call.state === "failed" || call.state === "cancelled" ? call.state : "completed", error);
  }
  #close(call: Call, event: Event, state: Call["state"]): void {
    call.state = state;
    call.endSeq = event.seq;
    call.endAt = event.at;
    this.#open.delete(call);
    this.#listening.delete(call);
  }

  #unpause(event: Event): void {
    const pause = this.pauses.at(-1);
    if (pause === undefined || pause.endSeq !== undefined) return;
    pause.endSeq = event.seq;
    pause.endAt = event.at;
  }

  /** All that is here by now is another run's. What is open there is done anew. */
  #share(event: Forked): void {
    this.forked = event;
    this.#unpause(event);
    const hold = this.holds.at(-1);
    if (hold?.end === "held") Object.assign(hold, { end: "left", endSeq: event.seq, endAt: hold.lastAt });
    for (const call of this.calls) {
      call.shared = call.endSeq !== undefined;
      for (const one of call.tries) {
        one.shared = true;
        if (one.outcome !== "running") continue;
        Object.assign(one, { outcome: "left", endSeq: event.seq, endAt: Math.max(one.at, hold?.lastAt ?? one.at) });
        call.state = "scheduled";
      }
    }
  }

  #owner(event: Event): void {
    const hold = this.holds.at(-1);
    const close = (end: Hold["end"]): void => {
      if (hold === undefined || hold.end !== "held") return;
      hold.end = end;
      hold.endSeq = event.seq;
      hold.endAt = event.at;
    };
    switch (event.type) {
      case "RunClaimed":
        if (hold?.end === "held") { this.#interrupt(hold, event.seq); close("lost") }
        this.holds.push({ worker: event.worker, epoch: event.epoch, seq: event.seq, at: event.at, lastAt: event.at,
          endSeq: undefined, endAt: undefined, end: "held" });
        return;
      case "RunLost": if (hold !== undefined) this.#interrupt(hold, event.seq); close("lost"); return;
      case "RunReleased": if (hold !== undefined) this.#interrupt(hold, event.seq); close("released"); return;
      case "RunParked":
        if (hold !== undefined) this.#interrupt(hold, event.seq);
        if (hold?.end === "released") Object.assign(hold, { end: "parked", endSeq: event.seq, endAt: event.at });
        close("parked");
        return;
      case "RunCompleted": case "RunFailed": case "RunCancelled": case "RunContinued":
        if (hold !== undefined) this.#interrupt(hold, event.seq);
        close("ended");
        return;
      default: return;
    }
  }

  /** Attempts still open when the owner goes were never heard of again. */
  #interrupt(hold: Hold, seq: number): void {
    for (const call of this.#open) {
      const last = call.tries.at(-1);
      if (last === undefined || last.outcome !== "running") continue;
      last.outcome = "lost";
      last.endSeq = seq;
      last.endAt = Math.max(last.at, hold.lastAt);
      call.state = "interrupted";
    }
  }
}

function endTry(call: Call, event: Event, outcome: Try["outcome"], error: Try["error"]): void {
  const last = call.tries.at(-1);
  if (last === undefined || last.outcome !== "running") return;
  last.outcome = outcome;
  last.endSeq = event.seq;
  last.endAt = event.at;
  last.error = error;
}

function push(map: Map<string, number[]>, key: string, seq: number): void;
function push(map: Map<number, number[]>, key: number, seq: number): void;
function push<K>(map: Map<K, number[]>, key: K, seq: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [seq]); else list.push(seq);
}

/** A history of these events. */
export function historyOf(events: readonly Event[]): History {
  const history = new History();
  history.add(events);
  return history;
}
