/** Messages to a run: signals, and questions to people. */
import { currentFrame, encodeRecorded, RepriseError, undeclared, type Duration, type Payload,
  type WorkflowFrame } from "../engine/index.ts";
import { randomBytes } from "node:crypto";
import { defaultEngine } from "./default-engine.ts";
import { workflowFrame } from "./frame.ts";
import { checkName, workflowSpec } from "./registry.ts";
import { checked, jsonSchemaOf, validated, type OutputOf, type Schema } from "./schema.ts";
import { waiting, type WaitOptions } from "./time.ts";

/** A kind of message that runs of any workflow may read, first in, first out. */
export interface SignalDef<T> extends AsyncIterable<T> {
  readonly signalName: string;
  /** In a workflow: the oldest message that nobody has read, now or when it comes. @throws TimedOut,
   *  SIGNAL_UNDECLARED */
  wait(options?: { timeout?: Duration }): Promise<T>;
  wait<E>(options: { timeout: Duration; else: E }): Promise<T | E>;
  /** Sends to a run, by its id or that which its start gave; messages with the same `key` arrive once. From a workflow
   *  it leaves with the commit of its turn.
   *  @throws INPUT_INVALID, RUN_NOT_FOUND, AMBIGUOUS_RUN, RUN_ENDED, SIGNAL_UNDECLARED */
  send(runId: string, ...args: [T] extends [void] ? [value?: undefined, options?: { key?: string }]
    : [value: T, options?: { key?: string }]): Promise<void>;
}
const definitions = new WeakMap<object, AnySignal>();
interface AnySignal { readonly name: string; readonly schema: Schema | undefined }

/** Defines a signal. With a schema a message is checked before it is sent. @throws INVALID_NAME */
export function signal(name: string): SignalDef<void>;
export function signal<S extends Schema>(name: string, schema: S): SignalDef<OutputOf<S>>;
export function signal(name: string, schema?: Schema): SignalDef<unknown> {
  checkName("signal", name);
  const def: AnySignal = { name, schema };
  const wait = async (options: WaitOptions<unknown> = {}): Promise<unknown> => {
    const frame = workflowFrame(`the wait for signal '${name}'`), { messages, run } = frame.execution;
    const declared = workflowSpec(run.workflow)?.signals;
    if (declared?.includes(name) === false) throw undeclared(`workflow '${run.workflow}'`, name, declared);
    // What has come needs no limit: no timer is set, here and in every replay.
    const limits = messages.has(name) ? {} : options;
    return waiting(frame, limits, `the wait for signal '${name}'`, (scope, until) =>
      messages.wait({ scope, until, skip: wait }, name));
  };
  const made = {
    signalName: name, wait,
    send: (runId: string, value?: unknown, options: { key?: string } = {}) => sendSignal(made, runId, value, options),
    [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: await wait() }) }),
  };
  definitions.set(made, def);
  return made as SignalDef<unknown>; // the overloads of `wait` and the arguments of `send` say what callers may pass
}

/** Sends from anywhere: a workflow, a task, outside runs. */
export async function sendSignal(def: { readonly signalName: string }, runId: string, value: unknown,
  options: { key?: string } = {}, find = async () => ({
  engine: (await defaultEngine()).engine, id: runId })): Promise<void> {
  const { name, schema } = definitions.get(def) ?? { name: def.signalName, schema: undefined };
  const message = schema === undefined ? value : await validated(schema, value, `signal '${name}'`);
  const frame = currentFrame();
  if (frame?.in === "workflow") { frame.execution.send(runId, name, message, sendSignal); return }
  const key = options.key ?? (frame && `${frame.idempotencyKey}/${name}/${frame.startedRuns++}`);
  const { engine, id } = await find();
  const payload = encodeRecorded(message, `signal '${name}'`);
  await engine.operator.signal(id, name, payload, key).catch(async (error: unknown) => {
    if (!(error instanceof RepriseError) || error.code !== "RUN_NOT_FOUND") throw error;
    await engine.operator.signal((await engine.find(id)).runId, name, payload, key); // the id that its start gave
  });
}
export interface WaitForOptions {
  /** What `answer` calls it; default "form". */
  name?: string;
  timeout?: Duration;
  /** Shown to whoever answers. */
  description?: string;
}

