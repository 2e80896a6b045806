/** Log lines of runs on their way to the store: in batches, and never in the way of the run. */
import { saidBy } from "../core/thrown.ts";
import type { LogLine, Store } from "../store/port.ts";
import type { LogLevel } from "../replay/identity.ts";
import { soon, type Clock } from "./clock.ts";

const FLUSH_MS = 50;

/** Log lines on their way to the store. */
export class Logs {
  readonly #store: Store;
  readonly #clock: Clock;
  #lines: LogLine[] = [];
  #timer: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, clock: Clock) { this.#store = store; this.#clock = clock }

  write(runId: string, at: number, line: { readonly seq: number; readonly level: LogLevel; readonly text: string;
    readonly data: object | undefined; readonly key?: string; readonly attempt?: number }): void {
    this.#lines.push({
      runId, seq: line.seq, at, level: line.level, message: line.text,
      ...(line.key !== undefined && { key: line.key }), ...(line.attempt !== undefined && { attempt: line.attempt }),
      ...(line.data !== undefined && { data: safeJson(line.data) }),
    });
    this.#timer ??= soon(this.#clock, FLUSH_MS, () => { void this.flush() });
  }

  /** Resolves when every line so far is stored; lines that the store refuses are dropped, runs are not. */
  async flush(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length > 0) {
      this.#writing = this.#writing.then(() => this.#store.writeLogs(lines)).catch(() => undefined);
    }
    await this.#writing;
  }
}

/** Log data is for reading: what JSON cannot say becomes text. */
function safeJson(data: object): string {
  try {
    return JSON.stringify(data, (_key, value: unknown) => typeof value === "bigint" ? value.toString() : value);
  } catch (error) { return JSON.stringify({ unprintable: saidBy(error) }) }
}
