/** The process in which a server compares runs with the user's files: it loads them, and replays what it is told. */
import { CodeCheck, saidBy, type RunEngine } from "../../engine/index.ts";
import { workflowNames, workflowSpec } from "../registry.ts";
import type { CodeAsked, CodeTold } from "./code-watch.ts";
import { loadFile, withEngine } from "./open.ts";
import { sayError } from "./output.ts";

process.on("SIGINT", () => undefined); // a terminal sends it to both; the parent decides
const gone = new Promise<void>((resolve) => { process.once("disconnect", () => { resolve() }) });
void withEngine("none", serve).catch(sayError).finally(() => { process.exit() });

async function serve(engine: RunEngine): Promise<void> {
  for (const file of process.argv.slice(2)) await loadFile(file).catch(sayError);
  const check = new CodeCheck(engine.store, { codeOf: ({ workflow }) => workflowSpec(workflow) });
  process.on("message", ({ n, row }: CodeAsked) => { // the parent says nothing else
    check.verdict(row).then((verdict) => { tell({ n, verdict }) },
      (error: unknown) => { tell({ n, failed: saidBy(error) }) });
  });
  tell({ workflows: workflowNames().flatMap((name) => {
    const { file, codeVersion = "" } = workflowSpec(name) ?? {};
    return [{ name, codeVersion, ...(file !== undefined && { file }) }];
  }) });
  await gone;
}

function tell(told: CodeTold): void { if (process.connected) process.send?.(told) }
