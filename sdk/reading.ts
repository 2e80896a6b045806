/** What a run has recorded, read through its handle: events, log lines, streams. */
import { decodeValue, RepriseError, TERMINAL_STATES, type Event as Recorded, type RunEngine } from "../engine/index.ts";
import type { Stream } from "./show.ts";

/** One recorded fact of a run. `seq` counts from 1; `by` is the seq of the event that led to it. The fields beside
 *  these depend on `type`. */
export type Event = Told<Recorded>;
type Told<E> = E extends Recorded
  ? Omit<E, "at"> & { readonly at: Date; readonly key?: string; readonly by?: number } : never;
/** An item of a stream: its place, from 0, and the event that recorded it. */
export interface StreamItem<T> {
  readonly offset: number; readonly seq: number; readonly at: Date; readonly value: T;
}
/** `follow`: until the run has ended, not only what is there. */
export interface Reading { readonly from: number; readonly follow: boolean }

const POLL_MS = 100;
/** The run that is read, and where; found at the first look. */
type Find = () => Promise<{ readonly engine: RunEngine; readonly id: string }>;

/** Events from `from` on (from 1). */
export async function* readEvents(find: Find, { from, follow }: Reading): AsyncGenerator<Event> {
  for await (const event of recorded(await find(), { from, follow })) {
    yield { ...event, at: new Date(event.at) } as Event; // the same fields, with the instant as a date
  }
}

/** Items of a stream from offset `from` on (from 0). @throws INVALID_OPTION */
export async function* readStream<T>(find: Find, stream: Stream<T> | string, { from, follow }: Reading):
  AsyncGenerator<StreamItem<T>> {
  const wanted = typeof stream === "string" ? stream : stream.streamName;
  if (!Number.isInteger(from) || from < 0) throw new RepriseError("INVALID_OPTION",
    `stream '${wanted}' was asked for from offset ${String(from)}`, "Give a whole number from 0.");
  let offset = 0;
  for await (const event of recorded(await find(), { from: 1, follow })) {
    if (event.type !== "Published" && event.type !== "Reported") continue;
    const { kind, name, seq, at, value } = event;
    if (kind !== "stream" || name !== wanted || offset++ < from) continue;
    // What the stream of this name was written with.
    yield { offset: offset - 1, seq, at: new Date(at), value: decodeValue(value) as T };
  }
}

/** Lines that the run's code wrote, so far. */
export async function* readLogs(find: Find):
  AsyncGenerator<{ seq: number; level: string; text: string }> {
  const { engine, id } = await find();
  for (const { seq, level, message } of await engine.logs(id)) yield { seq, level, text: message };
}

/** What was read once is not read again: each look asks for the events from the next one on. */
async function* recorded({ engine, id }: Awaited<ReturnType<Find>>, { from, follow }: Reading):
  AsyncGenerator<Recorded> {
  for (let next = from; ;) {
    const { state } = await engine.row(id); // its asOf may be behind what is recorded
    for (const event of await engine.history(id, next)) {
      yield event;
      next = event.seq + 1;
    }
    if (!follow || TERMINAL_STATES.includes(state)) return;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS) });
  }
}
