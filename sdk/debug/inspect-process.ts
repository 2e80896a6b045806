/** Waits for a debugger, then replays one run and stops where it was asked to; see inspect.ts. */
import inspector from "node:inspector";
import { rehearse, saidBy, stopAtMoments } from "../../engine/index.ts";
import { loadUserModules } from "../user-modules.ts";
import { loadWorkflow } from "./load.ts";
import { MomentIndex } from "./moments.ts";
import type { ReplayedRun } from "./protocol.ts";

async function inspected({ run, at }: { readonly run: ReplayedRun; readonly at?: number }): Promise<void> {
  loadUserModules();
  const spec = await loadWorkflow(run), index = new MomentIndex(run.events);
  const wanted = new Set(at === undefined ? index.moments : index.targets(at).slice(0, 1).map(({ seq }) => seq));
  inspector.open(0, "127.0.0.1");
  process.stderr.write("Attach to it: chrome://inspect in Chrome, or \"attach\" in VS Code with the port above.\n" +
    "It stops inside the engine, with your functions below on the stack; \"step into\" leads on to your code.\n");
  inspector.waitForDebugger();
  stopAtMoments((moment) => wanted.has(index.seqOf(moment) ?? 0));
  const { diff } = await rehearse(run.runId, spec, run.events);
  if (diff !== undefined) process.stderr.write(`The code on disk diverged from the run:\n${diff}\n`);
  process.exit(diff === undefined ? 0 : 3);
}

process.on("disconnect", () => { process.exit() });
if (!process.connected) process.exit();
process.once("message", (asked: { readonly run: ReplayedRun; readonly at?: number }) => {
  inspected(asked).catch((error: unknown) => {
    process.stderr.write(`${saidBy(error)}\n`);
    process.exit(1);
  });
});
