/** `reprise check`: every open run, and some that have ended, against the code on disk. The gate before a deploy. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { CodeCheck, groupDifferences, loadFailure, OPEN_STATES, RepriseError, TERMINAL_STATES, type RunEngine,
  type RunRow, type Standing, type Verdict } from "../../engine/index.ts";
import { packageRoot } from "../config.ts";
import { notLoaded, secretless } from "./code-for.ts";
import { codeOf, loadFile, userFile, withEngine } from "./open.ts";
import { out, outJson, say, type Style } from "./output.ts";

/** What `reprise check` takes. */
export interface CheckOptions extends Style { readonly workflow?: string; readonly sample: number }

interface Checked extends Verdict { readonly row: RunRow }
/** All that was found, by what it means. */
interface Found {
  readonly fits: readonly Checked[]; readonly differs: readonly Checked[]; readonly broken: readonly Checked[];
  readonly pinned: readonly Checked[];
  /** In flight, and their file, which was loaded, defines their workflow no more. */
  readonly gone: readonly Checked[];
  /** Nothing that was loaded tells of their workflow. */
  readonly leftOut: readonly Checked[];
  /** Why files that were named do not load. */
  readonly unloadable: readonly string[];
}

/** Prints what was found. @throws REPLAY_DIVERGED, WORKFLOW_GONE, CODE_NOT_LOADED, HISTORY_CORRUPT */
export async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  const failed = new Map<string, string>();
  for (const file of files) {
    const path = userFile(file);
    try { await loadFile(file) } catch (error) { failed.set(path, loadFailure(file, error)) }
  }
  const all = await withEngine("none", (engine) => checkAll(engine, options));
  const of = (standing: Standing): readonly Checked[] => all.filter((one) => one.standing === standing);
  const broken = of("broken"), told = new Set(broken.map(({ row }) => placeOf(row)));
  const found: Found = { fits: of("fits"), differs: of("differs"), broken, pinned: of("pinned"),
    gone: of("missing").filter(isGone), leftOut: of("missing").filter((one) => !isGone(one)),
    unloadable: [...failed].flatMap(([path, why]) => told.has(path) ? [] : [why]) };
  if (options.json) outJson(documentOf(found)); else print(found);
  const failure = failureOf(found);
  if (failure !== undefined) throw failure;
}

/** Every open run, and some that have ended. */
async function checkAll(engine: RunEngine, options: CheckOptions): Promise<readonly Checked[]> {
  const code = new CodeCheck(engine.store, { codeOf: (row) => codeOf(row), clean: secretless });
  const mine = options.workflow === undefined ? {} : { workflow: options.workflow }, checked: Checked[] = [];
  const look = async (row: RunRow): Promise<void> => { checked.push({ ...await code.verdict(row), row }) };
  for (let before: string | undefined; ;) {
    const rows = await engine.list({ ...mine, states: OPEN_STATES, limit: 200, ...(before && { before }) });
    for (const row of rows) await look(row);
    before = rows.at(-1)?.runId;
    if (before === undefined) break;
  }
  if (options.sample === 0) return checked;
  for (const row of await engine.list({ ...mine, states: TERMINAL_STATES, limit: options.sample })) await look(row);
  return checked;
}

/** Where a run's file is now, if it is. */
function placeOf({ file }: RunRow): string | undefined {
  const path = file === null ? undefined : resolve(packageRoot(), file);
  return path !== undefined && existsSync(path) ? userFile(path) : undefined;
}
/** A file that is there was loaded, whether it was named or not. */
function isGone({ row }: Checked): boolean {
  return !TERMINAL_STATES.includes(row.state) && placeOf(row) !== undefined;
}

