/**
 * One run's code against its history (design chapter 2). The same path live and in replay: deliver one event, let the
 * code run until it is quiet, collect what it decided. Decisions are matched by key against the recorded ones; order
 * inside a turn is free, deliveries alone are ordered.
 */
import { Cancelled, RepriseError } from "../core/errors.ts";
import type { Delivery, Payload, Shown } from "../core/events.ts";
import { Keys } from "../core/keys.ts";
import type { RunInfo, TaskSpec, WorkflowSpec } from "../core/policy.ts";
import { isA } from "../core/thrown.ts";
import { Abort } from "./abort.ts";
import type {
  Caller, ChildRequest, DecisionDraft, ExecutionHost, ExecutionOptions, Open, Skip, TurnResult, Undecided, Unopened,
    Values,
} from "./calls.ts";
import { dangling, foreignAwait, notReadOnly, tooLate } from "./faults.ts";
import { inFrame, outsideFrames, type LogLevel } from "./identity.ts";
import { kernel, type OpenTurn } from "./kernel.ts";
import { Messages } from "./messages.ts";
import { moment } from "./moment.ts";
import { Recorded } from "./recorded.ts";
import { Scope, type OpenCall } from "./scope.ts";
import { callSite } from "./site.ts";
import { Turn } from "./turn.ts";
import { enqueueTurn } from "./turns.ts";

/** Key of the timer that ends a run's time; it is nobody's call. */
export const DEADLINE = "timer:deadline";

/** One run's code, fed with deliveries; see the head of this file. */
export class Execution implements Caller {
  readonly run: RunInfo;
  readonly open = new Map<string, Open>();
  readonly abort = new Abort();
  readonly values: Values;
  readonly #seed: string;
  readonly #workflow: WorkflowSpec;
  readonly #host: ExecutionHost;
  readonly #recorded: Recorded;
  readonly #keys = new Keys();
  readonly #root = new Scope(undefined);
  #messages: Messages | undefined;
  #patches: Map<string, boolean> | undefined;
  #decisions: DecisionDraft[] = [];
  #turn: Turn | undefined;
  #outcome: Outcome | undefined;
  #toReject: OpenCall[] = [];
  /** Keys whose results came from the cache. */
  #cached: Set<string> | undefined;
  #stopped = false;
  #failing = false;
  #reading = false;
  /** seq of the delivery last fed to the code; 0 before the first. */
  at = 0;

