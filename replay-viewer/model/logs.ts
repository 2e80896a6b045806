/** Log lines pinned to events: which come before the focus, which belong to a call. */
import type { History } from "./history.ts";
import { LOG_LEVELS, type LogLevel, type LogLine } from "./wire.ts";

/** What of the log is shown. */
export interface LogFilter { readonly least: LogLevel; readonly words: string; readonly key?: string }

/** The lines that pass, in order of time. */
export function filterLogs(lines: readonly LogLine[], { least, words, key }: LogFilter): LogLine[] {
  const from = LOG_LEVELS.indexOf(least), wanted = words.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return lines.filter((line) => LOG_LEVELS.indexOf(line.level) >= from && (key === undefined || line.key === key)
    && wanted.every((word) => `${line.message} ${line.key ?? ""} ${line.data ?? ""}`.toLowerCase().includes(word)));
}

/** The event that a line belongs to: the one it follows, or for a line of a task the event before its instant. */
export function eventOfLine(line: LogLine, history: History): number {
  if (line.seq > 0) return Math.min(line.seq, Math.max(1, history.head));
  return history.seqAt(line.at);
}

/** How many of the lines (in order of time) were written up to event `seq`. */
export function linesUpTo(lines: readonly LogLine[], history: History, seq: number): number {
  const until = history.event(seq + 1)?.at ?? Infinity;
  let low = 0, high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1, line = lines[middle];
    const before = line !== undefined && (line.seq > 0 ? line.seq <= seq : line.at <= until);
    if (before) low = middle + 1; else high = middle;
  }
  return low;
}

/** The lines as text, for a file. */
export function logText(lines: readonly LogLine[]): string {
  return lines.map((line) => [new Date(line.at).toISOString(), line.level.toUpperCase().padEnd(8), line.key ?? "",
    line.message, line.data ?? ""].filter((part) => part !== "").join("  ")).join("\n") + "\n";
}
