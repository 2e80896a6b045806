/**
 * One run in the page's hands: its row, its history as far as it is here, and what is derived from both. Data comes
 * from
 * the server, live, or from a recording; everything below looks at signals and does not know which.
 */
import { batch, computed, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type { Event, Json } from "../../engine/core/events.ts";
import type { Call } from "../model/calls.ts";
import { criticalKeys, criticalPath } from "../model/critical.ts";
import { follows, resolveFocus } from "../model/focus.ts";
import { History } from "../model/history.ts";
import { shownPayload } from "../model/payload.ts";
import { makeScale } from "../model/scale.ts";
import type { Shown } from "../model/shown.ts";
import { rowsOf, type Grouping } from "../model/timeline.ts";
import { isOver, type LogLine, type Problem, type Recording, type RunRow, type Sources } from "../model/wire.ts";
import { asProblem, historyAfter, logsOf, oneRun, payloadOf, sourcesOf } from "./api.ts";
import { listen } from "./live.ts";
import { param } from "./place.ts";

/** Something that is fetched when it is first looked at. */
export type Fetched<T> = { readonly state: "loading" } | { readonly state: "here"; readonly value: T }
  | { readonly state: "failed"; readonly problem: Problem };

/** How far a history has come. */
export interface Progress { readonly here: number; readonly head: number; readonly whole: boolean }

/** What is derived from a history costs by its length: while it comes in pages, it is derived so often. */
const DRAW_MS = 400;

/** One run as the page follows it: its events, the cursor, what is loaded beside them. */
export class Session {
  readonly id: string;
  readonly recorded: boolean;
  readonly row: Signal<RunRow | undefined> = signal(undefined);
  readonly problem: Signal<Problem | undefined> = signal(undefined);
  readonly progress: Signal<Progress> = signal({ here: 0, head: 0, whole: false });
  /** Grows with the history: what is derived from it looks here. */
  readonly version = signal(0);
  /** From commit to this page, of the newest live event, in milliseconds. */
  readonly lag: Signal<number | undefined> = signal(undefined);
  /** The server's clock, once a second while the run goes on. */
  readonly now = signal(0);
  readonly history = new History();

  readonly seq = computed(() => { void this.version.value; return resolveFocus(param("e"), this.history) });
  readonly following = computed(() => { void this.version.value; return follows(param("e"), this.history) });
  readonly over = computed(() => { void this.version.value; return this.history.over });
  readonly rows = computed(() => { void this.version.value; return rowsOf(this.history, grouping()) });
  /** Forms that wait for an answer. */
  readonly forms = computed((): readonly Call[] => { void this.version.value;
    return this.history.over ? [] : [...this.history.open].filter((call) => call.wait?.kind === "form") });
  readonly critical = computed(() => { void this.version.value; return criticalPath(this.history) });
  readonly criticalKeys = computed(() => criticalKeys(this.critical.value));
  readonly until: ReadonlySignal<number> = computed(() => { void this.version.value;
    return this.history.over ? this.history.lastAt : Math.max(this.now.value, this.history.lastAt) });
  readonly scale = computed(() => { void this.version.value;
    return makeScale(this.history, this.until.value, param("fold") !== "0") });
  readonly logs: Signal<Fetched<readonly LogLine[]>> = signal({ state: "loading" });
  /** Instants at which each call wrote to the log, by key; empty until the log is here. */
  readonly written: ReadonlySignal<ReadonlyMap<string, readonly number[]>> = computed(() => {
    const marks = new Map<string, number[]>();
    if (this.logs.value.state !== "here") return marks;
    for (const { key, at } of this.logs.value.value) {
      if (key === undefined) continue;
      const list = marks.get(key);
      if (list === undefined) marks.set(key, [at]); else list.push(at);
    }
    return marks;
  });
  readonly sources: Signal<Fetched<Sources>> = signal({ state: "loading" });

  readonly #payloads = new Map<string, Signal<Fetched<Shown> | undefined>>();
  readonly #recording: Recording | undefined;
  #clockAhead = 0;
  #stop: (() => void)[] = [];
  #fetching = false;
  #logsAt = -1;
  #sourcesAsked = false;

  constructor(id: string, recording?: Recording) {
    this.id = id;
    this.#recording = recording;
    this.recorded = recording !== undefined;
    if (recording !== undefined) this.#play(recording);
  }

  /** Begins to load and to listen. */
  async open(): Promise<void> {
    if (this.recorded) return;
    try {
      this.row.value = (await oneRun(this.id)).run;
      await this.#page();
    } catch (error) { this.problem.value = asProblem(error); return }
    this.wantLogs();
    if (this.over.peek()) return;
    this.#stop.push(listen({
      asks: () => [{ sub: this.id, after: this.history.head }, { runs: true }],
      onEvents: (run, news) => { if (run === this.id) this.#live(news.events, news.head, news.now) },
      onBehind: () => { void this.#catchUp() },
      onRows: (rows) => { const mine = rows.find((row) => row.runId === this.id); if (mine) this.row.value = mine },
    }));
    const timer = setInterval(() => { if (!document.hidden && !this.over.peek()) this.#tick() }, 1000);
    this.#stop.push(() => { clearInterval(timer) });
  }
  close(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
  }

  /** Fetches the log when it is first looked at, and again when the run has moved on. */
  wantLogs(): void {
    if (this.recorded || this.#logsAt === this.history.head) return;
    this.#logsAt = this.history.head;
    logsOf(this.id).then(({ lines }) => { this.logs.value = { state: "here", value: lines } },
      (error: unknown) => { this.logs.value = { state: "failed", problem: asProblem(error) } });
  }
  /** Fetches the sources when they are first looked at. */
  wantSources(): void {
    if (this.recorded || this.#sourcesAsked) return;
    this.#sourcesAsked = true;
    sourcesOf(this.id).then((value) => { this.sources.value = { state: "here", value } },
      (error: unknown) => { this.sources.value = { state: "failed", problem: asProblem(error) } });
  }
  /** A large value that is kept apart; `undefined` until it is asked for. */
  payload(hash: string): Signal<Fetched<Shown> | undefined> {
    const known = this.#payloads.get(hash);
    if (known !== undefined) return known;
    const made = signal<Fetched<Shown> | undefined>(undefined);
    this.#payloads.set(hash, made);
    return made;
  }
  wantPayload(hash: string): void {
    const held = this.payload(hash);
    if (held.peek() !== undefined) return;
    held.value = { state: "loading" };
    const kept = this.#recording?.payloads?.[hash];
    if (this.recorded) {
      held.value = kept === undefined ? { state: "failed", problem: { code: "NOT_RECORDED",
        message: "This recording does not hold the large value.", hint: "Look at the run in the viewer itself." } }
        : { state: "here", value: shownOf(kept) };
      return;
    }
    payloadOf(hash).then((payload) => { held.value = { state: "here", value: shownPayload(payload) } },
      (error: unknown) => { held.value = { state: "failed", problem: asProblem(error) } });
  }

  /** The whole run as one document. Logs and sources are fetched for it where they can be. */
  async record(): Promise<Recording> {
    const row = this.row.peek();
    if (row === undefined) throw new Error("the run is not here yet");
    if (this.#recording !== undefined) return this.#recording;
    const [logs, sources] = await Promise.all([logsOf(this.id).catch(() => ({ lines: [] })),
      sourcesOf(this.id).catch(() => undefined)]);
    return { format: "reprise/recording/1", run: row, events: [...this.history.events], logs: logs.lines,
      ...(sources !== undefined && { sources }), now: this.until.peek() };
  }

  #play(recording: Recording): void {
    this.row.value = recording.run;
    try { this.#add(recording.events) } catch (error) { this.problem.value = asProblem(error) }
    this.now.value = recording.now ?? this.history.lastAt;
    this.progress.value = { here: this.history.head, head: this.history.head, whole: true };
    this.logs.value = { state: "here", value: recording.logs };
    this.sources.value = recording.sources !== undefined ? { state: "here", value: recording.sources }
      : { state: "failed", problem: { code: "NOT_RECORDED", message: "This recording holds no sources." } };
  }

  /** Fetches what is missing, page by page, and draws as it comes. */
  async #page(): Promise<void> {
    let next = historyAfter(this.id, this.history.head), drawnAt = -Infinity;
    for (let whole = false; !whole;) {
      const page = await next, last = page.events.at(-1)?.seq ?? page.head;
      this.#clockAhead = page.now - Date.now();
      whole = last >= page.head;
      if (!whole) next = historyAfter(this.id, last); // it comes while this one is taken in
      next.catch(() => undefined); // told where it is awaited
      if (whole || performance.now() - drawnAt > DRAW_MS) {
        batch(() => {
          this.#add(page.events);
          this.#tick();
          this.progress.value = { here: this.history.head, head: page.head, whole };
        });
        drawnAt = performance.now();
      } else this.history.add(page.events);
      await new Promise((resolve) => { setTimeout(resolve, 0) });
    }
  }
  async #catchUp(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    try { await this.#page() } catch { /* the channel says again when it is behind */ } finally {
      this.#fetching = false }
  }
  #live(events: readonly Event[], head: number, now: number): void {
    const first = events[0];
    if (first !== undefined && first.seq > this.history.head + 1) { void this.#catchUp(); return }
    this.#clockAhead = now - Date.now();
    batch(() => {
      this.#add(events);
      const last = events.at(-1);
      if (last !== undefined) this.lag.value = Math.max(0, Math.round(now - last.at));
      this.#tick();
      this.progress.value = { here: this.history.head, head: Math.max(head, this.history.head), whole: true };
    });
    const row = this.row.peek();
    if (this.history.over && row !== undefined && !isOver(row.state)) this.#refresh();
  }
  #refresh(): void {
    oneRun(this.id).then(({ run }) => { this.row.value = run }, () => { /* the row is a courtesy */ });
  }
  #add(events: readonly Event[]): void {
    const before = this.history.head;
    this.history.add(events);
    if (this.history.head > before) this.version.value++;
  }
  #tick(): void { this.now.value = Date.now() + this.#clockAhead }
}

function shownOf(kept: Json): Shown {
  // A recording's payload is either a payload or, as it was served, plain JSON.
  const isPayload = typeof kept === "object" && kept !== null && !Array.isArray(kept) && ("p" in kept || "s" in kept);
  return shownPayload(isPayload ? kept as unknown as Parameters<typeof shownPayload>[0] : { p: kept }); // told just now
}

const byName = computed((): Grouping => param("group") === "name" ? "name" : "call");
/** One row per call, or one per name. */
export function grouping(): Grouping { return byName.value }

/** The session of the page, if it shows a run. */
export const session: Signal<Session | undefined> = signal(undefined);
