/**
 * Group commit (design 3.1): appends of many runs leave as one statement. An idle engine commits at once, a loaded one
 * batches by itself: whatever came while a flush was in flight goes with the next. At most one row per run is in
 * flight, so a refused row can never be followed by a later one of the same run.
 */
import { StoreError, type AppendRow, type Change, type Sent, type Store } from "../store/port.ts";
import { soon, type Clock } from "./clock.ts";
import { afterTurns } from "../replay/turns.ts";
import type { Patience } from "./patience.ts";

/** One append, ready to leave, with what must be written before it and with it. */
export interface Outgoing {
  readonly row: AppendRow;
  readonly change: Change | undefined;
  readonly sent: readonly Sent[];
  readonly payloads: readonly { readonly hash: string; readonly text: string }[];
}
/** A run that appends. */
export interface Appender {
  /** The next append, or nothing. Called only while none of this run is in flight. */
  take(): Outgoing | undefined;
  /** The append is durable. */
  landed(): void;
  /** The append will never land: another owner stands there, or the database refuses its data. */
  refused(why: StoreError | undefined): void;
}

const LAZY_MS = 5;
const MAX_ROWS = 1000;
const MAX_BYTES = 4 * 1024 * 1024;

export interface CommitterOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly patience: Patience;
  /** Flushes that may be in flight at once; each has a connection. */
  readonly lanes: number;
}

