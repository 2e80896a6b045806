/** Numbers for a scraper, in Prometheus' text format. */
import type { Clock, RunEngine } from "../../engine/index.ts";

const STATES = ["scheduled", "pending", "running", "waiting", "paused", "cancelling", "completed", "failed",
  "cancelled", "crashed"] as const;
/** The store lists and does not count, so counting ends here. */
const COUNTED_TO = 10_000;
const PAGE = 1000;
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
    const lines = [`# HELP reprise_runs Runs by state; parked ones count as parked only. Counted to ${COUNTED_TO}.`,
      "# TYPE reprise_runs gauge"];
    for (const state of STATES) {
      lines.push(`reprise_runs{state="${state}"} ${await this.#runs({ states: [state], parked: false })}`);
    }
    lines.push(`reprise_runs{state="parked"} ${await this.#runs({ parked: true })}`);
    const workers = await this.#engine.store.workers();
    lines.push("# HELP reprise_workers Workers whose lease has not lapsed.", "# TYPE reprise_workers gauge",
      `reprise_workers ${workers.filter(({ alive }) => alive).length}`);
    return lines.join("\n") + "\n";
  }

  async #runs(filter: { readonly states?: readonly (typeof STATES)[number][]; readonly parked: boolean }):
    Promise<number> {
    let count = 0, before: string | undefined;
    while (count < COUNTED_TO) {
      const rows = await this.#engine.list({ ...filter, limit: PAGE, ...(before !== undefined && { before }) });
      count += rows.length;
      before = rows.at(-1)?.runId;
      if (rows.length < PAGE) break;
    }
    return count;
  }
}
