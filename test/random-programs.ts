/** Suite C's language: programs of durable calls, the workflow that interprets them, how they are made at random. */
import fc from "fast-check";
import type { WorkflowSpec } from "../engine/index.ts";
import { attributes, condition, context, continueWith, expose, saga, scope, shield, signal, sleep, stream, task, update,
  waitFor, withTimeout, workflow, z } from "../sdk/index.ts";
import { workflowSpec } from "../sdk/registry.ts";
import { sees } from "./language/ends.ts";
import type { Program, Release, State } from "./language/part.ts";
import { counted, parts } from "./language/parts.ts";
import { relayed, type Baton } from "./language/relay.ts";
import { seen } from "./language/ways.ts";

/** What a run is given: its program, how often it goes on as another, the run that its children send to. */
export interface Given { readonly p: Program; readonly links: number; readonly root?: string }

const work = task("work", async (value: number, shared: number, fails: boolean) => {
  if (fails) throw new Error(`no ${value}`);
  // Tasks of one program end in an order that nobody planned.
  await new Promise((resolve) => { if (value % 3 === 0) setImmediate(resolve); else setTimeout(resolve, value % 3) });
  return value + shared % 7;
});

const undoable = task("undoable", { undo: async (_: number, v: number) => v }, async (value: number) => value);
const signals = [signal("left", z.number()), signal("right", z.number())] as const;

/** Never ends by itself: somebody gives its result, or its time is over. */
const stuck = task("stuck", { retries: 99, retryDelay: "1h" },
  async (value: number) => { throw new Error(`${value}`) });
/** What is asked of a run while it goes; every odd one makes a task of it. */
export const bump = update<z.ZodNumber, number>("bump", z.number());

/** Interprets a program, and looks whether it ended as it must: every part of it, at every replay. */
async function interpret(program: Program, state: State): Promise<number> {
  counted(program);
  try {
    const value = await step(program, state);
    sees(program, state, { value });
    return value;
  } catch (error) {
    sees(program, state, { error });
    throw error;
  }
}
async function step(program: Program, state: State): Promise<number> {
  switch (program.k) {
    case "task": {
      const value = await work(program.v, state.shared, program.fails);
      for (let i = 0; i < program.hops; i++) await null;
      state.shared = (state.shared * 31 + value + Math.floor(Math.random() * 10) + Date.now() % 7) % 100_003;
      return program.v;
    }
    case "sleep": await sleep(program.ms); state.shared += 1; return 1;
    case "chance": return Math.floor(Math.random() * 100);
    case "seq": { let sum = 0; for (const part of program.xs) sum += await interpret(part, state); return sum }
    case "all": return (await Promise.all(program.xs.map((part) => interpret(part, state)))).reduce((a, b) => a + b, 0);
    case "race": return Promise.race(program.xs.map((part) => interpret(part, state)));
    case "any": return Promise.any(program.xs.map((part) => interpret(part, state)));
    case "settled": return (await Promise.allSettled(program.xs.map((part) => interpret(part, state)))).filter(
      ({ status }) => status === "fulfilled").length;
    case "try": try { return await interpret(program.body, state) } catch { return interpret(program.rescue, state) }
    case "branch": await interpret(program.on, state); return interpret(state.shared % 2 === 0 ? program.even
      : program.odd, state);
    case "child": {
      const child = await random.start({ p: program.body, links: 0, root: state.root },
        { onParentClose: program.onClose });
      return (await child.result())[0];
    }
    case "stopped": {
      const child = await random.start({ p: program.body, links: 0, root: state.root });
      for (let i = 0; i < program.hops; i++) await work(i, 0, false);
      await child.cancel({ reason: "stopped" });
      return child.result().then(([value]) => value, () => -4);
    }
    case "send": await signals[program.name as 0].send(state.root, program.v); return program.v;
    case "read": {
      const value = await signals[program.name as 0].wait({ timeout: program.ms, else: -3 });
      state.shared += value;
      return value;
    }
    case "condition": return Number(await condition(() => state.shared % program.of === 0, { timeout: program.ms }));
    case "undoable": return undoable(program.v);
    case "show": attributes({ v: program.v }); stream<number>("shown").write(state.shared); return program.v;
    case "scope": return scope(() => interpret(program.body, state));
    case "shield": return shield(() => interpret(program.body, state));
    case "form": {
      const value = await waitFor(z.number().min(0), { name: `form-${program.name}`, timeout: program.ms, else: -6 });
      state.shared += value;
      return value;
    }
    case "stuck": return withTimeout(program.ms, () => stuck(program.v)).then((value: number) => value, () => -7);
    case "saga": try { return await saga(() => interpret(program.body, state)) } catch { return -5 }
    case "limit": try { return await withTimeout(program.ms, () => interpret(program.body, state)) } catch { return -1 }
    default: return parts.run(program, state, interpret);
  }
}
export const random = workflow("random-program",
  async (_: Given): Promise<readonly [number, number]> => { throw new Error("no code") });
