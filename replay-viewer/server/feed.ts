/**
 * What happens to one run, for everybody who follows it. The store is asked about ten times a second while somebody
 * does, and at once when it says that something may have happened; each follower keeps the seq that he has, so that
 * nothing is lost or comes twice, however the socket fares.
 */
import { RepriseError, TERMINAL_STATES, type Clock, type RunEngine, type RunRow } from "../../engine/index.ts";
import type { Histories } from "./history.ts";
import { problemOf } from "./problem.ts";
import type { Redactor } from "./redact.ts";
import type { StoreClock } from "./store-clock.ts";
import type { ServerMessage } from "./wire.ts";

/** Events of one message, by number and by text. */
const CHUNK_EVENTS = 1000;
const CHUNK_TEXT = 256 * 1024;
/** How often the store is asked about a run that has ended, and after a failure. */
const IDLE_MS = 1000;

/** Where messages go. */
export interface Outlet {
  /** True while more waits in the socket than a client that reads would leave there. */
  readonly full: boolean;
  send(message: ServerMessage): void;
}
/** What feeds need. */
export interface FeedParts {
  readonly engine: RunEngine;
  readonly histories: Histories;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly storeClock: StoreClock;
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
}

/** Beats are never closer than this, however often they are asked for. */
const LEAST_MS = 15;

/** Calls `tick` again and again until stopped; `tick` answers how long to wait, and does not throw. */
export class Beat {
  readonly #clock: Clock;
  readonly #tick: () => Promise<number>;
  #stopped = false;
  #asked = false;
  #hurry: (() => void) | undefined;

  constructor(clock: Clock, tick: () => Promise<number>) {
    this.#clock = clock;
    this.#tick = tick;
    void this.#run();
  }

  /** Ticks as soon as may be; if a tick is on its way, once more after it. */
  wake(): void { this.#asked = true; this.#hurry?.() }
  stop(): void { this.#stopped = true; this.#hurry?.() }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#asked = false;
      const waitMs = await this.#tick();
      await this.#pause(LEAST_MS);
      if (!this.#asked && !this.#stopped) await this.#pause(waitMs - LEAST_MS, true);
    }
  }

  #pause(ms: number, endsEarly = false): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => { this.#hurry = undefined; resolve() };
      const cancel = this.#clock.after(Math.max(0, ms), done, false);
      if (endsEarly) this.#hurry = () => { cancel(); done() };
    });
  }
}

/** One who follows a run. */
interface Follower {
  readonly outlet: Outlet;
  /** The last event that he was sent. */
  sent: number;
  /** The row that he was sent, as text. */
  row: string;
  /** Has been told that he is behind, and is not up yet. */
  behind: boolean;
}

/** One run and those who follow it. */
export class RunFeed {
  readonly #runId: string;
  readonly #parts: FeedParts;
  readonly #followers = new Map<Outlet, Follower>();
  readonly #beat: Beat;
  #failed = false;

  constructor(runId: string, parts: FeedParts) {
    this.#runId = runId;
    this.#parts = parts;
    this.#beat = new Beat(parts.clock, () => this.#tick());
  }

  get followers(): number { return this.#followers.size }

  /** Sends what follows event `after`, from now on; again for the same outlet, it begins anew. */
  follow(outlet: Outlet, after: number): void {
    this.#followers.set(outlet, { outlet, sent: after, row: "", behind: false });
    this.#beat.wake();
  }
  leave(outlet: Outlet): void { this.#followers.delete(outlet) }
  wake(): void { this.#beat.wake() }
  stop(): void { this.#followers.clear(); this.#beat.stop() }

  /** The row first, then the events: what the row says is in the events. */
  async #tick(): Promise<number> {
    const { engine, histories, pollMs } = this.#parts;
    if (this.#followers.size === 0) return IDLE_MS;
    try {
      const row = await engine.row(this.#runId);
      const head = await histories.head(this.#runId);
      for (const follower of [...this.#followers.values()]) await this.#push(follower, row, head);
      this.#failed = false;
      const waits = [...this.#followers.values()].some(({ behind }) => behind);
      return TERMINAL_STATES.includes(row.state) && !waits ? IDLE_MS : pollMs;
    } catch (error) {
      this.#tell(error);
      return IDLE_MS;
    }
  }

  async #push(follower: Follower, row: RunRow, head: number): Promise<void> {
    const { redactor, storeClock, histories } = this.#parts, run = this.#runId, { outlet } = follower;
    const shown = redactor.run(row), text = JSON.stringify(shown);
    while (this.#followers.get(outlet) === follower && (follower.sent < head || follower.row !== text)) {
      if (outlet.full) {
        if (!follower.behind && follower.sent < head) outlet.send({ run, behind: head - follower.sent });
        follower.behind = true;
        return;
      }
      const { events } = follower.sent < head
        ? await histories.page(run, follower.sent, CHUNK_EVENTS, { maxText: CHUNK_TEXT, known: true }) : { events: [] };
      const now = await storeClock.now();
      // Meanwhile he may have left, or asked for another place.
      if (this.#followers.get(outlet) !== follower) return;
      outlet.send({ run, row: { ...shown, tags: [...shown.tags] }, events: events.map((one) => redactor.event(one)),
        head, now });
      follower.row = text;
      follower.sent = events.at(-1)?.seq ?? follower.sent;
    }
    follower.behind = false;
  }

  /** Said once, until it is well again. A run that is not there is left for good. */
  #tell(error: unknown): void {
    const missing = error instanceof RepriseError && error.code === "RUN_NOT_FOUND";
    if (!this.#failed || missing) {
      const { error: problem } = problemOf(error, this.#parts.redactor.text).body;
      for (const { outlet } of this.#followers.values()) outlet.send({ run: this.#runId, error: { ...problem } });
      if (!(error instanceof RepriseError)) this.#parts.onError(error);
    }
    this.#failed = !missing;
    if (missing) this.#followers.clear();
  }
}
