/**
 * Deterministic globals, during turns only (design 2.4): patched once, when the engine is first imported. Outside a
 * turn each costs one property read and behaves as untouched. `syncBuiltinESMExports` reaches ESM imports that are
 * already linked.
 */
import { syncBuiltinESMExports } from "node:module";
import perfHooks from "node:perf_hooks";
import { format } from "node:util";
import { forbidEffects } from "./globals-effects.ts";
import { patchRandom } from "./globals-random.ts";
import { patchTime } from "./globals-time.ts";
import { kernel } from "./kernel.ts";

/** The world's own functions, for the engine itself: of every copy, though only the first finds them unpatched. */
export const originals = kernel.originals ??= {
  now: Date.now.bind(Date),
  Date,
  performanceNow: perfHooks.performance.now.bind(perfHooks.performance),
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  nextTick: process.nextTick.bind(process),
  queueMicrotask: globalThis.queueMicrotask.bind(globalThis),
};

/** Globals that a test may replace (fake timers): ours stand in while a turn is open. */
const GUARDED = ["Date", "setTimeout", "clearTimeout", "setInterval", "setImmediate", "fetch"] as const;
type Slots = { [name: string]: unknown };
const ours: Slots = {};
let displaced: Slots | undefined;

/** Patches the globals of this process; later calls do nothing. */
export function patchGlobals(): void {
  if (kernel.globalsPatched) return;
  kernel.globalsPatched = true;
  patchTime();
  patchRandom();
  forbidEffects();
  patchConsole();
  syncBuiltinESMExports();
  for (const name of GUARDED) ours[name] = slots()[name];
}

/** A turn opens: globals that somebody replaced since are ours again until it closes. */
export function enforceGlobals(): void {
  const global = slots();
  for (const name of GUARDED) {
    if (global[name] === ours[name] || ours[name] === undefined) continue;
    displaced ??= {};
    displaced[name] = global[name];
    global[name] = ours[name];
  }
}

/** The turn is over. */
export function restoreGlobals(): void {
  if (displaced === undefined) return;
  Object.assign(slots(), displaced);
  displaced = undefined;
}

/** The global object as named slots. */
function slots(): Slots { return globalThis as unknown as Slots } // any global may be read by name

const LEVELS = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error" } as const;

function patchConsole(): void {
  for (const [method, level] of Object.entries(LEVELS)) {
    const name = method as keyof typeof LEVELS; // a key of LEVELS, by construction
    const original = console[name];
    console[name] = (...args: readonly unknown[]): void => {
      if (kernel.turn === undefined) original.apply(console, [...args]);
      else kernel.turn.line(level, format(...args));
    };
  }
}
