/** A value as it was seen in a paused replay: a bounded copy, plain JSON, that runs no code of the user's. */

export type SeenKind =
  | "null" | "undefined" | "boolean" | "number" | "string" | "bigint" | "symbol" | "date" | "regexp" | "url" | "bytes"
  | "function" | "promise" | "proxy" | "accessor" | "hole" | "array" | "object" | "map" | "set" | "error" | "redacted";

/** One value. A container whose `parts` are absent was not opened: it lay deeper than the copy goes. */
export interface Seen {
  readonly kind: SeenKind;
  /** A leaf as it would be written; of a container what stands before its braces: `Map`, `Order`, `Error: gone`. */
  readonly text: string;
  /** Parts of a container, and characters of a text that was cut. */
  readonly size?: number;
  /** Names and values, in order. Fewer than `size` when there are many. */
  readonly parts?: readonly SeenPart[];
  /** Place of the first part, where a later range was asked for; absent: 0. */
  readonly from?: number;
}
export type SeenPart = readonly [name: string, value: Seen];

/** Names of one region of the code. The inner ones come first, and a name that is shadowed is left out. */
export interface SeenScope {
  readonly kind: "block" | "local" | "catch" | "closure" | "module" | "this";
  readonly variables: readonly SeenPart[];
}
/** One function on the stack. */
export interface SeenFrame {
  /** `file:line:column function`, in the source as the user wrote it. */
  readonly site: string;
  /** The text of that line, trimmed; absent where the file cannot be read. */
  readonly code?: string;
  readonly scopes: readonly SeenScope[];
  /** It is the workflow's own function, of this name. */
  readonly workflow?: string;
  /** The function is suspended: this is what it looked like at this earlier event, when it ran last. */
  readonly asOf?: number;
}

/** A value on one line of about `room` characters. */
export function inLine(value: Seen, room = 100): string {
  const { kind, text, parts, size = 0 } = value;
  if (!isContainer(kind)) return text;
  const list = kind === "array" || kind === "set", open = list ? "[" : "{", close = list ? "]" : "}";
  const title = text === "" ? "" : `${text} `;
  if (kind === "error" && (parts === undefined || room < 60)) return text;
  if (parts === undefined) return size === 0 ? `${title}${open}${close}` : `${title}${open}…${size}${close}`;
  let line = "";
  for (const [i, [name, inner]] of parts.entries()) {
    const before = i === 0 ? "" : ", ";
    if (line.length > room - 12) return `${title}${open} ${line}${before}… ${size - i} more ${close}`;
    line += before + (list ? "" : `${kind === "map" ? `${name} =>` : `${name}:`} `)
      + inLine(inner, Math.max(16, room - line.length - name.length));
  }
  const more = size - parts.length;
  if (more > 0) line += `${line === "" ? "" : ", "}… ${more} more`;
  return line === "" ? `${title}${open}${close}` : `${title}${open} ${line} ${close}`;
}

/** Can a value of this kind have parts? */
export function isContainer(kind: SeenKind): boolean {
  return kind === "array" || kind === "object" || kind === "map" || kind === "set" || kind === "error";
}
