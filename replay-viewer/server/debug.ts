/**
 * Variables of past runs over HTTP: what whoever serves the viewer may offer, and the secrets taken out of it. The
 * server itself runs nobody's code; it is handed a debugger or it answers 403.
 */
import { Refusal } from "./problem.ts";
import type { Redactor } from "./redact.ts";
import { REDACTED } from "./redact-text.ts";
import type * as wire from "./wire-debug.ts";

export { taskInside } from "../model/locals.ts";

/** What a debugger offers. Whatever it throws comes to the caller with its code. */
export interface RunDebug {
  /** Where the code of a run stood at an event. */
  locals(runId: string, query: wire.LocalsQuery): Promise<wire.Locals>;
  /** Expressions printed at lines, through the whole run. */
  logPoints(runId: string, points: readonly wire.LogPoint[]): Promise<wire.LogPointHits>;
}

/** @throws DEBUG_OFF where none is offered */
export function offeredDebug(debug: RunDebug | undefined): RunDebug {
  if (debug !== undefined) return debug;
  throw new Refusal("DEBUG_OFF", "this server runs no code, so it cannot show variables");
}

/** Shortest secret that is looked for elsewhere: shorter texts stand everywhere. */
const MIN_SECRET = 6;

/** Takes secrets out of what a debugger has seen: by the names that they stand under, by their form, and by the values
 *  that were found so, wherever else they stand. */
export class SeenRedactor {
  readonly #redactor: Redactor;
  readonly #secrets = new Set<string>();
  constructor(redactor: Redactor) { this.#redactor = redactor }

  locals(locals: wire.Locals): wire.Locals {
    for (const { scopes } of locals.frames) for (const { variables } of scopes) this.#collect(variables);
    const { opened, watches, frames } = locals;
    return { ...locals,
      frames: frames.map((frame) => ({ ...frame, scopes: frame.scopes.map(({ kind, variables }) =>
        ({ kind, variables: variables.map((part) => this.#part(part)) })) })),
      ...(watches !== undefined && { watches: watches.map((one) => this.watched(one)) }),
      ...(opened !== undefined && { opened: { names: opened.names,
        value: opened.names.some((name) => this.#hides(name, opened.value)) ? HIDDEN : this.#seen(opened.value) } }) };
  }

  logPoints(found: wire.LogPointHits): wire.LogPointHits {
    return { ...found, hits: found.hits.map((hit) => ({ ...hit, watched: this.watched(hit.watched) })) };
  }

  /** An expression that names a secret shows nothing, whatever it does with it. */
  watched({ expression, value, refused }: wire.Watched): wire.Watched {
    const names = expression.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu) ?? [];
    return { expression: this.#text(expression), ...(refused !== undefined && { refused: this.#text(refused) }),
      ...(value !== undefined && { value: names.some((name) => this.#hides(name, value)) ? HIDDEN
        : this.#seen(value) }) };
  }

  #part([name, value]: wire.SeenPart): wire.SeenPart {
    return [this.#text(name), this.#hides(name, value) ? HIDDEN : this.#seen(value)];
  }

  #seen(value: wire.Seen): wire.Seen {
    const text = this.#text(value.text), { parts } = value;
    if (parts === undefined) return { ...value, text };
    const [first, second] = parts;
    // `["authorization", "..."]`: an entry of a Map, of headers, of a form.
    const entry = value.kind === "array" && parts.length === 2 && first?.[1].kind === "string" && second !== undefined
      && this.#hides(unquoted(first[1].text), second[1]);
    return { ...value, text, parts: entry && second !== undefined ? [first, [second[0], HIDDEN]]
      : parts.map((part) => this.#part(part)) };
  }

  #hides(name: string, { kind, text, size }: wire.Seen): boolean {
    if (kind === "function" || kind === "accessor") return false;
    const sample = kind === "number" ? 0 : kind === "boolean" ? true : kind === "null" || kind === "undefined"
      || text === '""' || (size === 0 && kind !== "string") ? undefined : "x";
    return this.#redactor.hides(name, sample);
  }

  #text(text: string): string {
    let clean = this.#redactor.text(text);
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, REDACTED);
    return clean;
  }

  #collect(parts: readonly wire.SeenPart[], hidden = false): void {
    for (const [name, value] of parts) {
      const secret = hidden || this.#hides(name, value), text = unquoted(value.text);
      if (secret && value.kind === "string" && text.length >= MIN_SECRET) this.#secrets.add(text);
      this.#collect(value.parts ?? [], secret);
    }
  }
}

const HIDDEN: wire.Seen = { kind: "redacted", text: REDACTED };

/** The text behind a literal; one that was cut loses the mark that says so. */
function unquoted(literal: string): string {
  try { return String(JSON.parse(literal.replace(/…$/, ""))) } catch { return literal }
}
