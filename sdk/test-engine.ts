/** `testEngine()`: workflows in a test, with time that jumps, mocks, and crashes on purpose. */
import { originals, RepriseError, toMs, type Duration } from "../engine/index.ts";
import { startOn } from "./engine.ts";
import type { RunHandle } from "./handle.ts";
import { mockFunction } from "./mocks.ts";
import type { Task } from "./task.ts";
import { noteCall } from "./start.ts";
import { pause, TestWorld } from "./test-world.ts";
import { VirtualTime } from "./virtual-time.ts";
import type { Inputs, Workflow } from "./workflow.ts";

type AsyncFn = (...args: never) => Promise<unknown>;
type Impl<F extends AsyncFn> =
  (...args: Parameters<F>) => Awaited<ReturnType<F>> | Promise<Awaited<ReturnType<F>>>;
/** The default engine until it is closed. */
export interface TestEngine extends AsyncDisposable {
  /** Moves time, to each timer on its way, and lets happen what it brings. @throws INVALID_OPTION in real time */
  advance(by: Duration): Promise<void>;
  now(): Date;
  /** Calls `impl` in place of the task's function: retries, timeouts and the rest apply. `calls`: the arguments of each
   *  attempt so far. */
  mock<F extends AsyncFn>(task: Task<F>, impl: Impl<F>): { readonly calls: readonly Parameters<F>[] };
  /** The engine dies when event `seq` of a run (from 1) is in the log, before it hears of that; a fresh one goes on.
   *  Once, in the first run started from outside that comes so far. @throws INVALID_OPTION */
  crashAt(seq: number): void;
  start<A extends Inputs, Out>(workflow: Workflow<A, Out>, ...input: A): Promise<RunHandle<Out>>;
  /** Gives up what runs, and makes the engine before this one the default again. */
  close(): Promise<void>;
}
/** How time passes: "virtual" jumps to the next timer when nothing else can move, "manual" waits for `advance()`. */
export interface TestEngineOptions {
  /** Default "virtual"; "real" where `database` is given. */
  clock?: "virtual" | "manual" | "real";
  /** Default `memory:`, which alone can have another time than the machine's. */
  database?: string;
}

/** So long must nothing happen, in milliseconds, until time jumps though nobody awaits a result. */
const PATIENCE_MS = 1000;
const LOOK_MS = 2;

/** Opens an engine for tests. It prints nothing and needs no test runner. @throws INVALID_OPTION */
export async function testEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  const { database = "memory:" } = options, { clock = database === "memory:" ? "virtual" : "real" } = options;
  if (!["virtual", "manual", "real"].includes(clock)) throw new RepriseError("INVALID_OPTION",
    `testEngine: clock is ${JSON.stringify(clock)}`, "Use \"virtual\", \"manual\" or \"real\".");
  if (clock !== "real" && database !== "memory:") throw new RepriseError("INVALID_OPTION",
    `testEngine: a ${clock} clock with the database '${database.replace(/\/\/[^@/]*@/, "//***@")}', which has its own`,
    "Leave the database out, or use clock: \"real\".");
  noteCall();
  const time = clock === "real" ? undefined : new VirtualTime(originals.now());
  const world = await TestWorld.open({ database, ...(time && { time }) });
  return new Engine(world, clock === "virtual");
}

class Engine implements TestEngine {
  readonly #world: TestWorld;
  readonly #unmock: (() => void)[] = [];
  /** One at a time moves time. */
  #moving: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(world: TestWorld, jumps: boolean) {
    this.#world = world;
    if (world.time !== undefined) void this.#drive(jumps);
  }

  now(): Date { return new Date(this.#world.time?.now ?? originals.now()) }

  advance(by: Duration): Promise<void> {
    const { time } = this.#world, ms = toMs(by, "advance()");
    if (time === undefined) return Promise.reject(new RepriseError("INVALID_OPTION",
      "advance() was called on a test engine with real time", "Open it with clock: \"virtual\" or \"manual\"."));
    return this.#alone(async () => {
      await this.#world.quiet();
      const until = time.now + ms;
      for (let next = await this.#world.next(); next !== undefined && next <= until; next = await this.#world.next()) {
        await this.#world.moveTo(next);
      }
      await this.#world.moveTo(until);
    });
  }

  mock<F extends AsyncFn>(task: Task<F>, impl: Impl<F>): { readonly calls: readonly Parameters<F>[] } {
    const calls: Parameters<F>[] = [];
    // Both are called with the arguments that the task is called with, as their types say.
    const fn = task.fn as unknown as (...args: readonly unknown[]) => unknown;
    this.#unmock.push(mockFunction(fn, (...args) => {
      const given = args as Parameters<F>; // as above
      calls.push(given);
      return impl(...given);
    }));
    return { calls };
  }

  crashAt(seq: number): void {
    if (!Number.isInteger(seq) || seq < 1) throw new RepriseError("INVALID_OPTION", `crashAt(${String(seq)})`,
      "Give the seq of an event, a whole number from 1.");
    this.#world.crashAt(seq);
  }

  start<A extends Inputs, Out>(workflow: Workflow<A, Out>, ...input: A): Promise<RunHandle<Out>> {
    return startOn<Out>(this.#world.engine, workflow, input[0]);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const undo of this.#unmock) undo();
    await this.#world.close();
  }
  [Symbol.asyncDispose](): Promise<void> { return this.close() }

  async #alone(move: () => Promise<void>): Promise<void> {
    const mine = this.#moving.then(move);
    this.#moving = mine.catch(() => undefined);
    return mine;
  }

  /** Lets happen what can. If time `jumps`, it does while somebody awaits a result, or where nothing happens. */
  async #drive(jumps: boolean): Promise<void> {
    const world = this.#world;
    for (let seen = -1, since = 0; !this.#closed;) {
      const now = originals.performanceNow();
      if (seen !== world.progress) { seen = world.progress; since = now }
      const idle = now - since > PATIENCE_MS;
      let moved = false;
      await this.#alone(async () => {
        await world.settle();
        if (!jumps || (world.waiting === 0 && !idle)) return;
        await world.quiet();
        const next = this.#closed ? undefined : await world.next();
        moved = next !== undefined && (world.waiting > 0 || idle);
        if (next !== undefined && moved) await world.moveTo(next);
        seen = world.progress;
        since = originals.performanceNow();
      });
      if (!moved) await pause(LOOK_MS, world.asked > 0);
    }
  }
}
