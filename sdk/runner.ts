/**
 * The option `runner` of a task: attempts in worker threads or processes, one attempt at a time in each. A pool is made
 * when the first such attempt is, and its threads end when they have been idle.
 */
import { fork } from "node:child_process";
import { resolve } from "node:path";
import { Worker as Thread } from "node:worker_threads";
import { originals, RepriseError, toErrorRecord, type ErrorRecord, type Job, type JobEnd, type Payload, type Place,
  type Runner }
  from "../engine/index.ts";
import { packageRoot, poolSetting } from "./config.ts";
import { answerPlace, type Answer, type Question } from "./runs-of-places.ts";
import { userModulesLoaded } from "./user-modules.ts";

export type RunnerKind = "thread" | "process";
/** What a place is told. Values are JSON text of payloads. */
export type Told =
  | { readonly load: { readonly path: string; readonly userModules: boolean } }
  | { readonly begin: { readonly file: string; readonly task: string; readonly key: string;
      readonly attempt: number; readonly input: string | undefined; readonly captureConsole: boolean;
      readonly beat: string | undefined;
      readonly run: Omit<Job["run"], "startedAt"> & { readonly startedAt: number } } }
  | { readonly answer: Answer; readonly to: number }
  | { readonly abort: ErrorRecord };
/** What it says. */
export type Said =
  /** The file of `load` has been imported, or could not be. */
  | { readonly ready: true }
  | { readonly log: string; readonly level: Parameters<Job["log"]>[0]; readonly data?: object }
  | { readonly beat: string | undefined }
  | { readonly show: Parameters<Job["show"]>[0]; readonly value: string | undefined }
  | { readonly ask: Question; readonly n: number }
  | { readonly result: string | undefined }
  | { readonly error: ErrorRecord; readonly final: boolean };

/** A thread or a process, as its pool needs it. */
interface Seat {
  tell(told: Told): void;
  hear(said: (said: Said) => void, gone: (why: string, cause?: unknown) => void): void;
  end(): void;
}

/** How long an idle thread or process is kept. */
const IDLE_MS = 10_000;
/** An attempt that was told to stop and still runs after this is ended with its thread or process. */
const GRACE_MS = 1_000;
const ENTRY = new URL(import.meta.url.endsWith(".ts") ? "../dist/sdk/runner-place.js" : "runner-place.js",
  import.meta.url);

const pools = new Map<RunnerKind, Pool>();

/** The pool of a kind, for one task. */
export function runnerFor(kind: RunnerKind, task: string, file: string | undefined): Runner {
  return { queue: (got) => {
    const pool = pools.get(kind) ?? new Pool(kind === "thread" ? openThread : openProcess, poolSetting(kind).value);
    pools.set(kind, pool);
    return pool.queue((seat) => { new Reserved(pool, seat, task, file).prepare(got) });
  } };
}

/** Seats, opened when wanted and closed when idle, and who waits for one, in order. */
class Pool {
  readonly #open: () => Seat;
  readonly #size: number;
  readonly #idle: { readonly seat: Seat; readonly stop: () => void }[] = [];
  readonly #waiting: ((seat: Seat) => void)[] = [];
  #seats = 0;
  /** Of those, whose attempt waits for a run: it may need a seat itself. */
  #lent = 0;
  constructor(open: () => Seat, size: string) {
    this.#open = open;
    this.#size = Number(size);
  }

