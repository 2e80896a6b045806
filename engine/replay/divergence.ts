/** Where code and history part: five kinds, shown with both sides (design 2.5). */
import type { Decision, Delivery } from "../core/events.ts";
import { changeLines, type Change } from "./changes.ts";

export type DivergenceKind = "INSERTED" | "REMOVED" | "KIND" | "MOVED" | "CHANGED";

/** One side of a difference: what was decided and where. */
export interface Side {
  readonly type: string;
  readonly key: string;
  readonly by: number;
  readonly site?: string;
}
/** The first difference between a run's history and what its code does now. */
export interface Divergence {
  readonly kind: DivergenceKind;
  /** What history holds; absent when the code does more. */
  readonly recorded?: Side;
  /** What the code did; absent when it does less. */
  readonly issued?: Side;
  /** seq and type of the delivery after which they part. */
  readonly after: { readonly seq: number; readonly type: string; readonly key?: string };
  /** Of CHANGED: where the two values differ. */
  readonly changes?: readonly Change[];
}

/** A decision as one side of a difference. */
export function sideOf(decision: Omit<Decision, "seq" | "at"> & { readonly seq?: number }): Side {
  const { type, key, by, site } = decision;
  return site === undefined ? { type, key, by } : { type, key, by, site };
}

/** The delivery whose turn differs. */
export function afterOf(delivery: Delivery): Divergence["after"] {
  return "key" in delivery
    ? { seq: delivery.seq, type: delivery.type, key: delivery.key }
    : { seq: delivery.seq, type: delivery.type };
}

const CAUSE: { readonly [K in DivergenceKind]: string } = {
  INSERTED: "the code now makes a call that history does not have",
  REMOVED: "history has a call that the code no longer makes here",
  KIND: "the same key now names another kind of call",
  MOVED: "the call is made after another event than it was",
  CHANGED: "the call is made with another input",
};
/** What has changed where it is no input. */
const CHANGED: ReadonlyMap<string | undefined, string> = new Map([
  ["RunCompleted", "the workflow returns another value"],
  ["TimerStarted", "the timer is due at another instant"], ["WaitOpened", "the form asks for something else"]]);

/** What a difference means. */
export function causeOf({ kind, recorded }: Divergence): string {
  return (kind === "CHANGED" ? CHANGED.get(recorded?.type) : undefined) ?? CAUSE[kind];
}

/** Lines for a person: both sides with their source lines, the place, the likely cause, and the ways out. */
export function describeDivergence(divergence: Divergence,
  sourceLine?: (site: string, side: "recorded" | "issued") => string | undefined): string {
  const { kind, recorded, issued, after, changes = [] } = divergence;
  const lines =
    [`${kind}: ${causeOf(divergence)}, after event ${after.seq} (${after.type}${after.key ? ` ${after.key}` : ""})`];
  const show = (sign: string, who: string, side: Side | undefined): void => {
    if (side === undefined) { lines.push(`  ${sign} ${who}: nothing`); return }
    lines.push(`  ${sign} ${who}: ${side.type} ${side.key}${side.site ? `  at ${side.site}` : ""}`);
    const text = side.site && sourceLine?.(side.site, side === recorded ? "recorded" : "issued");
    if (text) lines.push(`      ${text.trim()}`);
  };
  show("-", "history ", recorded);
  show("+", "code now", issued);
  return [...lines, ...changeLines(changes).map((line) => `      ${line}`)].join("\n");
}

/** The next step for whoever meets a divergence. */
export const DIVERGENCE_HINT =
  "Run the version of the code that the run began with, or undo the edit; `reprise replay <run> --check` shows " +
  "this again.";
