/** Rows of the list of runs as they change: the newest ones, and all that have not ended. */
import type { RunRow, RunState } from "../../engine/index.ts";
import { Beat, type FeedParts, type Outlet } from "./feed.ts";

const NEWEST = 100;
/** Unfinished runs that are watched beyond the newest, and how often; the newest are looked at with every beat. Among a
 *  million runs finding them takes PostgreSQL 0.2 s, so that a tenth of the time at most goes into it. */
const UNFINISHED = 500;
const UNFINISHED_MS = 1000;
const SHARE = 10;
const IDLE_MS = 1000;
const OPEN_STATES: readonly RunState[] = ["scheduled", "pending", "running", "waiting", "paused", "cancelling"];

/** The list, and those who follow it. */
export class ListFeed {
  readonly #parts: FeedParts;
  /** Rows that a follower has still to be sent, by run. */
  readonly #followers = new Map<Outlet, Map<string, RunRow>>();
  /** The rows as they were last seen, by run, as text. */
  #seen = new Map<string, string>();
  #unfinished: readonly string[] = [];
  /** When to look for the unfinished again. */
  #lookAt = -Infinity;
  #failed = false;
  #beat: Beat | undefined;

  constructor(parts: FeedParts) { this.#parts = parts }

  /** Sends the rows as they are, and then those that change. */
  follow(outlet: Outlet): void {
    this.#followers.set(outlet, new Map());
    this.#seen = new Map(); // all are told once more: a row twice does no harm, a row missed would
    this.#lookAt = -Infinity;
    this.#beat ??= new Beat(this.#parts.clock, () => this.#tick());
    this.#beat.wake();
  }
  leave(outlet: Outlet): void {
    this.#followers.delete(outlet);
    if (this.#followers.size > 0) return;
    this.#beat?.stop();
    this.#beat = undefined;
  }
  stop(): void { this.#followers.clear(); this.#beat?.stop() }

  async #tick(): Promise<number> {
    if (this.#followers.size === 0) return IDLE_MS;
    try {
      const changed = await this.#changed();
      for (const waiting of this.#followers.values()) for (const row of changed) waiting.set(row.runId, row);
      await this.#flush();
      this.#failed = false;
      return this.#parts.pollMs;
    } catch (error) {
      if (!this.#failed) this.#parts.onError(error);
      this.#failed = true;
      return IDLE_MS;
    }
  }

  async #changed(): Promise<readonly RunRow[]> {
    const before = this.#seen; // follow() may put an empty one in its place meanwhile
    const due = this.#parts.clock.monotonic() >= this.#lookAt;
    const rows = new Map((due ? await this.#all() : await this.#newest()).map((row) => [row.runId, row]));
    const seen = due ? new Map<string, string>() : new Map(before);
    const changed: RunRow[] = [];
    for (const [runId, row] of rows) {
      const text = JSON.stringify(row);
      if (before.get(runId) !== text) changed.push(row);
      seen.set(runId, text);
    }
    if (this.#seen === before) this.#seen = seen;
    return changed;
  }

  #newest(): Promise<readonly RunRow[]> { return this.#parts.engine.list({ limit: NEWEST }) }

  /** What was read last stands last: it is what counts. */
  async #all(): Promise<readonly RunRow[]> {
    const { engine, clock } = this.#parts;
    const newest = await this.#newest(), began = clock.monotonic();
    const open = await engine.list({ states: OPEN_STATES, limit: UNFINISHED });
    const there = new Set([...newest, ...open].map(({ runId }) => runId));
    const gone = await Promise.all(this.#unfinished.filter((runId) => !there.has(runId))
      .map((runId) => engine.store.run(runId)));
    this.#unfinished = open.map(({ runId }) => runId);
    const now = clock.monotonic();
    this.#lookAt = now + Math.max(UNFINISHED_MS, SHARE * (now - began));
    return [...newest, ...open, ...gone.filter((row) => row !== undefined)];
  }

  async #flush(): Promise<void> {
    const now = await this.#parts.storeClock.now();
    for (const [outlet, waiting] of this.#followers) {
      if (waiting.size === 0 || outlet.full) continue;
      const rows = [...waiting.values()].map((row) => this.#parts.redactor.run(row));
      waiting.clear();
      outlet.send({ changed: rows.map((row) => ({ ...row, tags: [...row.tags] })), now });
    }
  }
}
