/**
 * One run's code against its history (design chapter 2). The same path live and in replay: deliver one event, let the
 * code run until it is quiet, collect what it decided. Decisions are matched by key against the recorded ones; order
 * inside a turn is free, deliveries alone are ordered.
 */
import { Cancelled, RepriseError } from "../core/errors.ts";
import type { Decision, Delivery, Draft, ErrorRecord, Event, Payload } from "../core/events.ts";
import { Keys } from "../core/keys.ts";
import type { RunInfo, TaskSpec, WorkflowSpec } from "../core/policy.ts";
import type { LogLevel } from "./identity.ts";
import { Abort } from "./abort.ts";
import { inFrame, outsideFrames } from "./identity.ts";
import { kernel, type OpenTurn } from "./kernel.ts";
import { seededRandom } from "./random.ts";
import { Recorded } from "./recorded.ts";
import type { Divergence } from "./divergence.ts";
import { Scope, type OpenCall } from "./scope.ts";
import { callSite } from "./site.ts";
import { enqueueTurn } from "./turns.ts";

/** What replay needs of the rooms that it may not import: values to payloads, errors to records. */
export interface Values {
  encode(value: unknown, path: string): Payload | undefined;
  /** Canonical hash of a payload. */
  hash(payload: Payload | undefined): string;
  toRecord(error: unknown): ErrorRecord;
}

/** A task call waiting for its end: what the runtime needs to make attempts. */
export interface OpenTask extends OpenCall {
  readonly kind: "task";
  readonly spec: TaskSpec;
  readonly input: Payload | undefined;
}
export interface OpenTimer extends OpenCall { readonly kind: "timer"; readonly dueAt: number }
export type Open = OpenTask | OpenTimer;

export type DecisionDraft = Draft<Decision>;
/** Decisions that were not in history yet, in the order of deciding; `diverged` stops the run. */
export interface TurnResult {
  readonly decisions: readonly DecisionDraft[];
  readonly diverged: Divergence | undefined;
  readonly ended: boolean;
}

export interface ExecutionOptions {
  readonly run: RunInfo;
  readonly seed: string;
  readonly workflow: WorkflowSpec;
  readonly values: Values;
  readonly host: ExecutionHost;
  /** Events already in the log; empty for a run that begins. */
  readonly history: readonly Event[];
  /** The history ends within the decisions of one turn: the rest of them may be missing. */
  readonly partial?: boolean;
}

/** Who is told what the code does, besides its decisions. */
export interface ExecutionHost {
  /** Differences that may pass are reported here; without it every difference stops the run. */
  tolerate?(divergence: Divergence): void;
  /** A line written by workflow code, only while it is new. */
  line(seq: number, level: LogLevel, text: string, data?: object): void;
  /** The run cannot go on: it awaited something the engine does not know. Called at most once. */
  fatal(error: RepriseError): void;
}

/** One run's code, fed with deliveries; see the head of this file. */
export class Execution {
  readonly run: RunInfo;
  readonly open = new Map<string, Open>();
  readonly abort = new Abort();
  readonly #seed: string;
  readonly #workflow: WorkflowSpec;
  readonly #values: Values;
  readonly #host: ExecutionHost;
  readonly #recorded: Recorded;
  readonly #keys = new Keys();
  readonly #root = new Scope(undefined);
  #decisions: DecisionDraft[] = [];
  #turn: Turn | undefined;
  #outcome: Outcome | undefined;
  #toReject: OpenCall[] = [];
  #fatal = false;
  /** seq of the delivery last fed to the code; 0 before the first. */
  at = 0;

  constructor(options: ExecutionOptions) {
    this.#seed = options.seed;
    this.#workflow = options.workflow;
    this.#values = options.values;
    this.#host = options.host;
    this.run = options.run;
    this.#recorded = new Recorded(options.history, options.partial ?? false, options.host);
  }

