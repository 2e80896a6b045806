/** Would the code that is here go on with a run? What `reprise check` and the viewer's page of code are made from. */
import { RepriseError } from "../core/errors.ts";
import type { Event } from "../core/events.ts";
import type { WorkflowSpec } from "../core/policy.ts";
import { isA, saidBy } from "../core/thrown.ts";
import type { Change } from "../replay/changes.ts";
import { causeOf, describeDivergence, type Divergence, type Side } from "../replay/divergence.ts";
import { siteParts, textOnDisk } from "../replay/site.ts";
import { TERMINAL_STATES, type RunRow, type RunState, type Store } from "../store/port.ts";
import { loadHistory, startOf } from "./load.ts";
import { rehearse, type Rehearsal } from "./rehearse.ts";

/** Runs in flight are in one of these; a parked one, too. */
export const OPEN_STATES: readonly RunState[] = ["scheduled", "pending", "running", "waiting", "paused", "cancelling",
  "parked"];

/** What would become of a run: it goes on (`fits`), is parked (`differs`), waits for a worker with the code that it
 *  began with (`pinned`, by `evolve: "pin"`). `missing`: no file that is loaded defines its workflow. `broken`: its
 *  file does not load, or its history cannot be read. A run that has ended fits when the code decides exactly what it
 *  decided. */
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
  /** Of one that fits: the first differences that a worker would note and go on with. */
  readonly notes?: readonly Difference[];
  /** Of one that is broken, and the error code that says so: CODE_NOT_LOADED, HISTORY_CORRUPT. */
  readonly why?: string;
  readonly code?: string;
}

/** Where the code comes from. */
export interface CodePlace {
  /** The code of a run. undefined, or WORKFLOW_NOT_LOADED: there is none here. What else is thrown is its file's. */
  readonly codeOf: (row: RunRow) => WorkflowSpec | undefined | Promise<WorkflowSpec | undefined>;
  /** The text of a file of it; default as on disk. */
  readonly textOf?: (workflow: WorkflowSpec, file: string) => string | undefined;
  /** Takes secrets out of `path = value`, before what has changed is told. */
  readonly clean?: (text: string) => string;
}
/** A run beside the code that is here. */
export interface Comparison {
  readonly rehearsal: Rehearsal;
  readonly difference: Difference | undefined;
  /** The first differences that a worker would note and go on with. */
  readonly notes: readonly Difference[];
  /** A worker with this code would not take it: it waits for the version that it began with. */
  readonly pinned: boolean;
}

type Files = { readonly [path: string]: string } | undefined;
/** Versions whose sources are kept at hand. */
const MOST_VERSIONS = 50;
/** Notes that are kept of one run. */
const MOST_NOTES = 3;
/** Lines that are shown above and below the one that is meant. */
const AROUND = 3;

/** Replays histories against the code that is here, as a worker would that takes their runs. Nothing is written, no
 *  task runs. */
export class CodeComparer {
  readonly #sourcesOf: (version: string) => Promise<Files>;
  readonly #place: Omit<CodePlace, "codeOf">;
  readonly #sources = new Map<string, Promise<Files>>();
  /** @param sourcesOf the files of a code version, where they were kept */
  constructor(sourcesOf: (version: string) => Promise<Files>, place: Omit<CodePlace, "codeOf"> = {}) {
    this.#sourcesOf = sourcesOf;
    this.#place = place;
  }

