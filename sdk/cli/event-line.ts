/** One event as one line for a terminal. */
import { decodeValue, wholeMessage, type Event } from "../../engine/index.ts";
import { dim, when } from "./output.ts";
import { readableJson } from "../readable-json.ts";

/** Seq, instant, type, what it is about, what caused it, where in the code. */
export function eventLine(event: Event): string {
  const key = "key" in event && event.key !== undefined ? `  ${event.key}` : "";
  const by = "by" in event ? dim(`  by ${event.by}`) : "";
  const site = "site" in event && event.site !== undefined ? dim(`  ${event.site}`) : "";
  const error = "error" in event && event.error !== undefined
    ? `  ${event.error.name}: ${wholeMessage(event.error)}` : "";
  return `${String(event.seq).padStart(6)}  ${when(event.at)}  ${event.type.padEnd(18)}${key}${detail(event)}${error}` +
    `${by}${site}`;
}

/** What the key does not say: the message, who sent it, where it went. */
function detail(event: Event): string {
  switch (event.type) {
    case "SignalReceived": case "UpdateReceived": return `  ${event.name}${short(event.value)}`;
    case "WaitOpened": return event.taken === undefined ? "" : `  taken from event ${event.taken}`;
    case "WaitClosed": return event.met ? "  it holds" : "";
    case "WaitAnswered": return `${short(event.value)}${event.who === undefined ? "" : `  from ${event.who}`}`;
    case "ResultInjected":
      return `${event.value === undefined ? "  skipped" : short(event.value)}  by ${event.who}: ${event.reason}`;
    case "ChildStarted": return `  ${event.childId}`;
    case "SignalSent": return `  to ${event.to}${short(event.value)}`;
    case "UpdateCompleted": return short(event.result);
    case "Published": case "Reported": return `  ${event.kind} ${event.name}${short(event.value)}`;
    case "RunContinued": return `  as ${event.nextId}`;
    case "RunPaused": case "RunUnpaused": return event.who === undefined ? "" : `  by ${event.who}`;
    case "RunForked": return `  from event ${event.seqs} of ${event.from}`;
    case "MailIgnored": return `  ${event.kind}: ${event.why}`;
    case "Noted": case "RunParked": return `  ${event.code}: ${event.message.split("\n")[0] ?? ""}`;
    default: return "";
  }
}

function short(payload: Parameters<typeof decodeValue>[0]): string {
  if (payload === undefined) return "";
  const text = readableJson(decodeValue(payload), "");
  return `  ${text.length > 80 ? `${text.slice(0, 79)}…` : text}`;
}
