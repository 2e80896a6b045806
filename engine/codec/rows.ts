/** The events of an append to the text of its row, and back. 100,000 are read in 0.13 s, 0.09 of it JSON.parse. */
import { RepriseError } from "../core/errors.ts";
import type { Draft, Event, EventType } from "../core/events.ts";
import { saidBy } from "../core/thrown.ts";

/**
 * JSON array text of the events, in order. Their seq is left out: the row's first seq and the place give it. Values
 * must be payloads already; nothing is checked here.
 */
export function encodeEvents(events: readonly Draft[]): string {
  // An Event is a Draft by structure, so that seq may be there. Looked for first, since drafts are the rule.
  return events.some(event => "seq" in event)
    ? JSON.stringify(events.map(event => ({ ...event, seq: undefined }))) : JSON.stringify(events);
}

/**
 * The events of a row, seq counted from `firstSeq` (1 is a run's first).
 * @throws HISTORY_CORRUPT naming the seq and what is wrong: no JSON, no array, an unknown type, a field that is
 *   missing or of the wrong kind. Fields that this version does not know are kept.
 */
export function decodeEvents(firstSeq: number, text: string): Event[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw corrupt(firstSeq, `the row is not JSON (${saidBy(error)})`);
  }
  if (!Array.isArray(parsed)) throw corrupt(firstSeq, "the row is not a list of events");
  const events: readonly unknown[] = parsed;
  for (let i = 0; i < events.length; i++) {
    const seq = firstSeq + i, event = fieldsOf(events[i], seq), wrong = faultOf(event);
    if (wrong !== undefined) throw corrupt(seq, wrong);
    Reflect.set(event, "seq", seq); // the parsed text is ours alone, so no copy is needed
  }
  return parsed as Event[]; // each one was checked and given its seq just now
}

/**
 * Is this the whole history of a run, as a document from outside has it? seq counts from 1, RunStarted comes first.
 * @param what names the document in the error
 * @param newer types that this version does not know may stand in it
 * @throws HISTORY_CORRUPT naming the seq and what is wrong
 */
export function checkHistory(events: readonly unknown[], what: string, newer: "refused" | "kept" = "refused"):
  asserts events is readonly Event[] {
  const wrong = (seq: number, why: string): RepriseError => new RepriseError("HISTORY_CORRUPT",
    `${what} cannot be read at event ${seq}: ${why}`,
    "Export the run again; what a newer version wrote needs that version.");
  if (events.length === 0) throw wrong(1, "it has no events");
  for (let i = 0; i < events.length; i++) {
    const event = events[i], seq = i + 1;
    if (!isObject(event)) throw wrong(seq, "it is not an object");
    if (event["seq"] !== seq) throw wrong(seq, `its seq is ${JSON.stringify(event["seq"]) ?? "missing"}, not ${seq}`);
    if (seq === 1 && event["type"] !== "RunStarted") {
      throw wrong(seq, `it is ${JSON.stringify(event["type"]) ?? "nothing"}, and a history begins with RunStarted`);
    }
    const fault = newer === "kept" && isNewer(event) ? faultIn(event, COMMON) : faultOf(event);
    if (fault !== undefined) throw wrong(seq, fault);
  }
}

type Fields = { readonly [key: string]: unknown };

function fieldsOf(event: unknown, seq: number): Fields {
  if (isObject(event)) return event;
  throw corrupt(seq, "the event is not an object");
}
function isNewer({ type }: Fields): boolean { return typeof type === "string" && !RULES.has(type) }

/** What is wrong with an event, if anything is. */
function faultOf(event: Fields): string | undefined {
  const type = event["type"], rules = typeof type === "string" ? RULES.get(type) : undefined;
  return rules === undefined ? `the type ${JSON.stringify(type)} is unknown to this version` : faultIn(event, rules);
}
function faultIn(event: Fields, rules: readonly Rule[]): string | undefined {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    if (rule === undefined) continue;
    const value = event[rule.field];
    if (value === undefined ? !rule.optional : !rule.holds(value)) {
      return `${String(event["type"])}.${rule.field} is ${value === undefined ? "missing" : `no ${rule.kind}`}`;
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function corrupt(seq: number, why: string): RepriseError {
  return new RepriseError("HISTORY_CORRUPT", `The history cannot be read at event ${seq}: ${why}`,
    "If a newer version wrote it, upgrade this worker; otherwise restore the database from a backup.");
}

const isText = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => typeof value === "number";
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isPayload = (value: unknown): boolean => isObject(value)
  && ("p" in value || (isObject(value["s"]) && "json" in value["s"])
    || (isText(value["ref"]) && isCount(value["bytes"])));

function isRecord(value: unknown): boolean {
  // Not recursive by call: a cause of ours ends after 10, but corrupt text may nest without end.
  const open: unknown[] = [value];
  while (open.length > 0) {
    const record = open.pop();
    if (!isObject(record) || !isText(record["name"]) || !isText(record["message"])) return false;
    for (const key of ["stack", "code"]) if (record[key] !== undefined && !isText(record[key])) return false;
    if (record["data"] !== undefined && !isPayload(record["data"])) return false;
    if (record["cause"] !== undefined) open.push(record["cause"]);
    const errors = record["errors"];
    if (Array.isArray(errors)) open.push(...errors);
    else if (errors !== undefined) return false;
  }
  return true;
}

const isSource = (value: unknown): boolean => isObject(value)
  && isText(value["run"]) && isText(value["key"]) && isNumber(value["at"]);

const KINDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["text", isText], ["number", isNumber], ["count", isCount], ["texts", isTexts], ["payload", isPayload],
  ["error", isRecord], ["flag", (value) => typeof value === "boolean"], ["object", isObject], ["source", isSource],
]);

