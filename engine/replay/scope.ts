/** Structured cancellation: every durable call belongs to a scope, and a cancelled scope rejects its calls. */

/** A durable call that has not settled. */
export interface OpenCall {
  readonly key: string;
  readonly kind: "task" | "timer" | "wait" | "child";
  readonly scope: Scope;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A region of workflow code that can be cancelled as one. */
export class Scope {
  readonly parent: Scope | undefined;
  #cause: Error | undefined;
  constructor(parent: Scope | undefined) { this.parent = parent }

  /** Why calls in this scope reject, if they do: its own cause, else the nearest cancelled parent's. */
  get cause(): Error | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      if (scope.#cause !== undefined) return scope.#cause;
    }
    return undefined;
  }
  cancel(cause: Error): void { this.#cause ??= cause }
  /** Is this scope `other`, or inside it? */
  within(other: Scope): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      if (scope === other) return true;
    }
    return false;
  }
}
