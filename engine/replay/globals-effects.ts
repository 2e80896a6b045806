/** APIs that reach the outside world: in workflow code they throw EFFECT_IN_WORKFLOW, naming themselves. */
import Module, { createRequire } from "node:module";
import { kernel } from "./kernel.ts";
import { replaceSlot, type Slots } from "./slots.ts";

const require = createRequire(import.meta.url);
type Callable = (...args: readonly unknown[]) => unknown;

const NETWORK: { readonly [module: string]: readonly string[] } = {
  "node:http": ["request", "get", "createServer"],
  "node:https": ["request", "get", "createServer"],
  "node:http2": ["connect", "createServer", "createSecureServer"],
  "node:net": ["connect", "createConnection", "createServer"],
  "node:tls": ["connect", "createServer"],
  "node:dgram": ["createSocket"],
  "node:child_process": ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"],
};
/** Modules of which every function is an effect, but for those that only compute. */
const WHOLE = ["node:fs", "node:fs/promises", "node:dns", "node:dns/promises"];
const HARMLESS = /^(Stats|Dirent|Dir|[A-Z]\w*|_\w+|toUnixTimestamp)$/;

/** Depth of synchronous require: node's loader reads files with the functions that are patched here. */
let requiring = 0;

/** Refuses, during turns, what reaches the outside world. */
export function forbidEffects(): void {
  letRequirePass();
  for (const [name, functions] of Object.entries(NETWORK)) guard(name, functions);
  for (const name of WHOLE) {
    const module = load(name);
    guard(name, Object.keys(module).filter((key) => typeof module[key] === "function" && !HARMLESS.test(key)));
  }
  const realFetch = globalThis.fetch;
  globalThis.fetch = function fetch(...args: Parameters<typeof realFetch>) {
    return kernel.turn === undefined ? realFetch(...args) : kernel.turn.forbid("fetch()");
  };
  const realTimeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => kernel.turn === undefined ? realTimeout(ms)
    : kernel.turn.forbid("AbortSignal.timeout()", "Use withTimeout(limit, fn): its timer is recorded.");
  for (const name of ["WeakRef", "FinalizationRegistry"] as const) {
    // Global constructors by name.
    const slots = globalThis as unknown as { [name: string]: new (...args: readonly unknown[]) => object };
    const real = slots[name];
    if (real === undefined) continue;
    slots[name] = new Proxy(real, { construct: (target, args: unknown[], newTarget) => {
      kernel.turn?.forbid(`new ${name}()`,
        "What the garbage collector does cannot be replayed; keep the object itself.");
      return Reflect.construct(target, args, newTarget) as object; // construct of a class gives an object
    } });
  }
}

/** A module as plain slots that can be assigned. */
function load(name: string): Slots { return require(name) as Slots } // a built-in module is an object of its exports

function guard(moduleName: string, functions: readonly string[]): void {
  const module = load(moduleName);
  for (const name of functions) {
    const real = module[name];
    if (typeof real !== "function") continue;
    const call = real as Callable; // just checked
    const guarded = function (this: unknown, ...args: readonly unknown[]): unknown {
      if (kernel.turn !== undefined && requiring === 0) kernel.turn.forbid(`${moduleName.slice(5)}.${name}()`);
      return call.apply(this, [...args]);
    };
    for (const key of Reflect.ownKeys(real)) { // name, length, util.promisify.custom, realpathSync.native, ...
      const descriptor = Object.getOwnPropertyDescriptor(real, key);
      if (descriptor !== undefined && key !== "prototype") Object.defineProperty(guarded, key, descriptor);
    }
    replaceSlot(module, name, guarded);
  }
}

function letRequirePass(): void {
  // Documented as the function behind every require().
  const prototype = Module.prototype as unknown as { require: Callable };
  const real = prototype.require;
  prototype.require = function (this: unknown, ...args: readonly unknown[]) {
    requiring++;
    try { return real.apply(this, [...args]) } finally { requiring-- }
  };
}
