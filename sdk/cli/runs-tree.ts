/** `reprise runs tree`: a run, the runs that it started, and theirs. */
import type { Command } from "commander";
import { formatMs, originals, type RunEngine } from "../../engine/index.ts";
import { Families } from "../../replay-viewer/server/family.ts";
import { findRun, hasEnded, stateOf, withEngine } from "./open.ts";
import { bold, dim, out, outJson, type Style } from "./output.ts";

/** Children of one run that are drawn one by one; of more, the rest is counted. */
const DRAWN = 20;

interface Branch {
  readonly run: string; readonly name: string; readonly workflow: string; readonly state: string;
  /** Milliseconds from its start to its end, or until now. */
  readonly tookMs: number; readonly ended: boolean;
  /** The call that started it. */
  readonly key?: string;
  /** The next link of its chain. */
  readonly continuedAs?: string;
  readonly children: readonly Branch[];
}

/** Adds `tree` to `runs`. */
export function addTree(runs: Command): void {
  runs.command("tree").argument("<run>").description("a run and its children, with their states and durations")
    .option("--all", `every child, not the first ${DRAWN} of each run`).option("--json", "nested")
    .action(async (wanted: string, style: Style & { all?: boolean }) => {
      await withEngine("none", async (engine) => {
        const most = style.all || style.json ? Infinity : DRAWN, { runId } = await findRun(engine, wanted);
        const tree = await grow({ engine, families: new Families(engine), most }, runId);
        if (tree === undefined) return;
        if (style.json) outJson(tree); else for (const line of drawn(tree, most)) out(line);
      });
    });
}

interface Ground {
  readonly engine: RunEngine; readonly families: Families;
  /** Of so many children of each run the own children are looked for, too. */
  readonly most: number;
}
/** The tree below a run, or without `deep` the run alone; undefined where the run is gone. */
async function grow(ground: Ground, runId: string, key?: string, deep = true): Promise<Branch | undefined> {
  const row = await ground.engine.store.run(runId);
  if (row === undefined) return undefined;
  const born = deep ? await ground.families.offspring(runId) : undefined, children: Branch[] = [];
  for (const child of born?.children ?? []) {
    const branch = await grow(ground, child.id, child.key, children.length < ground.most);
    if (branch !== undefined) children.push(branch);
  }
  const { name, workflow, createdAt, endedAt } = row, continuedAs = born?.continuedAs;
  return { run: runId, name, workflow, state: stateOf(row), tookMs: (endedAt ?? originals.now()) - createdAt,
    ended: hasEnded(row), ...(key !== undefined && { key }), ...(continuedAs !== undefined && { continuedAs }),
    children };
}

function drawn(branch: Branch, most: number): readonly string[] {
  const { run, name, workflow, state, tookMs, ended, continuedAs, children } = branch;
  const on = continuedAs === undefined ? "" : `, goes on as ${continuedAs}`;
  const head = `${bold(name)}  ${workflow}  ${state}${on}  ${formatMs(tookMs)}${ended ? "" : " so far"}  ${dim(run)}`;
  const shown = children.slice(0, most), rest = children.slice(most);
  const parts = shown.map((child) => drawn(child, most));
  if (rest.length > 0) parts.push([`${rest.length} more: ${counted(rest)}  ${dim("(--all)")}`]);
  return [head, ...parts.flatMap((lines, i) => lines.map((line, j) => i === parts.length - 1
    ? `${j === 0 ? "└─ " : "   "}${line}` : `${j === 0 ? "├─ " : "│  "}${line}`))];
}

function counted(branches: readonly Branch[]): string {
  const counts = new Map<string, number>();
  for (const { state } of branches) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
}