/** Collects the appends of all runs and sends them together. */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #urgent = new Set<Appender>();
  readonly #lazy = new Set<Appender>();
  /** Runs with a row in flight -> what they asked for meanwhile. */
  readonly #inFlight = new Map<Appender, "none" | "lazy" | "urgent">();
  /** Statements on their way, and the rows of their batches. */
  #busy = 0;
  #rows = 0;
  #pumpScheduled = false;
  #lazyTimer: (() => void) | undefined;
  #idle: (() => void)[] = [];

  constructor(options: CommitterOptions) { this.#options = options }

  /** This run has something to append: now, or within 5 ms with whatever else comes. */
  mark(run: Appender, urgent: boolean): void {
    const flying = this.#inFlight.get(run);
    if (flying !== undefined) {
      if (urgent || flying === "none") this.#inFlight.set(run, urgent ? "urgent" : "lazy");
      return;
    }
    if (urgent) { this.#lazy.delete(run); this.#urgent.add(run); this.#schedule() }
    else if (!this.#urgent.has(run)) { this.#lazy.add(run); this.#armLazy() }
  }

  /** Resolves when nothing is queued or in flight. */
  async settled(): Promise<void> {
    for (const run of this.#lazy) this.#urgent.add(run);
    this.#lazy.clear();
    this.#schedule();
    if (this.#inFlight.size === 0 && this.#urgent.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Gives up: nothing leaves any more, retries end. */
  stop(): void { this.#options.patience.stop(); this.#lazyTimer?.() }

  #schedule(): void {
    if (this.#pumpScheduled || !this.#mayLeave) return;
    this.#pumpScheduled = true;
    // After the microtasks of this moment: what many runs bring at once leaves together, what one brings leaves at
    // once.
    afterTurns(() => { this.#pumpScheduled = false; this.#pump() });
  }

  /** A second batch leaves beside the first only when it carries as much: load makes batches larger, not more. */
  get #mayLeave(): boolean {
    return this.#busy === 0 || (this.#busy < this.#options.lanes && this.#urgent.size >= this.#rows);
  }

  #armLazy(): void {
    this.#lazyTimer ??= soon(this.#options.clock, LAZY_MS, () => {
      this.#lazyTimer = undefined;
      for (const run of this.#lazy) this.#urgent.add(run);
      this.#lazy.clear();
      this.#schedule();
    });
  }

  #pump(): void {
    while (this.#urgent.size > 0 && this.#mayLeave && !this.#options.patience.stopped) {
      const batch = this.#cut();
      if (batch.size === 0) continue;
      void this.#flush(batch);
    }
    if (this.#inFlight.size > 0 || (this.#urgent.size > 0 && !this.#options.patience.stopped)) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const done of idle) done();
  }

  #cut(): Map<Appender, Outgoing> {
    const batch = new Map<Appender, Outgoing>();
    let bytes = 0;
    for (const run of this.#urgent) {
      this.#urgent.delete(run);
      const outgoing = run.take();
      if (outgoing === undefined) continue;
      this.#inFlight.set(run, "none");
      batch.set(run, outgoing);
      bytes += outgoing.row.events.length;
      if (batch.size >= MAX_ROWS || bytes >= MAX_BYTES) break;
    }
    return batch;
  }

  async #flush(batch: ReadonlyMap<Appender, Outgoing>): Promise<void> {
    // Rows with a change of state go in a statement of their own: a held `runs` lock never delays the plain ones.
    const plain = new Map<Appender, Outgoing>(), changing = new Map<Appender, Outgoing>();
    for (const [run, out] of batch) {
      (out.change === undefined && out.sent.length === 0 ? plain : changing).set(run, out);
    }
    const payloads = [...batch.values()].flatMap((out) => out.payloads);
    this.#busy++;
    this.#rows += batch.size;
    let away = true;
    const answered = (): void => {
      if (!away) return;
      away = false;
      this.#busy--;
      this.#rows -= batch.size;
      this.#pump(); // the database has work again before this process turns to what came back
    };
    try {
      if (payloads.length > 0) {
        await this.#options.patience.insist(() => this.#options.store.putPayloads(payloads));
      }
      if (plain.size > 0) await this.#send(plain, changing.size > 0 ? undefined : answered);
      if (changing.size > 0) await this.#send(changing, answered);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      for (const run of batch.keys()) if (this.#inFlight.has(run)) this.#refuse(run, error);
    }
    answered();
    this.#pump();
  }

  /** Sends until every row has landed or been refused. */
  async #send(batch: ReadonlyMap<Appender, Outgoing>, answered?: () => void): Promise<void> {
    const outs = [...batch.values()];
    let landed: readonly string[] | undefined;
    try {
      landed = await this.#options.store.append(outs.map((out) => out.row),
        outs.flatMap((out) => out.change ?? []), outs.flatMap((out) => out.sent));
      this.#options.patience.recovered();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (this.#options.patience.isHopeless(error)) { await this.#split(batch, error); return }
      await this.#options.patience.pause(error);
    }
    if (landed !== undefined) answered?.();
    const missing = new Map<Appender, Outgoing>();
    const there = new Set(landed);
    for (const [run, out] of batch) if (there.has(out.row.runId)) this.#land(run); else missing.set(run, out);
    if (missing.size > 0) await this.#settle(missing);
  }

  /** Rows that did not come back: landed earlier, fenced, or not there yet. Looked up in a statement of its own. */
  async #settle(missing: ReadonlyMap<Appender, Outgoing>): Promise<void> {
    const places = [...missing.values()].map(({ row }) => ({ runId: row.runId, firstSeq: row.firstSeq }));
    const answers = await this.#options.patience.insist(() => this.#options.store.standing(places));
    const standing = new Map(answers.map((answer) => [answer.runId, answer.appendId]));
    for (const [run, out] of missing) {
      const appendId = standing.get(out.row.runId);
      if (appendId === out.row.appendId) this.#land(run);
      else if (appendId !== undefined) this.#refuse(run, undefined);
      else await this.#resend(run, out);
    }
  }

  /** Nobody stands there: the row never arrived, or came too early. Resent byte-identical; refused twice = fenced. */
  async #resend(run: Appender, out: Outgoing): Promise<void> {
    for (;;) {
      if (this.#options.patience.stopped) { this.#refuse(run, undefined); return }
      const { row } = out;
      const waitMs = row.notBefore === undefined ? 0
        : row.notBefore - (await this.#options.patience.insist(() => this.#options.store.now()));
      if (waitMs > 0) await this.#sleep(waitMs);
      let lost = false;
      try {
        const landed = await this.#options.store.append([row], out.change ? [out.change] : [], out.sent);
        if (landed.length > 0) { this.#land(run); return }
      } catch (error) {
        lost = true;
        if (!(error instanceof StoreError)) throw error;
        if (this.#options.patience.isHopeless(error)) { this.#refuse(run, error); return }
        await this.#options.patience.pause(error);
      }
      const [answer] = await this.#options.patience.insist(() => this.#options.store.standing([row]));
      if (answer?.appendId === row.appendId) { this.#land(run); return }
      if (answer !== undefined || (!lost && waitMs <= 0)) { this.#refuse(run, undefined); return }
    }
  }

  /** A flush failed on data: one by one, so that one bad row fails one run. */
  async #split(batch: ReadonlyMap<Appender, Outgoing>, error: StoreError): Promise<void> {
    if (batch.size > 1) { for (const [run, out] of batch) await this.#send(new Map([[run, out]])); return }
    for (const run of batch.keys()) this.#refuse(run, error);
  }

  #land(run: Appender): void { const asked = this.#lift(run); run.landed(); this.#again(run, asked) }
  #refuse(run: Appender, why: StoreError | undefined): void { this.#lift(run); run.refused(why) }
  #lift(run: Appender): "none" | "lazy" | "urgent" {
    const asked = this.#inFlight.get(run) ?? "none";
    this.#inFlight.delete(run);
    return asked;
  }
  #again(run: Appender, asked: "none" | "lazy" | "urgent"): void {
    if (asked !== "none") this.mark(run, asked === "urgent");
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => { this.#options.clock.after(ms, resolve) });
  }
}
