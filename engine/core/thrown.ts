/** Anything can be thrown: a text, nothing, an object that throws when it is looked at. Nothing here throws. */

/** What it says, or what it is where it says nothing. */
export function saidBy(thrown: unknown): string {
  try {
    if (typeof thrown === "function") return "a function was thrown";
    if (typeof thrown !== "object" || thrown === null) return String(thrown);
    const message: unknown = Reflect.get(thrown, "message");
    return typeof message === "string" ? message : "an object was thrown that is no Error";
  } catch { return "something was thrown that cannot be read" }
}

/** The error itself; for anything else, and for one that cannot be read, an Error with its text and it as cause. */
export function asError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && typeof thrown.message === "string" && typeof thrown.name === "string") return thrown;
  } catch { /* it is replaced */ }
  return new Error(saidBy(thrown), { cause: thrown });
}

/** `instanceof`, which throws for a revoked Proxy: that is nothing. */
export function isA<T>(thrown: unknown, type: abstract new (...args: never[]) => T): thrown is T {
  try { return thrown instanceof type } catch { return false }
}
