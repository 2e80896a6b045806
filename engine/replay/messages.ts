/** What comes to a run from others: signals, answers, updates; what it waits for; and what it lets others read. */
import { RepriseError } from "../core/errors.ts";
import type { Payload, SignalReceived, UpdateReceived } from "../core/events.ts";
import type { Caller, Skip } from "./calls.ts";
import type { Scope } from "./scope.ts";

/** Does what an update asks and replies. */
export interface UpdateHandler {
  readonly run: (value: unknown) => unknown;
  /** Throws when the update must be refused; it may not make durable calls. */
  readonly validate?: (value: unknown) => void;
}
/** Where a wait stands: its scope, when it times out (milliseconds since 1970), the line it is ascribed to. */
export interface Waiting { readonly scope: Scope; readonly until?: number | undefined; readonly skip: Skip }
const limited = (until: number | undefined): { readonly until?: number } => until === undefined ? {} : { until };
interface Kept { readonly event: SignalReceived; readonly value: unknown }

/** The messages of one run; made when it first needs them. */
export class Messages {
  readonly #caller: Caller;
  /** Signals that nobody has read, by name, oldest first. */
  readonly #kept = new Map<string, Kept[]>();
  /** Keys of the open conditions, in the order of opening; those given up leave when they are next looked at. */
  readonly #conditions = new Set<string>();
  readonly #handlers = new Map<string, UpdateHandler>();
  /** Updates that came before their handler was there. */
  readonly #early = new Map<string, { readonly event: UpdateReceived; readonly value: unknown }[]>();
  readonly #readers = new Map<string, () => unknown>();
  constructor(caller: Caller) { this.#caller = caller }

  /** Is there an unread signal of this name? */
  has(name: string): boolean { return (this.#kept.get(name)?.length ?? 0) > 0 }

  /** The oldest unread signal of this name, now or when it comes. */
  wait({ scope, until, skip }: Waiting, name: string): Promise<unknown> {
    this.#caller.permit(`a wait for signal '${name}'`);
    const key = this.#caller.key("wait", name);
    const open = { type: "WaitOpened", key, kind: "signal", name } as const;
    const kept = scope.cause === undefined && !this.#caller.ended ? this.#kept.get(name)?.shift() : undefined;
    if (kept === undefined) {
      return this.#caller.begin(scope, { ...open, ...limited(until) }, { kind: "wait", wait: "signal", key, name },
        skip);
    }
    this.#caller.decide({ ...open, taken: kept.event.seq }, skip);
    return Promise.resolve(kept.value);
  }

  /** An answer from a person, checked before it is accepted. */
  form({ scope, until, skip }: Waiting, form: { readonly name: string; readonly description?: string;
    readonly schema?: Payload; readonly token?: string; readonly check: (value: unknown) => unknown }):
    Promise<unknown> {
    const { name, description, schema, token, check } = form;
    this.#caller.permit(`waitFor('${name}')`);
    const key = this.#caller.key("wait", name);
    return this.#caller.begin(scope, { type: "WaitOpened", key, kind: "form", name, ...limited(until),
      ...(description !== undefined && { description }), ...(schema !== undefined && { schema }),
      ...(token !== undefined && { token }) },
    { kind: "wait", wait: "form", key, name, check }, skip);
  }

