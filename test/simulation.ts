/**
 * Suite B, first version: several workers on one store in one thread, on a virtual clock, with a seeded world that
 * drops
 * requests, loses answers, repeats and delays calls, kills workers, and pauses them beyond their lease. Time jumps to
 * the next timer when nothing else can move, so that an hour of leases takes milliseconds.
 */
import { openRunEngine, realIds, type Clock, type Event, type RunEngine, type Store,
  type WorkflowSpec } from "../engine/index.ts";
import { withFaults, type Fault } from "../engine/store/faults.ts";
import { openMemoryStore } from "../engine/store/memory.ts";

const immediately = setImmediate;

/** Numbers in [0, 1) that depend only on the seed (mulberry32, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6D2B79F5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

/** Time that moves when it is told to. */
export class VirtualTime {
  now = 1_800_000_000_000;
  readonly #timers = new Map<number, { readonly at: number; readonly fn: () => void }>();
  #next = 1;

  /** A clock that is `skewMs` ahead of this time. */
  clock(skewMs: number): Clock {
    return {
      now: () => Math.floor(this.now) + skewMs, monotonic: () => this.now,
      after: (ms, fn) => {
        const id = this.#next++;
        this.#timers.set(id, { at: this.now + Math.max(0, ms), fn });
        return () => { this.#timers.delete(id) };
      },
    };
  }
  wait(ms: number): Promise<void> { return new Promise((resolve) => { this.clock(0).after(ms, resolve) }) }

  /** Lets everything that can move move, then jumps to the next timer; ends when `done` says so. False: out of time. */
  async run(done: () => boolean, untilMs: number): Promise<boolean> {
    const end = this.now + untilMs;
    while (!done()) {
      for (let i = 0; i < 6; i++) await new Promise((resolve) => { immediately(resolve) });
      if (done()) return true;
      let first: number | undefined;
      for (const [id, { at }] of this.#timers) if (first === undefined
        || at < (this.#timers.get(first)?.at ?? 0)) first = id;
      const timer = first === undefined ? undefined : this.#timers.get(first);
      if (timer === undefined || timer.at > end) return false;
      this.#timers.delete(first ?? 0);
      this.now = Math.max(this.now, timer.at);
      timer.fn();
    }
    return true;
  }
}

/** What a simulated world does to its workers. */
export interface World {
  readonly seed: number;
  readonly workers: number;
  readonly workflows: readonly WorkflowSpec[];
  /** Workflows that those start; nobody starts them otherwise. */
  readonly others?: readonly WorkflowSpec[];
  /** Talks to a run from outside, over a store as bad as everybody's. */
  readonly client?: (engine: RunEngine, runId: string, workflow: string, wait: (ms: number) => Promise<void>) =>
    Promise<void>;
  /** Looks at the store when all is over. */
  readonly look?: (store: Store) => Promise<void>;
}
/** What came of it: each run's history and the ends that were seen. */
export interface Ending { readonly runId: string; readonly workflow: string; readonly events: readonly Event[];
  readonly state: string }

/** Chaos for a while, then peace; then everything must come to its end. @throws when it does not */
export async function simulate({ seed, workers, workflows, others = [], client, look }: World):
  Promise<readonly Ending[]> {
  const random = randomFrom(seed), time = new VirtualTime();
  // A worker looks for dead ones only on a database that has other processes.
  const base: Store = new Proxy(openMemoryStore({ now: () => Math.floor(time.now) }), {
    get: (target, name) => name === "kind" ? "postgres" : name === "close" ? () => Promise.resolve()
      : bound(target, name) });
  let peace = false;
  const engines: RunEngine[] = [];
  const all = [...workflows, ...others];
  const spec = (name: string): WorkflowSpec | undefined => all.find((one) => one.name === name);
  const silent = { events: () => undefined, line: () => undefined, outage: () => undefined };
  const open = async (): Promise<void> => {
    const chaos = withFaults(slowed(base, time, random, () => peace), () => peace ? "none" : faultOf(random()));
    const engine =
      await openRunEngine({ database: "", store: chaos, clock: time.clock(Math.floor(random() * 4000 - 2000)),
      ids: { ...realIds(), random }, workflow: spec, workflows: () => all.map(({ name }) => name), claims: "all",
      observer: silent }).catch(() => undefined);
    if (engine !== undefined) engines.push(engine);
    else if (!peace) await open();
  };
  const opening = Promise.all(Array.from({ length: workers }, open));
  const starter =
    await openRunEngine({ database: "", store: base, clock: time.clock(0), workflow: spec, workflows: () => [],
    claims: "none", observer: silent });
  const ids =
    await Promise.all(workflows.map(async (workflow) => (await starter.start({ workflow, input: undefined })).runId));
  const talker = client && await openRunEngine({ database: "", clock: time.clock(0), workflow: spec, observer: silent,
    workflows: () => [], claims: "none", ids: { ...realIds(), random },
    store: withFaults(slowed(base, time, random, () => peace), () => peace ? "none" : clientFaultOf(random())) });
  let talking = talker === undefined ? 0 : ids.length;
  if (talker !== undefined) for (const [i, id] of ids.entries()) {
    void client?.(talker, id, workflows[i]?.name ?? "", (ms) => time.wait(ms)).then(() => { talking-- });
  }
  await time.run(() => false, 20_000 + random() * 60_000);
  peace = true;
  void opening;
  await open(); // somebody who is certainly alive
  const ended = async (): Promise<boolean> => talking === 0 && (await base.listRuns({ limit: 1000 }))
    .every(({ state }) => ["completed", "failed", "cancelled"].includes(state));
  let over = false;
  for (let round = 0; round < 40 && !over; round++) { await time.run(() => false, 15_000); over = await ended() }
  if (!over) throw new Error(
    `seed ${seed}: runs do not end: ${talking} clients talk, ${JSON.stringify((await base.listRuns({ limit: 1000 }))
      .filter(({ endedAt }) => endedAt === null))}`);
  await look?.(base);
  return Promise.all(
    ids.map(async (runId, i) => ({ runId, workflow: workflows[i]?.name ?? "", events: await starter.history(runId),
    state: (await starter.row(runId)).state })));
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === "function" ? value.bind(target) as unknown : value;
}

function faultOf(dice: number): Fault {
  if (dice < 0.03) return "drop";
  if (dice < 0.06) return "lose-answer";
  if (dice < 0.08) return "repeat";
  if (dice < 0.083) return "die-before";
  return dice < 0.086 ? "die-after" : "none";
}

/** A client does not die; it asks again. */
function clientFaultOf(dice: number): Fault {
  return dice < 0.1 ? "drop" : dice < 0.2 ? "lose-answer" : dice < 0.25 ? "repeat" : "none";
}

/** Calls that take virtual time: mostly a moment, sometimes longer than a lease. */
function slowed(store: Store, time: VirtualTime, random: () => number, peace: () => boolean): Store {
  return new Proxy(store, { get: (target, name) => {
    const value = bound(target, name);
    if (typeof value !== "function" || ["close", "listen", "guardLease"].includes(String(name))) return value;
    return async (...args: readonly unknown[]): Promise<unknown> => {
      const dice = peace() ? 1 : random();
      if (dice < 0.002) await time.wait(25_000); else if (dice < 0.3) await time.wait(random() * 40);
      return (value as (...all: readonly unknown[]) => unknown)(...args);
    };
  } });
}