  /** Feeds one delivery to the code in a turn of its own; `value` is the decoded result or error that it carries. */
  deliver(event: Delivery, value: unknown, done: (result: TurnResult) => void): void {
    let begun = false;
    const turn = new Turn(this, event, this.#seed);
    enqueueTurn({
      turn,
      step: () => {
        if (!begun) {
          begun = true;
          this.#turn = turn;
          this.at = event.seq;
          this.#accept(event, value);
          return true;
        }
        return this.#rejectNext();
      },
      done: () => {
        this.#endTurn();
        this.#turn = undefined;
        const decisions = this.#decisions;
        this.#decisions = [];
        done({ decisions, diverged: this.#recorded.endTurn(event), ended: this.#recorded.finished });
      },
    });
  }

  /** Is this the run whose turn is open? */
  get inTurn(): boolean { return this.#turn !== undefined && kernel.turn === this.#turn }
  /** Has the code returned or thrown? */
  get ended(): boolean { return this.#outcome !== undefined }
  /** Nothing that the engine knows can ever move this run again, though its code has not ended. */
  get stuck(): boolean { return this.#outcome === undefined && this.open.size === 0 && this.at > 0 }
  /** True while the code repeats what is recorded: consoles and logs are muted. */
  get replaying(): boolean { return this.at <= this.#recorded.muteUntil }

  /** A durable call of a task; the promise settles in the turn of its delivery. */
  callTask(scope: Scope, spec: TaskSpec, args: readonly unknown[], explicitKey: string | undefined,
    skip: (...a: never[]) => unknown): { readonly key: string; readonly promise: Promise<unknown> } {
    this.permit(`task '${spec.name}'`);
    const key = this.#keys.next("task", spec.name, explicitKey);
    if (this.#outcome !== undefined) return { key, promise: new Promise(() => undefined) };
    if (scope.cause !== undefined) return { key, promise: Promise.reject(scope.cause) };
    const input = this.#values.encode(args, `${spec.name}(...)`);
    const inputHash = this.#values.hash(input);
    this.#decide({
      type: "TaskScheduled", key, name: spec.name, inputHash, ...(input && { input }),
      ...(spec.policy.retries > 0 && { retries: spec.policy.retries }),
    }, skip);
    const promise = new Promise<unknown>((resolve, reject) => {
      this.open.set(key, { key, kind: "task", scope, spec, input, resolve, reject });
    });
    return { key, promise };
  }

  /** A durable timer due `ms` after the turn's instant, or at a date. `cancel` is a decision, too. */
  startTimer(scope: Scope, due: number | Date, purpose: "sleep" | "timeout", name: string = purpose,
    skip?: (...a: never[]) => unknown): { readonly key: string; readonly promise: Promise<void>; cancel(): void } {
    const turn = this.permit(name);
    const key = this.#keys.next("timer", name);
    const never = { key, promise: new Promise<void>(() => undefined), cancel: () => undefined };
    if (this.#outcome !== undefined) return never;
    if (scope.cause !== undefined) return { ...never, promise: Promise.reject(scope.cause) };
    const dueAt = due instanceof Date ? due.getTime() : Math.ceil(turn.now + due);
    this.#decide({ type: "TimerStarted", key, dueAt, purpose }, skip);
    const promise = new Promise<void>((resolve, reject) => {
      this.open.set(key, { key, kind: "timer", scope, dueAt, resolve: () => resolve(), reject });
    });
    return { key, promise, cancel: () => this.#cancelTimer(key) };
  }

  /** Records a synchronous value from outside, once; replay gives the recorded one. */
  record(name: string, read: () => unknown, decode: (payload: Payload | undefined) => unknown): unknown {
    this.permit(`record('${name}')`);
    const key = this.#keys.next("value", name);
    const known = this.#recorded.get(key);
    if (known?.type === "ValueRecorded") {
      this.#decide({ type: "ValueRecorded", key });
      return decode(known.value);
    }
    const value = this.#values.encode(outsideTurn(read), `record('${name}')`);
    this.#decide({ type: "ValueRecorded", key, ...(value && { value }) });
    return decode(value);
  }

  /** Cancels the open calls of a scope in the order they were made; each rejection gets a drain of its own. */
  cancelScope(scope: Scope, cause: Error): void {
    scope.cancel(cause);
    for (const call of this.open.values()) if (call.scope.within(scope)) this.#toReject.push(call);
  }

  /** Gives one task up: the code goes on with Cancelled. */
  cancelTask(key: string, reason: string | undefined): void {
    this.permit(`cancel of ${key}`);
    const call = this.open.get(key);
    if (call !== undefined) { this.#giveUp(call, reason); call.reject(new Cancelled(reason)) }
  }

  /** The open turn of this run. @throws FOREIGN_AWAIT when the code runs outside its turn. */
  permit(what: string): OpenTurn {
    if (this.#turn !== undefined && kernel.turn === this.#turn) return this.#turn;
    throw this.fail(foreignAwait(what, kernel.turn instanceof Turn));
  }

  /** The run cannot go on; reported once. */
  fail(error: RepriseError): RepriseError {
    if (!this.#fatal && this.#outcome === undefined) {
      this.#fatal = true;
      outsideFrames(() => this.#host.fatal(error));
    }
    return error;
  }

  log(level: LogLevel, text: string, data?: object): void {
    if (!this.replaying) this.#host.line(this.at, level, text, data);
  }

  /** What the code of this run is called in. */
  timer(ms: number): { readonly promise: Promise<void>; cancel(): void } {
    return this.startTimer(this.#root, ms, "sleep", "setTimeout");
  }

  #accept(event: Delivery, value: unknown): void {
    switch (event.type) {
      case "RunStarted": this.#begin(value); return;
      case "TaskCompleted": case "TimerFired": this.#take(event.key)?.resolve(value); return;
      case "TaskFailed": case "TaskCancelled": this.#take(event.key)?.reject(value); return;
      case "CancelRequested":
        this.abort.abort(new Cancelled(event.reason));
        this.cancelScope(this.#root, new Cancelled(event.reason));
        return;
      default: { const unknown: never = event; throw new Error(`corrupt delivery ${JSON.stringify(unknown)}`) }
    }
  }

  #begin(input: unknown): void {
    const frame = { in: "workflow", execution: this, scope: this.#root } as const;
    inFrame(frame, () => {
      const settle = (outcome: Outcome): void => {
        if (this.#turn === undefined || kernel.turn !== this.#turn) this.fail(
          foreignAwait("the end of the workflow", false));
        else this.#outcome ??= outcome;
      };
      new Promise((resolve) => resolve(this.#workflow.fn(input)))
        .then((value) => settle({ value }), (error: unknown) => settle({ error }));
    });
  }

  #take(key: string): Open | undefined {
    const call = this.open.get(key);
    if (call !== undefined) this.open.delete(key);
    return call;
  }

  #rejectNext(): boolean {
    for (let call = this.#toReject.shift(); call !== undefined; call = this.#toReject.shift()) {
      if (!this.open.has(call.key)) continue;
      const cause = call.scope.cause ?? new Cancelled();
      this.#giveUp(call, cause.message);
      call.reject(cause);
      return true;
    }
    return false;
  }

  #giveUp(call: OpenCall, reason: string | undefined): void {
    this.open.delete(call.key);
    if (call.kind === "timer") this.#decide({ type: "TimerCancelled", key: call.key });
    else this.#decide({ type: "TaskCancelRequested", key: call.key, ...(reason !== undefined && { reason }) });
  }

  #cancelTimer(key: string): void {
    const call = this.open.get(key);
    if (call === undefined || this.#outcome !== undefined) return;
    this.permit(`cancel of ${key}`);
    this.#giveUp(call, undefined);
  }

  /** When the code has ended: open calls by the dangling policy, then the terminal event. */
  #endTurn(): void {
    const outcome = this.#outcome;
    if (outcome === undefined || this.#recorded.finished) return;
    if (this.#workflow.dangling === "await" && this.open.size > 0) return;
    const left = [...this.open.values()];
    const strict = this.#workflow.dangling === "error" && left.length > 0 && "value" in outcome;
    for (const call of left) this.#giveUp(call, "run ended");
    this.#decide(strict ? this.#failed(dangling(left.map((call) => call.key))) : this.#terminal(outcome));
    this.#recorded.finished = true;
  }

  #terminal(outcome: Outcome): Undecided {
    if ("error" in outcome) {
      const { error } = outcome;
      if (error instanceof Cancelled && this.#root.cause !== undefined) {
        return { type: "RunCancelled", key: "run:end", ...(error.reason !== undefined && { reason: error.reason }) };
      }
      return this.#failed(error);
    }
    try {
      const result = this.#values.encode(outcome.value, `result of ${this.run.workflow}`);
      return { type: "RunCompleted", key: "run:end", ...(result && { result }) };
    } catch (error) { return this.#failed(error) }
  }

  #failed(error: unknown): Undecided {
    return { type: "RunFailed", key: "run:end", error: this.#values.toRecord(error) };
  }

  #decide(decision: Undecided, skip?: (...a: never[]) => unknown): void {
    if (this.#turn === undefined) throw new Error(`corrupt turn: ${decision.type} decided outside one`);
    // The caller made the object for this call alone: it is filled in place, a copy of it costs 1 us.
    const full: DecisionDraft & { site?: string } = Object.assign(decision, { by: this.at, at: this.#turn.now });
    if (this.#recorded.match(full)) return;
    const site = skip === undefined ? undefined : callSite(skip);
    if (site !== undefined) full.site = site;
    this.#decisions.push(full);
    if (!this.#recorded.done) this.#recorded.inserted(full);
  }
}

/** How the workflow's function ended. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** A decision before the turn's own fields are added. */
type Undecided = DecisionDraft extends infer D ? D extends DecisionDraft ? Omit<D, "by" | "at" | "site"> : never
  : never;

/** The open turn of one run. */
class Turn implements OpenTurn {
  readonly now: number;
  readonly #execution: Execution;
  readonly #seed: string;
  readonly #seq: number;
  #source: { next(): number; fill(bytes: Uint8Array): void } | undefined;
  constructor(execution: Execution, event: Delivery, seed: string) {
    this.now = event.at;
    this.#execution = execution;
    this.#seed = seed;
    this.#seq = event.seq;
  }
  get #random(): { next(): number; fill(bytes: Uint8Array): void } {
    return (this.#source ??= seededRandom(this.#seed, this.#seq));
  }
  random(): number { return this.#random.next() }
  fill(bytes: Uint8Array): void { this.#random.fill(bytes) }
  timer(ms: number): { readonly promise: Promise<void>; cancel(): void } { return this.#execution.timer(ms) }
  line(level: "debug" | "info" | "warn" | "error", text: string): void { this.#execution.log(level, text) }
  forbid(api: string, hint = "Move it into a task().", code = "EFFECT_IN_WORKFLOW"): never {
    throw new RepriseError(code, `${api} was called in workflow code of '${this.#execution.run.workflow}'`, hint);
  }
}

/** Runs `read` with the real globals, though a turn is open. */
function outsideTurn<T>(read: () => T): T {
  const turn = kernel.turn;
  kernel.turn = undefined;
  try { return read() } finally { kernel.turn = turn }
}

function foreignAwait(what: string, otherRun: boolean): RepriseError {
  const how = otherRun
    ? "it was resumed by another run: a promise, queue or limiter is shared between runs at module level"
    : "the code before it awaited something that the engine does not know: I/O, a timer of a library, a promise " +
    "made outside";
  return new RepriseError("FOREIGN_AWAIT", `${what} was reached outside the run's turn: ${how}`,
    "Move what is awaited into a task(), so that its result is recorded.");
}

function dangling(keys: readonly string[]): RepriseError {
  return new RepriseError("DANGLING_CALLS",
    `the workflow ended with ${keys.length} open calls: ${keys.slice(0, 5).join(", ")}`,
    "Await every call before returning, or set dangling to \"cancel\" or \"await\".");
}
