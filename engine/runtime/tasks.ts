/** The attempts of one run's open tasks: start, retry after a durable delay, time out, abort. */
import { RepriseError, TimedOut } from "../core/errors.ts";
import type { Event, Payload, TaskCompleted } from "../core/events.ts";
import { Identity, waitLimit, type LimitSpec } from "../core/policy.ts";
import type { Job } from "../core/runner.ts";
import { asError, saidBy } from "../core/thrown.ts";
import { toErrorRecord } from "../codec/error-record.ts";
import { encodeRecorded } from "../codec/limits.ts";
import { decodeValue } from "../codec/value.ts";
import type { OpenTask } from "../replay/calls.ts";
import { Abort } from "../replay/abort.ts";
import { afterTurns } from "../replay/turns.ts";
import { AttemptFrame, nextAttempt, runAttempt, type AttemptEnd, type Voice } from "./attempt.ts";
import { askCache, type CacheFound, type Flight } from "./cache.ts";
import type { Driver } from "./driver.ts";
import { placeFor, runElsewhere } from "./elsewhere.ts";
import { attemptable, lastLook } from "./exactly-once.ts";
import type { DriverHost } from "./host.ts";
import { pastOf, type Past } from "./past.ts";
import { homeOf, pulseOf, voiceOf, type Task } from "./voice.ts";

/** The open tasks of one hot run. */
export class Tasks {
  readonly #driver: Driver;
  readonly #host: DriverHost;
  /** Made when the first task is: a run that only waits has none. */
  #tasks: Map<string, Task> | undefined;
  /** undefined where history has no tasks. */
  readonly #past: ReadonlyMap<string, Past> | undefined;
  #running = 0;
  #queued = 0;
  #draining = false;
  #drained: ((over: boolean) => void) | undefined;
  /** How many reasons there are to begin nothing now, and what waits for their end. */
  #holds = 0;
  #held: (() => void)[] | undefined;

  constructor(driver: Driver, host: DriverHost, history: readonly Event[]) {
    this.#driver = driver;
    this.#host = host;
    this.#past = pastOf(history);
  }

  /** Attempts under way. */
  get running(): number { return this.#running }
  /** Attempts that wait for a limit. */
  get queued(): number { return this.#queued }
  /** When the next retry is due. */
  get next(): number | undefined {
    let next: number | undefined;
    for (const { retry } of this.#tasks?.values() ?? []) {
      if (retry !== undefined && (next === undefined || retry.dueAt < next)) next = retry.dueAt;
    }
    return next;
  }
  /** Is there a task that should run and does not, because this worker drains? */
  get interrupted(): boolean {
    for (const task of this.#tasks?.values() ?? []) if (task.retry === undefined) return true;
    return false;
  }

  /** Knows a task that history left open; nothing begins before `goOn`. */
  resume(call: OpenTask): void {
    this.#draining = true;
    const past = this.#past?.get(call.key), task = this.#track(call, past);
    if (past?.dueAt !== undefined) this.#wait(task, past.started + 1, past.dueAt);
  }

  /** Starts an attempt, outside any turn. */
  begin(call: OpenTask, attempt: number): void {
    const task = this.#track(call, this.#past?.get(call.key));
    const { limits } = call.spec.policy;
    if (this.#draining || this.#tooLate(task, attempt)) return;
    task.underway = true;
    if (limits === undefined || limits.length === 0) this.#start(task, attempt);
    else void this.#admit(task, attempt, limits);
  }

  /** Waits for the limits, then starts. */
  async #admit(task: Task, attempt: number, limits: readonly LimitSpec[]): Promise<void> {
    const { key } = task.call;
    this.#queued++;
    const admitted = await this.#host.slots.admit(limits, {
      runId: this.#driver.run.id, key, priority: this.#driver.priority,
      wanted: () => this.#wants(task) && !this.#draining,
      onWait: (limit, dueAt) => this.#driver.add({ type: "AttemptQueued", at: this.#host.now(), key, attempt, limit,
        ...(dueAt !== undefined && { dueAt }) }),
    }).catch(() => undefined); // the store is gone: so will be the run
    this.#queued--;
    if (admitted === undefined) return;
    if (admitted) { this.#start(task, attempt); return }
    task.underway = false;
    this.#again(task);
  }

