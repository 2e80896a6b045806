/**
 * Runs in flight and the code that would go on with them: a look at all of them, begun when somebody asks and made run
 * by run beside the server's other work. Each question is answered at once with what is known by then.
 */
import { setImmediate as turnsOfOthers } from "node:timers/promises";
import { CodeCheck, groupDifferences, OPEN_STATES, type Clock, type RunEngine, type RunRow, type Verdict }
  from "../../engine/index.ts";
import type { Redactor } from "./redact.ts";
import type { CodeAnswer, CodeWorkflow } from "./wire-code.ts";

/** The code that whoever serves a viewer has. */
export interface CodeSource {
  /** It is loaded anew when a file is saved. */
  readonly watched: boolean;
  /** A workflow that is loaded now. */
  workflow(name: string): { readonly file?: string; readonly codeVersion: string } | undefined;
  /** Is any? */
  any(): boolean;
  /** What would become of a run. */
  verdict(row: RunRow): Promise<Verdict>;
}

/** The newest runs in flight that are looked at, events of a run that is not too long, runs that are told by name. */
const MOST_RUNS = 5_000, MOST_EVENTS = 20_000, MOST_NAMED = 20;
const PAGE = 500;
/** The next look begins so long after the last at the earliest, and ten times as long as that took. */
const REST_MS = 1_000, REST_TIMES = 10;

/** A longer history is not replayed beside the server's other answers; `reprise check` replays it. */
type Judged = Omit<Verdict, "standing"> & { readonly standing: Verdict["standing"] | "long" };
type Code = ReturnType<CodeSource["workflow"]>;
/** A verdict, and of what it is one: a run as far as it has come, and the code that was loaded. */
interface Kept { readonly mark: string; readonly code: Code; readonly verdict: Judged }

/** The looks at one engine's runs. */
export class CodeSurvey {
  readonly #engine: RunEngine;
  readonly #source: CodeSource | undefined;
  readonly #clock: Clock;
  readonly #redactor: Redactor;
  /** Without code it can still be said which versions there are. */
  readonly #none: CodeCheck;
  #rows: readonly RunRow[] = [];
  #more = false;
  #kept = new Map<string, Kept>();
  #under: Promise<void> | undefined;
  #error: unknown;
  #at: number | null = null;
  #restUntil = 0;
  #over = false;

  constructor(engine: RunEngine, source: CodeSource | undefined, clock: Clock, redactor: Redactor) {
    this.#engine = engine;
    this.#source = source;
    this.#clock = clock;
    this.#redactor = redactor;
    this.#none = new CodeCheck(engine.store, { codeOf: () => undefined });
  }

