/**
 * One replay with the debugger attached, in a thread of its own: it loads the user's files afresh, so that code at
 * module level starts from nothing, and it is thrown away afterwards. See host-process.ts for who starts it.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import type { Debugger } from "node:inspector";
import { fileURLToPath } from "node:url";
import { parentPort } from "node:worker_threads";
import { currentFrame, isA, isDelivery, saidBy, rehearse, RepriseError, siteAt, stopAtMoments, type Event,
  type Moment }
  from "../../engine/index.ts";
import "../index.ts";
import { codeVersionOf } from "../sources.ts";
import { loadUserModules } from "../user-modules.ts";
import { loadWorkflow } from "./load.ts";
import { MomentIndex } from "./moments.ts";
import { Pauses, type RawFrame } from "./pauses.ts";
import type { Captured, Hit, Job, LoadedFile, Opened, Replayed, Watched } from "./protocol.ts";
import type { Seen, SeenFrame } from "./seen.ts";

/** Steps from a delivery to the code that it wakes: two, where no library lies between. */
const MOST_STEPS = 300;
/** Hits of log points that are kept. */
const MOST_HITS = 1000;
/** Moments before the wanted one at which the workflow's own function is looked at, in case it will be suspended. */
const LOOK_BACK = 100;
/** Values that one recording of all moments may hold; about 100 bytes each. */
const MOST_RECORDED = 300_000;

interface Raw { readonly frames: readonly RawFrame[]; readonly watches?: readonly Watched[]; readonly opened?: Opened }

/** Follows one replay from moment to moment. */
class Follower {
  readonly captured = new Map<number, Raw>();
  readonly hits: (Omit<Hit, "site"> & { readonly frame: Pick<RawFrame, "url" | "line" | "column" | "fn"> })[] = [];
  /** The workflow's own function as it was seen last, and when. */
  readonly mains: { readonly seq: number; readonly frame: RawFrame }[] = [];
  recordedUntil: number | undefined;
  readonly #pauses: Pauses;
  readonly #job: Job;
  readonly #index: MomentIndex;
  readonly #wanted: ReadonlySet<number>;
  readonly #lookFrom: number;
  readonly #points: ReadonlyMap<string, string>;
  #state: "running" | "stopping" | "stepping" = "running";
  #at = 0;
  #turn = 0;
  #steps = 0;
  #kept = 0;

