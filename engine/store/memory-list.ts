/** The list of runs in memory, by the rules of list-runs.sql and find-runs.sql. */
import type { LogCount, LogLine, RunFilter, RunRow, RunSearch } from "./port.ts";

type Row = Omit<RunRow, "ownerAlive">;

/** Does a row meet every filter? */
export function matches(row: Row, filter: RunFilter): boolean {
  return (filter.states === undefined || filter.states.includes(row.state))
    && (filter.workflow === undefined || filter.workflow === row.workflow)
    && (filter.tag === undefined || row.tags.includes(filter.tag))
    && (filter.name === undefined || filter.name === row.name)
    && (filter.idempotencyKey === undefined || filter.idempotencyKey === row.idempotencyKey)
    && (filter.scriptKey === undefined || filter.scriptKey === row.scriptKey)
    && (filter.idPrefix === undefined || row.runId.startsWith(filter.idPrefix))
    && (filter.parked === undefined || filter.parked === (row.parked !== null))
    && (filter.before === undefined || row.runId < filter.before);
}

/** The run that has this own id; undefined: none has, or those of several workflows. */
export function ownedBy(runs: Iterable<{ readonly row: Row }>, ownId: string): string | undefined {
  const [one, ...others] = [...runs].filter(({ row }) => row.idempotencyKey === ownId);
  return others.length === 0 ? one?.row.runId : undefined;
}

/** The rows in the order that is asked for. */
export function found<R extends { readonly row: Row }>(runs: readonly R[], search: RunSearch, now: number):
  readonly R[] {
  const { owner, codeVersion, tookMs, after, order = "newest", limit = 100 } = search;
  const took = ({ createdAt, endedAt }: Row): number => (endedAt ?? now) - createdAt;
  const newer = (a: R, b: R): number => a.row.runId < b.row.runId ? 1 : -1;
  return runs.filter(({ row }) => matches(row, search) && (after === undefined || row.runId > after)
    && (owner === undefined || row.owner === owner) && (codeVersion === undefined || row.codeVersion === codeVersion)
    && (tookMs === undefined || took(row) >= tookMs))
    .sort((a, b) => order === "oldest" ? newer(b, a)
      : (order === "longest" ? took(b.row) - took(a.row) : 0) || newer(a, b)).slice(0, Math.min(1000, limit));
}

/** By the rule of count-logs.sql: nothing of a run that wrote no serious line. */
export function logCount(runId: string, lines: readonly LogLine[]): readonly LogCount[] {
  const of = (...levels: readonly LogLine["level"][]): number =>
    lines.reduce((n, { level }) => levels.includes(level) ? n + 1 : n, 0);
  const warnings = of("warn"), errors = of("error", "critical");
  return warnings + errors === 0 ? [] : [{ runId, warnings, errors }];
}