  /** What a worker would find that takes the run; one that has ended is compared exactly. @throws HISTORY_CORRUPT */
  async compare(run: Pick<RunRow, "runId" | "state">, code: WorkflowSpec,
    { events, partial }: { readonly events: readonly Event[]; readonly partial: boolean }): Promise<Comparison> {
    const asWorker = !TERMINAL_STATES.includes(run.state), notes: Difference[] = [];
    const rehearsal = await rehearse(run.runId, code, events, { partial, asWorker });
    for (const found of rehearsal.notes.slice(0, MOST_NOTES)) notes.push(await this.#difference(found, code, events));
    const { divergence } = rehearsal;
    return { rehearsal, notes, pinned: isPinned(run, code, startOf(events).codeVersion ?? ""),
      difference: divergence && await this.#difference(divergence, code, events) };
  }

  async #difference(found: Divergence, code: WorkflowSpec, events: readonly Event[]): Promise<Difference> {
    const { textOf, clean = (text: string) => text } = this.#place, version = versionOf(found.recorded, events);
    const here = (file: string): string | undefined => textOf?.(code, file) ?? textOnDisk(file);
    const files = await this.#filesOf(version);
    const then = (file: string): string | undefined =>
      files?.[file] ?? (version !== "" && version === code.codeVersion ? here(file) : undefined);
    const recorded = found.recorded && withCode(found.recorded, then), issued = found.issued
      && withCode(found.issued, here);
    const changes = found.changes?.map((change) => cleaned(change, clean)), sides = { recorded, issued };
    const whole = { ...found, ...(recorded && { recorded }), ...(issued && { issued }), ...(changes && { changes }) };
    return { ...whole, cause: causeOf(found),
      text: describeDivergence(whole, (_site, side) => lineIn(sides[side]?.code)) };
  }

  #filesOf(version: string): Promise<Files> {
    const known = this.#sources.get(version);
    if (known !== undefined) return known;
    if (this.#sources.size >= MOST_VERSIONS) this.#sources.clear();
    const asked = version === "" ? Promise.resolve(undefined) : this.#sourcesOf(version);
    this.#sources.set(version, asked);
    asked.catch(() => { this.#sources.delete(version) });
    return asked;
  }
}

/** Looks runs up in a store, and replays them against the code that is here. */
export class CodeCheck {
  readonly #store: Store;
  readonly #place: CodePlace;
  readonly #comparer: CodeComparer;
  constructor(store: Store, place: CodePlace) {
    this.#store = store;
    this.#place = place;
    this.#comparer = new CodeComparer((version) => store.getSources(version), place);
  }

  /** A run beside its code. @throws HISTORY_CORRUPT; what the database throws */
  async compared(row: RunRow, code: WorkflowSpec): Promise<Comparison> {
    return this.#comparer.compare(row, code, await loadHistory(this.#store, row.runId));
  }

  /** What would become of a run. @throws what the database throws */
  async verdict(row: RunRow): Promise<Verdict> {
    const { runId: run, name, workflow, codeVersion } = row, known = { run, name, workflow };
    const unread = { ...known, began: codeVersion, last: codeVersion };
    let code: WorkflowSpec | undefined, failed: unknown;
    try { code = await this.#place.codeOf(row) } catch (error) {
      if (!(isA(error, RepriseError) && error.code === "WORKFLOW_NOT_LOADED")) failed = error ?? "nothing";
    }
    const broken = failed === undefined ? undefined : { standing: "broken", code: "CODE_NOT_LOADED",
      why: loadFailure(row.file ?? "its file", failed) } as const;
    try {
      const history = await loadHistory(this.#store, run), { events } = history;
      const began = startOf(events).codeVersion ?? "";
      const found = { ...known, began, last: versionAt(events, Infinity) };
      if (broken !== undefined) return { ...found, ...broken };
      if (code === undefined) return { ...found, standing: "missing" };
      if (isPinned(row, code, began)) return { ...found, standing: "pinned" };
      const { difference, notes } = await this.#comparer.compare(row, code, history);
      if (difference !== undefined) return { ...found, standing: "differs", difference };
      return { ...found, standing: "fits", ...(notes.length > 0 && { notes }) };
    } catch (error) {
      if (!(error instanceof RepriseError) || error.code !== "HISTORY_CORRUPT") throw error;
      return { ...unread, ...broken ?? { standing: "broken", code: error.code, why: error.message } };
    }
  }
}

/** Does a run wait for a worker with the code version that it began with, though other code is here? */
function isPinned({ state }: Pick<RunRow, "state">, code: WorkflowSpec, began: string): boolean {
  return code.evolve === "pin" && began !== "" && began !== code.codeVersion && !TERMINAL_STATES.includes(state);
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

/** The line of history's side of a difference in the code that ran, where that was kept. Never rejects. */
export async function lineThatRan(store: Pick<Store, "getSources">, side: Side | undefined, events: readonly Event[]):
  Promise<string | undefined> {
  const version = events.length === 0 ? "" : versionOf(side, events);
  const files = version === "" ? undefined : await store.getSources(version).catch(() => undefined);
  return side && lineIn(withCode(side, (file) => files?.[file]).code);
}

function withCode(side: Side, textOf: (file: string) => string | undefined): DifferenceSide {
  const { file = "", line = 0 } = siteParts(side.site ?? "") ?? {}, lines = textOf(file)?.split("\n");
  if (lines === undefined || line < 1 || line > lines.length) return side;
  const from = Math.max(1, line - AROUND);
  return { ...side, code: { file, line, from, lines: lines.slice(from - 1, line + AROUND) } };
}
/** A change without the values that are secrets by their names. */
function cleaned({ path, was, now }: Change, clean: (text: string) => string): Change {
  const shown = (value: string): string => clean(`${path} = ${value}`).slice(`${path} = `.length);
  return { path, ...(was !== undefined && { was: shown(was) }), ...(now !== undefined && { now: shown(now) }) };
}
function lineIn(code: CodeLines | undefined): string | undefined {
  return code?.lines[code.line - code.from];
}
/** Why a file could not be imported, in words. */
export function loadFailure(file: string, error: unknown): string {
  return `${file} does not load: ${saidBy(error)}`;
}
