/** A thread or process in which attempts of tasks are made, one at a time; see runner.ts. */
import { pathToFileURL } from "node:url";
import { parentPort, Worker as Thread } from "node:worker_threads";
import { decodeValue, encodeRecorded, fromErrorRecord, inFrame, isA, saidBy, realClock, RepriseError,
  toErrorRecord, type Payload, type TaskFrame } from "../engine/index.ts";
import { loadDefinitions } from "./loading.ts";
import { defineOnly, taskFunction } from "./registry.ts";
import type { Said, Told } from "./runner.ts";
import { askBy, type Answer } from "./runs-of-places.ts";
import { whenUnread } from "./unread.ts";
import { loadUserModules } from "./user-modules.ts";

type Begin = Extract<Told, { begin: unknown }>["begin"];
/** What stopped the loading of a file, if anything did. */
const loaded = new Map<string, Promise<unknown>>();
let problem: unknown;
/** Questions that have no answer yet, by number. */
const asked = new Map<number, (answer: Answer) => void>();
let questions = 0;
askBy((question) => new Promise((resolve) => {
  asked.set(questions, resolve);
  say({ ask: question, n: questions++ });
}));
let stop: AbortController | undefined;
if (parentPort === null) whenUnread(() => undefined); // who started this process decides

function say(said: Said): void {
  if (parentPort !== null) parentPort.postMessage(said);
  else process.send?.(said);
}

function hear(told: Told): void {
  if ("load" in told) void load(told.load).then((error) => { problem = error; say({ ready: true }) });
  else if ("answer" in told) { asked.get(told.to)?.(told.answer); asked.delete(told.to) }
  else if ("abort" in told) stop?.abort(fromErrorRecord(told.abort));
  else void attempt(told.begin).then(say);
}

async function attempt(job: Begin): Promise<Said> {
  const controller = stop = new AbortController();
  let failure: unknown;
  try {
    const fn = taskFunction(job.task, job.file);
    if (fn === undefined) throw new RepriseError("RUNNER_TASK_MISSING",
      `loading ${job.file || "no file"} for its definitions does not define task '${job.task}'`,
      "Define it at the top level of its file, not inside a function or behind isMain().", { cause: problem });
    // The arguments were encoded from an array.
    const args = job.input === undefined ? [] : decodeValue(JSON.parse(job.input)) as readonly unknown[];
    const value: unknown = await inFrame(frameOf(job, controller.signal), async () => fn(...args));
    try {
      const result = encodeRecorded(value, `result of ${job.task}`);
      return { result: result && JSON.stringify(result) };
    } catch (error) { return { error: toErrorRecord(error), final: true } }
  } catch (error) { failure = error }
  return { error: toErrorRecord(failure),
    final: isA(failure, RepriseError) && failure.code === "RUNNER_TASK_MISSING" };
}

/** Imports a task's file, once. A top-level call in it is refused, and what stands above it is kept. */
function load({ path, userModules }: Extract<Told, { load: unknown }>["load"]): Promise<unknown> {
  if (userModules || /\.[mc]?tsx?$/.test(path) && !("typescript" in process.features)) loadUserModules();
  defineOnly();
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const made = loadDefinitions(() => import(pathToFileURL(path).href), path)
    .then(() => undefined, (error: unknown) => error);
  loaded.set(path, made);
  return made;
}

function frameOf({ run, task, key, attempt: number, captureConsole, beat }: Begin,
  abortSignal: AbortSignal): TaskFrame {
  return { in: "task", run: { ...run, startedAt: new Date(run.startedAt) }, task: { name: task, key }, attempt: number,
    idempotencyKey: `${run.id}/${key}`, abortSignal, clock: realClock, captureConsole, startedRuns: 0,
    inTransaction: false,
    lastHeartbeat: beat === undefined ? undefined : JSON.parse(beat) as Payload, // written by runner.ts
    heartbeat: (details) => say({ beat: details && JSON.stringify(details) }),
    show: (shown, value) => say({ show: shown, value: value && JSON.stringify(value) }),
    log: (level, text, data) => say({ log: text, level, ...(data && { data: plain(data) }) }) };
}

/** What crosses as JSON; the rest as text. */
function plain(data: object): object {
  try {
    return JSON.parse(JSON.stringify(data, (_key, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value)) as object; // of an object
  } catch (error) { return { unprintable: saidBy(error) } }
}

if (parentPort !== null) parentPort.on("message", hear);
else {
  process.on("message", (told) => hear(told as Told)); // sent by runner.ts
  process.on("disconnect", () => process.exit());
  process.on("SIGINT", () => undefined); // a terminal sends it to all; the parent decides
  // While a computation blocks this loop nobody hears of the parent's death: a thread looks.
  const watch = `const parent = ${process.ppid};
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, "SIGKILL") }, 500)`;
  new Thread(watch, { eval: true }).unref();
}
