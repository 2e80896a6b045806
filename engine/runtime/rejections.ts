/**
 * One `unhandledRejection` listener for the process (design 2.8). A rejection whose identity is a run belongs to that
 * run and never ends the process; any other keeps node's default. Node runs the listener in the async context of the
 * rejected promise, so the frame is that of the code which left it unhandled.
 */
import { currentFrame } from "../replay/identity.ts";

const floating = new Map<Promise<unknown>, { readonly run: string; readonly error: unknown }>();
const byRun = new Map<string, (error: unknown) => void>();
let installed = false;

/** Reports rejections of a run's code that nobody handled, until the answer is called. */
export function ownRejections(runId: string, report: (error: unknown) => void): () => void {
  if (!installed) {
    installed = true;
    process.on("unhandledRejection", onUnhandled);
    process.on("rejectionHandled", (promise) => { floating.delete(promise) });
  }
  byRun.set(runId, report);
  return () => {
    for (const [promise, entry] of floating) {
      if (entry.run !== runId) continue;
      floating.delete(promise);
      report(entry.error);
    }
    byRun.delete(runId);
  };
}

function onUnhandled(error: unknown, promise: Promise<unknown>): void {
  const frame = currentFrame();
  const run = frame === undefined ? undefined : frame.in === "task" ? frame.run.id : frame.execution.run.id;
  if (run !== undefined) { if (byRun.has(run)) floating.set(promise, { run, error }); return }
  if (process.listenerCount("unhandledRejection") > 1) return; // the program has a listener of its own: it decides
  throw error; // node's default, which our listener would otherwise have switched off
}