  /** What is known by now; begins another look when the last is old. @throws what kept the last look from its end */
  look(): CodeAnswer {
    if (this.#under === undefined && this.#clock.now() >= this.#restUntil && !this.#over) {
      this.#under = this.#go().catch((error: unknown) => { this.#error ??= error }).finally(() => {
        this.#under = undefined;
      });
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return this.#answer();
  }

  /** Ends the look that is under way. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#under;
  }

  async #go(): Promise<void> {
    const began = this.#clock.now();
    try {
      const rows = await this.#inFlight(), ids = new Set(rows.map(({ runId }) => runId));
      this.#rows = rows;
      for (const id of this.#kept.keys()) if (!ids.has(id)) this.#kept.delete(id);
      for (const row of rows) {
        if (this.#over) return;
        const { runId, asOf, epoch, parked } = row, mark = `${asOf} ${epoch} ${parked}`;
        const code = this.#source?.workflow(row.workflow), known = this.#kept.get(runId);
        if (known?.mark === mark && known.code === code) continue;
        this.#kept.set(runId, { mark, code, verdict: await this.#judged(row) });
        await turnsOfOthers();
      }
      this.#at = this.#clock.now();
    } finally {
      const now = this.#clock.now();
      this.#restUntil = now + Math.max(REST_MS, (now - began) * REST_TIMES);
    }
  }

  async #judged(row: RunRow): Promise<Judged> {
    const { runId: run, name, workflow, codeVersion, asOf } = row;
    return asOf > MOST_EVENTS ? { run, name, workflow, began: codeVersion, last: codeVersion, standing: "long" }
      : (this.#source ?? this.#none).verdict(row);
  }

  async #inFlight(): Promise<readonly RunRow[]> {
    const rows: RunRow[] = [];
    for (let before: string | undefined; rows.length <= MOST_RUNS && !this.#over;) {
      const page = await this.#engine.list({ states: OPEN_STATES, limit: PAGE, ...(before && { before }) });
      rows.push(...page);
      before = page.at(-1)?.runId;
      if (page.length < PAGE) break;
    }
    this.#more = rows.length > MOST_RUNS;
    return rows.slice(0, MOST_RUNS);
  }

  #answer(): CodeAnswer {
    const found = this.#rows.flatMap((row): readonly Found[] => {
      const kept = this.#kept.get(row.runId);
      return kept === undefined ? [] : [{ row, verdict: kept.verdict }];
    });
    const names = [...new Set(found.map(({ row }) => row.workflow))].sort();
    return { code: this.#source?.watched === true ? "watched" : this.#source?.any() === true ? "loaded" : "none",
      checked: found.length, total: this.#rows.length, more: this.#more, at: this.#at, now: this.#clock.now(),
      workflows: names.map((name) => this.#told(name, found.filter(({ row }) => row.workflow === name))) };
  }

  #told(name: string, found: readonly Found[]): CodeWorkflow {
    const loaded = this.#source?.workflow(name), rows = new Map(found.map(({ row }) => [row.runId, row]));
    const some = (verdicts: readonly Judged[]): CodeWorkflow["aside"] => ({ runs: verdicts.length,
      named: verdicts.slice(0, MOST_NAMED).map(({ run, name: called }) => ({ runId: run,
        name: this.#redactor.text(called), parked: (rows.get(run)?.parked ?? null) !== null })) });
    const of = (standing: Judged["standing"]): readonly Judged[] =>
      found.flatMap(({ verdict }) => verdict.standing === standing ? [verdict] : []);
    const reasons = new Set(of("broken").map(({ why = "" }) => why));
    return {
      name, file: loaded?.file ?? found.find(({ row }) => row.file !== null)?.row.file ?? null,
      version: loaded?.codeVersion ?? null, versions: versionsOf(found),
      differences: groupDifferences(of("differs")).map(({ difference, verdicts }) => ({ ...some(verdicts),
        kind: difference.kind, cause: difference.cause, after: difference.after,
        began: [...new Set(verdicts.map(({ began }) => began))],
        recorded: this.#side(difference.recorded), issued: this.#side(difference.issued) })),
      pinned: some(of("pinned")), missing: some(of("missing")), long: some(of("long")),
      aside: some(of("fits").filter(({ run }) => (rows.get(run)?.parked ?? null) !== null)),
      broken: [...reasons].map((why) => ({ ...some(of("broken").filter((one) => one.why === why)),
        why: this.#redactor.text(why) })),
    };
  }

  #side(side: NonNullable<Verdict["difference"]>["recorded"]): CodeWorkflow["differences"][number]["recorded"] {
    if (side === undefined) return null;
    const { code, ...rest } = side;
    return { ...rest, ...(code && { code: { ...code, lines: code.lines.map(this.#redactor.text) } }) };
  }
}

interface Found { readonly row: RunRow; readonly verdict: Judged }

/** Counted by the version that they began with and the one that had them last, the most first. */
function versionsOf(found: readonly Found[]): CodeWorkflow["versions"] {
  const table = new Map<string, { -readonly [F in keyof CodeWorkflow["versions"][number]]:
    CodeWorkflow["versions"][number][F] }>();
  for (const { row, verdict: { began, last, standing } } of found) {
    const place = `${began} ${last}`;
    const line = table.get(place) ?? { began, last, runs: 0, fits: 0, differs: 0, pinned: 0, missing: 0, broken: 0,
      long: 0, parked: 0 };
    table.set(place, line);
    line.runs++;
    line[standing]++;
    if (row.parked !== null) line.parked++;
  }
  return [...table.values()].sort((a, b) => b.runs - a.runs);
}