function print({ fits, differs, broken, pinned, gone, leftOut, unloadable }: Found): void {
  out(`${amount(fits.length + differs.length)} replayed, ${differs.length} diverged`
    + (broken.length === 0 ? "" : `, ${broken.length} could not be replayed`)
    + (gone.length === 0 ? "" : `, ${gone.length} without code`));
  if (leftOut.length > 0) say(`${amount(leftOut.length)} ${leftOut.length === 1 ? "was" : "were"} left out: no file `
    + `that was loaded defines ${sayingWhere(leftOut)}`);
  if (pinned.length > 0) say(`${counted(pinned)} ${pinned.length === 1 ? "waits" : "wait"} for a worker with the code `
    + `that ${pinned.length === 1 ? "it" : "they"} began with (evolve: "pin")`);
  for (const { difference, verdicts } of groupDifferences(differs)) out(`\n${counted(verdicts)}\n${difference.text}`);
  for (const [why, group] of grouped(gone, lossOf)) out(`\n${counted(group)}\n${why}`);
  for (const [why, group] of grouped(broken, whyOf)) out(`\n${counted(group)}\n${why}`);
  for (const why of unloadable) out(`\n${why}`);
  const noted = fits.flatMap(({ notes = [], ...one }) => notes.map((difference) => ({ ...one, difference })));
  for (const { difference, verdicts } of groupDifferences(noted)) {
    say(`\n${counted(verdicts)}: a worker notes this and goes on\n${difference.text}`);
  }
}

function documentOf({ fits, differs, broken, pinned, gone, leftOut, unloadable }: Found): object {
  const named = ({ run, name, workflow }: Checked): object => ({ run, name, workflow });
  const bad = (one: Checked, diff: string): object => ({ ...named(one), ok: false, diff });
  return { checked: fits.length + differs.length + broken.length + pinned.length,
    unloaded: gone.length + leftOut.length, pinned: pinned.length,
    diverged: differs.map((one) => bad(one, one.difference?.text ?? "")),
    broken: broken.map((one) => bad(one, whyOf(one))), gone: gone.map((one) => bad(one, lossOf(one))),
    leftOut: leftOut.map((one) => ({ ...named(one), file: one.row.file })), unloadable,
    noted: fits.flatMap((one) => (one.notes ?? []).map(({ kind, text }) => ({ ...named(one), kind, diff: text }))) };
}

/** What the command ends with; the worst first. */
function failureOf({ differs, gone, broken, unloadable }: Found): RepriseError | undefined {
  const [one] = differs, [lost] = gone, [unread] = broken, [why = unread && whyOf(unread)] = unloadable;
  if (one !== undefined) return new RepriseError("REPLAY_DIVERGED",
    `run '${one.name}' does not match the code on disk\n${one.difference?.text ?? ""}`,
    "Undo the edit, or let a worker with the old code finish the run.");
  if (lost !== undefined) return new RepriseError("WORKFLOW_GONE",
    `run '${lost.name}' is in flight, and ${lossOf(lost)}`,
    "Give the workflow its old name back for as long as such runs are unfinished, or name the file that defines it "
    + `now; to give a run up: reprise runs cancel ${lost.run}`);
  if (unread?.code === "HISTORY_CORRUPT") return new RepriseError("HISTORY_CORRUPT", whyOf(unread),
    `Restore the run from a backup; it is ${unread.run}.`);
  return why === undefined ? undefined : notLoaded(why);
}

function whyOf({ why = "" }: Verdict): string { return why }
function lossOf({ row, workflow }: Checked): string {
  return `${row.file ?? "its file"} no longer defines its workflow '${workflow}'`;
}
/** `its workflow: w (a.ts)` */
function sayingWhere(leftOut: readonly Checked[]): string {
  const places = [...grouped(leftOut, ({ workflow, row }) => `${workflow} (${row.file ?? "its file is not known"})`)
    .keys()];
  return `${leftOut.length === 1 ? "its workflow" : "their workflows"}; name it on the command line: `
    + places.join(", ");
}
function amount(runs: number): string { return `${runs} ${runs === 1 ? "run" : "runs"}` }
/** `3 runs (a, b, c)` */
function counted(group: readonly { readonly name: string }[]): string {
  return `${amount(group.length)} (${group.slice(0, 3).map(({ name }) => name).join(", ")}`
    + `${group.length > 3 ? ", ..." : ""})`;
}
function grouped(all: readonly Checked[], by: (one: Checked) => string): ReadonlyMap<string, readonly Checked[]> {
  const groups = new Map<string, Checked[]>();
  for (const one of all) groups.set(by(one), [...groups.get(by(one)) ?? [], one]);
  return groups;
}
