/** Being told to stop, cheaply: most code never asks. */

/** An AbortController that is made when somebody asks for its signal: few tasks do, and one costs 2 us. */
export class Abort {
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #onAbort: ((reason: Error, graceMs: number | undefined) => void) | undefined;
  get aborted(): boolean { return this.#reason !== undefined }
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }
  /** `graceMs`: how long what can be ended from outside may go on. */
  abort(reason: Error, graceMs?: number): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#onAbort?.(reason, graceMs);
  }
  /** The one that must hear of it, besides the user's code. */
  onAbort(fn: (reason: Error, graceMs: number | undefined) => void): void { this.#onAbort = fn }
}