async function randomly({ p, links, root = context().run.id }: Given, release: Release):
  Promise<readonly [number, number]> {
  const state: State = { shared: 1, bumped: 0, root, run: context().run.id, link: links, release, times: new Map(),
    givenUp: false };
  expose(seen, () => state.shared);
  bump.handle(async (n) => {
    state.bumped += n;
    state.shared += n % 2 === 1 ? await work(n, 0, false) : n;
    return state.shared;
  }, { validate: (n) => { if (n < 0) throw new Error("never below zero") } });
  const result = await interpret(p, state);
  return links > 0 ? continueWith({ p, links: links - 1, root }) : [result, state.shared];
}

/** What an engine with the code of this release finds under the name of a workflow. */
export function codeOf(release: Release): (name: string) => WorkflowSpec | undefined {
  // Each is started with what it takes.
  const code: { readonly [name: string]: WorkflowSpec["fn"] } = {
    "random-program": (given) => randomly(given as Given, release),
    "random-relay": (given) => relayed(given as Baton, release, interpret),
  };
  return (name) => {
    const spec = workflowSpec(name), fn = code[name];
    return spec === undefined || fn === undefined ? spec : { ...spec, fn, codeVersion: release };
  };
}

const leaf: fc.Arbitrary<Program> = fc.oneof(
  { weight: 6,
    arbitrary: fc.record({ k: fc.constant("task" as const), v: fc.nat(20), fails: fc.boolean().map((yes) => yes),
      hops: fc.nat(3) }) },
  { weight: 3,
    arbitrary: fc.record({ k: fc.constant("task" as const), v: fc.nat(20), fails: fc.constant(false),
      hops: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("sleep" as const), ms: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant<Program>({ k: "chance" }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constant("send" as const), name: fc.nat(1), v: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constant("read" as const), name: fc.nat(1), ms: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("condition" as const), of: fc.integer({ min: 1, max: 3 }),
    ms: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("undoable" as const), v: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constant("form" as const), name: fc.nat(1), ms: fc.nat(15) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("stuck" as const), v: fc.nat(20), ms: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("show" as const), v: fc.nat(20) }) },
  { weight: 9, arbitrary: parts.leaves },
);
export const { program } = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf,
    fc.record({ k: fc.constantFrom("seq" as const, "all" as const, "settled" as const),
      xs: fc.array(tie("program"), { maxLength: 4 }) }),
    fc.record({ k: fc.constantFrom("race" as const, "any" as const),
      xs: fc.array(tie("program"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ k: fc.constant("try" as const), body: tie("program"), rescue: tie("program") }),
    fc.record({ k: fc.constant("branch" as const), on: tie("program"), even: tie("program"), odd: tie("program") }),
    fc.record({ k: fc.constant("limit" as const), ms: fc.nat(6), body: tie("program") }),
    fc.record({ k: fc.constant("child" as const), body: tie("program"),
      onClose: fc.constantFrom("cancel" as const, "abandon" as const, "wait" as const) }),
    fc.record({ k: fc.constant("stopped" as const), body: tie("program"), hops: fc.nat(2) }),
    fc.record({ k: fc.constantFrom("scope" as const, "shield" as const, "saga" as const), body: tie("program") }),
    parts.nests(tie("program"))),
}));
