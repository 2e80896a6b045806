/**
 * One `unhandledRejection` listener for the process (design 2.8). A rejection whose identity is a run belongs to that
 * run and never ends the process; any other keeps node's default. Node runs the listener in the async context of the
 * rejected promise, so the frame is that of the code which left it unhandled.
 */
import { RepriseError } from "../core/errors.ts";
import { asError, isA } from "../core/thrown.ts";
import { currentFrame } from "../replay/identity.ts";

/** Who is told of a rejection that nobody handled. */
export interface Owner { floating(error: unknown): void }

const floating = new Map<Promise<unknown>, { readonly run: string; readonly error: unknown }>();
const owners = new Map<string, Owner>();
let installed = false;

/** From here on rejections of this run's code that nobody handles are its owner's. */
export function ownRejections(runId: string, owner: Owner): void {
  guardRejections();
  owners.set(runId, owner);
}

/** From here on no rejection of a run's code ends the process; without an owner nobody is told. */
export function guardRejections(): void {
  if (installed) return;
  installed = true;
  process.on("unhandledRejection", onUnhandled);
  process.on("rejectionHandled", (promise) => { floating.delete(promise) });
}

/** The run is over here: what nobody has handled by now is reported. */
export function disownRejections(runId: string): void {
  for (const [promise, entry] of floating) {
    if (entry.run !== runId) continue;
    floating.delete(promise);
    owners.get(runId)?.floating(asError(entry.error));
  }
  owners.delete(runId);
}

function onUnhandled(error: unknown, promise: Promise<unknown>): void {
  const frame = currentFrame();
  const run = frame === undefined ? undefined : frame.in === "task" ? frame.run.id : frame.execution.run.id;
  if (run !== undefined) { if (owners.has(run)) floating.set(promise, { run, error }); return }
  if (isA(error, RepriseError) && error.code === "RUN_WHILE_LOADING") return; // refused: nothing is missed
  if (process.listenerCount("unhandledRejection") > 1) return; // the program has a listener of its own: it decides
  throw error; // node's default, which our listener would otherwise have switched off
}
