/** `openDebugger()`: local variables of past runs, from a warm host process that is started when it is first asked. */
import { fork, type ChildProcess } from "node:child_process";
import { RepriseError } from "../../engine/index.ts";
import type { Hit, HostReply, HostRequest, Locals, LogPoint, Opening, ReplayedRun } from "./protocol.ts";

export type { Hit, Locals, LogPoint, Opening, ReplayedRun, Watched } from "./protocol.ts";

/** What log points printed. `diverged`: the replay went no further than there. */
export interface LogPointHits { readonly hits: readonly Hit[];
  readonly diverged?: { readonly at: number; readonly diff: string } }

/** Replays runs under a debugger. */
export interface RunDebugger {
  /** Where the code stood at event `at`. `head` is the run's last seq: `run` is asked for only when it has changed.
   *  @throws NO_SUCH_EVENT, REPLAY_DIVERGED, REPLAY_STUCK, WORKFLOW_NOT_LOADED, DEBUG_FAILED */
  locals(query: { readonly runId: string; readonly head: number; readonly at: number;
    readonly watches?: readonly string[]; readonly open?: Opening }, run: () => Promise<ReplayedRun>): Promise<Locals>;
  /** Prints expressions whenever the code passes their lines, through the whole run. @throws NO_CODE_AT_LINE, and as
   *  above */
  logPoints(query: { readonly runId: string; readonly head: number; readonly points: readonly LogPoint[] },
    run: () => Promise<ReplayedRun>): Promise<LogPointHits>;
  /** Ends the host process. */
  close(): Promise<void>;
}

/** No optimising compiler: what it makes has lost the variables that a debugger would read. */
export const FLAGS = ["--no-opt", "--no-maglev"] as const;
const LIMIT_MS = 10_000;
/** Events so near the end of what was loaded may have got followers that belong to their turn. */
const NEAR = 50;

/** Makes a debugger. `limitMs`: a replay that takes longer is ended; default 10 s, or REPRISE_DEBUG_TIMEOUT. `cwd`: a
 *  folder of the user's package; default this process's. */
export function openDebugger(options: { readonly limitMs?: number; readonly cwd?: string } = {}): RunDebugger {
  const given = Number(process.env["REPRISE_DEBUG_TIMEOUT"] ?? LIMIT_MS);
  return new Host(options.limitMs ?? (given > 0 ? given : LIMIT_MS), options.cwd ?? process.cwd());
}

interface Waiting { resolve(value: unknown): void; reject(error: Error): void }
type Ask = HostRequest extends infer R ? R extends HostRequest ? Omit<R, "id"> : never : never;

class Host implements RunDebugger {
  readonly #limitMs: number;
  readonly #cwd: string;
  readonly #waiting = new Map<number, Waiting>();
  /** The runs that the host has, or is being given, with the seq up to which. */
  readonly #loaded = new Map<string, { readonly head: number; readonly done: Promise<unknown> }>();
  #child: ChildProcess | undefined;
  #next = 1;

  constructor(limitMs: number, cwd: string) { this.#limitMs = limitMs; this.#cwd = cwd }

  async locals({ runId, head, at, watches = [], open }: Parameters<RunDebugger["locals"]>[0],
    run: () => Promise<ReplayedRun>): Promise<Locals> {
    await this.#load(runId, head, at, run);
    const answer = await this.#ask({ locals: { runId, at, watches, ...(open && { open }) } });
    return answer as Locals; // what the host answers to this request
  }

  async logPoints({ runId, head, points }: Parameters<RunDebugger["logPoints"]>[0],
    run: () => Promise<ReplayedRun>): Promise<LogPointHits> {
    await this.#load(runId, head, head, run);
    const answer = await this.#ask({ logPoints: { runId, points } });
    return answer as LogPointHits; // what the host answers to this request
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => { child.once("exit", resolve) });
    child.kill("SIGKILL");
    await ended;
  }

  /** A run that goes on is given anew only for events near its end: what lies before does not change any more. */
  async #load(runId: string, head: number, at: number, run: () => Promise<ReplayedRun>): Promise<void> {
    const known = this.#child === undefined ? undefined : this.#loaded.get(runId);
    if (known !== undefined && (known.head === head || at <= known.head - NEAR)) { await known.done; return }
    const done = run().then((load) => this.#ask({ load }));
    this.#loaded.delete(runId);
    this.#loaded.set(runId, { head, done });
    // The host keeps four.
    for (const old of [...this.#loaded.keys()].slice(0, -4)) this.#loaded.delete(old);
    try { await done } catch (error) { this.#loaded.delete(runId); throw error }
  }

  #ask(ask: Ask): Promise<unknown> {
    const id = this.#next++, child = this.#child ??= this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      child.send({ id, ...ask }, (error) => { if (error !== null) this.#gone(child, error.message) });
    });
  }

  #start(): ChildProcess {
    const file = import.meta.url.endsWith(".ts") ? "../../dist/sdk/debug/host-process.js" : "host-process.js";
    const child = fork(new URL(file, import.meta.url), [String(this.#limitMs)], { execArgv: [...FLAGS],
      cwd: this.#cwd, serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.on("message", (reply: HostReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ("value" in reply) waiting?.resolve(reply.value);
      else waiting?.reject(new RepriseError(reply.error.code, reply.error.message, reply.error.hint));
    });
    child.once("error", (error) => { this.#gone(child, error.message) });
    child.once("exit", (code, signal) => { this.#gone(child, `it ended with ${signal ?? String(code)}`) });
    return child;
  }

  #gone(child: ChildProcess, why: string): void {
    if (this.#child === child) { this.#child = undefined; this.#loaded.clear() }
    for (const { reject } of this.#waiting.values()) reject(new RepriseError("DEBUG_FAILED",
      `the debug host is gone: ${why}`, "Ask again: another one is started."));
    this.#waiting.clear();
  }
}
