/** A handle of a run: by id, in any process. Making one does no I/O; its first call finds out. */
import {
  openFold, RepriseError, toMs, type Duration, type Event, type RunEngine, type RunState,
} from "../engine/index.ts";
import { viewerOf } from "./viewer.ts";

export interface RunHandle<Out> extends AsyncIterable<Event> {
  readonly id: string;
  readonly name: string;
  /** Where a viewer shows the run; undefined while none is served. */
  readonly url: string | undefined;
  /** Waits for the end. @throws RunError */
  result(): Promise<Out>;
  /** The state now, or rebuilt from history at event `at` (from 1). */
  state(options?: { at?: number }): Promise<{ state: RunState; head: number }>;
  /** Events from `from` on (from 1), as recorded so far. */
  history(options?: { from?: number }): AsyncIterable<Event>;
  logs(): AsyncIterable<{ seq: number; level: string; text: string }>;
  /** Asks the run to stop; it ends as cancelled when its code has let go. */
  cancel(options?: { reason?: string; grace?: Duration }): Promise<void>;
}

const POLL_MS = 100;
type Find = () => Promise<RunEngine>;

/** @param where the engine, or what gives it when it is first needed */
export function runHandle<Out>(id: string, name: string, where: RunEngine | Find): RunHandle<Out> {
  const find: Find = typeof where === "function" ? where : () => Promise.resolve(where);
  return {
    id, name,
    get url() { return typeof where === "function" ? undefined : viewerOf(where)?.link(id) },
    // A run's result is what its workflow returned, as its types say.
    result: async () => (await find()).result(id) as Promise<Out>,
    state: async (options = {}) => stateOf(await find(), id, options.at),
    history: (options = {}) => events(find, id, options.from ?? 1, false),
    logs: () => logs(find, id),
    cancel: async (options = {}) => {
      const asked = await (await find()).cancel(id, {
        ...(options.reason !== undefined && { reason: options.reason }),
        ...(options.grace !== undefined && { graceMs: toMs(options.grace, "grace") }),
      });
      if (!asked) throw new RepriseError("RUN_ENDED", `run ${id} has ended; it cannot be cancelled`,
        `See how: reprise runs inspect ${id}`);
    },
    [Symbol.asyncIterator]: () => events(find, id, 1, true),
  };
}

async function stateOf(engine: RunEngine, id: string, at: number | undefined): Promise<{ state: RunState;
  head: number }> {
  const row = await engine.row(id);
  if (at === undefined) return { state: row.parked === null ? row.state : "parked", head: row.asOf };
  const history = await engine.history(id);
  if (!Number.isInteger(at) || at < 1 || at > history.length) throw new RepriseError("NO_SUCH_EVENT",
    `run ${id} has the events 1 to ${history.length}, not ${at}`, "Give a seq in that range.");
  const fold = openFold();
  for (const event of history.slice(0, at)) fold.apply(event);
  return { state: fold.view.state, head: at };
}

async function* events(find: Find, id: string, from: number, follow: boolean): AsyncGenerator<Event> {
  const engine = await find();
  for (let next = from; ;) {
    const row = await engine.row(id);
    for (const event of await engine.history(id)) if (event.seq >= next) { yield event; next = event.seq + 1 }
    const ended = ["completed", "failed", "cancelled", "crashed"].includes(row.state);
    if (!follow || ended) return;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS) });
  }
}

async function* logs(find: Find, id: string): AsyncGenerator<{ seq: number; level: string; text: string }> {
  for (const { seq, level, message } of await (await find()).logs(id)) yield { seq, level, text: message };
}
