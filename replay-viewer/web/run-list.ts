/** The list of runs as it is loaded: pages by key, rows that change live. */
import { batch, signal, type Signal } from "@preact/signals";
import { isOver, type Problem, type RunRow } from "../model/wire.ts";
import { asProblem, listRuns, type RunQuery } from "./api.ts";
import { listen } from "./live.ts";

const FILTERS = ["state", "workflow", "q", "tag", "since"] as const;
/** The filters of an address. */
export function queryOf(query: { readonly [name: string]: string }): RunQuery {
  return Object.fromEntries(FILTERS.flatMap((name) => query[name] ? [[name, query[name]]] : []));
}

/** Runs that meet one set of filters, newest first. */
export class RunList {
  readonly rows: Signal<readonly RunRow[]> = signal([]);
  readonly loading = signal(true);
  readonly more = signal(false);
  readonly problem: Signal<Problem | undefined> = signal(undefined);
  readonly query: RunQuery;
  #next: string | null = null;
  #asked = new AbortController();
  #stop: (() => void) | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** `known`: rows to show until the first page is here. */
  constructor(query: RunQuery, known: readonly RunRow[] = []) {
    this.query = query;
    this.rows.value = known.filter((row) => meets(row, query));
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
    const oldest = this.rows.peek().at(-1)?.runId;
    this.rows.value = [...rows.values()].filter((row) => meets(row, this.query)
      && (this.#next === null || oldest === undefined || row.runId >= oldest))
      .sort((a, b) => a.runId < b.runId ? 1 : -1);
  }
}

/** Does a row that came live meet the filters? (`since` it does: it is new or was there.) */
export function meets(row: RunRow, { state, workflow, q, tag }: RunQuery): boolean {
  const said = row.parked === null ? row.state : "parked";
  const text = [row.runId, row.name, row.workflow, row.idempotencyKey ?? "", ...row.tags].join("\n").toLowerCase();
  return (state === undefined || state.split(",").includes(said))
    && (workflow === undefined || row.workflow === workflow)
    && (tag === undefined || row.tags.includes(tag)) && (q === undefined || text.includes(q.toLowerCase()));
}

/** How long a run took, or has been going on. */
export function tookMs(row: RunRow, now: number): number | undefined {
  if (row.endedAt !== null) return row.endedAt - row.createdAt;
  return isOver(row.state) ? undefined : Math.max(0, now - row.createdAt);
}
