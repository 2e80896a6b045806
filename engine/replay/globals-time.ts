/** Clocks and timers of workflow code: the instant of the delivery, and durable timers. */
import { createRequire } from "node:module";
import perfHooks from "node:perf_hooks";
import { kernel } from "./kernel.ts";

const require = createRequire(import.meta.url);
const NO_INTERVAL = "Use a loop with sleep(); each round is then recorded.";

/** Date, performance.now and its origin, hrtime, Intl's default date, setTimeout and its kin. */
export function patchTime(): void {
  patchDate();
  patchMonotonic();
  patchTimers();
  patchNextTick();
}

function patchDate(): void {
  const RealDate = Date, realNow = Date.now;
  const now = function now(): number { return kernel.turn === undefined ? realNow() : kernel.turn.now };
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget) => Reflect.construct(target,
      args.length === 0 && kernel.turn !== undefined ? [kernel.turn.now] : args, newTarget),
    apply: (target) => kernel.turn === undefined ? target() : new RealDate(kernel.turn.now).toString(),
    get: (target, property, receiver: unknown) => property === "now" ? now
      : Reflect.get(target, property, receiver) as unknown, // typed any by its declaration; nothing is claimed of it
    set: (target, property, value) => Reflect.set(target, property, value),
  });
  RealDate.prototype.constructor = globalThis.Date;
  const realFormat = Intl.DateTimeFormat.prototype.formatToParts;
  Intl.DateTimeFormat.prototype.formatToParts = function formatToParts(date?: Date | number) {
    return realFormat.call(this, date ?? kernel.turn?.now);
  };
  const descriptor = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, "format");
  if (descriptor?.get === undefined) return;
  const realGet = descriptor.get;
  Object.defineProperty(Intl.DateTimeFormat.prototype, "format", { ...descriptor, get(this: Intl.DateTimeFormat) {
    const bound = realGet.call(this) as (date?: Date | number) => string; // what the accessor is specified to give
    return (date?: Date | number) => bound(date ?? kernel.turn?.now);
  } });
}

function patchMonotonic(): void {
  const { performance } = perfHooks;
  const realNow = performance.now.bind(performance);
  performance.now = () => kernel.turn === undefined ? realNow() : kernel.turn.now;
  const realOrigin = performance.timeOrigin; // now() says the instant itself in a turn, so it counts from 1970 there
  Object.defineProperty(performance, "timeOrigin", { configurable: true, enumerable: true,
    get: () => kernel.turn === undefined ? realOrigin : 0 });
  const realHrtime = process.hrtime, realBigint = process.hrtime.bigint;
  const hrtime = (before?: [number, number]): [number, number] => {
    if (kernel.turn === undefined) return realHrtime(before);
    const seconds = Math.floor(kernel.turn.now / 1000), nanos = Math.round((kernel.turn.now % 1000) * 1e6);
    if (before === undefined) return [seconds, nanos];
    const left = (seconds - before[0]) * 1e9 + nanos - before[1];
    return [Math.floor(left / 1e9), left % 1e9];
  };
  process.hrtime = Object.assign(hrtime, {
    bigint: () => kernel.turn === undefined ? realBigint() : BigInt(Math.round(kernel.turn.now * 1000)) * 1000n,
  });
}

/** What a durable setTimeout gives back: enough for clearTimeout and for code that unrefs. */
class DurableTimeout {
  readonly cancel: () => void;
  constructor(cancel: () => void) { this.cancel = cancel }
  ref(): this { return this }
  unref(): this { return this }
  hasRef(): boolean { return true }
  [Symbol.dispose](): void { this.cancel() }
}

type Callback = (...args: readonly unknown[]) => void;

function patchTimers(): void {
  // A plain CommonJS view of the module: its properties can be assigned, then synced to ESM.
  const timers = require("node:timers") as { [name: string]: unknown };
  // As above.
  const promises = require("node:timers/promises") as { [name: string]: unknown };
  // node's own functions under their documented names
  const real = {
    setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, setInterval: globalThis.setInterval,
    setImmediate: globalThis.setImmediate,
    sleep: promises["setTimeout"] as Callback, every: promises["setInterval"] as Callback, // as above
    soon: promises["setImmediate"] as Callback,
  };
  const setTimeout = Object.assign((fn: Callback, ms = 0, ...args: readonly unknown[]): unknown => {
    if (kernel.turn === undefined) return real.setTimeout(fn, ms, ...args);
    const timer = kernel.turn.timer(ms);
    void timer.promise.then(() => fn(...args));
    return new DurableTimeout(timer.cancel);
  }, { ...descriptorsOf(real.setTimeout) });
  const clearTimeout = (timer: unknown): void => {
    if (timer instanceof DurableTimeout) timer.cancel();
    else real.clearTimeout(timer as NodeJS.Timeout); // whatever node's clearTimeout takes
  };
  const forbidden = (name: string, fn: Callback): Callback => (...args) =>
    kernel.turn === undefined ? fn(...args) : kernel.turn.forbid(name, NO_INTERVAL);
  const setInterval = forbidden("setInterval", real.setInterval as Callback); // called with what the caller gave
  const setImmediate = forbidden("setImmediate", real.setImmediate as Callback); // as above
  Object.assign(setImmediate, descriptorsOf(real.setImmediate));
  for (const target of [globalThis as unknown as { [name: string]: unknown }, timers]) { // global slots by name
    Object.assign(target, { setTimeout, clearTimeout, setInterval, setImmediate });
  }
  promises["setTimeout"] = (ms = 1, value?: unknown, options?: unknown): unknown =>
    kernel.turn === undefined ? real.sleep(ms, value, options)
      : kernel.turn.timer(Number(ms)).promise.then(() => value);
  promises["setInterval"] = forbidden("timers/promises setInterval", real.every);
  promises["setImmediate"] = forbidden("timers/promises setImmediate", real.soon);
}

/** node hangs util.promisify's symbol on its timers; keep it. */
function descriptorsOf(fn: object): object {
  return Object.fromEntries(Object.getOwnPropertySymbols(fn).map((symbol) =>
    [symbol, Reflect.get(fn, symbol) as unknown])); // as above
}

/** In a turn a tick would come after the drain; as a microtask it belongs to it. */
function patchNextTick(): void {
  const real = process.nextTick, queueMicro = globalThis.queueMicrotask;
  process.nextTick = (fn: (...args: never[]) => unknown, ...args: never[]): void => {
    if (kernel.turn === undefined) real(fn as Callback, ...args); // node takes any function here
    else queueMicro(() => { fn(...args) });
  };
}
