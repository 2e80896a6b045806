/** `reprise runs export <run> --test <file>`: a run becomes a regression test that replays it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { RepriseError, type Event, type RunRow } from "../../engine/index.ts";
import { packageRoot } from "../config.ts";
import { recordingOf } from "../recording.ts";
import { say } from "./output.ts";

/** Writes the test and, beside it, the history that it replays. @throws USAGE */
export function exportTest(run: RunRow, events: readonly Event[], target: string): void {
  const path = resolve(target);
  if (!/\.(test|spec)\.[cm]?[jt]s$/.test(path)) throw new RepriseError("USAGE", `--test ${target} is no test's name`,
    `Name it for Vitest: --test ${run.name}.test.ts`);
  if (existsSync(path)) throw new RepriseError("USAGE", `${target} is there already`,
    "Give another name, or take that file away.");
  if (run.file === null) throw new RepriseError("USAGE",
    `run '${run.name}' does not say which file defines its workflow`,
    "Only runs of workflows in files can be tested so.");
  const history = path.replace(/\.(test|spec)\.[cm]?[jt]s$/, ".run.json");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(history, `${JSON.stringify(recordingOf({ run, events }), undefined, 1)}\n`);
  writeFileSync(path, testText(run, specifier(path, resolve(packageRoot(), run.file)), basename(history)));
  say(`Wrote ${target} and ${relative(process.cwd(), history)}. The second holds the run's values as they were, ` +
    "secrets too.\nRun it: npx vitest run " + target);
}

/** The path of the workflow's file as an import in the test. */
function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to).split(sep).join("/");
  return path.startsWith(".") ? path : `./${path}`;
}

function testText(run: RunRow, file: string, history: string): string {
  const name = JSON.stringify(`workflow '${run.workflow}' decides and ends as it did in run '${run.name}'`);
  return `/** Made by \`reprise runs export ${run.runId} --test\`: the history beside it is replayed; no task runs. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { replay } from "reprise/testing";

test(${name}, async () => {
  const history = fileURLToPath(new URL(${JSON.stringify(`./${history}`)}, import.meta.url));
  expect(await replay(history, () => import(${JSON.stringify(file)}))).toEqual({ ok: true, diff: undefined });
});
`;
}
