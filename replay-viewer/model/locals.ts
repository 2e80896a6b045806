/** Variables of a past run as the server tells them, and as trees that can be shown. */
import type { Event } from "../../engine/core/events.ts";
import { branch, leaf, named, placed, type Kind, type Part, type Shown } from "./shown.ts";

/** A value, copied within bounds. A container without `parts` lies deeper than the copy goes. */
export interface Seen {
  readonly kind: string; readonly text: string; readonly size?: number;
  readonly parts?: readonly SeenPart[]; readonly from?: number;
}
export type SeenPart = readonly [name: string, value: Seen];
/** One of the user's functions on the stack. `asOf`: suspended; as it was at that event. */
export interface Frame {
  readonly site: string; readonly code?: string; readonly workflow?: string; readonly asOf?: number;
  readonly scopes: readonly { readonly kind: string; readonly variables: readonly SeenPart[] }[];
}
/** What an expression gave, or why it gave nothing. */
export interface Watched { readonly expression: string; readonly value?: Seen; readonly refused?: string }
/** Where the code stood at an event. */
export interface Locals {
  readonly at: number; readonly moment: number; readonly standing: "here" | "waiting" | "before";
  readonly otherVersion: boolean; readonly previous?: number; readonly next?: number;
  readonly frames: readonly Frame[]; readonly watches?: readonly Watched[];
  readonly opened?: { readonly names: readonly string[]; readonly value: Seen };
}
/** One pass of a log point. */
export interface Hit { readonly after: number; readonly site: string; readonly watched: Watched }

/** Where a value that was not copied lies: the variable, and places of parts in it. */
export interface Way { readonly name: string; readonly path: readonly number[]; readonly from: number }
/** What has been opened since, and how to ask for more. */
export interface Openings { readonly known: (way: Way) => Seen | undefined; readonly ask: (way: Way) => void }

/** The variables of a frame as one tree; a name that is taken by an inner scope is not shown twice. */
export function shownFrame({ scopes }: Frame, openings: Openings): Shown {
  const parts = scopes.flatMap(({ variables }) => variables)
    .map(([name, value]) => named(name, shownSeen(value, { name, path: [], from: 0 }, openings)));
  return branch("object", "", parts.length, () => parts);
}

const LIKE: { readonly [kind: string]: Kind } = { function: "symbol", promise: "symbol", proxy: "symbol",
  accessor: "symbol", redacted: "hole" };
const CONTAINERS: ReadonlySet<string> = new Set(["array", "object", "map", "set", "error"]);

/** One value. What was left out of it can be asked for. */
export function shownSeen(seen: Seen, way: Way, openings: Openings): Shown {
  // The server names more kinds than the page draws apart; the others are drawn by their text.
  const kind = LIKE[seen.kind] ?? seen.kind as Kind;
  if (!CONTAINERS.has(seen.kind)) return leaf(kind, seen.text);
  const { size = 0 } = seen, opened = seen.parts === undefined && size > 0 ? openings.known(way) : seen;
  if (opened === undefined) return { ...leaf(kind, seen.text), ask: { word: `open ${size}`, now: () => {
    openings.ask(way);
  } } };
  const list = seen.kind === "array" || seen.kind === "set", parts = partsOf(opened, way, list, openings);
  for (let from = parts.length; from < size;) {
    const further = { ...way, from }, more = openings.known(further);
    if (more === undefined || (more.parts ?? []).length === 0) {
      parts.push({ name: "…", step: "", value: { ...leaf("hole", ""), ask: { word: `${size - from} more`,
        now: () => { openings.ask(further) } } } });
      break;
    }
    parts.push(...partsOf(more, further, list, openings));
    from = parts.length;
  }
  return branch(kind, seen.text, size, () => parts);
}

function partsOf(seen: Seen, { name, path, from }: Way, list: boolean, openings: Openings): Part[] {
  return (seen.parts ?? []).map(([key, value], i) => {
    const shown = shownSeen(value, { name, path: [...path, from + i], from: 0 }, openings);
    return list ? placed(from + i, shown) : named(key, shown);
  });
}

/** `shop.ts:17=sent` in parts; undefined where it is none. */
export function parseLogPoint(text: string): { readonly file: string; readonly line: number;
  readonly expression: string } | undefined {
  const [, file, line, expression] = /^\s*(.+?):(\d+)\s*=\s*([\s\S]+?)\s*$/.exec(text) ?? [];
  return file === undefined || expression === undefined ? undefined : { file, line: Number(line), expression };
}

/** The key of the task in whose own code this happened; the workflow's code, which alone is replayed, is elsewhere. */
export function taskInside(event: Event): string | undefined {
  switch (event.type) {
    case "AttemptStarted": case "AttemptFailed": case "RetryScheduled": case "Heartbeat": case "TaskFailed":
      return event.key;
    default: return undefined;
  }
}
