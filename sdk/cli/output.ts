/** What the command line prints: results on stdout, all else on stderr; tables for people, JSON for programs. */
import { styleText } from "node:util";
import { originals, RepriseError } from "../../engine/index.ts";

/** How results are to be printed. */
export interface Style { readonly json?: boolean; readonly jsonl?: boolean; readonly quiet?: boolean }

export function out(text: string): void { process.stdout.write(`${text}\n`) }
export function say(text: string): void { process.stderr.write(`${text}\n`) }
/** One document and nothing else. */
export function outJson(value: unknown): void { out(JSON.stringify(value, plain, 2)) }
/** One line of a stream. */
export function outJsonLine(value: unknown): void { out(JSON.stringify(value, plain)) }

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  return value instanceof Set ? [...value] : value;
}

/** Rows under a header, columns as wide as their widest cell; no border, so that it can be cut and pasted. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd();
  return [bold(line(header)), ...rows.map(line)].join("\n");
}

export function bold(text: string): string { return colours() ? styleText("bold", text) : text }
export function dim(text: string): string { return colours() ? styleText("dim", text) : text }
function colours(): boolean { return process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined }

/** `2026-11-21 14:52:32`, local time. */
export function when(at: number | null): string {
  if (at === null) return "-";
  const date = new originals.Date(at);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const EXITS: { readonly [code: string]: number } = {
  USAGE: 2, INPUT_INVALID: 2, INVALID_OPTION: 2, INVALID_NAME: 2, INVALID_DURATION: 2, INVALID_DATABASE: 2,
  INVALID_CONFIG: 2, INVALID_RUN_NAME: 2, NO_SUCH_EVENT: 2, UNSERIALIZABLE: 2, PAYLOAD_TOO_LARGE: 2,
  ANSWER_REFUSED: 2, UPDATE_REFUSED: 2, INJECT_REFUSED: 2, SIGNAL_UNDECLARED: 2, NO_CODE_AT_LINE: 2, VALUE_MISSING: 2,
  REPLAY_DIVERGED: 3, NOT_DETERMINISTIC: 3, CODE_PINNED: 3, CODE_NOT_LOADED: 3, WORKFLOW_GONE: 3,
  RUN_NOT_FOUND: 4, QUERY_UNKNOWN: 4, FORK_REFUSED: 4, HOOK_UNKNOWN: 4, FILE_NOT_FOUND: 4, WORKFLOW_NOT_LOADED: 4,
    NOT_SERVED: 4,
  STORE_LOCKED: 5, STORE_UNAVAILABLE: 5, STORE_PROTOCOL: 5, STORE_READ_ONLY: 5, STORE_OPEN_FAILED: 5, DISK_FULL: 5,
  RUN_CANCELLED: 6, CANCELLED: 6, TIMED_OUT: 6, UPDATE_PENDING: 6, REPLAY_STUCK: 6,
  RUN_EXISTS: 7, RUN_ENDED: 7, NOTHING_TO_RETRY: 7, CONCURRENCY_FULL: 7, AMBIGUOUS_RUN: 7,
  SCHEMA_NEWER: 8, MIGRATION_CHANGED: 8,
};

/** The exit code that an error means (docs/cli.md). */
export function exitCodeOf(error: unknown): number {
  const code = codeOf(error);
  return code === undefined ? 1 : EXITS[code] ?? 1;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code;
}

/** Prints an error for a person: what happened, why, the next step, the page. */
export function sayError(error: unknown): void {
  const code = codeOf(error);
  if (error instanceof RepriseError) {
    say(`${red("error")} ${code}: ${error.message}`);
    const causes = causesOf(error);
    for (const cause of causes) say(dim(`  caused by ${cause.stack ?? cause.message}`));
    const root = causes.findLast((cause) => cause instanceof RepriseError && codeOf(cause) !== "TASK_FAILED");
    for (const { hint, docs } of root instanceof RepriseError ? [root, error] : [error]) {
      if (hint !== "") say(`  ${hint}`);
      say(dim(`  ${docs}`));
    }
  } else if (error instanceof Error) say(
    `${red("error")} ${code === undefined ? "" : `${code}: `}${error.stack ?? error.message}`);
  else say(`${red("error")} ${String(error)}`);
}

function causesOf({ cause }: Error): readonly Error[] {
  return cause instanceof Error ? [cause, ...causesOf(cause)] : [];
}

function red(text: string): string {
  return process.stderr.isTTY && process.env["NO_COLOR"] === undefined ? styleText("red", text) : text;
}
