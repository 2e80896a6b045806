/** `explore()`: one workflow in many orders of what the world answers, and with crashes, to find those that hurt it. */
import { originals, realIds, RepriseError, seededRandom, type Ids } from "../engine/index.ts";
import { startOn } from "./engine.ts";
import { alike, completed, otherwise, STUCK, type Outcome } from "./outcome.ts";
import { noteCall } from "./start.ts";
import { TestWorld } from "./test-world.ts";
import { Varying } from "./varying.ts";
import { VirtualTime } from "./virtual-time.ts";
import type { Inputs, Workflow } from "./workflow.ts";

/** What is tried. */
export interface ExploreOptions<In, Out> {
  input: In;
  /** How many orders of the ends of tasks; default 100. */
  orders?: number;
  /** How many crashes, each at some event and in some order; default 100. */
  crashes?: number;
  /** Only this one: the seed of a failure found before. */
  seed?: number;
  /** Throws if the result is wrong. Without it every result must equal that of the run that nothing disturbs, but for
   *  the parts that vary by themselves. */
  check?: (result: Out) => unknown;
}
/** What went wrong: the smallest history found of all that came out so. */
export interface Failure {
  readonly seed: number;
  /** As `replay()` and `reprise view` take it. */
  readonly history: string;
  /** How the run came out. */
  readonly outcome: string;
  /** The event after which the engine crashed, if it did. */
  readonly crashedAt: number | undefined;
}

/** What `explore()` found. */
export interface Explored {
  readonly failures: readonly Failure[];
  /** False: results vary by themselves, so that only how runs end was compared. Give a `check`. */
  readonly compared: boolean;
  /** Parts of results that vary by themselves and were not compared, such as `result.id`. */
  readonly varying: readonly string[];
}

/** More moves than a run that ends would make. */
const MOST_MOVES = 10_000;
/** So many of the first choices of a failing order are tried alone. */
const MOST_SHRINKS = 40;
const ANOTHER_DAY_MS = 93_784_005;

/**
 * Runs a workflow again and again, each time on a store of its own and in virtual time: tasks really run (or their
 * mocks), and the order in which they end is drawn from a seed; so is where the engine crashes. A run fails that does
 * not complete, or comes out otherwise than without all that. Timers fire when no task is under way. All runs begin at
 * one instant and with the same random numbers; what of a result varies all the same is named, once, on stderr.
 * @throws INPUT_INVALID, INVALID_OPTION
 */
export async function explore<A extends Inputs, Out>(workflow: Workflow<A, Out>, options: ExploreOptions<A[0], Out>):
  Promise<Explored> {
  const { input, orders = 100, crashes = 100, seed } = options;
  for (const [name, count] of [["orders", orders], ["crashes", crashes], ["seed", seed ?? 0]] as const) {
    if (!Number.isInteger(count) || count < 0) throw new RepriseError("INVALID_OPTION",
      `explore: ${name} is ${String(count)}`, "Give a whole number from 0.");
  }
  noteCall();
  const check = options.check as Check | undefined; // it is called with what this workflow returns
  const began = originals.now(), varying = new Varying();
  const run = async (plan: Plan): Promise<Trial> => {
    const tried = await trial(workflow, input, { at: began, ...plan }, check), { outcome } = tried;
    return outcome.kind === "completed"
      ? { ...tried, outcome: { ...outcome, hash: varying.hash(outcome.value) } } : tried;
  };
  let clean = await run(UNDISTURBED);
  if (clean.outcome.kind !== "completed") return { failures: [failureOf(clean)], compared: true, varying: [] };
  await learn(varying, clean, run);
  clean = { ...clean, outcome: { ...clean.outcome, hash: varying.hash(clean.outcome.value) } };
  if (options.check === undefined && varying.parts.length > 0) say(workflow.workflowName, varying);
  const fails = ({ outcome }: Trial): boolean => options.check === undefined
    ? !alike(outcome, clean.outcome, false) : outcome.kind !== "completed";
  const found = new Map<string, Trial>();
  for (const plan of plansOf(orders, crashes, clean, seed)) {
    const tried = await run(plan), key = `${tried.outcome.kind}\0${tried.outcome.hash}`, known = found.get(key);
    if (!fails(tried) || (known !== undefined && known.events <= tried.events)) continue;
    found.set(key, await smallest(tried, run, (one) => alike(one.outcome, tried.outcome, false)));
  }
  return { failures: [...found.values()].sort((a, b) => a.events - b.events).map(failureOf),
    compared: !varying.all, varying: varying.parts };
}

/** What varies where nothing disturbs; and what is another with other random numbers at another time, and after a crash
 *  too: drawn late in a run, a number depends on how many events there were before. */
async function learn(varying: Varying, clean: Trial, run: (plan: Plan) => Promise<Trial>): Promise<void> {
  const valueOf = async (plan: Plan): Promise<unknown> => {
    const { outcome } = await run(plan);
    return outcome.kind === "completed" ? outcome.value : clean.outcome.value;
  };
  varying.learn(clean.outcome.value, [await valueOf(UNDISTURBED)]);
  const elsewhere = await valueOf({ ...UNDISTURBED, world: 1, at: originals.now() + ANOTHER_DAY_MS });
  if (varying.hash(elsewhere) === varying.hash(clean.outcome.value)) return;
  varying.learn(clean.outcome.value, [elsewhere, await valueOf({ ...UNDISTURBED, crashAt: 1 })]);
}
function say(name: string, { all, parts }: Varying): void {
  process.stderr.write(`explore '${name}': ${parts.join(", ")} ${parts.length === 1 ? "varies by itself and is" :
    "vary by themselves and are"} not compared${all ? ", only how runs end: give a check" : ""}\n`);
}

