/** An event of a run in words, as the viewer says it at the foot of its page; for the terminal. */
import { RepriseError, type Event } from "../../engine/index.ts";
import { criticalKeys, criticalPath } from "../model/critical.ts";
import { namedEvent } from "../model/focus.ts";
import { historyOf } from "../model/history.ts";
import { sentenceText } from "../model/sentence.ts";
import { Redactor } from "./redact.ts";

/** `focus`: a number, `last`, `first-failure`, a task, `t=12.5s`; empty is the first failure of a failed run, else the
 *  last event. `says` is empty where there is no event. Secrets are redacted. @throws NO_SUCH_EVENT, USAGE */
export function eventInWords(events: readonly Event[], focus = ""): { readonly seq: number; readonly says: string } {
  const redactor = new Redactor();
  // The same events: only texts and payloads in them were changed.
  const history = historyOf(events.map((event) => redactor.event({ ...event }) as unknown as Event));
  const seq = namedEvent(focus, history);
  if (seq === undefined) throw /^\d+$/.test(focus) ? new RepriseError("NO_SUCH_EVENT",
    `the run has the events 1 to ${events.length}, not ${focus}`, "Give a number in that range.")
    : new RepriseError("USAGE", `nothing in the run is called '${focus}'`,
      "Give an event's number, a task's name or key, last, first-failure, or an instant such as t=12.5s.");
  return { seq, says: sentenceText({ history, critical: criticalKeys(criticalPath(history)) }, seq) };
}
