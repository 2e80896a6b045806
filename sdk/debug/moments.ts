/**
 * Which moment of a replay belongs to an event? Code passes a moment when it decides something and when an event is
 * delivered to it. Other events lie between: they are shown where the code that they concern waits.
 */
import { isDecision, isDelivery, isTerminal, type Event, type Moment } from "../../engine/index.ts";

/** How the frames that are shown belong to the event that was asked for. */
export type Standing =
  /** The code was at this very event. */
  | "here"
  /** The code waits at the call that the event concerns. */
  | "waiting"
  /** The event concerns no call: this is where the code was last. */
  | "before";

/** A moment that may be shown for an event, by the seq of its own event. */
export interface Target { readonly seq: number; readonly standing: Standing }

/** The decisions and deliveries of one history, by what a replay says of them. */
export class MomentIndex {
  readonly #events: readonly Event[];
  readonly #decisions = new Map<string, number>();
  /** Where each call was made. */
  readonly #calls = new Map<string, number>();

  constructor(events: readonly Event[]) {
    this.#events = events;
    for (const event of events) {
      if (!isDecision(event)) continue;
      this.#decisions.set(`${event.type} ${event.key}`, event.seq);
      if (!/Cancel/.test(event.type) && !this.#calls.has(event.key)) this.#calls.set(event.key, event.seq);
    }
  }

  get head(): number { return this.#events.length }
  /** Events at which code passes a moment. */
  get moments(): readonly number[] {
    return this.#events.filter((event) => isDecision(event) || isDelivery(event)).map(({ seq }) => seq);
  }

  /** The event that a moment of the replay is, as history has it; undefined for what history does not have. */
  seqOf(moment: Moment): number | undefined {
    return moment.kind === "delivery" ? moment.seq : this.#decisions.get(`${moment.type} ${moment.key}`);
  }

  /** The delivery in whose turn this event's moment lies. */
  turnOf(seq: number): number {
    const event = this.#events[seq - 1];
    return event !== undefined && isDecision(event) ? event.by : seq;
  }

  /** So many events are needed to replay to the end of the turn of delivery `until`: its decisions are among them. */
  extent(until: number): number {
    return this.#events.reduce((most, event) => event.seq <= until || (isDecision(event) && event.by <= until)
      ? Math.max(most, event.seq) : most, 0);
  }

  /** The moments to show for event `seq`, the best first: one that has no frames of the user's gives way. */
  targets(seq: number): readonly Target[] {
    const event = this.#events[seq - 1];
    if (event === undefined) return [];
    const found: Target[] = [];
    if (isDecision(event)) {
      found.push({ seq, standing: "here" }, { seq: event.by, standing: "before" }, ...this.#call(event.by, "waiting"));
    } else if (isDelivery(event)) {
      found.push({ seq, standing: "here" }, ...this.#call(seq, "waiting"));
    } else found.push(...this.#call(seq, "waiting"));
    found.push(...this.#last(seq));
    return found.filter((one, i) => found.findIndex((other) => other.seq === one.seq) === i);
  }

  /** The moments before and after, to step by. */
  neighbours(seq: number): { readonly previous: number | undefined; readonly next: number | undefined } {
    const { moments } = this;
    return { previous: moments.findLast((one) => one < seq), next: moments.find((one) => one > seq) };
  }

  /** The end of a run that failed, if it ended so: what was thrown there is worth seeing. */
  get failed(): { readonly seq: number; readonly turn: number } | undefined {
    const last = this.#events.at(-1);
    return last !== undefined && isTerminal(last) && last.type === "RunFailed"
      ? { seq: last.seq, turn: last.by } : undefined;
  }

  #call(seq: number, standing: Standing): readonly Target[] {
    const event = this.#events[seq - 1];
    const at = event !== undefined && "key" in event && event.key !== undefined ? this.#calls.get(event.key)
      : undefined;
    return at === undefined ? [] : [{ seq: at, standing }];
  }

  /** The last moments before an event that concerns no call. */
  #last(seq: number): readonly Target[] {
    const found: Target[] = [];
    for (let at = seq - 1; at >= 1 && found.length < 3; at--) {
      const event = this.#events[at - 1];
      if (event !== undefined && (isDecision(event) || isDelivery(event))) found.push({ seq: at, standing: "before" });
    }
    return found;
  }
}
