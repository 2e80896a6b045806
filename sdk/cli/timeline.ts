/** A run as lines: one per call, in the order of calling, with when it began, how long it took, and how it ended. */
import { formatMs, taskRunName, wholeMessage, type Event } from "../../engine/index.ts";
import { table, when } from "./output.ts";

interface Line { readonly name: string; readonly from: number; to?: number; attempts: number; state: string;
  note: string; tags?: readonly string[] | undefined }
/** The lines by key, in the order of calling, and those that wait for a signal by its name, oldest first. */
interface Lines { readonly byKey: Map<string, Line>; readonly waiting: Map<string, Line[]> }

/** The timeline of a history; instants count from the first event. */
export function timeline(events: readonly Event[], runId: string): string {
  const start = events[0]?.at ?? 0;
  const lines: Lines = { byKey: new Map(), waiting: new Map() };
  for (const event of events) applyTo(lines, event, runId);
  const rows = [...lines.byKey.values()].map((line) => [
    line.name, `+${formatMs(line.from - start)}`, line.to === undefined ? "" : formatMs(line.to - line.from),
    line.attempts > 1 ? `${line.attempts} attempts` : "", line.state,
    [line.note, ...(line.tags ?? []).map((tag) => `#${tag}`)].filter((part) => part !== "").join("  "),
  ]);
  return table(["CALL", "AT", "TOOK", "", "STATE", ""], rows);
}

function applyTo({ byKey: lines, waiting }: Lines, event: Event, runId: string): void {
  const line = "key" in event && event.key !== undefined ? lines.get(event.key) : undefined;
  const end = (state: string, note = ""): void =>
    { if (line !== undefined) Object.assign(line, { to: event.at, state, note }) };
  switch (event.type) {
    case "TaskScheduled":
      lines.set(event.key, { ...call(event.label ?? taskRunName(runId, event.key), event.at, "scheduled"),
        tags: event.tags });
      return;
    case "TimerStarted": lines.set(event.key, call(event.purpose ?? "timer", event.at, "waiting")); return;
    case "AttemptStarted": if (line !== undefined) Object.assign(line, { attempts: event.attempt,
      state: "running", note: "" }); return;
    case "RetryScheduled": if (line !== undefined) Object.assign(line, { state: "retrying",
      note: `attempt ${event.attempt} at ${when(event.dueAt)}` }); return;
    case "TaskCompleted": if (event.cached === undefined) end("completed");
      else end("cached", `from ${event.cached.key} of ${event.cached.run}`); return;
    case "TaskFailed": end("failed", wholeMessage(event.error)); return;
    case "TimerFired": end("fired"); return;
    case "TaskCancelRequested": case "TaskCancelled": case "TimerCancelled": end("cancelled"); return;
    case "WaitOpened": lines.set(event.key, opened(waiting, event)); return;
    case "WaitAnswered": end("answered", event.who === undefined ? "" : `by ${event.who}`); return;
    case "WaitClosed": end(event.met ? "met" : "closed"); return;
    case "SignalReceived": received(waiting, event); return;
    case "ChildStarted": lines.set(event.key, event.task === undefined
      ? call(`child ${event.workflow}`, event.at, "running", event.childId)
      : { ...call(event.name ?? taskRunName(runId, event.key), event.at, `in pool ${event.pool}`, event.childId),
        tags: event.tags });
      return;
    case "ChildCompleted": end("completed", line?.note); return;
    case "ChildFailed": end("failed", wholeMessage(event.error)); return;
    case "ChildCancelled": case "ChildCancelRequested": end("cancelled", line?.note); return;
    case "ResultInjected":
      end(event.value === undefined ? "skipped" : "injected", `by ${event.who}: ${event.reason}`);
      return;
    case "SignalSent": lines.set(event.key, { ...call(`signal ${event.name}`, event.at, "sent", `to ${event.to}`),
      to: event.at }); return;
    case "UpdateReceived": lines.set(`update:${event.id}`, call(`update ${event.name}`, event.at, "handling")); return;
    case "UpdateCompleted": if (event.error === undefined) end("completed");
      else end("failed", wholeMessage(event.error)); return;
    case "PatchDecided": lines.set(event.key, call(event.key.replace(":", " "), event.at, "new way")); return;
    case "RunPaused": lines.set(`pause${event.seq}`, call("(paused)", event.at, "", who(event.who))); return;
    case "RunUnpaused": lines.set(`pause${event.seq}`, call("(resumed)", event.at, "", who(event.who))); return;
    case "RunForked": lines.set(`fork${event.seq}`, call(`(${event.why})`, event.at, "", `of ${event.from}`)); return;
    case "CancelRequested": lines.set(`stop${event.seq}`, call("(asked to stop)", event.at, "", event.reason)); return;
    case "RunContinued": lines.set("end", call("run", event.at, "continued", `as ${event.nextId}`)); return;
    case "RunLost": lines.set(`lost${event.seq}`, call("(worker lost)", event.at, "")); return;
    case "RunClaimed": if (event.seq > 2) lines.set(`claim${event.seq}`,
      call("(taken over)", event.at, "", event.worker)); return;
    case "RunParked": lines.set(`park${event.seq}`, call("(parked)", event.at, event.code)); return;
    case "RunCompleted": lines.set("end", call("run", event.at, "completed")); return;
    case "RunFailed": lines.set("end", call("run", event.at, "failed", wholeMessage(event.error))); return;
    case "RunCancelled": lines.set("end", call("run", event.at, "cancelled", event.reason)); return;
    default: return;
  }
}

function opened(waiting: Lines["waiting"], { kind, name, at, taken }: Extract<Event, { type: "WaitOpened" }>): Line {
  const line = call(kind === "condition" ? kind : `${kind} ${name}`, at, "waiting");
  if (taken !== undefined) Object.assign(line, { to: at, state: "received" });
  else if (kind === "signal") waiting.set(name, [...waiting.get(name) ?? [], line]);
  return line;
}
/** A signal ends the oldest wait for its name; one that nobody waits for is taken later. */
function received(waiting: Lines["waiting"], { name, at }: Extract<Event, { type: "SignalReceived" }>): void {
  const open = (waiting.get(name) ?? []).filter(({ state }) => state === "waiting");
  const [first, ...rest] = open;
  if (first !== undefined) Object.assign(first, { to: at, state: "received" });
  waiting.set(name, rest);
}
function who(name: string | undefined): string { return name === undefined ? "" : `by ${name}` }

function call(name: string, from: number, state: string, note = ""): Line {
  return { name, from, attempts: 0, state, note } }
