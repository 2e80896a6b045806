/**
 * The debug host: a process without optimised code, since optimised frames have lost their variables, and that choice
 * is made per process. Each query is a replay in a thread of its own; a thread with everything loaded but the user's
 * files stands ready for the next. A thread that does not come back is ended. See host.ts for who starts it.
 */
import { statSync } from "node:fs";
import { Worker as Thread } from "node:worker_threads";
import { RepriseError } from "../../engine/index.ts";
import { MomentIndex } from "./moments.ts";
import type { Captured, HostReply, HostRequest, Job, LoadedFile, Locals, Opening, Replayed,
  ReplayedRun } from "./protocol.ts";

/** A run with at most so many moments is recorded by the first query: each costs about 2 ms. */
const AT_ONCE = 100;
/** One with more is recorded beside the queries. Of one with more than this, so many moments before and after the one
 *  that was asked for: to step from there costs nothing, to jump elsewhere a replay. */
const RECORDED_MOMENTS = 2000, AROUND = 300;
/** Nobody waits for a recording: it may take so many times as long as a query. */
const PATIENCE = 6;
const KEPT_RUNS = 4;
const MEGABYTES = 1024;
const limitMs = Number(process.argv[2]);

interface Kept { readonly run: ReplayedRun; readonly index: MomentIndex;
  /** The events, each as JSON. */
  readonly texts: readonly string[];
  /** All moments, once they are recorded; "no": they will not be. */
  recording: Promise<void> | "no" | undefined;
  moments: Recorded | undefined;
  /** Of a long run: those around the event that was asked for last. */
  around: Recorded | undefined }
/** Moments from event `from` to event `to`. */
interface Recorded { readonly by: ReadonlyMap<number, Captured>; readonly replayed: Replayed; readonly from: number;
  readonly to: number }

const runs = new Map<string, Kept>();
/** The thread that stands ready for the next query. */
let spare: Thread | undefined;
let turn: Promise<unknown> = Promise.resolve();

function makeThread(): Thread {
  const thread = new Thread(new URL("thread.js", import.meta.url), { stdout: true, stderr: true, execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MEGABYTES } });
  thread.on("error", () => undefined); // told to whoever waits for it
  return thread;
}

/** Has a thread do one replay. @throws REPLAY_STUCK, DEBUG_FAILED, and what the thread says */
function inThread(thread: Thread, job: Job, withinMs = limitMs): Promise<Replayed> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { fail(new RepriseError("REPLAY_STUCK",
      `the replay of run ${job.run.runId} did not come back within ${withinMs} ms and was ended`,
      "Does the code, or an expression, go round for ever? Give it more time with REPRISE_DEBUG_TIMEOUT."));
    }, withinMs);
    const end = (): void => { clearTimeout(timer); void thread.terminate() };
    const fail = (error: Error): void => { end(); reject(error) };
    thread.on("message", (said: "ready" | { readonly value: Replayed } | { readonly error: ErrorParts }) => {
      if (said === "ready") return;
      if ("value" in said) { end(); resolve(said.value) }
      else fail(new RepriseError(said.error.code, said.error.message, said.error.hint));
    });
    thread.once("error", (error) => { fail(failed(error.message)) });
    thread.once("exit", () => { fail(failed("the thread of the replay ended by itself")) });
    thread.postMessage(job);
  });
}
interface ErrorParts { readonly code: string; readonly message: string; readonly hint: string }
function failed(why: string): RepriseError {
  return new RepriseError("DEBUG_FAILED", why, "Does the workflow's file load by itself? Try: reprise check <file>");
}

/** One query at a time, each in the spare thread, and then the next spare is made. */
function query(job: Job): Promise<Replayed> {
  const mine = turn.then(async () => {
    const thread = spare ?? makeThread();
    spare = undefined;
    try { return await inThread(thread, job) } finally { spare = makeThread() }
  });
  turn = mine.catch(() => undefined);
  return mine;
}

async function locals({ runId, at, watches, open }: { readonly runId: string; readonly at: number;
  readonly watches: readonly string[]; readonly open?: Opening }): Promise<Locals> {
  const kept = keptRun(runId), { index } = kept;
  if (at < 1 || at > index.head) throw new RepriseError("NO_SUCH_EVENT",
    `the run has the events 1 to ${index.head}, not ${at}`, "Give a seq in that range.");
  const targets = index.targets(at), plain = watches.length === 0 && open === undefined;
  const known = plain ? recorded(kept) : undefined;
  const beyond = known?.replayed.recordedUntil !== undefined && at > known.replayed.recordedUntil;
  if (known !== undefined && !beyond) return answer(kept, at, known.by, known.replayed);
  const near = plain ? around(kept, targets) : undefined;
  if (near !== undefined) {
    if (endsSoon(kept, near, at)) record(kept, at);
    return answer(kept, at, near.by, near.replayed);
  }
  if (plain && kept.recording === undefined && index.moments.length <= AT_ONCE) {
    const replayed = await query(everything(kept));
    kept.moments = { by: new Map(replayed.captured), replayed, from: 1, to: index.head };
    kept.recording = "no";
    return answer(kept, at, kept.moments.by, replayed);
  }
  const until = Math.max(0, ...targets.map(({ seq }) => index.turnOf(seq)));
  const replayed = await query({ ...jobOf(kept, until), wanted: targets.map(({ seq }) => seq), watches,
    ...(open && { open }) });
  const found = answer(kept, at, new Map(replayed.captured), replayed);
  if (plain) record(kept, at);
  return found;
}

