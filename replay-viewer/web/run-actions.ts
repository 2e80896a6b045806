/** What one can do with a run, by its state. Each opens a dialog that says what will happen before it happens. */
import type { Call } from "../model/calls.ts";
import { isOver } from "../model/wire.ts";
import { show } from "./dialogs.tsx";
import type { IconName } from "./icons.tsx";
import { later } from "./later.tsx";
import { visit } from "./place.ts";
import type { Session } from "./session.ts";

/** A button of the head, or with `rare` an entry of the menu beside them. */
export interface Action { readonly word: string; readonly title: string; readonly icon: IconName;
  readonly main: boolean; readonly rare?: boolean; readonly open: () => void }

const parts = (): Promise<typeof import("./action-dialogs.tsx")> => import("./action-dialogs.tsx");
const Ask = later(async () => (await parts()).AskDialog);
const Send = later(async () => (await parts()).SendDialog);
const Inject = later(async () => (await parts()).InjectDialog);
const Fork = later(async () => (await parts()).ForkDialog);
const Export = later(async () => (await import("./export-dialog.tsx")).ExportDialog);

/** Asks for another result of this call, in a fork. */
export function openFork(run: Session, at: number, call?: Call): void { show(() => Fork({ run, at, call })) }
/** Asks for a value that settles an open call. */
export function openInject(run: Session, call?: Call): void { show(() => Inject({ run, call })) }
/** Can a fork give this call another result? */
export function isEditable(call: Call | undefined): boolean {
  return call?.endSeq !== undefined && (call.kind === "task" || call.kind === "child" || call.wait?.kind === "form");
}

/** The actions that make sense now; of a recording only the export. */
export function actionsOf(run: Session): readonly Action[] {
  const row = run.row.value;
  const leave: Action = { word: "Export", title: "Export this run as one file", icon: "down2", main: false,
    open: () => { show(() => Export({ run })) } };
  if (row === undefined || run.recorded) return [leave];
  const state = row.parked === null ? row.state : "parked", over = isOver(row.state);
  const ask = (verb: "cancel" | "pause" | "resume" | "retry", word: string, icon: IconName, title: string,
    main = false): Action => ({ word, title, icon, main, open: () => { show(() => Ask({ run, verb, word })) } });
  const actions: Action[] = [];
  if (state === "paused" || state === "parked") actions.push(
    ask("resume", "Resume", "play", "Let the run go on", true));
  if (state === "failed" || state === "crashed" || state === "cancelled") {
    actions.push(ask("retry", "Retry", "again", "Try again from the failed call", true));
  }
  if (state === "running" || state === "waiting" || state === "pending") {
    actions.push(ask("pause", "Pause", "pause", "Stop deciding and starting anything new"),
      { word: "Signal", title: "Send the run a message", icon: "signal", main: false,
        open: () => { show(() => Send({ run, verb: "signal" })) } });
  }
  if (!over && state !== "cancelling") actions.push(ask("cancel", "Cancel", "off", "Ask the run to stop"));
  actions.push(leave, { word: "Fork here", icon: "fork", main: over && state === "completed",
    title: "Begin a new run that shares the history up to this event", open: () => { forkHere(run) } });
  if (!over) actions.push({ word: "Update", icon: "swap", main: false, rare: true,
    title: "Ask the run to change something, and get its reply",
    open: () => { show(() => Send({ run, verb: "update" })) } },
  { word: "Settle a call", icon: "note", main: false, rare: true,
    title: "Give an open call a value of your own", open: () => { openInject(run, focusedCall(run)) } });
  actions.push({ word: "Run again", icon: "play", main: false, rare: true,
    title: "Start another run, with this input or an edited one",
    open: () => { visit("/workflows", { start: row.workflow, from: run.id }) } });
  return actions;
}

function focusedCall(run: Session): Call | undefined {
  const event = run.history.event(run.seq.peek()), call = event && run.history.callOf(event);
  return call?.endSeq === undefined ? call : undefined;
}
/** At the end of a call the fork may have another result of it. */
function forkHere(run: Session): void {
  const at = run.seq.peek(), event = run.history.event(at), call = event && run.history.callOf(event);
  openFork(run, at, call?.endSeq === at && isEditable(call) ? call : undefined);
}
