/**
 * Crashes a workflow on purpose: at every write of its engine to the store, once before and once after it, and lets a
 * fresh engine go on. What ran more often than it was recorded would have happened twice. `reprise torture`.
 */
import {
  currentFrame, encodeRecorded, openRunEngine, openStore, originals, RepriseError, withFaults,
  type Payload, type RunEngine, type Store, type TaskSpec, type WorkflowSpec,
} from "../engine/index.ts";
import { offerDefault, withdrawDefault } from "./default-engine.ts";
import { alike, completed, otherwise, STUCK, type Outcome } from "./outcome.ts";
import { namedPools } from "./pooled.ts";
import { workflowNames, workflowSpec } from "./registry.ts";
import { withTasks } from "./watched.ts";
import { definitionOf, prepared, workflowByName } from "./workflow.ts";

/** Where a run crashes: at which of its writes to the store, from 1, and on which side of it. */
export interface Point { readonly write: number; readonly death: "before" | "after" }
/** What became of one task over all runs. */
export interface TaskTally {
  readonly task: string;
  /** Executions in the run without a crash. */
  readonly clean: number;
  /** The most executions in any run that crashed. */
  readonly most: number;
  /** Where one of its calls ran more often than was recorded. */
  readonly twiceAt: readonly Point[];
  /** What makes the second execution harmless: its writes commit with its result; or every execution that succeeded
   *  read its idempotency key, which is no proof that the key was passed on. */
  readonly protectedBy: "transaction" | "idempotencyKey" | null;
}
/** A point at which the run came out otherwise than without a crash. */
export interface Difference extends Point { readonly verb: string; readonly outcome: Outcome }
export interface TortureReport {
  readonly workflow: string;
  /** Writes to the store in the run without a crash. */
  readonly writes: number;
  /** Points there are, points tried, and those of them that the run ended without reaching. */
  readonly points: number;
  readonly tried: number;
  readonly notReached: number;
  /** Without a crash. */
  readonly outcome: Outcome;
  /** Two runs without a crash came out with different values: then only how runs end is compared. */
  readonly varies: boolean;
  readonly tasks: readonly TaskTally[];
  readonly differences: readonly Difference[];
  readonly tookMs: number;
}
export interface TortureOptions {
  readonly workflow: string;
  readonly input: unknown;
  /** At most so many points, evenly spread; default all. */
  readonly points?: number | undefined;
  /** Of one life of a run. */
  readonly limitMs: number;
  /** The runs without a crash are over. */
  onClean(clean: { readonly writes: number; readonly points: number; readonly tookMs: number }): void;
  onProgress(tried: number, of: number): void;
}

/** Runs the workflow twice in peace, then once for each point; its tasks really run, each time.
 *  @throws TIMED_OUT when it does not end without a crash; INPUT_INVALID, WORKFLOW_NOT_LOADED */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const began = originals.performanceNow(), { workflow, limitMs } = options;
  const { value, fields } = await prepared(definitionOf(workflowByName(workflow)), options.input, {});
  const victim = { workflow, input: encodeRecorded(value, `input of ${workflow}`), fields, limitMs };
  const first = await trial(victim), cleanMs = originals.performanceNow() - began;
  if (first.outcome === STUCK) throw new RepriseError("TIMED_OUT",
    `workflow '${workflow}' did not end within ${limitMs} ms without any crash`,
    "Give it longer with --timeout; nobody sends it signals or answers here.");
  const second = await trial(victim), varies = !alike(first.outcome, second.outcome, false);
  const chosen = choosePoints(first.writes, options.points), crashed: Crashed[] = [];
  options.onClean({ writes: first.writes, points: chosen.length, tookMs: cleanMs });
  for (const point of chosen) {
    crashed.push({ ...await trial({ ...victim, limitMs, patienceMs: cleanMs + 1000 }, point), point });
    options.onProgress(crashed.length, chosen.length);
  }
  await makeDefault(undefined);
  return {
    workflow, writes: first.writes, points: 2 * first.writes, tried: chosen.length, outcome: first.outcome, varies,
    notReached: crashed.filter(({ verb }) => verb === undefined).length,
    tasks: talliesOf(first, [second], crashed),
    differences: crashed.flatMap(({ point, verb, outcome }) => alike(outcome, first.outcome, varies) ? []
      : [{ ...point, verb: verb ?? "never reached", outcome }]),
    tookMs: originals.performanceNow() - began,
  };
}

