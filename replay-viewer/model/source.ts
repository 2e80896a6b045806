/** The source that ran: where an event stands in it, which lines were executed, and its tokens for colouring. */
import type { ErrorRecord } from "../../engine/core/events.ts";
import type { Call } from "./calls.ts";
import type { History } from "./history.ts";

/** A place in a file; line and column from 1. */
export interface Site { readonly file: string; readonly line: number; readonly column: number; readonly fn: string }

/** `examples/etl.ts:35:40 loadAll` in parts. */
export function parseSite(site: string | undefined): Site | undefined {
  const [, file, line, column, fn = ""] = /^(.*?):(\d+):(\d+)(?: (.*))?$/.exec(site ?? "") ?? [];
  return file === undefined ? undefined : { file, line: Number(line), column: Number(column), fn };
}

/** Where the call of an event stands; for an event of the run itself, where the code decided it last. */
export function siteOf(history: History, seq: number): Site | undefined {
  const event = history.event(seq);
  if (event === undefined) return undefined;
  const own = parseSite("site" in event ? event.site : undefined) ?? parseSite(history.callOf(event)?.site);
  if (own !== undefined) return own;
  const before = history.calls.findLast((call) => call.seq <= seq && call.site !== undefined);
  return parseSite(before?.site);
}

/** The first place in an error's stack, or in a cause's, that lies in one of these files. */
export function throwSite(error: ErrorRecord, files: readonly string[]): Site | undefined {
  for (const line of (error.stack ?? "").split("\n")) {
    const [, fn = "", path, row, column] = /at (?:(.*?) \()?(?:file:\/\/)?([^()]*?):(\d+):(\d+)\)?$/.exec(line) ?? [];
    if (path === undefined) continue;
    const file = files.find((one) => path === one || path.endsWith(`/${one}`));
    if (file !== undefined) return { file, line: Number(row), column: Number(column), fn };
  }
  return error.cause === undefined ? undefined : throwSite(error.cause, files);
}

/** What happened at one line up to the focus. */
export interface LineFact {
  /** How often the code called something here. */
  readonly calls: number;
  /** The newest of them. */
  readonly last: Call;
  readonly failed: boolean;
}
/** The lines of a file at which calls were made, up to event `until`. */
export function lineFacts(history: History, file: string, until: number): ReadonlyMap<number, LineFact> {
  const facts = new Map<number, LineFact>();
  for (const call of history.calls) {
    if (call.seq > until) break;
    const site = parseSite(call.site);
    if (site?.file !== file) continue;
    const known = facts.get(site.line);
    const failed = call.state === "failed" && (call.endSeq ?? Infinity) <= until;
    facts.set(site.line, { calls: (known?.calls ?? 0) + 1, last: call, failed: failed || (known?.failed ?? false) });
  }
  return facts;
}

export type TokenKind = "word" | "key" | "string" | "comment" | "number" | "other";
export interface Token { readonly kind: TokenKind; readonly text: string }

const KEYWORDS: ReadonlySet<string> = new Set(("abstract any as async await boolean break case catch class const "
  + "continue debugger default delete do else enum export extends false finally for from function get if implements "
  + "import in infer instanceof interface is keyof let namespace never new null number object of private protected "
  + "public readonly return satisfies set static string super switch this throw true try type typeof undefined unknown "
  + "using var void while yield").split(" "));
const TOKENS = new RegExp([/\/\/[^\n]*/, /\/\*[\s\S]*?(?:\*\/|$)/, /"(?:\\.|[^"\\\n])*"?/, /'(?:\\.|[^'\\\n])*'?/,
  /`(?:\\[\s\S]|[^`\\])*`?/, /\b\d[\w.]*/, /[A-Za-z_$][\w$]*/, /\s+/, /[^\sA-Za-z_$"'`/]+/, /\//]
  .map((one) => one.source).join("|"), "g");

/** The lines of a TypeScript file in tokens. Good enough for colours: templates are strings as a whole. */
export function tokenLines(text: string): Token[][] {
  const lines: Token[][] = [[]];
  for (const [token] of text.matchAll(TOKENS)) {
    const kind = kindOf(token);
    for (const [i, part] of token.split("\n").entries()) {
      if (i > 0) lines.push([]);
      if (part !== "") lines.at(-1)?.push({ kind, text: part });
    }
  }
  return lines;
}
function kindOf(token: string): TokenKind {
  const first = token.charAt(0);
  if (token.startsWith("//") || token.startsWith("/*")) return "comment";
  if ("\"'`".includes(first)) return "string";
  if (/\d/.test(first)) return "number";
  if (/[A-Za-z_$]/.test(first)) return KEYWORDS.has(token) ? "key" : "word";
  return "other";
}
