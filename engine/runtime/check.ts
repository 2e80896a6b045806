/** Would the code that is here go on with a run? What `reprise check` and the viewer's page of code are made from. */
import { RepriseError } from "../core/errors.ts";
import type { Event } from "../core/events.ts";
import type { WorkflowSpec } from "../core/policy.ts";
import { isA, saidBy } from "../core/thrown.ts";
import { causeOf, describeDivergence, type Divergence, type Side } from "../replay/divergence.ts";
import { siteParts, textOnDisk } from "../replay/site.ts";
import { TERMINAL_STATES, type RunRow, type RunState, type Store } from "../store/port.ts";
import { loadHistory, startOf } from "./load.ts";
import { rehearse } from "./rehearse.ts";

/** Runs in flight are in one of these; a parked one, too. */
export const OPEN_STATES: readonly RunState[] = ["scheduled", "pending", "running", "waiting", "paused", "cancelling",
  "parked"];

/** What would become of a run: it goes on (`fits`), is parked (`differs`), waits for a worker with the code that it
 *  began with (`pinned`, by `evolve: "pin"`). `missing`: no file that is loaded defines its workflow. `broken`: its
 *  file does not load, or its history cannot be read. */
export type Standing = "fits" | "differs" | "pinned" | "missing" | "broken";

/** Lines of a file around one of them; numbers from 1. */
export interface CodeLines {
  readonly file: string; readonly line: number; readonly from: number; readonly lines: readonly string[];
}
/** One side of a difference, with the code that decided it where that is known. */
export interface DifferenceSide extends Side { readonly code?: CodeLines }
/** Where a history and the code part first. */
export interface Difference extends Divergence {
  readonly recorded?: DifferenceSide;
  readonly issued?: DifferenceSide;
  /** What the kind means. */
  readonly cause: string;
  /** All of it as lines for a person. */
  readonly text: string;
}
/** What was found of one run. */
export interface Verdict {
  readonly run: string;
  readonly name: string;
  readonly workflow: string;
  readonly standing: Standing;
  /** The code version that it began with; empty when unknown, as for code without a file. */
  readonly began: string;
  /** The code version of the worker that took it last. */
  readonly last: string;
  /** Of one that differs. */
  readonly difference?: Difference;
  /** Of one that is broken. */
  readonly why?: string;
}

/** Where the code comes from. */
export interface CodePlace {
  /** The code of a run. undefined, or WORKFLOW_NOT_LOADED: there is none here. What else is thrown is its file's. */
  readonly codeOf: (row: RunRow) => WorkflowSpec | undefined | Promise<WorkflowSpec | undefined>;
  /** The text of a file of it; default as on disk. */
  readonly textOf?: (workflow: WorkflowSpec, file: string) => string | undefined;
}

type Files = { readonly [path: string]: string } | undefined;
/** Versions whose sources are kept at hand. */
const MOST_VERSIONS = 50;
/** Lines that are shown above and below the one that is meant. */
const AROUND = 3;