  constructor(options: ExecutionOptions) {
    this.#seed = options.seed;
    this.#workflow = options.workflow;
    this.values = options.values;
    this.#host = options.host;
    this.run = options.run;
    this.#recorded = new Recorded(options.history, options.partial ?? false, options.strict ? {} : options.host);
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
          this.#failing = event.type === "TaskFailed" || event.type === "ChildFailed";
          moment(event.seq);
          this.#accept(event, value);
          return true;
        }
        return this.#rejectNext() || (this.#messages?.meetCondition() ?? false);
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
  get ended(): boolean { return this.#outcome !== undefined }
  /** Nothing that the engine knows can ever move this run again, though its code has not ended. */
  get stuck(): boolean { return this.#outcome === undefined && this.open.size === 0 && this.at > 0 }
  /** Did the result of this call come from the cache? */
  wasCached(key: string): boolean { return this.#cached?.has(key) ?? false }
  /** True while the code repeats what is recorded: consoles and logs are muted. */
  get replaying(): boolean { return this.at <= this.#recorded.muteUntil }
  /** Up to where a further try would share this history: before the failure that the code now hears of. */
  get retryFrom(): number { return this.#failing ? this.at - 1 : this.at }
  /** Signals, answers, updates and queries of this run. */
  get messages(): Messages { return (this.#messages ??= new Messages(this)) }

  /** A durable call of a task; the promise settles in the turn of its delivery. */
  callTask(scope: Scope, spec: TaskSpec, args: readonly unknown[], explicitKey: string | undefined,
    skip: Skip): { readonly key: string; readonly promise: Promise<unknown> } {
    const { now } = this.permit(`task '${spec.name}'`), { label, tags, version, description } = spec;
    const key = this.key("task", spec.name, explicitKey);
    const input = this.values.encode(args, `${spec.name}(...)`);
    const promise = this.begin(scope, {
      type: "TaskScheduled", key, name: spec.name, inputHash: this.values.hash(input), ...(input && { input }),
      ...(spec.policy.retries > 0 && { retries: spec.policy.retries }), ...(description && { description }),
      ...(label && { label: label(args, now) }), ...(tags && { tags }), ...(version && { version }),
    }, { key, kind: "task", spec, input }, skip);
    return { key, promise };
  }

  /** A durable timer due `ms` after the turn's instant, or at a date. `cancel` is a decision, too. */
  startTimer(scope: Scope, due: number | Date, purpose: "sleep" | "timeout", name: string = purpose, skip?: Skip):
    { readonly key: string; readonly dueAt: number; readonly promise: Promise<void>; cancel(): void } {
    const turn = this.permit(name);
    const key = this.key("timer", name);
    const dueAt = due instanceof Date ? due.getTime() : Math.ceil(turn.now + due);
    const promise = this.begin(scope, { type: "TimerStarted", key, dueAt, purpose }, { key, kind: "timer", dueAt },
      skip) as Promise<void>; // a timer's delivery carries no value
    return { key, dueAt, promise, cancel: () => this.#cancelTimer(key) };
  }

  /** Starts a child run, made in the commit of this decision; the promise is its result. */
  startChild(scope: Scope, child: ChildRequest, skip: Skip): { readonly id: string; readonly key: string;
    readonly promise: Promise<unknown> } {
    const turn = this.permit(`child workflow '${child.workflow}'`);
    const { workflow, input: value, onClose, ...options } = child;
    const key = this.key("child", workflow);
    const id = this.#idOf(turn.now, key);
    const input = this.values.encode(value, `input of ${workflow}`);
    const promise = this.begin(scope, { type: "ChildStarted", key, childId: id, workflow, onClose, ...options,
      inputHash: this.values.hash(input), ...(input && { input }) }, { key, kind: "child", childId: id, onClose },
        skip);
    return { id, key, promise };
  }

  /** Records a synchronous value from outside, once; replay gives the recorded one. */
  record(name: string, read: () => unknown): unknown {
    this.permit(`record('${name}')`);
    const key = this.key("value", name);
    const known = this.#recorded.get(key);
    if (known?.type === "ValueRecorded") {
      this.decide({ type: "ValueRecorded", key });
      return this.values.decode(known.value);
    }
    const value = this.values.encode(outsideTurn(read), `record('${name}')`);
    this.decide({ type: "ValueRecorded", key, ...(value && { value }) });
    return this.values.decode(value);
  }

  /** Does this run take the new way? Yes if it had not passed here before the code changed, or took it then. */
  patched(id: string, ended = false): boolean {
    this.permit(`patched('${id}')`);
    const known = this.#patches?.get(id);
    if (known !== undefined) return known;
    const key = `patch:${id}`, recorded = this.#recorded.get(key) !== undefined;
    const taken = recorded || (!ended && !this.#recorded.passed(this.at));
    (this.#patches ??= new Map()).set(id, taken);
    if (taken) this.decide({ type: "PatchDecided", key });
    return taken;
  }

  /** Sends a signal to another run, in the commit of this decision. */
  send(to: string, name: string, value: unknown, skip: Skip): void {
    this.permit(`a signal '${name}'`);
    const payload = this.values.encode(value, `signal '${name}'`);
    this.decide({ type: "SignalSent", key: this.key("send", name), to, name, ...(payload && { value: payload }) },
      skip);
  }

  /** Shows something to whoever looks at the run. */
  publish(shown: Omit<Shown, "value">, value: unknown, skip: Skip): void {
    this.permit(`${shown.kind} '${shown.name}'`);
    const payload = this.values.encode(value, `${shown.kind} '${shown.name}'`);
    this.decide({ type: "Published", key: this.key("show", `${shown.kind}:${shown.name}`), ...shown,
      ...(payload && { value: payload }) }, skip);
  }

  /** Ends the run here; the next link of its chain takes `input`. What is thrown only leaves the function. */
  continueWith(input: unknown): never {
    this.permit("continueWith()");
    this.#outcome ??= { next: this.values.encode(input, "input of continueWith()") };
    throw new Error("the run continues as another; nothing after continueWith() counts");
  }

  /** Cancels the open calls of a scope in the order they were made; each rejection gets a drain of its own. */
  cancelScope(scope: Scope, cause: Error): void {
    scope.cancel(cause);
    for (const call of this.open.values()) if (call.scope.within(scope)) this.#toReject.push(call);
  }

  /** Gives one call up: the code goes on with Cancelled. */
  cancelCall(key: string, reason: string | undefined): void {
    this.permit(`cancel of ${key}`);
    const call = this.open.get(key);
    if (call !== undefined) { this.#giveUp(call, reason); call.reject(new Cancelled(reason)) }
  }

  /** The open turn of this run. @throws FOREIGN_AWAIT when the code runs outside its turn; NOT_READ_ONLY */
  permit(what: string): OpenTurn {
    if (this.#reading) throw notReadOnly(what);
    if (this.#turn !== undefined && kernel.turn === this.#turn) return this.#turn;
    throw this.fail(foreignAwait(what, kernel.turn instanceof Turn));
  }

  key(kind: string, name: string, explicit?: string): string { return this.#keys.next(kind, name, explicit) }

  begin(scope: Scope, decision: Undecided, call: Unopened, skip?: Skip): Promise<unknown> {
    if (this.#outcome !== undefined) return new Promise(() => undefined);
    if (scope.cause !== undefined) return Promise.reject(scope.cause);
    this.decide(decision, skip);
    return new Promise<unknown>((resolve, reject) => {
      // The caller made the object for this call alone: filled in place, as its kind says.
      this.open.set(call.key, Object.assign(call, { scope, resolve, reject }) as Open);
    });
  }

  take(key: string): Open | undefined {
    const call = this.open.get(key);
    if (call !== undefined) this.open.delete(key);
    return call;
  }

  decide(decision: Undecided, skip?: Skip): void {
    if (this.#turn === undefined) throw new Error(`corrupt turn: ${decision.type} decided outside one`);
    // The caller made the object for this call alone: it is filled in place, a copy of it costs 1 us.
    const full: DecisionDraft & { site?: string } = Object.assign(decision, { by: this.at, at: this.#turn.now });
    moment(this.at, full);
    if (this.#recorded.match(full, skip)) return;
    const site = skip === undefined ? undefined : callSite(skip);
    if (site !== undefined) full.site = site;
    this.#decisions.push(full);
    if (!this.#recorded.done) this.#recorded.inserted(full);
  }

  inRun<T>(fn: () => T): T { return inFrame({ in: "workflow", execution: this, scope: this.#root }, fn) }

  readOnly<T>(fn: () => T): T {
    const before = this.#reading;
    this.#reading = true;
    try { return fn() } finally { this.#reading = before }
  }

  /** The run cannot go on; reported once. */
  fail(error: RepriseError): RepriseError {
    if (!this.#stopped && this.#outcome === undefined) {
      this.#stopped = true;
      outsideFrames(() => this.#host.fatal(error));
    }
    return error;
  }

  /** A person must look before the run goes on; its code never gets further. */
  park(error: RepriseError): Promise<never> {
    if (!this.#stopped) { this.#stopped = true; outsideFrames(() => this.#host.park(error)) }
    return new Promise(() => undefined);
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
      case "TimerFired":
        if (event.key === DEADLINE) this.#stop(tooLate(this.run, event.at, this.#workflow.deadlineMs));
        else this.take(event.key)?.resolve(value);
        return;
      case "TaskCompleted": case "ChildCompleted":
        if (event.cached !== undefined) (this.#cached ??= new Set()).add(event.key);
        this.take(event.key)?.resolve(value); return;
      case "WaitAnswered": case "ResultInjected":
        this.take(event.key)?.resolve(value); return;
      case "TaskFailed": case "TaskCancelled": case "ChildFailed": case "ChildCancelled":
        this.take(event.key)?.reject(value); return;
      case "SignalReceived": this.messages.receive(event, value); return;
      case "UpdateReceived": this.messages.update(event, value); return;
      case "CancelRequested": this.#stop(new Cancelled(event.reason)); return;
      default: { const unknown: never = event; throw new Error(`corrupt delivery ${JSON.stringify(unknown)}`) }
    }
  }

  /** Open calls reject with the cause, and those made from here on; a shielded cleanup may still wait. */
  #stop(cause: Error): void {
    this.abort.abort(cause);
    this.cancelScope(this.#root, cause);
  }

  #begin(input: unknown): void {
    this.inRun(() => {
      const settle = (outcome: Outcome): void => {
        if (this.#turn === undefined || kernel.turn !== this.#turn) this.fail(
          foreignAwait("the end of the workflow", false));
        else this.#outcome ??= outcome;
      };
      new Promise((resolve) => resolve(this.#workflow.fn(input)))
        .then((value) => settle({ value }), (error: unknown) => settle({ error }));
    });
  }

  #rejectNext(): boolean {
    for (let call = this.#toReject.shift(); call !== undefined; call = this.#toReject.shift()) {
      const open = this.open.get(call.key);
      if (open === undefined) continue;
      const cause = call.scope.cause ?? new Cancelled();
      this.#giveUp(open, cause.message);
      call.reject(cause);
      return true;
    }
    return false;
  }

  #giveUp(call: Open, why: string | undefined): void {
    this.open.delete(call.key);
    const { key } = call, reason = why === undefined ? {} : { reason: why };
    switch (call.kind) {
      case "timer": this.decide({ type: "TimerCancelled", key }); return;
      case "task": this.decide({ type: "TaskCancelRequested", key, ...reason }); return;
      case "wait": this.decide({ type: "WaitClosed", key, ...reason }); return;
      case "child":
        if (call.onClose !== "abandon") this.decide({ type: "ChildCancelRequested", key, childId: call.childId,
          ...reason });
        return;
      default: { const unknown: never = call; throw new Error(`corrupt call ${String(unknown)}`) }
    }
  }

  #cancelTimer(key: string): void {
    const call = this.open.get(key);
    if (call === undefined || this.#outcome !== undefined) return;
    this.permit(`cancel of ${key}`);
    this.#giveUp(call, undefined);
  }

  /** When the code has ended: open calls by their policies, then the terminal event. */
  #endTurn(): void {
    const outcome = this.#outcome;
    if (outcome === undefined || this.#recorded.finished) return;
    const left = [...this.open.values()];
    if (this.#workflow.dangling === "await" && left.length > 0) return;
    if (left.some((call) => call.kind === "child" && call.onClose === "wait")) return;
    const strict = this.#workflow.dangling === "error" && left.length > 0 && "value" in outcome;
    for (const call of left) this.#giveUp(call, "run ended");
    this.decide(strict ? this.#failed(dangling(left.map((call) => call.key))) : this.#terminal(outcome));
    this.#recorded.finished = true;
  }

  #terminal(outcome: Outcome): Undecided {
    if ("next" in outcome) {
      return { type: "RunContinued", key: "run:end", nextId: this.#idOf(this.#turn?.now ?? 0, "next"),
        ...(outcome.next && { input: outcome.next }) };
    }
    if ("error" in outcome) {
      const { error } = outcome;
      if (isA(error, Cancelled) && this.#root.cause !== undefined) {
        return { type: "RunCancelled", key: "run:end", ...(error.reason !== undefined && { reason: error.reason }) };
      }
      return this.#failed(error);
    }
    try {
      const result = this.values.encode(outcome.value, `result of ${this.run.workflow}`);
      const cached = this.#workflow.callsTask && this.#cached !== undefined;
      return { type: "RunCompleted", key: "run:end", ...(result && { result }), ...(cached && { cached }) };
    } catch (error) { return this.#failed(error) }
  }

  #failed(error: unknown): Undecided {
    return { type: "RunFailed", key: "run:end", error: this.values.toRecord(error) };
  }

  /** The id of a run that this one starts. */
  #idOf(at: number, key: string): string {
    return this.values.childId(this.run.id, key, at);
  }
}

/** How the workflow's function ended. */
type Outcome = { readonly value: unknown } | { readonly error: unknown } | { readonly next: Payload | undefined };

/** Runs `read` with the real globals, though a turn is open. */
function outsideTurn<T>(read: () => T): T {
  const turn = kernel.turn;
  kernel.turn = undefined;
  try { return read() } finally { kernel.turn = turn }
}
