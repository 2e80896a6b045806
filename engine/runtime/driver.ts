/**
 * One run in this worker's hands: replay its history, feed it deliveries that are durable, append what it decides,
 * start what was decided, give it back when it has nothing to do.
 */
import { Cancelled, RepriseError } from "../core/errors.ts";
import { isDelivery, isTerminal, type Delivery, type Draft, type Event, type Terminal } from "../core/events.ts";
import { Identity, type RunInfo, type WorkflowSpec } from "../core/policy.ts";
import { saidBy } from "../core/thrown.ts";
import { toErrorRecord } from "../codec/error-record.ts";
import { describeDivergence, type Divergence } from "../replay/divergence.ts";
import type { DecisionDraft, ExecutionHost, OpenTimer, TurnResult } from "../replay/calls.ts";
import { DEADLINE, Execution } from "../replay/execution.ts";
import type { LogLevel } from "../replay/identity.ts";
import { afterTurns } from "../replay/turns.ts";
import type { RunState, StoreError } from "../store/port.ts";
import { slotOf } from "./birth.ts";
import { lineThatRan } from "./check.ts";
import type { Clock } from "./clock.ts";
import type { Appender, Outgoing } from "./committer.ts";
import type { Departure, DriverHost } from "./host.ts";
import { inheritedChildren, parkedIn, pausedIn, startOf, type History } from "./load.ts";
import { Mailroom, type Addressee } from "./mail.ts";
import { Outbox, type RowChange } from "./outbox.ts";
import { values, valueOf } from "./rehearse.ts";
import { divergedAt, parkedAt, pinnedAt } from "./parking.ts";
import { disownRejections, ownRejections, type Owner } from "./rejections.ts";
import { bearAgain, changeOf, goesAlong, originOf, sends, sentWith, withRetry, type Sender,
  type Unread } from "./sent.ts";
import { Tasks } from "./tasks.ts";
import { dueOf, earliest, Timers, type TimerHost } from "./timers.ts";
import { unlessBegun } from "./unbegun.ts";

/** A run with nothing to do for so long is given back, and costs no memory any more. */
const IDLE_MS = 10_000;
const STUCK_MS = 100;
/** Longer than any attempt: a timer takes no more. */
const FOREVER_MS = 2 ** 31 - 1;

/** One run that this worker holds. */
export class Driver implements Appender, ExecutionHost, TimerHost, Owner, Addressee {
  readonly run: RunInfo;
  readonly clock: Clock;
  readonly #host: DriverHost;
  readonly #execution: Execution;
  readonly #outbox: Outbox;
  readonly #tasks: Tasks;
  readonly #timers: Timers;
  /** Made when there is mail, or something to send: most runs have none. */
  #mailroom: Mailroom | undefined;
  #sender: Sender | undefined;
  readonly #origin: Sender["started"];
  readonly #slot: Sender["slot"];
  /** What came by mail and is in the log, or nearly, and not in the code yet. */
  #onTheirWay: Unread[] | undefined;
  /** What there was when the run came here; let go when it has been replayed. */
  #events: readonly Event[];
  readonly #codeVersion: string;
  readonly #pinned: boolean;
  #waiters: ((how: Departure) => void)[] | undefined;
  #departure: Departure | undefined;
  /** The last event of this ownership is on its way. */
  #closing = false;
  /** It is to be given back as soon as it can be. */
  #leaving: "drain" | "idle" | undefined;
  /** Held by a person: what runs may end, nothing begins. */
  #paused = false;
  /** Its deadline is in the log, or nearly. */
  #late = false;
  #mailRead: number;
  #mailKnown: number;
  #crashes: number;
  #wakeAt: number | undefined;
  #caughtUp = false;
  /** Turns queued and not over. */
  #turns = 0;
  /** When there was last something to do. */
  #busyAt = 0;