  queue(got: (seat: Seat) => void): () => void {
    let wanted = true;
    const take = (seat: Seat): void => { if (wanted) { wanted = false; got(seat) } else this.back(seat) };
    this.#waiting.push(take);
    queueMicrotask(() => this.#serve());
    return () => {
      wanted = false;
      const at = this.#waiting.indexOf(take);
      if (at >= 0) this.#waiting.splice(at, 1);
    };
  }
  /** A seat whose attempt has ended. */
  back(seat: Seat): void {
    const end = originals.setTimeout(() => {
      this.#idle.splice(this.#idle.findIndex((one) => one.seat === seat), 1);
      this.lost();
      seat.end();
    }, IDLE_MS);
    end.unref();
    seat.hear(() => undefined, () => {
      const at = this.#idle.findIndex((one) => one.seat === seat);
      if (at >= 0) { this.#idle.splice(at, 1)[0]?.stop(); this.lost() }
    });
    this.#idle.push({ seat, stop: () => originals.clearTimeout(end) });
    this.#serve();
  }
  /** While an attempt waits for a run, another may have a seat in its place. */
  async lend<T>(wait: () => Promise<T>): Promise<T> {
    this.#lent++;
    this.#serve();
    try { return await wait() } finally { this.#lent-- }
  }
  /** A seat that is no more. */
  lost(): void { this.#seats--; this.#serve() }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#idle.pop();
      if (idle === undefined && this.#seats - this.#lent >= this.#size) return;
      const take = this.#waiting.shift();
      idle?.stop();
      if (idle === undefined) this.#seats++;
      take?.(idle?.seat ?? this.#open());
    }
  }
}

/** A seat that is kept for one attempt. */
class Reserved implements Place {
  readonly #pool: Pool;
  readonly #seat: Seat;
  readonly #task: string;
  readonly #file: string | undefined;
  #kill: NodeJS.Timeout | undefined;
  #over = false;
  #gone: JobEnd | undefined;
  constructor(pool: Pool, seat: Seat, task: string, file: string | undefined) {
    this.#pool = pool;
    this.#seat = seat;
    this.#task = task;
    this.#file = file;
  }

  /** Has the task's file loaded: that takes seconds the first time, and no attempt's limit should pay for it. */
  prepare(got: (place: Place) => void): void {
    this.#seat.hear(() => got(this), (why, cause) => {
      this.#gone = crashed(`task '${this.#task}' was not begun: its ${why} ended while it loaded`, cause);
      got(this);
    });
    this.#seat.tell({ load: { path: resolve(packageRoot(), this.#file ?? ""), userModules: userModulesLoaded() } });
  }

  run(job: Job): Promise<JobEnd> {
    if (this.#gone !== undefined) { this.#pool.lost(); return Promise.resolve(this.#gone) }
    const { key, attempt, input, captureConsole, lastHeartbeat } = job;
    const { id, name, workflow, startedAt, tags, parentId } = job.run;
    return new Promise((resolveEnd) => {
      const end = (how: JobEnd, back: boolean): void => {
        if (this.#over) return;
        this.#over = true;
        originals.clearTimeout(this.#kill);
        if (back) this.#pool.back(this.#seat); else this.#pool.lost();
        resolveEnd(how);
      };
      this.#seat.hear((said) => {
        if ("log" in said) job.log(said.level, said.log, said.data);
        else if ("beat" in said) job.heartbeat(payload(said.beat));
        else if ("ask" in said) void this.#answer(said.ask, said.n);
        else if ("show" in said) job.show(said.show, payload(said.value));
        else if ("error" in said) end({ ok: false, error: said.error, final: said.final }, true);
        else if ("result" in said) end({ ok: true, result: payload(said.result) }, true);
      }, (why, cause) =>
        end(crashed(`attempt ${attempt} of task '${this.#task}' ended with its ${why}`, cause), false));
      this.#seat.tell({ begin: { file: this.#file ?? "", key, attempt, task: this.#task,
        input: input && JSON.stringify(input), captureConsole,
        beat: lastHeartbeat && JSON.stringify(lastHeartbeat),
        run: { id, name, workflow, startedAt: startedAt.getTime(), tags, parentId } } });
    });
  }
  async #answer(question: Question, n: number): Promise<void> {
    const answer = await (("result" in question) ? this.#pool.lend(() => answerPlace(question))
      : answerPlace(question));
    if (!this.#over) this.#seat.tell({ answer, to: n });
  }
  abort(reason: ErrorRecord, graceMs: number = GRACE_MS): void {
    if (this.#over) return;
    this.#seat.tell({ abort: reason });
    this.#kill = originals.setTimeout(() => this.#seat.end(), graceMs);
  }
  leave(): void {
    this.#over = true;
    if (this.#gone === undefined) this.#pool.back(this.#seat); else this.#pool.lost();
  }
}

function payload(text: string | undefined): Payload | undefined {
  return text === undefined ? undefined : JSON.parse(text) as Payload; // written by runner-place.ts from one
}

function crashed(message: string, cause: unknown): JobEnd {
  return { ok: false, final: false, error: toErrorRecord(new RepriseError("RUNNER_CRASHED", message,
    "See what it did last; with retries the next attempt gets a fresh one.", { cause })) };
}

function openThread(): Seat {
  const thread = new Thread(ENTRY);
  let heard: ((said: Said) => void) | undefined, gone: ((why: string, cause?: unknown) => void) | undefined;
  let cause: unknown;
  thread.on("message", (said: Said) => heard?.(said));
  thread.on("error", (error) => { cause = error });
  thread.on("exit", (code) => gone?.(`thread (exit code ${code})`, cause));
  thread.unref(); // the engine keeps the process alive; after the listeners, which keep it, too
  return { tell: (told) => thread.postMessage(told), hear: (said, lost) => { heard = said; gone = lost },
    end: () => { void thread.terminate() } };
}

function openProcess(): Seat {
  const child = fork(ENTRY, { execArgv: process.execArgv.filter((flag) => !flag.startsWith("--inspect")),
    stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let heard: ((said: Said) => void) | undefined, gone: ((why: string, cause?: unknown) => void) | undefined;
  child.on("message", (said) => heard?.(said as Said)); // sent by runner-place.ts
  child.on("error", (error) => gone?.(`process (${error.message})`, error));
  child.on("exit", (code, signal) => gone?.(`process (${signal === null ? `exit code ${code}` : signal})`));
  child.unref();
  child.channel?.unref(); // after the listeners
  return { tell: (told) => { child.send(told, () => undefined) }, // a dead one says so by its exit
    hear: (said, lost) => { heard = said; gone = lost }, end: () => { child.kill("SIGKILL") } };
}