  #start(task: Task, attempt: number): void {
    if (!this.#host.mayStart()) { this.#host.whenRenewed(() =>
      { if (this.#wants(task)) this.#start(task, attempt) }); return }
    this.#running++;
    afterTurns(() => { void this.#attempt(task, attempt) });
  }

  /** No attempt starts until `letGo`: a cancellation is in the log, or may be in the mail, and has not had its turn. */
  hold(): void { this.#holds++ }
  letGo(): void {
    this.#holds--;
    afterTurns(() => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const look of held) look();
    });
  }

  /** The code gave this task up; a late result is dropped. */
  abort(key: string, reason: Error, graceMs?: number): void {
    const task = this.#tasks?.get(key);
    if (task === undefined) return;
    this.#tasks?.delete(key);
    task.retry?.cancel();
    task.begun?.();
    task.abort?.abort(reason, graceMs);
    this.#free(task);
  }
  abortAll(reason: Error): void { for (const key of [...this.#tasks?.keys() ?? []]) this.abort(key, reason) }

  /** Starts nothing more. True when nothing runs, or after `graceMs` with what runs aborted; false when another drain
   *  or `goOn` came first. */
  async drain(graceMs: number): Promise<boolean> {
    this.#draining = true;
    this.#drained?.(false);
    if (this.#running === 0) return true;
    const over = await new Promise<boolean>((resolve) => {
      const stop = this.#host.clock.after(graceMs, () => resolve(true));
      this.#drained = (done) => { stop(); resolve(done) };
    });
    if (over) for (const task of this.#tasks?.values() ?? []) task.abort?.abort(new RepriseError("DRAINING",
      "the worker is shutting down", "Another worker makes the next attempt."));
    return over;
  }
  /** Begins what was not begun meanwhile. */
  goOn(): void {
    this.#draining = false;
    this.#drained?.(false);
    for (const task of this.#tasks?.values() ?? []) this.#again(task);
  }
  #again(task: Task): void {
    if (this.#draining || task.underway || task.retry !== undefined || !this.#wants(task)) return;
    this.begin(task.call, task.attempts + 1);
  }

  /** Its slots go back; those of a worker that dies go with its lease. */
  #free({ call }: Task): void {
    if ((call.spec.policy.limits?.length ?? 0) === 0) return;
    this.#host.slots.free(this.#driver.run.id, call.key).catch(() => undefined);
  }

  #track(call: OpenTask, past: Past | undefined): Task {
    const known = this.#tasks?.get(call.key);
    if (known !== undefined) return known;
    const task: Task = { call, failures: past?.failures ?? 0, attempts: past?.started ?? 0, underway: false,
      abort: undefined, retry: undefined,
      beat: past?.beat, pulse: undefined, begun: undefined,
      scheduledAt: Identity.callOf(this.#driver.run)?.caller?.calledAt ?? past?.scheduledAt ?? this.#host.now() };
    (this.#tasks ??= new Map()).set(call.key, task);
    return task;
  }

  /** Is the task's end still wanted? */
  #wants(task: Task): boolean { return this.#tasks?.get(task.call.key) === task }

  async #attempt(task: Task, attempt: number): Promise<void> {
    if (this.#wants(task)) {
      const abort = task.abort = new Abort();
      if (task.call.spec.policy.cache === undefined) await this.#try(task, attempt, abort, undefined);
      else await this.#tryCached(task, attempt, abort);
    }
    task.underway = false;
    if (--this.#running === 0) this.#drained?.(true);
    this.#again(task);
  }

  /** Takes the result of an earlier call, waits for one that is being made, or makes it. */
  async #tryCached(task: Task, attempt: number, abort: Abort): Promise<void> {
    const { call } = task, { run, epoch } = this.#driver, policy = call.spec.policy.cache;
    const found: CacheFound = policy === undefined ? { how: "execute", flight: undefined }
      : await askCache(this.#host.store, this.#host.patience, { run, epoch, call, policy,
        pause: (ms) => this.#pause(task, abort, ms), warn: (text) => this.#warn(task, attempt, text) });
    if (found.how === "hit" && this.#wants(task)) {
      this.#done(task, attempt - 1, found.result, found.cached);
      const { onCompleted } = call.spec.policy;
      if (onCompleted !== undefined) this.#hook(task, attempt, () => onCompleted(decodeValue(found.result)));
    }
    if (found.how !== "execute") { this.#free(task); return }
    await this.#try(task, attempt, abort, found.flight);
  }

  async #try(task: Task, attempt: number, abort: Abort, flight: Flight | undefined): Promise<void> {
    const { call } = task, { runner } = call.spec;
    const place = runner === undefined ? undefined : await placeFor(runner, abort);
    if ((place !== undefined || flight !== undefined) && !this.#host.mayStart()) { // it may have waited long
      await new Promise<void>((resolve) => { this.#host.whenRenewed(resolve) });
    }
    while (this.#holds > 0) await new Promise<void>((resolve) => { (this.#held ??= []).push(resolve) });
    if (!this.#wants(task) || abort.aborted || this.#draining) {
      place?.leave();
      this.#free(task);
      await flight?.free();
      return;
    }
    task.begun?.();
    task.attempts = attempt;
    this.#driver.add({ type: "AttemptStarted", at: this.#host.now(), key: call.key, attempt });
    task.pulse = call.spec.policy.heartbeatMs === undefined ? undefined
      : pulseOf(task, attempt, abort, { driver: this.#driver, host: this.#host });
    const end = place === undefined ? await this.#here(task, attempt, abort)
      : await runElsewhere(place, this.#job(task, attempt, abort), call.spec.name, abort, this.#limit(task),
        this.#host.clock);
    task.pulse?.stop();
    this.#free(task);
    const live = this.#wants(task) && !(this.#draining && abort.aborted);
    if (live && end.ok) { await this.#completed(task, attempt, end, flight); return }
    await flight?.free();
    if (live && !end.ok && end.final) this.#end(task, attempt, end.error);
    else if (live && !end.ok) await this.#failed(task, attempt, end.error, call.spec.policy.deadlineMs);
  }

  #here(task: Task, attempt: number, abort: Abort): Promise<AttemptEnd> {
    const { spec, input } = task.call, frame = this.#frame(task, attempt, abort);
    // The arguments were encoded from an array.
    const args = decodeValue(input) as readonly unknown[];
    return runAttempt(attemptable(spec, frame, this.#host), frame, args, abort, this.#limit(task), this.#host.clock);
  }

  async #completed(task: Task, attempt: number, end: AttemptEnd & { readonly ok: true },
    flight: Flight | undefined): Promise<void> {
    const { call } = task;
    let result: Payload | undefined;
    try {
      result = "encoded" in end ? end.encoded : encodeRecorded(end.value, `result of ${call.spec.name}`);
    } catch (error) {
      await flight?.free();
      this.#end(task, attempt, error);
      return;
    }
    if (flight !== undefined) {
      await flight.keep(result); // before it is told: the next run finds it
      if (!this.#wants(task)) return;
    }
    this.#done(task, attempt, result, undefined);
    const { onCompleted } = call.spec.policy;
    if (onCompleted !== undefined) this.#hook(task, attempt, () =>
      onCompleted("encoded" in end ? decodeValue(end.encoded) : end.value));
  }

  #done(task: Task, attempt: number, result: Payload | undefined, cached: TaskCompleted["cached"]): void {
    const { key } = task.call;
    task.begun?.();
    this.#tasks?.delete(key);
    this.#driver.deliver({ type: "TaskCompleted", at: this.#host.now(), key, attempt,
      ...(result && { result }), ...(cached && { cached }) });
  }

  /** Waits, with an ear for abort and drain. False: the attempt that waits is not to be made. */
  async #pause(task: Task, abort: Abort, ms: number): Promise<boolean> {
    await new Promise<void>((resolve) => {
      const stop = this.#host.clock.after(ms, resolve);
      abort.onAbort(() => { stop(); resolve() });
    });
    return this.#wants(task) && !this.#draining && !abort.aborted;
  }

  /** The task fails unless its attempt begins in time. True: it has already. */
  #tooLate(task: Task, attempt: number): boolean {
    const { name, policy } = task.call.spec, limit = waitLimit(name, policy, attempt === 1);
    if (limit === undefined) return false;
    const { limitMs, what } = limit;
    const fail = (): void => {
      if (!this.#wants(task)) return;
      const error = new TimedOut(what, limitMs);
      if (task.call.spec.transaction === undefined) this.#fail(task, attempt - 1, error);
      else void this.#giveUp(task, attempt - 1, error, (why) => this.#fail(task, attempt - 1, why));
      task.abort?.abort(error);
      this.#free(task);
    };
    const left = task.scheduledAt + limitMs - this.#host.now();
    if (left < 0) { fail(); return true }
    task.begun?.();
    task.begun = this.#host.clock.after(left, fail);
    return false;
  }

  async #failed(task: Task, attempt: number, error: unknown, deadlineMs: number | undefined): Promise<void> {
    task.failures++;
    const next = await nextAttempt(task.call.spec.policy, task.failures, error, this.#host.ids.random);
    if (!this.#wants(task)) return;
    if ("final" in next) { await this.#giveUp(task, attempt, next.final); return }
    const at = this.#host.now();
    const dueAt = Math.ceil(at + next.delayMs);
    if (deadlineMs !== undefined && dueAt > task.scheduledAt + deadlineMs) {
      const late = new TimedOut(`task '${task.call.spec.name}' with all its attempts`, deadlineMs);
      await this.#giveUp(task, attempt, late);
      return;
    }
    const { key } = task.call;
    this.#driver.add({ type: "AttemptFailed", at, key, attempt, error: toErrorRecord(error) });
    this.#driver.add({ type: "RetryScheduled", at, key, attempt: attempt + 1, dueAt });
    this.#wait(task, attempt + 1, dueAt);
  }

  #wait(task: Task, attempt: number, dueAt: number): void {
    const cancel = this.#host.clock.after(Math.max(0, dueAt - this.#host.now()), () => {
      task.retry = undefined;
      this.begin(task.call, attempt);
    });
    task.retry = { dueAt, cancel };
  }

  /** Fails for good; a transaction, unless it has committed after all. */
  async #giveUp(task: Task, attempt: number, error: unknown,
    fail = (why: unknown): void => this.#end(task, attempt, why)): Promise<void> {
    const { spec } = task.call, frame = this.#frame(task, attempt, task.abort ?? new Abort());
    const end = spec.transaction === undefined ? { ok: false as const, error }
      : await lastLook(spec, frame, this.#host, error, () => this.#wants(task) && !this.#draining);
    if (end === undefined || !this.#wants(task)) return;
    if (end.ok) await this.#completed(task, attempt, end, undefined); else fail(end.error);
  }

  /** The attempt was the last. */
  #end(task: Task, attempt: number, error: unknown): void {
    this.#driver.add({ type: "AttemptFailed", at: this.#host.now(), key: task.call.key, attempt,
      error: toErrorRecord(error) });
    this.#fail(task, attempt, error);
  }

  #fail(task: Task, attempts: number, error: unknown): void {
    const { key } = task.call;
    task.begun?.();
    this.#tasks?.delete(key);
    this.#driver.deliver({ type: "TaskFailed", at: this.#host.now(), key, attempts, error: toErrorRecord(error) });
    const { onFailed } = task.call.spec.policy;
    if (onFailed !== undefined) this.#hook(task, attempts, () => onFailed(asError(error)));
  }

  /** A hook is a courtesy: what it throws is a warning, never the task's failure. */
  #hook(task: Task, attempt: number, run: () => unknown): void {
    Promise.resolve().then(run).catch((error: unknown) =>
      this.#warn(task, attempt, `a hook of task '${task.call.spec.name}' threw: ${saidBy(error)}`));
  }
  #warn({ call }: Task, attempt: number, text: string): void {
    const { run, key } = homeOf({ call }, this.#driver.run);
    this.#host.log(run, { seq: 0, level: "warn", key, attempt, data: undefined, text });
  }

  /** One attempt's limit, cut to what is left of the deadline. */
  #limit(task: Task): number | undefined {
    const { timeoutMs, deadlineMs } = task.call.spec.policy;
    if (deadlineMs === undefined) return timeoutMs;
    const left = Math.max(0, task.scheduledAt + deadlineMs - this.#host.now());
    return timeoutMs === undefined ? left : Math.min(timeoutMs, left);
  }

  #frame(task: Task, attempt: number, abort: Abort): AttemptFrame {
    const { run, key } = homeOf(task, this.#driver.run);
    return new AttemptFrame(run, { key, spec: task.call.spec }, attempt, abort, this.#voice(task, attempt, abort));
  }
  #job(task: Task, attempt: number, abort: Abort): Job {
    const { input, spec } = task.call;
    return { ...this.#voice(task, attempt, abort), ...homeOf(task, this.#driver.run), attempt, input,
      captureConsole: spec.policy.captureConsole ?? false };
  }
  #voice(task: Task, attempt: number, abort: Abort): Voice {
    return voiceOf(task, attempt, abort, { driver: this.#driver, host: this.#host, wants: () => this.#wants(task) });
  }
}
