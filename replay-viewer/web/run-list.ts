/** The list of runs as it is loaded: pages by key, rows that change live. */
import { batch, signal, type Signal } from "@preact/signals";
import { toMs } from "../../engine/core/duration.ts";
import { isOver, type Problem, type RunRow } from "../model/wire.ts";
import { asProblem, listRuns, LONGEST, talliesOf, type RunQuery, type Tally } from "./api.ts";
import { listen } from "./live.ts";

const FILTERS = ["state", "workflow", "q", "tag", "since", "worker", "version", "took", "sort"] as const;
/** The filters of an address. */
export function queryOf(query: { readonly [name: string]: string }): RunQuery {
  return Object.fromEntries(FILTERS.flatMap((name) => query[name] ? [[name, query[name]]] : []));
}

/** Runs that meet one set of filters, in one order. */
export class RunList {
  readonly rows: Signal<readonly RunRow[]> = signal([]);
  readonly loading = signal(true);
  readonly more = signal(false);
  readonly problem: Signal<Problem | undefined> = signal(undefined);
  readonly query: RunQuery;
  readonly #tallies: Signal<ReadonlyMap<string, Tally | null>> = signal(new Map());
  readonly #uncounted = new Set<string>();
  #counting: ReturnType<typeof setTimeout> | undefined;
  #next: string | null = null;
  #asked = new AbortController();
  #stop: (() => void) | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** `known`: rows to show until the first page is here. */
  constructor(query: RunQuery, known: readonly RunRow[] = []) {
    this.query = query;
    this.rows.value = this.#sorted(known.filter((row) => meets(row, query)));
  }

  /** Loads the first page and listens for changes. */
  async open(): Promise<void> {
    await this.#load(undefined);
    if (this.#asked.signal.aborted) return;
    this.#stop ??= listen({ asks: () => [{ runs: true }], onRows: (rows) => { this.#changed(rows) } });
  }
  /** Loads the page that follows. */
  async next(): Promise<void> {
    if (this.loading.peek() || this.#next === null) return;
    await this.#load(this.#next);
  }
  close(): void {
    this.#asked.abort();
    clearTimeout(this.#retry);
    clearTimeout(this.#counting);
    this.#stop?.();
  }

  async #load(before: string | undefined): Promise<void> {
    this.loading.value = true;
    try {
      const { runs, next } = await listRuns(this.query, before, this.#asked.signal);
      batch(() => {
        const known = new Set(this.rows.peek().map((row) => row.runId));
        this.rows.value = before === undefined ? runs
          : [...this.rows.peek(), ...runs.filter((row) => !known.has(row.runId))];
        this.#next = next;
        this.more.value = next !== null;
        this.problem.value = undefined;
        this.loading.value = false;
      });
    } catch (error) {
      if (this.#asked.signal.aborted) return;
      batch(() => { this.problem.value = asProblem(error); this.loading.value = false });
      if (before === undefined && this.problem.peek()?.code === "SERVER_GONE") {
        this.#retry = setTimeout(() => { void this.open() }, 3000);
      }
    }
  }

  #changed(news: readonly RunRow[]): void {
    const rows = new Map(this.rows.peek().map((row) => [row.runId, row]));
    for (const row of news) if (rows.has(row.runId) || meets(row, this.query)) rows.set(row.runId, row);
    const end = this.rows.peek().at(-1)?.runId, { sort } = this.query;
    // What comes after the last row belongs to a page that is not here yet.
    const here = ({ runId }: RunRow): boolean => this.#next === null || end === undefined
      || (sort === "oldest" ? runId <= end : runId >= end);
    this.rows.value = this.#sorted([...rows.values()].filter((row) => meets(row, this.query) && here(row)));
  }

  #sorted(rows: readonly RunRow[]): readonly RunRow[] {
    const { sort } = this.query, now = Date.now();
    const newer = (a: RunRow, b: RunRow): number => a.runId < b.runId ? 1 : -1;
    if (sort === "oldest") return rows.toSorted((a, b) => newer(b, a));
    return sort !== "longest" ? rows.toSorted(newer)
      : rows.toSorted((a, b) => (tookMs(b, now) ?? 0) - (tookMs(a, now) ?? 0) || newer(a, b)).slice(0, LONGEST);
  }

  /** The tasks of a run, counted: what is known, while the rest is asked for. null: it is too long. */
  tally({ runId, asOf, state }: RunRow): Tally | null | undefined {
    const known = this.#tallies.value.get(runId);
    // The row of a run that goes on is not written with each event.
    if (known === undefined || known !== null && (known.events < asOf || !isOver(state))) {
      this.#uncounted.add(runId);
      this.#counting ??= setTimeout(() => { void this.#count() }, known === undefined ? SOON_MS : COUNTS_MS);
    }
    return known;
  }

  async #count(): Promise<void> {
    const ids = [...this.#uncounted].slice(0, MOST_COUNTED);
    this.#uncounted.clear();
    try {
      const { tallies } = await talliesOf(ids);
      this.#tallies.value = new Map([...this.#tallies.peek(),
        ...ids.map((id, i) => [id, tallies[i] ?? null] as const)]);
    } catch { /* the list says what is wrong; the next change asks again */ }
    this.#counting = undefined;
  }
}
const SOON_MS = 50, COUNTS_MS = 2000, MOST_COUNTED = 100;

/** Does a row that came live meet the filters? (`since` it does: it is new or was there.) */
export function meets(row: RunRow, { state, workflow, q, tag, worker, version, took }: RunQuery): boolean {
  const said = row.parked === null ? row.state : "parked";
  const text = [row.runId, row.name, row.workflow, row.idempotencyKey ?? "", ...row.tags].join("\n").toLowerCase();
  return (state === undefined || state.split(",").includes(said))
    && (workflow === undefined || row.workflow === workflow) && (tag === undefined || row.tags.includes(tag))
    && (worker === undefined || row.owner === worker) && (version === undefined || row.codeVersion === version)
    && (took === undefined || (tookMs(row, Date.now()) ?? 0) >= msOf(took))
    && (q === undefined || text.includes(q.toLowerCase()));
}
/** What is no duration the server has refused. */
function msOf(text: string): number {
  try { return toMs(text as `${number}s`, "took") } catch { return 0 }
}

/** How long a run took, or has been going on. */
export function tookMs(row: RunRow, now: number): number | undefined {
  if (row.endedAt !== null) return row.endedAt - row.createdAt;
  return isOver(row.state) ? undefined : Math.max(0, now - row.createdAt);
}