function answer({ index, run }: Kept, at: number, captured: ReadonlyMap<number, Captured>,
  replayed: Replayed): Locals {
  const targets = index.targets(at), { diverged } = replayed;
  const turn_ = Math.max(0, ...targets.slice(0, 1).map(({ seq }) => index.turnOf(seq)));
  if (diverged !== undefined && turn_ >= diverged.at) throw new RepriseError("REPLAY_DIVERGED",
    `the code on disk diverged from the run at event ${diverged.at}, so its variables at event ${at} are not known\n` +
    diverged.diff, "Look at an earlier event, or put the version of the code back that ran.");
  const target = targets.find(({ seq }) => captured.has(seq)) ?? { seq: at, standing: "before" as const };
  const { previous, next } = index.neighbours(at);
  return { frames: [], ...captured.get(target.seq), at, moment: target.seq, standing: target.standing,
    ...(previous !== undefined && { previous }), ...(next !== undefined && { next }),
    otherVersion: run.codeVersion !== "" && replayed.codeVersion !== run.codeVersion };
}

/** All moments of a run, if they have been recorded and the files are still the same. */
function recorded(kept: Kept): Kept["moments"] {
  if (kept.moments === undefined || kept.moments.replayed.files.every(isSame)) return kept.moments;
  kept.moments = undefined;
  kept.recording = undefined;
  return undefined;
}
function isSame({ path, modifiedAt, size }: LoadedFile): boolean {
  try { const now = statSync(path); return now.mtimeMs === modifiedAt && now.size === size } catch { return false }
}

/** What is recorded around an event, if it tells for sure which of its moments is to be shown. */
function around(kept: Kept, targets: readonly { readonly seq: number }[]): Recorded | undefined {
  const { around: near } = kept;
  if (near === undefined) return undefined;
  if (!near.replayed.files.every(isSame)) { kept.around = undefined; return undefined }
  for (const { seq } of targets) {
    if (near.by.has(seq)) return near;
    if (seq < near.from || seq > near.to) return undefined; // it may have frames: nobody has looked
  }
  return near;
}

/** Will whoever steps on from here soon leave what is recorded? */
function endsSoon({ index: { moments, head } }: Kept, { from, to }: Recorded, at: number): boolean {
  return from > (moments[0] ?? 1) && at - from < AROUND / 2 || to < (moments.at(-1) ?? head) && to - at < AROUND / 2;
}

/** Records every moment beside the queries, so that the next ones cost nothing; of a long run those around `at`. */
function record(kept: Kept, at: number): void {
  if (kept.recording !== undefined) return;
  const { index } = kept, { moments } = index;
  if (moments.length <= RECORDED_MOMENTS) {
    kept.recording = recordBeside(everything(kept), 1, index.head).then((all) => { kept.moments = all },
      () => { kept.recording = "no" }); // each query then says for itself what is wrong
    return;
  }
  const middle = moments.findIndex((seq) => seq >= at);
  const wanted = moments.slice(Math.max(0, middle - AROUND), Math.max(0, middle) + AROUND);
  const [from = 1] = wanted, to = wanted.at(-1) ?? from, before = Math.max(0, middle - 2 * AROUND);
  const until = Math.max(...wanted.map((seq) => index.turnOf(seq)));
  kept.recording = recordBeside({ ...jobOf(kept, until), wanted, lookFrom: moments[before] ?? 1 }, from, to)
    .then((near) => { kept.around = near }, () => undefined)
    .finally(() => { kept.recording = undefined }); // the next question may lie elsewhere
}
async function recordBeside(job: Job, from: number, to: number): Promise<Recorded> {
  const replayed = await inThread(makeThread(), job, limitMs * PATIENCE);
  return { by: new Map(replayed.captured), replayed, from, to };
}

/** A replay up to the turn of a delivery that asks for nothing yet. */
function jobOf({ run, index, texts }: Kept, until: number): Job {
  const { events: _, ...about } = run;
  return { run: about, events: `[${texts.slice(0, index.extent(until)).join(",")}]`, until, wanted: [], watches: [],
    logPoints: [] };
}
function everything(kept: Kept): Job { return { ...jobOf(kept, kept.index.head), wanted: "all" } }

function keptRun(runId: string): Kept {
  const kept = runs.get(runId);
  if (kept === undefined) throw failed(`run ${runId} was not loaded into the debug host`);
  runs.delete(runId);
  runs.set(runId, kept);
  return kept;
}
function keep(run: ReplayedRun): void {
  runs.delete(run.runId);
  runs.set(run.runId, { run, index: new MomentIndex(run.events), recording: undefined, moments: undefined,
    around: undefined,
    texts: run.events.map((event) => JSON.stringify(event)) });
  const [oldest] = runs.keys();
  if (runs.size > KEPT_RUNS && oldest !== undefined) runs.delete(oldest);
}

async function handle(request: HostRequest): Promise<unknown> {
  if ("load" in request) { keep(request.load); return undefined }
  if ("locals" in request) return locals(request.locals);
  const { runId, points } = request.logPoints, kept = keptRun(runId);
  const { hits, diverged } = await query({ ...jobOf(kept, kept.index.head), logPoints: points });
  return { hits, ...(diverged !== undefined && { diverged }) };
}

process.on("message", (request: HostRequest) => {
  const { id } = request, reply = (answer_: HostReply): void => { process.send?.(answer_) };
  handle(request).then((value) => { reply({ id, value }) }, (error: unknown) => {
    const { code, message, hint } = error instanceof RepriseError ? error : failed(String(error));
    reply({ id, error: { code, message, hint } });
  });
});
process.on("disconnect", () => { process.exit() });
// Whoever started it may have gone while this file was being loaded.
if (!process.connected) process.exit();
spare = makeThread();