/** Both sides of every write, or so many of them, evenly spread and by turns before and after. */
export function choosePoints(writes: number, wanted = Infinity): readonly Point[] {
  const all = 2 * writes, deaths = ["before", "after"] as const;
  return Array.from({ length: Math.min(wanted, all) }, (_, i) => ({
    write: 1 + Math.floor((wanted >= all ? i : i * all / wanted) / 2), death: deaths[i % 2] ?? "before",
  }));
}

/** One execution of a task's function. */
interface Execution {
  readonly task: string;
  /** `workflow/key`: the same in every run. */
  readonly call: string;
  readonly transaction: boolean;
  /** It read its idempotency key. */
  keyed: boolean;
  succeeded: boolean;
}
interface Trial {
  readonly outcome: Outcome;
  readonly writes: number;
  /** The write at which it crashed; undefined: it ended before. */
  readonly verb: keyof Store | undefined;
  readonly executions: readonly Execution[];
  /** Executions that histories tell of, by call. */
  readonly recorded: ReadonlyMap<string, number>;
}
type Crashed = Trial & { readonly point: Point };
interface Victim {
  readonly workflow: string;
  readonly input: Payload | undefined;
  readonly fields: object;
  readonly limitMs: number;
  /** How long a crash waits for the executions that are under way. */
  readonly patienceMs?: number;
}

/** What a run asks for in an order of its own. What an engine only reads, and what it does by the clock, leases and
 *  looks for work, would be numbered otherwise each time; a crash there is one beside the nearest write. */
const WRITES: ReadonlySet<keyof Store> = new Set(["create", "append", "post", "putPayloads", "takeSlot", "freeSlots",
  "reserveRate", "cacheTake", "cachePut", "cacheFree"]);

/** One run on a store of its own; if it crashes, a second engine brings it to its end. */
async function trial(victim: Victim, point?: Point): Promise<Trial> {
  const store = await openStore("memory:"), executions: Execution[] = [];
  const crash: { verb: keyof Store | undefined } = { verb: undefined };
  let writes = 0, counting = false;
  const faulty = withFaults(store, (_call, verb) => {
    if (!counting || !WRITES.has(verb) || ++writes !== point?.write) return "none";
    crash.verb = verb;
    return `die-${point.death}`;
  });
  const life: Life = { executions, underWay: new Set(), dead: () => faulty.dead };
  const engine = await openLife(faulty, life);
  counting = true;
  const ended = await live(engine, victim, life);
  counting = false; // what closing asks is no part of the run
  if (ended !== CRASHED && crash.verb === undefined) {
    const recorded = await recordedIn(engine);
    await within(1000, engine.close(0));
    return { outcome: ended, writes, verb: crash.verb, executions, recorded };
  }
  // It may have crashed when it had ended: then the heir is to find that end.
  // What was under way ends first: two lives never overlap, as two processes of which one is dead do not.
  await within(victim.patienceMs ?? 1000, Promise.allSettled(life.underWay));
  engine.close(0).catch(() => undefined); // it stops its timers; what it asks of its store is never answered
  const after: Life = { executions, underWay: new Set(), dead: () => false };
  const heir = await openLife(store, after);
  const outcome = await live(heir, victim, after);
  const recorded = await recordedIn(heir);
  await within(1000, heir.close(0));
  // The heir never crashes.
  return { outcome: outcome as Outcome, writes, verb: crash.verb, executions, recorded };
}

/** One engine's life: what it executes, and whether it has crashed. */
interface Life {
  readonly executions: Execution[];
  readonly underWay: Set<Promise<unknown>>;
  dead(): boolean;
}
const CRASHED = "crashed";
const SILENT = { events: () => undefined, line: () => undefined, outage: () => undefined };

async function openLife(store: Store, life: Life): Promise<RunEngine> {
  const workflow = (name: string): WorkflowSpec | undefined => {
    const spec = workflowSpec(name);
    return spec && watched(spec, life);
  };
  const engine = await openRunEngine({ database: "", store, workflow, workflows: workflowNames, observer: SILENT,
    pools: namedPools(), claims: "all" });
  const start = engine.start.bind(engine); // of runs that tasks start, too
  engine.start = (request) => start({ ...request, workflow: watched(request.workflow, life) });
  await makeDefault(engine);
  return engine;
}

let inUse: RunEngine | undefined;
/** Runs that a task starts are this engine's: never those of the configured database. */
async function makeDefault(engine: RunEngine | undefined): Promise<void> {
  if (inUse !== undefined) await withdrawDefault(inUse);
  inUse = engine;
  if (engine !== undefined) offerDefault(engine);
}

