/** A world for tests: a store, one engine after another on it, time that is moved, crashes that are planned. */
import { randomUUID } from "node:crypto";
import {
  currentFrame, openRunEngine, openStore, originals, withFaults, type Frame, type Ids, type RunEngine,
  type StartRequest, type Store, type TaskSpec, type WorkflowSpec,
} from "../engine/index.ts";
import { takeDefault } from "./default-engine.ts";
import { mockOf } from "./mocks.ts";
import { namedPools } from "./pooled.ts";
import { workflowNames, workflowSpec } from "./registry.ts";
import { realLifeClock, type LifeClock, type VirtualTime } from "./virtual-time.ts";
import { withTasks } from "./watched.ts";

/** How a world is made. Absent `time`: the machine's clock. */
export interface WorldOptions {
  readonly database: string;
  readonly time?: VirtualTime;
  /** Absent: from the system. */
  readonly ids?: Ids;
  /** Holds the end of an attempt's function back until it resolves. */
  readonly gate?: () => Promise<void>;
}
/** One engine's life, until it crashes. */
interface Life {
  readonly engine: RunEngine; readonly clock: LifeClock; readonly crashed: Promise<typeof CRASHED>;
}

const CRASHED = Symbol("crashed");
/** So long, in milliseconds, may nothing happen until what is under way is not waited for any more. */
const PATIENCE_MS = 1000;
/** So often must nothing happen from one round of the event loop to the next. */
const QUIET_ROUNDS = 4;
const SILENT = { events: () => undefined, line: () => undefined, outage: () => undefined };
/** Verbs that change what is stored. */
const CHANGES: ReadonlySet<string> = new Set(["create", "append", "claim", "post", "sweep", "recover", "takeSlot",
  "freeSlots", "cachePut", "cacheFree"]);

/** What tests run their workflows in. */
export class TestWorld {
  /** Asks whichever engine lives; what a crash interrupts is asked again. */
  readonly engine: RunEngine;
  readonly time: VirtualTime | undefined;
  readonly #options: WorldOptions;
  readonly #store: Store;
  #life: Promise<Life>;
  /** The end of the last life that crashed, and the beginning of the next. */
  #burial: Promise<void> = Promise.resolve();
  readonly #crashes = new Set<number>();
  /** Runs that were started from outside. */
  readonly #started = new Set<string>();
  /** Attempts whose function is being executed. */
  readonly #atWork = new Set<Frame>();
  readonly #giveBack: () => void;
  #closed: Promise<void> | undefined;
  /** Calls to the store under way, and all that happened, and changed, so far. */
  #calls = 0;
  #happened = 0;
  #changed = 0;
  #seenChanges = 0;
  #ended = 0;
  #last = { progress: -1, at: 0 };
  /** Who waits for a result, outside any task. */
  waiting = 0;
  /** Questions that have no answer yet. */
  asked = 0;

  private constructor(options: WorldOptions, store: Store) {
    this.#options = options;
    this.#store = store;
    this.time = options.time;
    this.#life = this.#open();
    this.engine = this.#face();
    this.#giveBack = takeDefault(this.engine);
  }

  /** Opens a world and makes its engine the default one. */
  static async open(options: WorldOptions): Promise<TestWorld> {
    const { time } = options;
    const world = new TestWorld(options, await openStore(options.database, time && { now: () => time.now }));
    await world.#life;
    return world;
  }

