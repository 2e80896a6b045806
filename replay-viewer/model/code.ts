/** Runs in flight and the code that would go on with them, as the server tells it; and what a page says of it. */
import { count } from "./format.ts";

/** Lines of a file around one of them; numbers from 1. */
export interface CodeLines { readonly file: string; readonly line: number; readonly from: number;
  readonly lines: readonly string[] }
/** One side of a difference: what was decided, where. */
export interface CodeSide { readonly type: string; readonly key: string; readonly by: number; readonly site?: string;
  readonly code?: CodeLines }
/** How many, and some of them by name. */
export interface SomeRuns { readonly runs: number;
  readonly named: readonly { readonly runId: string; readonly name: string; readonly parked: boolean }[] }
/** Runs whose histories part from the code at one place. */
export interface CodeDifference extends SomeRuns {
  readonly kind: string; readonly cause: string;
  readonly after: { readonly seq: number; readonly type: string; readonly key?: string };
  /** Code versions that they began with. */
  readonly began: readonly string[];
  readonly recorded: CodeSide | null; readonly issued: CodeSide | null;
}
/** What may become of a run. */
export type Standing = "fits" | "differs" | "pinned" | "missing" | "broken" | "long";
/** Runs that began with one version and were last taken with another, or the same. Empty = unknown. */
export type CodeVersions = { readonly began: string; readonly last: string; readonly runs: number;
  readonly parked: number } & { readonly [S in Standing]: number };
/** A workflow with runs in flight; `version` is what is loaded now. */
export interface CodeWorkflow {
  readonly name: string; readonly file: string | null; readonly version: string | null;
  readonly versions: readonly CodeVersions[]; readonly differences: readonly CodeDifference[];
  readonly pinned: SomeRuns; readonly aside: SomeRuns; readonly missing: SomeRuns; readonly long: SomeRuns;
  readonly broken: readonly (SomeRuns & { readonly why: string })[];
}
/** All of it, as far as the server has looked. */
export interface CodeNow {
  readonly code: "none" | "loaded" | "watched";
  readonly checked: number; readonly total: number; readonly more: boolean; readonly at: number | null;
  readonly now: number; readonly workflows: readonly CodeWorkflow[];
}

/** How many runs stand so. */
export function standing(workflows: readonly CodeWorkflow[], which: Standing | "runs" | "parked"): number {
  return workflows.reduce((sum, { versions }) => sum + versions.reduce((n, one) => n + one[which], 0), 0);
}

/** The page in one sentence, and whether that is good news. */
export function saysOf(found: CodeNow): { readonly tone: "ok" | "bad" | "wait" | "plain"; readonly text: string } {
  const { workflows, code } = found, of = (which: Standing): number => standing(workflows, which);
  const runs = standing(workflows, "runs"), here = code === "watched" ? "the code on disk" : "the code that is loaded";
  if (runs < found.total) return { tone: "plain", text: `${runs} of ${count(found.total, "run")} looked at` };
  if (code === "none") return { tone: "plain", text: `${count(runs, "run is", "runs are")} in flight` };
  const differ = of("differs") + of("broken"), unknown = of("missing") + of("long"), fits = of("fits");
  const pinned = of("pinned"), parts: string[] = [];
  if (differ === 0 && unknown === 0 && pinned === 0) return { tone: "ok", text: runs === 1
    ? `The run in flight goes on with ${here}` : `All ${runs} runs in flight go on with ${here}` };
  if (differ > 0) parts.push(`${count(differ, "run")} would be set aside by ${here}`);
  if (pinned > 0) parts.push(`${count(pinned, "run waits", "runs wait")} for older code`);
  if (unknown > 0) parts.push(`of ${count(unknown, "run")} it is not known`);
  parts.push(`${fits === 0 ? "none goes" : fits === 1 ? "1 goes" : `${fits} go`} on`);
  const text = parts.join("; ");
  return { tone: differ > 0 ? "bad" : "wait", text: text.charAt(0).toUpperCase() + text.slice(1) };
}

/** The line that a side stands for, without its indentation. */
export function lineOf(side: CodeSide | null): string | undefined {
  return side?.code?.lines[side.code.line - side.code.from]?.trim();
}

/** A value that gets a name, or is returned, in one line. */
const GIVEN = /^((?:(?:const|let|var) )?[^=]*=|return) ([^;]*);?$/;

/** How the change may be written so that these runs go on: with the very lines, where they are known. */
export function patchFor({ recorded, issued }: CodeDifference, name: string): string {
  const old = lineOf(recorded), now = lineOf(issued), ask = `patched(${JSON.stringify(name)})`;
  const stands = (line: string | undefined, side: CodeSide | null): boolean =>
    line !== undefined && side?.code?.lines.some((one) => one.trim() === line) === true;
  if (now !== undefined && (recorded === null || stands(old, issued) && !stands(now, recorded))) {
    return `if (${ask}) {\n  ${now}\n}`;
  }
  if (old !== undefined && (issued === null || stands(now, recorded) && !stands(old, issued))) {
    return `if (!${ask}) {\n  ${old}\n}`;
  }
  const [, name1, value] = GIVEN.exec(now ?? "") ?? [], [, name2, other] = GIVEN.exec(old ?? "") ?? [];
  if (name1 !== undefined && name1 === name2) return `${name1} ${ask}\n  ? ${value}\n  : ${other};`;
  return `if (${ask}) {\n  ${now ?? "// the new way"}\n} else {\n  ${old ?? "// the way that these runs took"}\n}`;
}

/** `reprise check a.ts b.ts`: the command that looks at the same from a terminal. */
export function checkCommand(workflows: readonly CodeWorkflow[]): string {
  const files = [...new Set(workflows.flatMap(({ file }) => file ?? []))].sort();
  return ["npx reprise check", ...files.map((file) => /\s/.test(file) ? JSON.stringify(file) : file)].join(" ");
}
