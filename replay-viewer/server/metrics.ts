/** Numbers for a scraper, in Prometheus' text format. */
import type { Clock, RunCount, RunEngine } from "../../engine/index.ts";

const STATES = ["scheduled", "pending", "running", "waiting", "paused", "cancelling", "completed", "failed",
  "cancelled", "crashed"] as const;
/** Asked more often, the answer is the last one. Of a large database it is kept longer: a twentieth of the time at most
 *  goes into counting. */
const KEPT_MS = 10_000;
const SHARE = 20;

/** Counts runs now and then. */
export class Metrics {
  readonly #engine: RunEngine;
  readonly #clock: Clock;
  #last: { until: number; readonly text: Promise<string> } | undefined;

  constructor(engine: RunEngine, clock: Clock) { this.#engine = engine; this.#clock = clock }

  /** The text of `/metrics`, about ten seconds old at most. */
  text(): Promise<string> {
    const now = this.#clock.monotonic();
    if (this.#last !== undefined && now < this.#last.until) return this.#last.text;
    const last = { until: Infinity, text: this.#count() };
    this.#last = last;
    last.text.then(() => {
      const took = this.#clock.monotonic() - now;
      last.until = now + took + Math.max(KEPT_MS, SHARE * took);
    }, () => { this.#last = undefined });
    return last.text;
  }

  async #count(): Promise<string> {
    const { store } = this.#engine, counts = await store.countRuns(), workers = await store.workers();
    const runs = (fits: (one: RunCount) => boolean): number =>
      counts.filter(fits).reduce((sum, { count }) => sum + count, 0);
    const lines = ["# HELP reprise_runs Runs by state; parked ones count as parked only.",
      "# TYPE reprise_runs gauge"];
    for (const state of STATES) {
      lines.push(`reprise_runs{state="${state}"} ${runs((one) => one.state === state && !one.parked)}`);
    }
    lines.push(`reprise_runs{state="parked"} ${runs((one) => one.parked)}`);
    lines.push("# HELP reprise_workers Workers whose lease has not lapsed.", "# TYPE reprise_workers gauge",
      `reprise_workers ${workers.filter(({ alive }) => alive).length}`);
    return lines.join("\n") + "\n";
  }
}