/**
 * Waits for a person. The answer is checked by `schema` before the run moves; one that does not fit is refused and the
 * wait stays open. @throws TimedOut, unless `else` is given
 */
export function waitFor<S extends Schema>(schema: S, options?: WaitForOptions): Promise<OutputOf<S>>;
export function waitFor<S extends Schema, E>(schema: S, options: WaitForOptions & {
  timeout: Duration; else: E }): Promise<OutputOf<S> | E>;
export async function waitFor(schema: Schema, options: WaitForOptions & { else?: unknown } = {}): Promise<unknown> {
  return opened(schema, options, waitFor);
}

/** An address that waits: send it to whoever shall call it, then await it. */
export interface Webhook<T> extends PromiseLike<T> {
  /** Where to POST the answer as JSON, once: complete where REPRISE_URL says how this machine is reached, else its
   *  path. */
  readonly url: string;
}
/**
 * Opens a one-time address and waits for its answer, checked by `schema`. Whoever knows the address may answer, so that
 * it
 * is made of real randomness and goes only where the workflow sends it. Answers come through `reprise server`.
 * @throws TimedOut
 */
waitFor.webhook = <S extends Schema>(schema: S, options: WaitForOptions = {}): Webhook<OutputOf<S>> => {
  const name = options.name ?? "webhook", { execution } = workflowFrame(`waitFor.webhook('${name}')`);
  const address = execution.record(`address of ${name}`, () => ({
    token: randomBytes(24).toString("base64url"), base: process.env["REPRISE_URL"]?.replace(/\/+$/, "") ?? "",
  }));
  // Recorded as this shape: the address stays the same in every replay.
  const { token, base } = address as { readonly token: string; readonly base: string };
  const answer = opened(schema, { ...options, name }, waitFor.webhook, token) as Promise<OutputOf<S>>; // by its schema
  answer.catch(() => undefined); // it may expire before anybody awaits it
  return { url: `${base}/api/v1/hooks/${execution.run.id}/${token}`,
    then: (onFulfilled, onRejected) => answer.then(onFulfilled, onRejected) };
};

async function opened(schema: Schema, options: WaitForOptions & { else?: unknown }, skip: (...args: never[]) => unknown,
  token?: string): Promise<unknown> {
  const { name = "form", description } = options;
  checkName("form", name);
  const frame: WorkflowFrame = workflowFrame(`waitFor('${name}')`), json = recordedSchema(schema);
  return waiting(frame, options, `the form '${name}'`, (scope, until) =>
    frame.execution.messages.form({ scope, until, skip }, {
      name, ...(description !== undefined && { description }), ...(json && { schema: json }),
      ...(token !== undefined && { token }), check: (value) => checked(schema, value, `form '${name}'`),
    }));
}

/** Waits until `test` is true of the run's variables; looked at after every event. False when `timeout` runs out. */
export function condition(test: () => boolean): Promise<true>;
export function condition(test: () => boolean, options: { timeout: Duration }): Promise<boolean>;
/** The two above. */
export async function condition(test: () => boolean, options: { timeout?: Duration } = {}): Promise<boolean> {
  const frame = workflowFrame("condition()"), { execution } = frame;
  if (options.timeout === undefined || execution.readOnly(test)) {
    await execution.messages.condition({ scope: frame.scope, skip: condition }, test);
    return true;
  }
  return waiting(frame, { ...options, else: false }, "the condition", async (scope, until) => {
    await execution.messages.condition({ scope, until, skip: condition }, test);
    return true;
  });
}

const known = new WeakMap<Schema, Payload | null>();
/** What a form's answer has to be, recorded with its wait. */
function recordedSchema(schema: Schema): Payload | undefined {
  let made = known.get(schema);
  if (made === undefined) {
    const json = jsonSchemaOf(schema);
    known.set(schema, made = json === undefined ? null : encodeRecorded(json, "schema of a form") ?? null);
  }
  return made ?? undefined;
}