/** One way for a run to go: whose turn it is, from a seed, for the first choices; then first come, first served. */
interface Plan {
  readonly seed: number; readonly choices: number; readonly crashAt?: number;
  /** When it begins, milliseconds since 1970; and which random numbers its runs draw. */
  readonly at?: number; readonly world?: number;
}
interface Trial {
  readonly plan: Plan; readonly outcome: Came; readonly history: string; readonly events: number;
  /** How often there was something to choose. */
  readonly choices: number;
}
/** `value`: of a run that completed. */
type Came = Outcome & { readonly value?: unknown };
type Check = (result: unknown) => unknown;
const UNDISTURBED: Plan = { seed: 0, choices: 0 };

function failureOf({ plan, history, outcome }: Trial): Failure {
  return { seed: plan.seed, history, outcome: outcome.said, crashedAt: plan.crashAt };
}

/** Seeds 1 to `orders` are orders, those that follow are crashes. Where nothing can be chosen, one order is all. */
function plansOf(orders: number, crashes: number, clean: Trial, only: number | undefined): readonly Plan[] {
  const all = Array.from({ length: orders + crashes }, (_, i): Plan => {
    const seed = i + 1, { next } = seededRandom("crash", seed);
    return i < orders ? { seed, choices: Infinity }
      : { seed, choices: Infinity, crashAt: 1 + Math.floor(next() * clean.events) };
  });
  if (only !== undefined) return all.filter(({ seed }) => seed === only);
  return clean.choices > 0 ? all : all.slice(orders);
}

/** The same failure without its crash, or with fewer choices, if there is one. */
async function smallest(failed: Trial, run: (plan: Plan) => Promise<Trial>, same: (one: Trial) => boolean):
  Promise<Trial> {
  const { crashAt: _crash, ...calm } = failed.plan;
  const plain = failed.plan.crashAt === undefined ? failed : await run(calm), from = same(plain) ? plain : failed;
  let best = from;
  for (let choices = 0; choices < Math.min(from.choices, MOST_SHRINKS); choices++) {
    const tried = await run({ ...from.plan, choices });
    if (same(tried) && tried.events < best.events) best = tried;
  }
  return best;
}

async function trial(workflow: object, input: unknown, plan: Plan, check: Check | undefined): Promise<Trial> {
  const ends: (() => void)[] = [], { next: random } = seededRandom("order", plan.seed);
  let choices = 0;
  const choose = (): number => ends.length > 1 && choices++ < plan.choices ? Math.floor(random() * ends.length) : 0;
  const world = await TestWorld.open({ database: "memory:", time: new VirtualTime(plan.at ?? originals.now()),
    ids: idsOf(plan.world ?? 0),
    gate: () => new Promise((resolve) => { ends.push(resolve) }) });
  try {
    if (plan.crashAt !== undefined) world.crashAt(plan.crashAt);
    const run = await startOn(world.engine, workflow, input), came: { outcome?: Came } = {};
    void run.result().then((value) => outcomeOf(value, check), otherwise).then((outcome) => { came.outcome = outcome });
    for (let moves = 0; moves < MOST_MOVES; moves++) {
      await world.quiet();
      if (came.outcome !== undefined) break;
      const [end] = ends.splice(choose(), 1), next = end === undefined ? await world.next() : undefined;
      end?.();
      if (next !== undefined) await world.moveTo(next); else if (end === undefined) break;
    }
    const { head } = await run.state(), outcome = nameless(came.outcome ?? STUCK, run);
    return { plan, outcome, history: await run.export(), events: head, choices };
  } finally { await world.close() }
}

/** The same of every run: errors of the engine name theirs. */
function nameless(outcome: Came, { id, name }: { readonly id: string; readonly name: string }): Came {
  const general = (text: string): string => text.replaceAll(id, "<run>").replaceAll(`'${name}'`, "<run>");
  return outcome.kind === "completed" ? outcome
    : { ...outcome, hash: general(outcome.hash), said: general(outcome.said) };
}

async function outcomeOf(value: unknown, check: Check | undefined): Promise<Came> {
  try { await check?.(value) } catch (error) {
    const { said, hash } = otherwise(error);
    return { kind: "wrong", hash, said: `${completed(value).said}, which is wrong: ${said}` };
  }
  return { ...completed(value), value };
}

/** Ids as ever, and of each run the same random numbers in every trial. */
function idsOf(world: number): Ids {
  const seeds = new Map<string, string>();
  let others = 0;
  return { ...realIds(), seed: ({ runId, parent, chain }) => {
    const seed = chain !== undefined ? `${seeds.get(chain.first) ?? ""}+${chain.link}`
      : parent !== undefined ? `${seeds.get(parent.id) ?? ""}/${parent.key}` : `explore ${world} ${others++}`;
    seeds.set(runId, seed);
    return seed;
  } };
}