interface Rule {
  readonly field: string;
  readonly optional: boolean;
  readonly kind: string;
  readonly holds: (value: unknown) => boolean;
}

const DECIDED = "key:text by:count site?:text";
const MAIL = "n:count";
const SHOWN = "kind:text name:text value?:payload";
/** What core/events.ts says of each type, as `field:kind`, with `?` where it may be absent. */
const SHAPES: { readonly [T in EventType]: string } = {
  RunStarted: "workflow:text name:text input?:payload seed:text tags?:texts signals?:texts version?:text "
    + "codeVersion?:text file?:text "
    + "engineFlags:number pool?:text priority?:number deadlineAt?:number retry?:count parent?:object chain?:object "
    + "task?:object",
  TaskCompleted: "key:text attempt:count result?:payload cached?:source",
  TaskFailed: "key:text attempts:count error:error",
  TaskCancelled: "key:text reason?:text",
  TimerFired: "key:text",
  CancelRequested: `${MAIL} reason?:text graceMs?:number`,
  SignalReceived: `${MAIL} name:text value?:payload`,
  WaitAnswered: `${MAIL} key:text value?:payload who?:text`,
  UpdateReceived: `${MAIL} id:text name:text value?:payload`,
  ChildCompleted: `${MAIL} key:text result?:payload cached?:flag`,
  ChildFailed: `${MAIL} key:text error:error`,
  ChildCancelled: `${MAIL} key:text reason?:text`,
  ResultInjected: `${MAIL} key:text value?:payload who:text reason:text`,
  TaskScheduled: `${DECIDED} name:text inputHash:text input?:payload retries?:count label?:text tags?:texts `
    + "version?:text description?:text",
  TimerStarted: `${DECIDED} dueAt:number purpose?:text`,
  TimerCancelled: DECIDED,
  TaskCancelRequested: `${DECIDED} reason?:text`,
  ValueRecorded: `${DECIDED} value?:payload`,
  WaitOpened: `${DECIDED} kind:text name:text taken?:count until?:number description?:text schema?:payload `
    + "token?:text",
  WaitClosed: `${DECIDED} met?:flag reason?:text`,
  ChildStarted: `${DECIDED} childId:text workflow:text inputHash:text input?:payload onClose:text `
    + "name?:text pool?:text priority?:number tags?:texts task?:object",
  ChildCancelRequested: `${DECIDED} childId:text reason?:text`,
  SignalSent: `${DECIDED} to:text name:text value?:payload`,
  UpdateCompleted: `${DECIDED} id:text result?:payload error?:error`,
  PatchDecided: DECIDED,
  Published: `${DECIDED} ${SHOWN}`,
  RunContinued: `${DECIDED} nextId:text input?:payload`,
  RunCompleted: `${DECIDED} result?:payload cached?:flag`,
  RunFailed: `${DECIDED} error:error retriedAs?:text`,
  RunCancelled: `${DECIDED} reason?:text`,
  RunClaimed: "epoch:count worker:text codeVersion?:text",
  RunReleased: "reason:text",
  RunLost: "epoch:count worker?:text",
  MailIgnored: `${MAIL} kind:text why:text`,
  AttemptQueued: "key:text attempt:count limit:text dueAt?:number",
  AttemptStarted: "key:text attempt:count",
  AttemptFailed: "key:text attempt:count error:error",
  RetryScheduled: "key:text attempt:count dueAt:number",
  RunParked: "code:text message:text hint?:text codeVersion?:text epoch?:count",
  RunUnparked: "",
  RunPaused: `${MAIL} who?:text`,
  RunUnpaused: "who?:text",
  RunForked: "from:text seqs:count why:text who?:text edited?:texts",
  Reported: `key:text ${SHOWN}`,
  Heartbeat: "key:text attempt:count value?:payload",
  Noted: "code:text message:text key?:text",
};

/** What every event has. */
const COMMON = [ruleOf("at:number")];
const RULES: ReadonlyMap<string, readonly Rule[]> = new Map(
  Object.entries(SHAPES).map(([type, shape]) => [type, `at:number ${shape}`.trim().split(" ").map(ruleOf)]),
);

function ruleOf(text: string): Rule {
  const [name = "", kind = ""] = text.split(":");
  const optional = name.endsWith("?");
  const holds = KINDS.get(kind);
  if (holds === undefined) throw new Error(`corrupt table of events: no kind ${kind}`);
  return { field: optional ? name.slice(0, -1) : name, optional, kind, holds };
}