/** Starts the run, or goes on with it, and waits for its end or the engine's. */
async function live(engine: RunEngine, { workflow, input, fields, limitMs }: Victim, life: Life):
  Promise<Outcome | typeof CRASHED> {
  const spec = workflowSpec(workflow);
  if (spec === undefined) throw new Error(`corrupt registry: '${workflow}' is not defined`);
  const end = engine.start({ workflow: spec, input, ...fields, id: "torture" })
    .then(({ runId }) => engine.result(runId)).then(completed, otherwise);
  let stop = (): void => undefined;
  const crash = new Promise<typeof CRASHED>((resolve) => {
    const watch = setInterval(() => { if (life.dead()) resolve(CRASHED) }, 1);
    stop = () => clearInterval(watch);
  });
  try { return await within(limitMs, Promise.race([end, crash])) ?? STUCK } finally { stop() }
}

/** What `work` comes to, or undefined after `ms`. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => { timer = originals.setTimeout(() => resolve(undefined), ms) });
  try { return await Promise.race([work, late]) } finally { originals.clearTimeout(timer) }
}

/** The same workflow, whose task calls are counted in this life. */
function watched(spec: WorkflowSpec, life: Life): WorkflowSpec {
  return withTasks(spec, (task) => watchedTask(task, life));
}

/** The same task, made in this thread, where it can be watched. Once its life is over it begins nothing. */
function watchedTask({ runner: _elsewhere, ...spec }: TaskSpec, { executions, underWay, dead }: Life): TaskSpec {
  return { ...spec, fn: (...args) => {
    const frame = currentFrame();
    if (frame?.in !== "task") throw new Error("corrupt frame: an attempt without one");
    if (dead()) return new Promise<never>(() => undefined);
    const execution: Execution = { task: spec.name, call: `${frame.run.workflow}/${frame.task.key}`,
      transaction: spec.transaction !== undefined, keyed: false, succeeded: false };
    executions.push(execution);
    const { idempotencyKey } = frame;
    Object.defineProperty(frame, "idempotencyKey", { get: () => { execution.keyed = true; return idempotencyKey } });
    const work = (async () => {
      const value = await spec.fn(...args);
      execution.succeeded = true;
      return value;
    })();
    underWay.add(work);
    const over = (): void => { underWay.delete(work) };
    work.then(over, over);
    return work;
  } };
}

/** How often histories say that each call was executed: its failed attempts, and the one that completed it. */
async function recordedIn(engine: RunEngine): Promise<ReadonlyMap<string, number>> {
  const recorded = new Map<string, number>();
  for (const { runId, workflow } of await engine.list({ limit: 100_000 })) {
    for (const event of await engine.history(runId)) {
      if (event.type !== "AttemptFailed" && (event.type !== "TaskCompleted" || event.cached !== undefined)) continue;
      add(recorded, `${workflow}/${event.key}`);
    }
  }
  return recorded;
}

function talliesOf(clean: Trial, others: readonly Trial[], crashed: readonly Crashed[]): readonly TaskTally[] {
  const usual = unrecorded(clean), all = [clean, ...others, ...crashed].flatMap(({ executions }) => executions);
  return [...new Set(all.map(({ task }) => task))].map((task) => {
    const of = all.filter((one) => one.task === task), succeeded = of.filter((one) => one.succeeded);
    const count = ({ executions }: Trial): number => executions.filter((one) => one.task === task).length;
    const repeats = (trial: Trial): boolean => [...unrecorded(trial)].some(([call, times]) =>
      times > Math.max(0, usual.get(call) ?? 0) && of.some((one) => one.call === call));
    return { task, clean: count(clean), most: Math.max(0, ...crashed.map(count)),
      twiceAt: crashed.filter(repeats).map(({ point }) => point),
      protectedBy: of.every(({ transaction }) => transaction) ? "transaction"
        : succeeded.length > 0 && succeeded.every(({ keyed }) => keyed) ? "idempotencyKey" : null };
  });
}

/** By call, executions of which no history tells: their effects may have happened, and were made again. */
function unrecorded({ executions, recorded }: Trial): ReadonlyMap<string, number> {
  const left = new Map<string, number>();
  for (const { call } of executions) add(left, call);
  for (const [call, times] of recorded) left.set(call, (left.get(call) ?? 0) - times);
  return left;
}
function add(counts: Map<string, number>, name: string): void { counts.set(name, (counts.get(name) ?? 0) + 1) }
