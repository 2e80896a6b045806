/** What one can do with a run, by its state. Each opens a dialog that says what will happen before it happens. */
import { isOver } from "../model/wire.ts";
import { show } from "./dialogs.tsx";
import type { IconName } from "./icons.tsx";
import { later } from "./later.tsx";
import type { Session } from "./session.ts";

/** A button of the head. */
export interface Action { readonly word: string; readonly title: string; readonly icon: IconName;
  readonly main: boolean; readonly open: () => void }

const parts = (): Promise<typeof import("./action-dialogs.tsx")> => import("./action-dialogs.tsx");
const Ask = later(async () => (await parts()).AskDialog);
const Signal = later(async () => (await parts()).SignalDialog);
const Fork = later(async () => (await parts()).ForkDialog);
const Export = later(async () => (await parts()).ExportDialog);

/** The actions that make sense now; of a recording only the export. */
export function actionsOf(run: Session): readonly Action[] {
  const row = run.row.value;
  const leave: Action = { word: "Export", title: "Export this run as one file", icon: "down2", main: false,
    open: () => { show(() => Export({ run })) } };
  if (row === undefined || run.recorded) return [leave];
  const state = row.parked === null ? row.state : "parked";
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
        open: () => { show(() => Signal({ run })) } });
  }
  if (!isOver(row.state) && state !== "cancelling") actions.push(ask("cancel", "Cancel", "off", "Ask the run to stop"));
  actions.push(leave, { word: "Fork here", icon: "fork", main: isOver(row.state)
    && state === "completed",
    title: "Begin a new run that shares the history up to this event",
    open: () => { const at = run.seq.peek(); show(() => Fork({ run, at })) } });
  return actions;
}
