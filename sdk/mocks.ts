/** Functions that stand in for those of tasks while a test engine is open. */
type AnyFunction = (...args: readonly unknown[]) => unknown;
const mocks = new Map<AnyFunction, AnyFunction>();

/** `impl` is called instead of `fn`, until the answer is called. */
export function mockFunction(fn: AnyFunction, impl: AnyFunction): () => void {
  mocks.set(fn, impl);
  return () => { if (mocks.get(fn) === impl) mocks.delete(fn) };
}
/** What stands in for the function of a task, if anything does. */
export function mockOf(fn: AnyFunction): AnyFunction | undefined { return mocks.get(fn) }