  constructor(pauses: Pauses, job: Job, events: readonly Event[], points: ReadonlyMap<string, string>) {
    this.#pauses = pauses;
    this.#job = job;
    this.#points = points;
    this.#index = new MomentIndex(events);
    this.#wanted = new Set(job.wanted === "all" ? this.#index.moments : job.wanted);
    const last = Math.max(0, ...this.#wanted), { moments } = this.#index;
    this.#lookFrom = job.wanted === "all" ? 0
      : job.lookFrom ?? moments[Math.max(0, moments.indexOf(last) - LOOK_BACK)] ?? 0;
    pauses.onPause = (pause) => { this.#paused(pause) };
    stopAtMoments((moment) => this.#reached(moment));
  }

  end(): void { stopAtMoments(undefined) }

  /** The code is at a moment: is it one to stop at? */
  #reached(moment: Moment): boolean {
    this.#state = "running";
    const seq = this.#index.seqOf(moment);
    if (moment.kind === "delivery") this.#deliver(moment.seq);
    if (seq === undefined || this.recordedUntil !== undefined) return false;
    this.#at = seq;
    const last = this.#wanted.size > 0 && moment.kind === "decision" && seq >= this.#lookFrom;
    if (!this.#wanted.has(seq) && !last) return false;
    this.#state = "stopping";
    return true;
  }

  /** What is thrown in the turn in which the run failed is the moment of its failure. */
  #deliver(seq: number): void {
    this.#turn = seq;
    const { failed } = this.#index;
    if (failed === undefined || !this.#wanted.has(failed.seq)) return;
    this.#pauses.post("Debugger.setPauseOnExceptions", { state: seq === failed.turn ? "all" : "none" });
  }

  #paused(pause: Debugger.PausedEventDataType): void {
    const frames = this.#pauses.usersFrames(pause), inRun = currentFrame()?.in === "workflow";
    for (const id of pause.hitBreakpoints ?? []) this.#hit(id, frames[0]);
    if (pause.reason === "exception" || pause.reason === "promiseRejection") {
      const { failed } = this.#index;
      if (failed !== undefined && inRun) this.#keep(failed.seq, frames);
      if (this.#state === "stepping") this.#step();
      return;
    }
    if (this.#state === "stopping" && this.#at === this.#turn) { this.#step(); return }
    if (this.#state === "stepping" && (frames[0] !== pause.callFrames[0] || !inRun)) { this.#step(); return }
    if (this.#state === "running") return;
    this.#state = "running";
    if (this.#wanted.has(this.#at)) { this.#keep(this.#at, frames); return }
    const main = frames.map((frame) => this.#pauses.read(frame)).find((frame) => frame.main);
    if (main !== undefined) this.mains.push({ seq: this.#at, frame: main });
  }

  #step(): void {
    this.#steps = this.#state === "stepping" ? this.#steps + 1 : 0;
    this.#state = this.#steps < MOST_STEPS ? "stepping" : "running";
    if (this.#state === "stepping") this.#pauses.post("Debugger.stepInto");
  }

  #keep(seq: number, callFrames: readonly Debugger.CallFrame[]): void {
    if (callFrames.length === 0) return;
    const { open, watches } = this.#job, pauses = this.#pauses;
    const frames = callFrames.map((frame) => pauses.read(frame)), [top] = callFrames;
    const opened = open === undefined ? undefined : callFrames[open.frame];
    const value = open === undefined || opened === undefined ? undefined : pauses.open(opened, open);
    this.captured.set(seq, { frames, ...(value !== undefined && { opened: value }),
      ...(watches.length > 0 && top !== undefined
        && { watches: watches.map((expression) => pauses.watch(top, expression)) }) });
    const main = frames.find((frame) => frame.main);
    if (main !== undefined) this.mains.push({ seq, frame: main });
    for (const { scopes } of frames) for (const { variables } of scopes) {
      for (const [, variable] of variables) this.#kept += sizeOf(variable);
    }
    if (this.#job.wanted === "all" && this.#kept > MOST_RECORDED) this.recordedUntil = seq;
  }

  #hit(id: string, frame: Debugger.CallFrame | undefined): void {
    const expression = this.#points.get(id);
    if (expression === undefined || frame === undefined || this.hits.length >= MOST_HITS) return;
    const { url, line, column, fn } = this.#pauses.place(frame);
    this.hits.push({ after: this.#turn, frame: { url, line, column, fn },
      watched: this.#pauses.watch(frame, expression) });
  }
}

function sizeOf({ parts }: Seen): number {
  return 1 + (parts ?? []).reduce((sum, [, part]) => sum + sizeOf(part), 0);
}

/** Loads, replays, answers. @throws WORKFLOW_NOT_LOADED, NO_CODE_AT_LINE */
async function replayed(pauses: Pauses, job: Job): Promise<Replayed> {
  const { run } = job;
  const spec = await loadWorkflow(run);
  pauses.markMain(spec.fn);
  const points = new Map(job.logPoints.map((point) => {
    const place = pauses.breakAt(point);
    if ("id" in place) return [place.id, point.expression];
    throw new RepriseError("NO_CODE_AT_LINE", `${point.file}:${point.line} is no line that runs`,
      place.near.length > 0 ? `Lines near it that do: ${place.near.join(", ")}.`
        : "Name a file of the workflow, as its path ends, and a line from 1.");
  }));
  const events = JSON.parse(job.events) as readonly Event[]; // written by the host from the history it was given
  const follower = new Follower(pauses, job, events, points);
  const found = await rehearse(run.runId, spec, events.filter((event) => event.seq <= job.until || !isDelivery(event)));
  follower.end();
  return {
    captured: [...follower.captured].map(([seq, raw]) => [seq, finished(raw, seq, follower, run.workflow)]),
    ...(found.divergence !== undefined
      && { diverged: { at: found.divergence.after.seq, diff: found.diff ?? "" } }),
    codeVersion: codeVersionOf(spec.file).version, files: pauses.files.map(stamp),
    hits: follower.hits.map(({ frame, ...hit }) => ({ ...hit, site: siteOf(frame) })),
    ...(follower.recordedUntil !== undefined && { recordedUntil: follower.recordedUntil }),
  };
}

/** With the user's own lines, and the workflow's function below where it is suspended. */
function finished({ frames, watches, opened }: Raw, seq: number, { mains }: Follower, workflow: string): Captured {
  const shown = frames.map((frame) => shownFrame(frame, workflow));
  if (shown.length > 0 && !frames.some((frame) => frame.main)) {
    const main = mains.findLast((one) => one.seq < seq);
    if (main !== undefined) shown.push({ ...shownFrame(main.frame, workflow), asOf: main.seq });
  }
  return { frames: shown, ...(watches && { watches }), ...(opened && { opened }) };
}
function shownFrame(frame: RawFrame, workflow: string): SeenFrame {
  const site = siteOf(frame), code = lineOf(frame.url, site, frame.line + 1);
  return { site, scopes: frame.scopes, ...(frame.main && { workflow }), ...(code !== undefined && { code }) };
}
function siteOf({ url, line, column, fn }: Pick<RawFrame, "url" | "line" | "column" | "fn">): string {
  return siteAt(url, line + 1, column + 1, fn) ?? `${url}:${line + 1}:${column + 1}`;
}

const texts = new Map<string, readonly string[]>();
/** The user's line; of a compiled file only where it was not mapped, since its text is another's then. */
function lineOf(url: string, site: string, generated: number): string | undefined {
  const line = Number(/:(\d+):\d+(?: |$)/.exec(site)?.[1]), path = fileURLToPath(url.replace(/\?.*$/, ""));
  if (!existsSync(path) || (line !== generated && !/\.[cm]?tsx?$/.test(path))) return undefined;
  const lines = texts.get(path) ?? readFileSync(path, "utf8").split("\n");
  texts.set(path, lines);
  return lines[line - 1]?.trim().slice(0, 200);
}
function stamp(path: string): LoadedFile {
  const { mtimeMs, size } = statSync(path);
  return { path, modifiedAt: mtimeMs, size };
}

loadUserModules();
const pauses = new Pauses(new URL("../../", import.meta.url).href);
parentPort?.once("message", (job: Job) => {
  replayed(pauses, job).then((value) => { parentPort?.postMessage({ value }) }, (error: unknown) => {
    const known = isA(error, RepriseError);
    parentPort?.postMessage({ error: { code: known ? error.code : "DEBUG_FAILED", hint: known ? error.hint
      : "Does the workflow's file load by itself? Try: reprise check <file>",
      message: saidBy(error) } });
  });
});
parentPort?.postMessage("ready");