  constructor(host: DriverHost, workflow: WorkflowSpec, claim: { readonly runId: string; readonly epoch: number;
    readonly mailHead: number; readonly crashes: number }, history: History) {
    this.#host = host;
    this.clock = host.clock;
    this.#events = history.events;
    this.#codeVersion = workflow.codeVersion;
    this.#pinned = workflow.evolve === "pin";
    const started = startOf(history.events);
    this.run = new Identity(claim.runId, started);
    this.#origin = originOf(started);
    this.#slot = slotOf(workflow, started.input);
    this.#mailKnown = claim.mailHead;
    this.#mailRead = history.events.reduce((n, event) => "n" in event ? Math.max(n, event.n) : n, 0);
    this.#crashes = claim.crashes;
    const last = history.events.at(-1) ?? started;
    this.#outbox = new Outbox({ runId: claim.runId, epoch: claim.epoch, head: last.seq,
      previousSeq: history.lastFirstSeq, lastAt: last.at, uuid: host.ids.uuid });
    this.#execution = new Execution({ run: this.run, seed: started.seed, workflow, history: history.events,
      partial: history.partial, values, host: this, strict: workflow.evolve === "strict" });
    this.#tasks = new Tasks(this, host, history.events);
    this.#timers = new Timers(this);
    ownRejections(claim.runId, this);
  }

  /** How the run leaves this worker, when it does. */
  get departed(): Promise<Departure> {
    if (this.#departure !== undefined) return Promise.resolve(this.#departure);
    return new Promise((resolve) => { (this.#waiters ??= []).push(resolve) });
  }
  now(): number { return this.#host.now() }
  /** When the next of its timers or retries is due. */
  get next(): number | undefined { return earliest(this.#timers.next, this.#tasks.next) }
  get priority(): number { return this.#origin.priority ?? 0 }
  get epoch(): number { return this.#outbox.epoch }

  line(seq: number, level: LogLevel, text: string, data?: object): void {
    this.#host.log(this.run, { seq, level, text, data });
  }
  tolerate(found: Divergence): void {
    this.add({ type: "Noted", at: this.now(), code: found.kind, message: describeDivergence(found) });
  }
  fatal(error: RepriseError): void {
    afterTurns(() => this.#tasks.abortAll(error)); // their code must not go on inside this turn
    this.add({ type: "RunFailed", at: this.now(), key: "run:end", by: this.#execution.at, error: toErrorRecord(error) },
      { state: "failed", release: true });
  }
  park(error: RepriseError): void { this.add(...parkedAt(this.now(), error)) }
  *timers(): Iterable<Pick<OpenTimer, "key" | "dueAt">> {
    yield* dueOf(this.#execution.open.values());
    if (this.#deadline < Infinity) yield { key: DEADLINE, dueAt: this.#deadline };
  }
  fire(key: string, dueAt: number): void {
    const call = this.#execution.open.get(key);
    if (key === DEADLINE) {
      if (this.#deadline === Infinity) return;
      this.#late = true;
    } else if (call?.kind === "child") { void unlessBegun(call, this, this.#host, this.#execution); return }
    else if (call === undefined) return; // it has ended
    this.deliver({ type: "TimerFired", at: Math.max(dueAt, this.now()), key }, dueAt);
  }
  /** When its time is over; Infinity: never, or it is over and the code is told. */
  get #deadline(): number {
    return this.#late || this.#execution.abort.aborted ? Infinity : this.#origin.deadlineAt ?? Infinity;
  }
  floating(error: unknown): void {
    this.#host.log(this.run, { seq: this.#outbox.head, level: "warn", data: undefined,
      text: `A promise was rejected and nobody handled it: ${saidBy(error)}` });
  }

  /** Replays the history, then goes on live. */
  start(): void {
    this.#busyAt = this.clock.monotonic();
    const { codeVersion = this.#codeVersion } = startOf(this.#events);
    if (this.#pinned && codeVersion !== this.#codeVersion) { // it waits for a worker with the code that it began with
      this.add(...pinnedAt(this.#host.now(), this.run.name, codeVersion, this.#codeVersion));
      return;
    }
    const deliveries = this.#events.filter(isDelivery);
    if (this.#mailRead > 0) this.#onTheirWay = deliveries.filter(goesAlong);
    this.#replay(deliveries, 0);
  }

  /** Adds an event that may wait for the next urgent one, up to 5 ms. */
  add(draft: Draft, change?: RowChange): void {
    if (!this.#closing) this.#host.committer.mark(this, this.#push(draft, change));
  }

  /** Adds a delivery: it leaves at once, and reaches the code when it is durable. */
  deliver(draft: Draft<Delivery>, notBefore?: number, change?: RowChange): void {
    if (draft.at >= this.#deadline) this.fire(DEADLINE, this.#deadline); // what comes too late comes after that
    const progress = this.#crashes > 0 ? { ...change, crashes: 0 } : change;
    this.#crashes = 0;
    if (this.#closing) return;
    if (goesAlong(draft)) (this.#onTheirWay ??= []).push(draft);
    if (draft.type === "CancelRequested") this.#tasks.hold();
    this.#push(draft, progress, notBefore);
    this.#host.committer.mark(this, true);
  }

  /** Puts an event into the outbox, unless the run is being given up. True: others wait for it. */
  #push(draft: Draft, change: RowChange | undefined, notBefore?: number): boolean {
    if (this.#closing) return false;
    this.#closing = change?.release ?? false;
    const sending = sends(draft) ? sentWith(draft, this.#asSender) : undefined;
    this.#outbox.add(draft, change, notBefore, sending);
    return change !== undefined || sending !== undefined;
  }
  get #asSender(): Sender {
    const on = this.#execution;
    return (this.#sender ??= { run: this.run, started: this.#origin, host: this.#host, stopped: () => on.abort.aborted,
      open: () => on.open.values(), call: (key) => on.open.get(key), retryFrom: () => on.retryFrom, slot: this.#slot,
      unread: () => [...on.messages.unread, ...this.#onTheirWay ?? []], ahead: () => this.#onTheirWay ?? [] });
  }

  /** There is mail up to `mailHead`: fetch it and hand it to the code. */
  async onMail(mailHead: number): Promise<void> {
    this.#mailKnown = Math.max(this.#mailKnown, mailHead);
    if (!this.#caughtUp || this.#mailKnown <= this.#mailRead) return;
    if (this.#paused) { await this.#lookForResume(); return }
    const after = this.#mailRead, upTo = this.#mailRead = this.#mailKnown;
    await this.#mail.read(async () => {
      const letters = await this.#host.patience.insist(() => this.#host.store.mail(this.run.id, after));
      return letters.filter(({ n }) => n <= upTo); // what came since is fetched when it is told of
    });
  }

  get #mail(): Mailroom { return (this.#mailroom ??= new Mailroom(this, this.#execution, this.#origin.signals)) }

  /** There may be mail that nobody told of: an answer was lost. */
  async lookForMail(): Promise<void> { await this.onMail((await this.#host.store.run(this.run.id))?.mailHead ?? 0) }

  /** Stops making attempts and gives the run back: now if nothing runs, else when what runs has ended. */
  async release(reason: "drain" | "idle", graceMs: number): Promise<void> {
    this.#leaving = reason;
    await this.#tasks.drain(graceMs);
    this.#giveBack(reason); // once it has been replayed
  }

  /** Lets what runs end, begins nothing more, then gives the run up until somebody resumes it. */
  pause(n: number, who: string | undefined): void {
    this.add({ type: "RunPaused", at: this.now(), n, ...(who !== undefined && { who }) }, { mailRead: n,
      state: "paused" });
    this.#paused = true;
    this.#mailRead = n; // what came after it is for when it goes on
    this.#timers.stop();
    void this.#tasks.drain(FOREVER_MS).then((over) => { if (over) this.#giveBack("paused") });
  }

  take(): Outgoing | undefined { return this.#outbox.take() }
  landed(): void {
    const { events, born } = this.#outbox.landed();
    for (const one of born) this.#host.adopt(one);
    if (!this.#outbox.empty) this.#host.committer.mark(this, true); // a turn with more than one row's events
    this.#host.observe(this.run, events);
    for (const event of events) {
      if (isDelivery(event)) this.#feed(event);
      else if (isTerminal(event)) this.#end(event);
      else if (event.type === "RunReleased") this.#leave({ how: "released", wakeAt: this.#wakeAt });
      else if (event.type === "RunParked") {
        this.#leave({ how: "parked", error: new RepriseError(event.code, event.message, event.hint ?? "") });
      }
    }
  }

  #end(event: Terminal): void {
    if (event.type === "RunFailed" && event.retriedAs !== undefined) this.#host.expect(event.retriedAs);
    this.#leave({ how: "ended", event });
  }

  refused(why: StoreError | undefined): void {
    if (why === undefined) { this.#leave({ how: "lost" }); return }
    if (why.code === "DISK_FULL") { this.#leave({ how: "parked", error: why }); return }
    this.#leave({ how: "parked", error: new RepriseError("APPEND_REFUSED",
      `the database refuses the data: ${why.message}`, "Look at the values that this run was about to record.") });
  }

  #replay(deliveries: readonly Delivery[], index: number): void {
    const delivery = deliveries[index];
    if (delivery === undefined) { this.#live(); return }
    this.#execution.deliver(delivery, valueOf(delivery, this.#execution), (result) => {
      this.#arrived(delivery);
      for (const decision of result.decisions) this.#push(this.#retried(decision), changeOf(decision));
      if (result.diverged !== undefined) { this.#diverged(result.diverged); return }
      if (this.#departure === undefined) this.#replay(deliveries, index + 1);
    });
  }

  /** History is repeated: start what it left open, read the mail that came meanwhile. */
  #live(): void {
    this.#caughtUp = true;
    if (parkedIn(this.#events)) {
      this.add({ type: "RunUnparked", at: this.#host.now() }, { parked: null, state: "running" });
    }
    if (!this.#outbox.empty) this.#host.committer.mark(this, this.#execution.ended);
    const paused = pausedIn(this.#events), inherited = inheritedChildren(this.#events);
    this.#events = [];
    const broken = (error: unknown): void => this.#broken(error);
    for (const child of inherited) if (this.#execution.open.has(child.key)) {
      void bearAgain(child, this.#asSender).catch(broken);
    }
    for (const call of this.#execution.open.values()) if (call.kind === "task") this.#tasks.resume(call);
    this.#paused = paused;
    if (!paused) { this.#goOn(); return }
    void this.#lookForResume().then(() => { if (this.#paused) this.#giveBack("paused") }).catch(broken);
  }

  /** Reads its mail before it begins anything: a cancellation may be in it. */
  #goOn(): void {
    this.#tasks.hold();
    if (this.#leaving === undefined) this.#tasks.goOn();
    this.#timers.approach();
    void this.onMail(this.#mailKnown).catch((error: unknown) => this.#broken(error)).then(() => this.#tasks.letGo());
    if (this.#leaving !== undefined) this.#giveBack(this.#leaving);
    this.#checkStuck();
  }

  /** A paused run goes on if a letter says so, before any other that came since is read. */
  #lookForResume(): Promise<void> {
    return this.#mail.reopen(async () => {
      const letters = await this.#host.patience.insist(() => this.#host.store.mail(this.run.id, this.#mailRead));
      const letter = letters.find(({ kind }) => kind === "resume" || kind === "cancel");
      if (letter === undefined || !this.#paused || this.#closing || this.#leaving !== undefined) return false;
      this.#paused = false;
      // Written by RunEngine as this shape.
      const { who } = JSON.parse(letter.payload ?? "{}") as { readonly who?: string };
      this.add({ type: "RunUnpaused", at: this.now(), ...(who !== undefined && { who }) }, { state: "running" });
      this.#goOn();
      return true;
    });
  }

  #feed(event: Delivery): void {
    this.#turns++;
    if (event.type === "ResultInjected") this.#tasks.abort(event.key, new Cancelled("a person gave its result"));
    this.#execution.deliver(event, valueOf(event, this.#execution), (result) => {
      this.#turns--;
      this.#arrived(event);
      // Not before the turn: until then the code has the timer open, and it would be set again.
      if (event.type === "TimerFired" || event.type === "ResultInjected") this.#timers.disarm(event.key);
      this.#onTurn(result, event.type === "CancelRequested" ? event.graceMs : undefined);
      if (event.type === "CancelRequested") this.#tasks.letGo();
    });
  }

  #arrived(event: Delivery): void { if (goesAlong(event)) this.#onTheirWay?.shift() }

  #onTurn(result: TurnResult, graceMs?: number): void {
    if (this.#departure !== undefined) return;
    if (result.diverged !== undefined) { this.#diverged(result.diverged); return }
    for (const decision of result.decisions) {
      this.add(this.#retried(decision), changeOf(decision));
      const call = this.#execution.open.get(decision.key);
      if (call?.kind === "child" && call.beginBy && !this.#paused) this.#timers.arm(call.key, call.beginBy.dueAt);
      switch (decision.type) {
        case "TaskScheduled": if (call?.kind === "task") this.#tasks.begin(call, 1); break;
        case "TimerStarted": if (call?.kind === "timer" && !this.#paused) this.#timers.arm(call.key, call.dueAt); break;
        case "TimerCancelled": this.#timers.disarm(decision.key); break;
        case "TaskCancelRequested": this.#tasks.abort(decision.key, new Cancelled(decision.reason), graceMs); break;
        default: break;
      }
    }
    this.#checkStuck();
  }

  /** A failure of the code, not one that the engine found, may be followed by another try. */
  #retried(decision: DecisionDraft): DecisionDraft {
    return decision.type === "RunFailed" ? withRetry(decision, this.#asSender) : decision;
  }

  #diverged(found: Divergence): void {
    this.#outbox.clear();
    this.#closing = false;
    this.#tasks.abortAll(new Cancelled("the run was parked"));
    void lineThatRan(this.#host.store, found.recorded, this.#events).then((line) => { if (this.#departure === undefined)
      this.add(...divergedAt(this.#host.now(), this.run.name, found, this.#codeVersion, line)) });
  }

  /** Quiet, not ended, and nothing open: whatever the code awaits is outside the engine. */
  #checkStuck(): void {
    if (!this.#execution.stuck || this.#turns > 0) return;
    this.#host.clock.after(STUCK_MS, () => {
      if (!this.#execution.stuck || this.#turns > 0 || this.#departure !== undefined) return;
      this.#execution.fail(new RepriseError("STUCK_OUTSIDE_ENGINE",
        `workflow '${this.run.workflow}' waits for something that the engine does not know, and no call of it is open`,
        "Move what it awaits into a task(); a promise made outside the run cannot be replayed."));
    });
  }

  /** Called by the worker every second: sets timers that have come near, gives the run back when it has long been
   *  idle, or is and others want the room. */
  check(crowded: boolean, patienceMs = IDLE_MS): void {
    if (!this.#paused) this.#timers.approach();
    const now = this.clock.monotonic();
    if (!this.#caughtUp || this.busy) this.#busyAt = now;
    else if (crowded || now - this.#busyAt >= patienceMs) this.#giveBack("idle");
  }

  bears(runId: string): boolean { return this.#outbox.bears(runId) }
  /** Is anything of it under way? A run that waits for a timer, a message or a child is not. */
  get busy(): boolean { return this.#turns > 0 || this.#tasks.running + this.#tasks.queued > 0 || !this.#outbox.empty }
  #giveBack(reason: "drain" | "idle" | "paused"): void {
    if (this.#closing || !this.#caughtUp) return;
    if (reason === "idle") void this.#tasks.drain(FOREVER_MS); // a retry that is due now is for whoever takes it next
    const state: RunState = this.#paused ? "paused" : "waiting", due = this.busy || this.#tasks.interrupted;
    const wakeAt = this.#wakeAt = this.#paused ? undefined : due ? this.now() : this.next; // a turn may be to come
    this.add({ type: "RunReleased", at: this.#host.now(), reason },
      { state, release: true, ...(wakeAt !== undefined && { wakeAt }) });
  }

  #broken(error: unknown): void { this.#host.log(this.run, { seq: this.#outbox.head, level: "error",
    text: `could not read the mail: ${String(error)}`, data: undefined }) }

  #leave(how: Departure): void {
    if (this.#departure !== undefined) return;
    this.#departure = how;
    this.#timers.stop();
    this.#tasks.abortAll(new Cancelled(how.how === "ended" ? "the run has ended" : "the run is no longer here"));
    disownRejections(this.run.id);
    this.#host.gone(this, how);
    for (const tell of this.#waiters ?? []) tell(how);
  }
}