  /** The engine dies once event `seq` of a run that was started from outside is in the log, and does not hear of it. */
  crashAt(seq: number): void { this.#crashes.add(seq) }
  /** What has come of things so far, as a number that grows: changes to the store, attempts that ended. */
  get progress(): number { return this.#changed + this.#ended }

  /** Until nothing moves any more; what tasks do is waited for as long as something happens each second. */
  async quiet(): Promise<void> {
    for (;;) {
      await this.settle();
      if (this.#busy === 0) return;
      const now = originals.performanceNow();
      if (this.#last.progress !== this.progress) this.#last = { progress: this.progress, at: now };
      if (now - this.#last.at > PATIENCE_MS) return;
      await pause(1);
    }
  }
  /** The next instant that something waits for. */
  async next(): Promise<number | undefined> {
    const { time } = this;
    if (time === undefined) return undefined;
    const known = [time.next, await this.engine.nextInstant()].filter((at) => at !== undefined);
    return known.length === 0 ? undefined : Math.max(time.now, Math.min(...known));
  }
  /** Moves time, and lets everything that it brings happen. */
  async moveTo(instant: number): Promise<void> {
    if (this.time !== undefined) this.time.now = Math.max(this.time.now, instant);
    this.#changed++; // the engine looks again
    await this.quiet();
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#giveBack();
      await this.#burial; // of an engine that has just crashed: nothing of it can be closed
      const { engine } = await this.#life;
      let open = true;
      const closing = engine.close(0).finally(() => { open = false });
      while (this.time !== undefined && open) { this.time.fireDue(); await pause(0) }
      await closing;
    })();
    return this.#closed;
  }

  /** Attempts that are at work and do not sleep. */
  get #busy(): number {
    const sleepers = this.time?.sleepers;
    return [...this.#atWork].filter((frame) => !sleepers?.has(frame)).length;
  }

  /** Until nothing moves but what tasks do. */
  async settle(): Promise<void> {
    const { time } = this;
    for (let quiet = 0; quiet < QUIET_ROUNDS;) {
      const before = this.#happened;
      await pause(0);
      if (time?.fireDue()) this.#happened++;
      quiet = this.#calls > 0 || before !== this.#happened ? 0 : quiet + 1;
      if (quiet < QUIET_ROUNDS || this.#changed === this.#seenChanges) continue;
      this.#seenChanges = this.#changed;
      time?.fireLoops();
      quiet = 0;
    }
  }

  async #open(): Promise<Life> {
    let die = (): void => undefined;
    const crashed = new Promise<typeof CRASHED>((resolve) => { die = () => resolve(CRASHED) });
    let worker: string | undefined;
    const clock = this.time?.clock() ?? realLifeClock(), store = withFaults(this.#counted(), (_call, verb, args) => {
      if (verb === "register") worker = String(args[0]);
      if (!this.#reaches(verb, args)) return "none";
      this.#burial = this.#bury(life, () => store.dead, () => worker).then(die);
      return "die-after";
    });
    const life = openRunEngine({
      database: "", store, workflow: (name) => this.#watchedByName(name), workflows: workflowNames, observer: SILENT,
      claims: "all", pools: namedPools(), idleMs: Infinity, clock,
      ...(this.#options.ids && { ids: this.#options.ids }),
    }).then((engine) => ({ engine, clock, crashed }));
    return life;
  }

  /** Ends a life of which the store hears nothing any more, and begins another. */
  async #bury(dead: Promise<Life>, isDead: () => boolean, worker: () => string | undefined): Promise<void> {
    while (!isDead()) await pause(0);
    const { engine, clock } = await dead, since = originals.performanceNow();
    clock.stop();
    // What is under way ends first: two lives never overlap, as two processes of which one is dead do not.
    while (this.#busy > 0 && originals.performanceNow() - since < PATIENCE_MS) await pause(1);
    engine.close(0).catch(() => undefined); // it stops its timers; what it asks of its store is never answered
    this.#atWork.clear();
    this.#calls = 0;
    const name = worker();
    if (name !== undefined) await this.#store.retire(name);
    this.#life = this.#open();
    await this.#life;
  }

  /** Does this call record an event at which a crash is planned? */
  #reaches(verb: string, args: readonly unknown[]): boolean {
    // The arguments of these two verbs of the store.
    const [row] = verb === "create" ? [args[0] as Parameters<Store["create"]>[0]] : [];
    if (row !== undefined) this.#started.add(row.runId);
    const rows = verb === "append" ? (args[0] as Parameters<Store["append"]>[0]).filter(({ runId }) => // as above
      this.#started.has(runId)) : [];
    const spans = [...row === undefined ? [] : [{ firstSeq: 1, count: row.count }], ...rows];
    for (const seq of this.#crashes) {
      if (spans.some(({ firstSeq, count }) => seq >= firstSeq && seq < firstSeq + count)) {
        return this.#crashes.delete(seq);
      }
    }
    return false;
  }

  /** The store, whose calls are counted. */
  #counted(): Store {
    const life = {}; // calls of a life that is over are not waited for
    this.#counting = life;
    return new Proxy(this.#store, { get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || name === "listen" || name === "guardLease" || name === "close") {
        return typeof value === "function" ? value.bind(target) as unknown : value; // the same, with its `this`
      }
      return async (...args: readonly unknown[]): Promise<unknown> => {
        this.#calls++;
        this.#happened++;
        try {
          const answer: unknown = await value.apply(target, [...args]);
          if (CHANGES.has(String(name)) && !(Array.isArray(answer) && answer.length === 0)) this.#changed++;
          return answer;
        } finally { if (this.#counting === life) this.#calls--; this.#happened++ }
      };
    } });
  }
  #counting: object | undefined;

  #watchedByName(name: string): WorkflowSpec | undefined {
    const spec = workflowSpec(name);
    return spec && this.#watched(spec);
  }
  #watched(spec: WorkflowSpec): WorkflowSpec { return withTasks(spec, (task) => this.#task(task)) }

  /** The same task, or its mock, made in this thread. */
  #task({ runner: _elsewhere, transaction, ...spec }: TaskSpec): TaskSpec {
    const mock = mockOf(spec.fn), fn = mock ?? spec.fn;
    return { ...spec, ...(mock === undefined && transaction && { transaction }), fn: async (...args) => {
      const frame = currentFrame();
      if (frame === undefined) throw new Error("corrupt frame: an attempt without one");
      this.#atWork.add(frame);
      const givenUp = (): void => { if (this.#atWork.delete(frame)) this.#ended++ };
      if (frame.in === "task") frame.abortSignal.addEventListener("abort", givenUp, { once: true });
      try { return await fn(...args) } finally {
        this.#atWork.delete(frame);
        this.#happened++;
        this.#ended++;
        await this.#options.gate?.();
      }
    } };
  }

  /** What a crash interrupts is asked of the next engine. */
  async #ask<T>(ask: (engine: RunEngine, again: boolean) => Promise<T>): Promise<T> {
    this.asked++;
    try { for (let again = false; ; again = true) {
      const { engine, crashed } = await this.#life;
      const answer = await Promise.race([ask(engine, again).then((value) => ({ value })), crashed]);
      if (answer !== CRASHED) return answer.value;
    } } finally { this.asked-- }
  }
  #start(request: StartRequest): ReturnType<RunEngine["start"]> {
    // With an id, asking again finds the run that a crash left.
    const id = request.id ?? (this.#crashes.size > 0 ? randomUUID() : undefined);
    return this.#ask((engine, again) => engine.start({ ...request, workflow: this.#watched(request.workflow),
      ...(id !== undefined && { id }), ...(again && { ifExists: "attach" }) }));
  }
  async #result(runId: string): Promise<unknown> {
    const frame = currentFrame();
    if (frame?.in === "task") this.#atWork.delete(frame); // it does nothing but wait
    else this.waiting++;
    try { return await this.#ask((engine) => engine.result(runId)) } finally {
      if (frame?.in === "task") this.#atWork.add(frame); else this.waiting--;
    }
  }

  /** An engine that is always the one that lives. */
  #face(): RunEngine {
    type Method = (...args: readonly unknown[]) => Promise<unknown>;
    // Every method of the two that is not named here answers with a promise.
    const asked = (of: (engine: RunEngine) => object, name: string | symbol) => (...args: readonly unknown[]) =>
      this.#ask((engine) => {
        const target = of(engine), method = Reflect.get(target, name, target) as Method; // as above
        return method.apply(target, [...args]);
      });
    const operator = new Proxy({}, { get: (_target, name) => asked((engine) => engine.operator, name) });
    const own: { readonly [name: string | symbol]: unknown } = {
      store: this.#store, operator, holds: () => false, unfinished: 0,
      start: (request: StartRequest) => this.#start(request), result: (runId: string) => this.#result(runId),
      close: () => this.close(),
      then: undefined, // it is no promise
    };
    return new Proxy({}, { get: (_target, name) => name in own ? own[name] : asked((engine) => engine, name) }) as
      RunEngine; // as this function says
  }
}

/** 0: a round of the event loop; else milliseconds of real time, for which the process lives, or not. */
export function pause(ms: number, keepAlive = true): Promise<void> {
  return new Promise((resolve) => {
    if (ms === 0) { originals.setImmediate(resolve); return }
    const timer = originals.setTimeout(resolve, ms);
    if (!keepAlive) timer.unref();
  });
}
