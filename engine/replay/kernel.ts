/**
 * The one piece of state that every copy of the package in a process shares: whose turn is open.
 * The open turn is permission (only its run's code may decide now); AsyncLocalStorage is identity (which run a
 * continuation belongs to). Two copies of the same major share this through the global symbol registry.
 */

import { RepriseError } from "../core/errors.ts";

/** What deterministic globals may ask of the open turn. */
export interface OpenTurn {
  /** Milliseconds since 1970: the instant of the delivery being processed. */
  readonly now: number;
  /** Seeded by (run seed, seq of the delivery). In [0, 1). */
  random(): number;
  /** Fills with seeded bytes. */
  fill(bytes: Uint8Array): void;
  /** A durable timer; `cancel` before it fires forgets it. */
  timer(ms: number): { readonly promise: Promise<void>; cancel(): void };
  /** A log line pinned to the run; muted while replaying. */
  line(level: "debug" | "info" | "warn" | "error", text: string): void;
  /** Fails the run's call: this API reaches the outside world. `code` defaults to EFFECT_IN_WORKFLOW. */
  forbid(api: string, hint?: string, code?: string): never;
}

/** Globals as they were before any copy patched them. */
export interface Originals {
  readonly now: () => number; readonly performanceNow: () => number; readonly Date: DateConstructor;
  readonly setTimeout: typeof setTimeout; readonly clearTimeout: typeof clearTimeout;
  readonly setImmediate: typeof setImmediate;
  readonly nextTick: typeof process.nextTick; readonly queueMicrotask: typeof queueMicrotask;
}

interface Kernel {
  turn: OpenTurn | undefined; globalsPatched: boolean; originals?: Originals;
  /** What copies must agree on to share this, and where the first of them is. */
  readonly protocol: number; readonly path: string;
}

const PROTOCOL = 1;
const KEY = Symbol.for("reprise");
const shared = globalThis as unknown as { [KEY]?: Kernel }; // a registry slot of our own on the global object
/** The process's one kernel. @throws TWO_COPIES when a copy that does not agree is loaded already */
export const kernel: Kernel = agreed(shared[KEY] ??=
  { turn: undefined, globalsPatched: false, protocol: PROTOCOL, path: import.meta.url });

function agreed(found: Kernel): Kernel {
  if (found.protocol === PROTOCOL) return found;
  throw new RepriseError("TWO_COPIES", `two versions of reprise that do not fit are loaded: ${found.path} and ` +
    import.meta.url, "Let every package depend on the same version: npm ls reprise");
}