  /** True as soon as `test` is: looked at when the turn is quiet. */
  condition({ scope, until, skip }: Waiting, test: () => boolean): Promise<unknown> {
    this.#caller.permit("condition()");
    if (scope.cause === undefined && this.#caller.readOnly(test)) return Promise.resolve(true);
    const key = this.#caller.key("wait", "condition");
    this.#conditions.add(key);
    return this.#caller.begin(scope, { type: "WaitOpened", key, kind: "condition", name: "condition",
      ...limited(until) }, { kind: "wait", wait: "condition", key, name: "condition", test }, skip);
  }

  /** Ends the first condition that holds, in the order of opening. False when none does. */
  meetCondition(): boolean {
    for (const key of this.#conditions) {
      const call = this.#caller.open.get(key);
      if (call?.kind !== "wait" || call.test === undefined) { this.#conditions.delete(key); continue }
      let met: boolean;
      try { met = this.#caller.readOnly(call.test) } catch (error) { this.#close(key); call.reject(error); return true }
      if (!met) continue;
      this.#close(key, true);
      call.resolve(true);
      return true;
    }
    return false;
  }
  #close(key: string, met?: boolean): void {
    this.#conditions.delete(key);
    this.#caller.take(key);
    this.#caller.decide({ type: "WaitClosed", key, ...(met && { met }) });
  }

  /** A signal came: to the oldest wait of its name, or kept. */
  receive(event: SignalReceived, value: unknown): void {
    for (const call of this.#caller.open.values()) {
      if (call.kind !== "wait" || call.wait !== "signal" || call.name !== event.name) continue;
      this.#caller.take(call.key);
      call.resolve(value);
      return;
    }
    const kept = this.#kept.get(event.name);
    if (kept === undefined) this.#kept.set(event.name, [{ event, value }]); else kept.push({ event, value });
  }
  /** Signals that came and were never read, updates that found no handler, in the order of coming. */
  get unread(): readonly (SignalReceived | UpdateReceived)[] {
    return [...[...this.#kept.values()].flat(), ...[...this.#early.values()].flat()].map(({ event }) => event)
      .sort((a, b) => a.seq - b.seq);
  }

  /** From here on this function answers updates of this name, those that came before first. */
  handle(name: string, handler: UpdateHandler): void {
    this.#caller.permit(`the handler of update '${name}'`);
    this.#handlers.set(name, handler);
    const early = this.#early.get(name) ?? [];
    this.#early.delete(name);
    for (const { event, value } of early) this.#answer(event, value, handler);
  }
  /** Would this update be accepted? @throws what the handler's `validate` throws */
  checkUpdate(name: string, value: unknown): void {
    const validate = this.#handlers.get(name)?.validate;
    if (validate !== undefined) this.#caller.readOnly(() => validate(value));
  }
  update(event: UpdateReceived, value: unknown): void {
    const handler = this.#handlers.get(event.name);
    if (handler !== undefined) this.#answer(event, value, handler);
    else this.#early.set(event.name, [...this.#early.get(event.name) ?? [], { event, value }]);
  }
  #answer(event: UpdateReceived, value: unknown, handler: UpdateHandler): void {
    const caller = this.#caller, key = `update:${event.id}`;
    const reply = (outcome: { readonly value: unknown } | { readonly error: unknown }): void => {
      if (caller.ended) return;
      caller.permit(`the end of update '${event.name}'`);
      if ("error" in outcome) {
        caller.decide({ type: "UpdateCompleted", key, id: event.id, error: caller.values.toRecord(outcome.error) });
        return;
      }
      const result = caller.values.encode(outcome.value, `reply to update '${event.name}'`);
      caller.decide({ type: "UpdateCompleted", key, id: event.id, ...(result && { result }) });
    };
    caller.inRun(() => {
      new Promise((resolve) => resolve(handler.run(value)))
        .then((answer) => reply({ value: answer })).catch((error: unknown) => reply({ error }));
    });
  }

  /** Lets others read something of the run's state under a name. */
  expose(name: string, read: () => unknown): void {
    this.#caller.permit(`expose('${name}')`);
    this.#readers.set(name, read);
  }
  /** What the run exposes under `name`, as its code stands. @throws QUERY_UNKNOWN, NOT_READ_ONLY */
  query(name: string): unknown {
    const read = this.#readers.get(name);
    if (read === undefined) {
      const names = [...this.#readers.keys()].map((one) => `'${one}'`).join(", ");
      throw new RepriseError("QUERY_UNKNOWN", `the run exposes nothing as '${name}' at this point`,
        names === "" ? "Call expose() in the workflow before the point you ask about." : `It exposes ${names}.`);
    }
    return this.#caller.readOnly(read);
  }
}