/** Replays runs against the code that is here, as a worker would that takes them. Nothing is written, no task runs. */
export class CodeCheck {
  readonly #store: Store;
  readonly #place: CodePlace;
  readonly #sources = new Map<string, Promise<Files>>();
  constructor(store: Store, place: CodePlace) { this.#store = store; this.#place = place }

  /** What would become of a run. @throws what the database throws */
  async verdict(row: RunRow): Promise<Verdict> {
    const { runId: run, name, workflow, codeVersion } = row, known = { run, name, workflow };
    const unread = { ...known, began: codeVersion, last: codeVersion };
    let code: WorkflowSpec | undefined, failed: unknown;
    try { code = await this.#place.codeOf(row) } catch (error) {
      if (!(isA(error, RepriseError) && error.code === "WORKFLOW_NOT_LOADED")) failed = error ?? "nothing";
    }
    const told = failed === undefined ? undefined : `${row.file ?? "its file"} does not load: ${saidBy(failed)}`;
    try {
      const { events, partial } = await loadHistory(this.#store, run);
      const began = startOf(events).codeVersion ?? "";
      const found = { ...known, began, last: versionAt(events, Infinity) };
      if (told !== undefined) return { ...found, standing: "broken", why: told };
      if (code === undefined) return { ...found, standing: "missing" };
      if (code.evolve === "pin" && began !== "" && began !== code.codeVersion && !TERMINAL_STATES.includes(row.state)) {
        return { ...found, standing: "pinned" };
      }
      const { divergence } = await rehearse(run, code, events, { partial, asWorker: true });
      return divergence === undefined ? { ...found, standing: "fits" }
        : { ...found, standing: "differs", difference: await this.#difference(divergence, code, events) };
    } catch (error) {
      if (!(error instanceof RepriseError) || error.code !== "HISTORY_CORRUPT") throw error;
      return { ...unread, standing: "broken", why: told ?? error.message };
    }
  }

  async #difference(found: Divergence, code: WorkflowSpec, events: readonly Event[]): Promise<Difference> {
    const { kind, after } = found, { textOf } = this.#place;
    const files = await this.#filesOf(versionOf(found.recorded, events));
    const recorded = found.recorded && withCode(found.recorded, (file) => files?.[file]);
    const issued = found.issued && withCode(found.issued, (file) => textOf?.(code, file) ?? textOnDisk(file));
    const sides = { recorded, issued };
    return { kind, after, cause: causeOf(kind), ...(recorded && { recorded }), ...(issued && { issued }),
      text: describeDivergence(found, (_site, side) => lineIn(sides[side]?.code)) };
  }

  #filesOf(version: string): Promise<Files> {
    const known = this.#sources.get(version);
    if (known !== undefined) return known;
    if (this.#sources.size >= MOST_VERSIONS) this.#sources.clear();
    const asked = version === "" ? Promise.resolve(undefined) : this.#store.getSources(version);
    this.#sources.set(version, asked);
    asked.catch(() => { this.#sources.delete(version) });
    return asked;
  }
}

/** Verdicts on runs that part from their histories at the same place. */
export interface DifferenceGroup<V> { readonly difference: Difference; readonly verdicts: readonly V[] }

/** Those that differ, by workflow and first differing line, the largest group first; the difference is that of its
 *  first run. */
export function groupDifferences<V extends Pick<Verdict, "workflow" | "difference">>(verdicts: readonly V[]):
  readonly DifferenceGroup<V>[] {
  const groups = new Map<string, { readonly difference: Difference; readonly verdicts: V[] }>();
  for (const verdict of verdicts) {
    const { difference, workflow } = verdict;
    if (difference === undefined) continue;
    const { kind, recorded, issued } = difference;
    const place = JSON.stringify([workflow, kind, placeOf(recorded), placeOf(issued)]);
    const group = groups.get(place);
    if (group === undefined) groups.set(place, { difference, verdicts: [verdict] }); else group.verdicts.push(verdict);
  }
  return [...groups.values()].sort((a, b) => b.verdicts.length - a.verdicts.length);
}
function placeOf(side: Side | undefined): readonly string[] {
  return side === undefined ? [] : [side.type, side.site ?? side.key];
}

/** The version of the code that had the run at an event. */
function versionAt(events: readonly Event[], seq: number): string {
  const claim = events.findLast((event) => event.type === "RunClaimed" && event.seq <= seq);
  return (claim?.type === "RunClaimed" ? claim.codeVersion : undefined) ?? startOf(events).codeVersion ?? "";
}
/** The version of the code that made a decision. */
function versionOf(side: Side | undefined, events: readonly Event[]): string {
  const made = side && events.find((event) => event.type === side.type && "key" in event && event.key === side.key
    && "by" in event && event.by === side.by);
  return side === undefined ? "" : versionAt(events, made?.seq ?? side.by);
}

function withCode(side: Side, textOf: (file: string) => string | undefined): DifferenceSide {
  const { file = "", line = 0 } = siteParts(side.site ?? "") ?? {}, lines = textOf(file)?.split("\n");
  if (lines === undefined || line < 1 || line > lines.length) return side;
  const from = Math.max(1, line - AROUND);
  return { ...side, code: { file, line, from, lines: lines.slice(from - 1, line + AROUND) } };
}
function lineIn(code: CodeLines | undefined): string | undefined {
  return code?.lines[code.line - code.from];
}
