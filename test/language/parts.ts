/** All parts of the language that have a file of their own. */
import fc from "fast-check";
import { cached } from "./cached.ts";
import { changed } from "./changed.ts";
import { limited } from "./limited.ts";
import { payment } from "./paid.ts";
import type { End, Interpret, Part, Program, State, World } from "./part.ts";
import { chain } from "./relay.ts";
import { tally } from "./tally.ts";
import { turns } from "./turns.ts";
import { way, wayNames } from "./ways.ts";

const leaves = { cached, limited, paid: payment, tally, turns, way }, nests = { changed, relay: chain };
const all = { ...leaves, ...nests };
type Own = Extract<Program, { readonly k: keyof typeof all }>;
/** Each part takes programs of its own kind, under which it stands. */
const partOf = ({ k }: Own): Part<Own> => all[k] as unknown as Part<Own>;
/** How often each kind of program was interpreted; a `way` counts under its own name, too. */
export const ran = new Map<string, number>();
export function counted(program: Program): void {
  const names = program.k === "way" ? ["way", `way ${program.way}`] : [program.k];
  for (const name of names) ran.set(name, (ran.get(name) ?? 0) + 1);
}
/** The basic kinds, which random-programs.ts interprets itself. */
type Basic = Exclude<Program, Own>["k"];
const BASIC: { readonly [K in Basic]: true } = { task: true, sleep: true, chance: true, seq: true, all: true,
  race: true, any: true, settled: true, try: true, branch: true, limit: true, child: true, stopped: true, send: true,
  read: true, condition: true, undoable: true, show: true, scope: true, shield: true, saga: true, form: true,
  stuck: true };
/** All that there are. */
export const kinds: readonly string[] = [...Object.keys(BASIC), ...Object.keys(all),
  ...wayNames.map((name) => `way ${name}`)];

export const parts = {
  /** Those with no program inside, and those with one. */
  leaves: fc.oneof<fc.Arbitrary<Program>[]>(...Object.values(leaves).map((part) => part.made()),
    way.made()), // there are many ways
  nests: (inner: fc.Arbitrary<Program>): fc.Arbitrary<Program> =>
    fc.oneof<fc.Arbitrary<Program>[]>(...Object.values(nests).map((part) => part.made(inner))),
  run: (program: Own, state: State, interpret: Interpret): Promise<number> =>
    partOf(program).run(program, state, interpret),
  end: (program: Own, of: (inner: Program) => End): End => partOf(program).end(program, of),
  /** What every part says of the histories. */
  check: async (world: World): Promise<void> => { for (const part of Object.values(all)) await part.check?.(world) },
};
