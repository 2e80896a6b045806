/** An event in a few words, for a line of a list. */
import type { Event } from "../../engine/core/events.ts";
import { duration } from "../model/format.ts";
import { errorLine, shownPayload } from "../model/payload.ts";
import { preview } from "../model/shown.ts";

/** The one thing of an event that is worth a line. */
export function gist(event: Event): string {
  if ("error" in event) return errorLine(event.error);
  if ("result" in event && event.result !== undefined) return preview(shownPayload(event.result), 90);
  if ("input" in event && event.input !== undefined) return preview(shownPayload(event.input), 90);
  switch (event.type) {
    case "ValueRecorded": case "SignalReceived": case "WaitAnswered": case "UpdateReceived": case "ResultInjected":
    case "SignalSent": return event.value === undefined ? "" : preview(shownPayload(event.value), 90);
    case "WaitOpened": return `${event.kind} ${event.name}`;
    case "AttemptQueued": return `limit ${event.limit}`;
    case "Published": case "Reported": return `${event.kind} ${event.name}`;
    case "TimerStarted": return duration(event.dueAt - event.at);
    case "RunClaimed": return event.worker;
    case "RunParked": case "Noted": return event.message;
    case "RunReleased": return event.reason;
    case "AttemptStarted": return `attempt ${event.attempt}`;
    case "RetryScheduled": return `attempt ${event.attempt}`;
    case "MailIgnored": return event.why;
    case "TaskCancelled": case "TaskCancelRequested": case "CancelRequested": return event.reason ?? "";
    default: return "";
  }
}
