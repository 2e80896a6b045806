/** All parts of the language that have a file of their own. */
import fc from "fast-check";
import { cached } from "./cached.ts";
import { changed } from "./changed.ts";
import { limited } from "./limited.ts";
import type { End, Interpret, Part, Program, State, World } from "./part.ts";
import { chain } from "./relay.ts";
import { tally } from "./tally.ts";
import { turns } from "./turns.ts";
import { way } from "./ways.ts";

const leaves = { cached, limited, tally, turns, way }, nests = { changed, relay: chain };
const all = { ...leaves, ...nests };
type Own = Extract<Program, { readonly k: keyof typeof all }>;
/** Each part takes programs of its own kind, under which it stands. */
const partOf = ({ k }: Own): Part<Own> => all[k] as unknown as Part<Own>;
/** How often each was interpreted, by its kind and, for `way`, its way. */
export const ran = new Map<string, number>();

export const parts = {
  /** Those with no program inside, and those with one. */
  leaves: fc.oneof<fc.Arbitrary<Program>[]>(...Object.values(leaves).map((part) => part.made())),
  nests: (inner: fc.Arbitrary<Program>): fc.Arbitrary<Program> =>
    fc.oneof<fc.Arbitrary<Program>[]>(...Object.values(nests).map((part) => part.made(inner))),
  run: (program: Own, state: State, interpret: Interpret): Promise<number> =>
    partOf(program).run(program, state, interpret),
  end: (program: Own, of: (inner: Program) => End): End => partOf(program).end(program, of),
  /** What every part says of the histories. */
  check: async (world: World): Promise<void> => { for (const part of Object.values(all)) await part.check?.(world) },
};
