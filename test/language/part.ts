/** What the language of random programs is made of: one part for each primitive, with what must come of it. */
import type fc from "fast-check";
import type { ClosePolicy, Event, Store } from "../../engine/index.ts";
import type { Family } from "../conversing.ts";
import type { Cached } from "./cached.ts";
import type { Changed } from "./changed.ts";
import type { Limited } from "./limited.ts";
import type { Paid } from "./paid.ts";
import type { Relayed } from "./relay.ts";
import type { Tally } from "./tally.ts";
import type { Turns } from "./turns.ts";
import type { Way } from "./ways.ts";

/** What a program may do. */
export type Program =
  | { k: "task"; v: number; fails: boolean; hops: number } | { k: "sleep"; ms: number } | { k: "chance" }
  | { k: "seq" | "all" | "race" | "any" | "settled"; xs: Program[] } | { k: "try"; body: Program; rescue: Program }
  | { k: "branch"; on: Program; even: Program; odd: Program } | { k: "limit"; ms: number; body: Program }
  | { k: "child"; body: Program; onClose: ClosePolicy } | { k: "stopped"; body: Program; hops: number }
  | { k: "send"; name: number; v: number } | { k: "read"; name: number; ms: number }
  | { k: "condition"; of: number; ms: number } | { k: "undoable"; v: number } | { k: "show"; v: number }
  | { k: "scope" | "shield" | "saga"; body: Program } | { k: "form"; name: number; ms: number }
  | { k: "stuck"; v: number; ms: number } | Cached | Changed | Limited | Paid | Relayed | Tally | Turns | Way;

/** Which code an engine has loaded: before a change, with `patched`, with `deprecatePatch`. */
export type Release = "old" | "new" | "newest";

/** The variables of one run. */
export interface State {
  shared: number;
  /** What updates have added. */
  bumped: number;
  /** The run that children send to: the first of all, or the link of a chain that it has come to. */
  readonly root: string;
  readonly run: string;
  readonly link: number;
  readonly release: Release;
  /** How often each part that numbers its calls has been there. */
  readonly times: Map<string, number>;
  /** A scope was cancelled: from then on a program may end otherwise. */
  givenUp: boolean;
}
export type Interpret = (program: Program, state: State) => Promise<number>;
/** The next number of this name in the run, from 0. */
export function nth(state: State, name: string): number {
  const n = state.times.get(name) ?? 0;
  state.times.set(name, n + 1);
  return n;
}

/** How a program must end, if only one end is possible; undefined: it depends on who comes first. */
export type End = { readonly value: number } | "throws" | undefined;

/** A program that has been run, with its children and links, on one engine or two. */
export interface World {
  readonly what: string;
  readonly root: string;
  readonly family: Family;
  readonly store: Store;
  /** `one`: nobody took over. `crashed`: the first engine died. `overlapping`: it lived when the second took its
   *  runs. */
  readonly lives: "one" | "crashed" | "overlapping";
}

/** One primitive: how programs with it are made, what they do, and how anybody knows what must come of it. */
export interface Part<P extends { readonly k: string }> {
  /** Random ones; `inner` makes the programs inside. */
  made(inner: fc.Arbitrary<Program>): fc.Arbitrary<P>;
  /** What the workflow does. */
  run(program: P, state: State, interpret: Interpret): Promise<number>;
  /** How it must end, without a word of the engine; `of` says so of the programs inside. */
  end(program: P, of: (inner: Program) => End): End;
  /** What the histories must say of it. */
  check?(world: World): void | Promise<void>;
}

/** A part with no program inside. */
export interface Leaf<P extends { readonly k: string }> extends Part<P> { made(): fc.Arbitrary<P> }

/** Events of one run with the arguments of its tasks: what oracles read. */
export interface Called { readonly run: string; readonly key: string; readonly name: string;
  readonly input: readonly unknown[]; readonly seq: number;
  /** Its result or failure, if it was recorded. */
  readonly end: Event | undefined }
/** Every call of these tasks, over all runs. */
export function callsOf(family: Family, ...names: readonly string[]): readonly Called[] {
  return [...family].flatMap(([run, { events }]) => events.flatMap((event): Called[] => {
    if (event.type !== "TaskScheduled" || !names.includes(event.name)) return [];
    const end = events.find((one) => (one.type === "TaskCompleted" || one.type === "TaskFailed")
      && one.key === event.key);
    return [{ run, key: event.key, name: event.name, input: plain(event.input) as readonly unknown[], seq: event.seq,
      end }];
  }));
}
/** A recorded value that JSON can say. */
export function plain(payload: unknown): unknown {
  return payload === undefined ? undefined : (payload as { readonly p: unknown }).p; // programs use nothing else
}
