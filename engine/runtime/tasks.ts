/** The attempts of one run's open tasks: start, retry after a durable delay, time out, abort. */
import { RepriseError, TimedOut } from "../core/errors.ts";
import type { Event, Payload } from "../core/events.ts";
import type { LimitSpec } from "../core/policy.ts";
import { toErrorRecord } from "../codec/error-record.ts";
import { encodeRecorded } from "../codec/limits.ts";
import { decodeValue } from "../codec/value.ts";
import type { OpenTask } from "../replay/calls.ts";
import { Abort } from "../replay/abort.ts";
import type { TaskFrame } from "../replay/identity.ts";
import { afterTurns } from "../replay/turns.ts";
import { AttemptFrame, nextAttempt, runAttempt } from "./attempt.ts";
import type { Driver } from "./driver.ts";
import { attemptable, lastLook } from "./exactly-once.ts";
import type { DriverHost } from "./host.ts";

interface Task {
  readonly call: OpenTask;
  /** When it was scheduled: its deadline counts from here. */
  readonly scheduledAt: number;
  /** Failed attempts, those of earlier owners included. */
  failures: number;
  abort: Abort | undefined;
  retry: { readonly dueAt: number; readonly cancel: () => void } | undefined;
}
/** What history says of the attempts of a task. */
interface Past { started: number; failures: number; dueAt: number | undefined; scheduledAt: number }

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
  #drained: (() => void) | undefined;

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

  /** Goes on with a task that history left open. */
  resume(call: OpenTask): void {
    const past = this.#past?.get(call.key);
    if (past?.dueAt !== undefined) this.#wait(this.#track(call, past), past.started + 1, past.dueAt);
    else this.begin(call, (past?.started ?? 0) + 1);
  }

  /** Starts an attempt, outside any turn. */
  begin(call: OpenTask, attempt: number): void {
    const task = this.#track(call, this.#past?.get(call.key)), { limits } = call.spec.policy;
    if (this.#draining) return;
    if (limits === undefined || limits.length === 0) this.#start(task, attempt);
    else void this.#admit(task, attempt, limits);
  }

  /** Waits for the limits, then starts. */
  async #admit(task: Task, attempt: number, limits: readonly LimitSpec[]): Promise<void> {
    const { key } = task.call;
    this.#queued++;
    const admitted = await this.#host.slots.admit(limits, {
      runId: this.#driver.run.id, key, priority: this.#driver.priority,
      wanted: () => this.#tasks?.get(key) === task && !this.#draining,
      onWait: (limit, dueAt) => this.#driver.add({ type: "AttemptQueued", at: this.#host.now(), key, attempt, limit,
        ...(dueAt !== undefined && { dueAt }) }),
    }).catch(() => false); // the store is gone: so will be the run
    this.#queued--;
    if (admitted) this.#start(task, attempt);
  }

  #start(task: Task, attempt: number): void {
    const { call } = task;
    if (!this.#host.mayStart()) { this.#host.whenRenewed(() =>
      { if (this.#tasks?.get(call.key) === task) this.#start(task, attempt) }); return }
    this.#running++;
    afterTurns(() => { void this.#attempt(task, attempt) });
  }

  /** The code gave this task up; a late result is dropped. */
  abort(key: string, reason: Error): void {
    const task = this.#tasks?.get(key);
    if (task === undefined) return;
    this.#tasks?.delete(key);
    task.retry?.cancel();
    task.abort?.abort(reason);
    this.#free(task);
  }
  abortAll(reason: Error): void { for (const key of [...this.#tasks?.keys() ?? []]) this.abort(key, reason) }

  /** Starts nothing more; resolves when nothing runs, or after `graceMs` with what runs aborted. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const stop = this.#host.clock.after(graceMs, resolve);
      this.#drained = () => { stop(); resolve() };
    });
    for (const task of this.#tasks?.values() ?? []) task.abort?.abort(new RepriseError("DRAINING",
      "the worker is shutting down", "Another worker makes the next attempt."));
  }

  /** Its slots go back; those of a worker that dies go with its lease. */
  #free({ call }: Task): void {
    if ((call.spec.policy.limits?.length ?? 0) === 0) return;
    this.#host.slots.free(this.#driver.run.id, call.key).catch(() => undefined);
  }

  #track(call: OpenTask, past: Past | undefined): Task {
    const known = this.#tasks?.get(call.key);
    if (known !== undefined) return known;
    const task: Task = { call, failures: past?.failures ?? 0, abort: undefined, retry: undefined,
      scheduledAt: past?.scheduledAt ?? this.#host.now() };
    (this.#tasks ??= new Map()).set(call.key, task);
    return task;
  }

  async #attempt(task: Task, attempt: number): Promise<void> {
    const { call } = task;
    if (this.#tasks?.get(call.key) === task) {
      const { policy } = call.spec;
      task.abort = new Abort();
      this.#driver.add({ type: "AttemptStarted", at: this.#host.now(), key: call.key, attempt });
      // The arguments were encoded from an array.
      const args = decodeValue(call.input) as readonly unknown[];
      const frame = this.#frame(task, attempt, task.abort);
      const end = await runAttempt(attemptable(call.spec, frame, this.#host), frame, args, task.abort,
        this.#limit(task), this.#host.clock);
      this.#free(task);
      const live = this.#tasks?.get(call.key) === task && !(this.#draining && task.abort.aborted);
      if (live && end.ok) this.#completed(task, attempt, end.value);
      else if (live && !end.ok) await this.#failed(task, attempt, end.error, policy.deadlineMs);
    }
    this.#running--;
    if (this.#running === 0) this.#drained?.();
  }

  #completed(task: Task, attempt: number, value: unknown): void {
    const { call } = task;
    let result: Payload | undefined;
    try {
      result = encodeRecorded(value, `result of ${call.spec.name}`);
    } catch (error) { this.#end(task, attempt, error); return }
    this.#tasks?.delete(call.key);
    this.#driver.deliver({ type: "TaskCompleted", at: this.#host.now(), key: call.key, attempt,
      ...(result && { result }) });
    const { onCompleted } = call.spec.policy;
    if (onCompleted !== undefined) this.#hook(task, attempt, () => onCompleted(value));
  }

  async #failed(task: Task, attempt: number, error: unknown, deadlineMs: number | undefined): Promise<void> {
    task.failures++;
    const next = await nextAttempt(task.call.spec.policy, task.failures, error, this.#host.ids.random);
    if (this.#tasks?.get(task.call.key) !== task) return;
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
  async #giveUp(task: Task, attempt: number, error: unknown): Promise<void> {
    const { spec, key } = task.call, frame = this.#frame(task, attempt, task.abort ?? new Abort());
    const wanted = (): boolean => this.#tasks?.get(key) === task && !this.#draining;
    const end = spec.transaction === undefined ? { ok: false as const, error }
      : await lastLook(spec, frame, this.#host, error, wanted);
    if (end === undefined || this.#tasks?.get(key) !== task) return;
    if (end.ok) this.#completed(task, attempt, end.value); else this.#end(task, attempt, end.error);
  }

  #end(task: Task, attempt: number, error: unknown): void {
    const { key } = task.call;
    const record = toErrorRecord(error);
    const at = this.#host.now();
    this.#tasks?.delete(key);
    this.#driver.add({ type: "AttemptFailed", at, key, attempt, error: record });
    this.#driver.deliver({ type: "TaskFailed", at, key, attempts: attempt, error: record });
    const { onFailed } = task.call.spec.policy;
    if (onFailed !== undefined) this.#hook(task, attempt, () =>
      onFailed(error instanceof Error ? error : new Error(String(error))));
  }

  /** A hook is a courtesy: what it throws is a warning, never the task's failure. */
  #hook(task: Task, attempt: number, run: () => unknown): void {
    Promise.resolve().then(run).catch((error: unknown) => {
      this.#host.log(this.#driver.run, { seq: 0, level: "warn", key: task.call.key, attempt, data: undefined,
        text: `a hook of task '${task.call.spec.name}' threw: ${String(error)}` });
    });
  }

  /** One attempt's limit, cut to what is left of the deadline. */
  #limit(task: Task): number | undefined {
    const { timeoutMs, deadlineMs } = task.call.spec.policy;
    if (deadlineMs === undefined) return timeoutMs;
    const left = Math.max(0, task.scheduledAt + deadlineMs - this.#host.now());
    return timeoutMs === undefined ? left : Math.min(timeoutMs, left);
  }

  #frame({ call }: Task, attempt: number, abort: Abort): TaskFrame {
    const { run } = this.#driver;
    return new AttemptFrame(run, call, attempt, abort, {
      log: (level, text, data) => this.#host.log(run, { seq: 0, level, text, data, key: call.key, attempt }),
      show: (shown, value) => this.#driver.add({ type: "Reported", at: this.#host.now(), key: call.key, ...shown,
        ...(value && { value }) }),
    });
  }
}

function pastOf(history: readonly Event[]): Map<string, Past> | undefined {
  if (!history.some((event) => event.type === "TaskScheduled")) return undefined;
  const past = new Map<string, Past>();
  for (const event of history) {
    if (event.type === "TaskScheduled") {
      past.set(event.key, { started: 0, failures: 0, dueAt: undefined, scheduledAt: event.at });
      continue;
    }
    if (event.type === "RunForked") for (const task of past.values()) {
      Object.assign(task, { failures: 0, dueAt: undefined, scheduledAt: event.at }); // a retry tries afresh
    }
    const task = "key" in event ? past.get(event.key) : undefined;
    if (task === undefined) continue;
    if (event.type === "AttemptStarted") { task.started = event.attempt; task.dueAt = undefined }
    else if (event.type === "AttemptFailed") task.failures++;
    else if (event.type === "RetryScheduled") task.dueAt = event.dueAt;
    else if (event.type === "TaskCompleted" || event.type === "TaskFailed") past.delete(event.key);
  }
  return past;
}
