/** The run to which one that goes on is held up: the newest of the same workflow and code that has completed. */
import { TERMINAL_STATES, type Event, type RunEngine } from "../../engine/index.ts";
import { earlierCalls, type Earlier } from "../model/expected.ts";
import { historyOf } from "../model/history.ts";
import type { Histories } from "./history.ts";
import { idAt } from "./run-list.ts";

/** Calls of it that are told, and events that are read for them. */
export const MOST_CALLS = 500;
const MOST_EVENTS = 5000;
/** It began at most so long before. */
const MOST_AGE_MS = 30 * 86_400_000;
/** Runs of which the calls are kept: they have ended, so that nothing changes. */
const MOST_KEPT = 100;

/** Earlier runs, and their calls. */
export class EarlierRuns {
  readonly #engine: RunEngine;
  readonly #histories: Histories;
  readonly #kept = new Map<string, Earlier>();
  constructor(engine: RunEngine, histories: Histories) { this.#engine = engine; this.#histories = histories }

  /** undefined for a run that has ended, and where none of its code has completed. @throws RUN_NOT_FOUND */
  async of(runId: string): Promise<Earlier | undefined> {
    const { workflow, codeVersion, state, createdAt } = await this.#engine.row(runId);
    if (TERMINAL_STATES.includes(state)) return undefined;
    const [found] = await this.#engine.store.findRuns({ workflow, codeVersion, states: ["completed"], limit: 1,
      after: idAt(createdAt - MOST_AGE_MS) });
    if (found === undefined) return undefined;
    const known = this.#kept.get(found.runId);
    if (known !== undefined) return known;
    const { events, head } = await this.#histories.page(found.runId, 0, MOST_EVENTS);
    const history = historyOf(events as unknown as Event[]); // as they are stored: events in JSON
    const calls = earlierCalls(history, MOST_CALLS + 1);
    const earlier = { runId: found.runId, name: found.name, ms: (found.endedAt ?? history.lastAt) - history.startAt,
      calls: calls.slice(0, MOST_CALLS), more: calls.length > MOST_CALLS || history.head < head };
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(found.runId, earlier);
    return earlier;
  }
}
