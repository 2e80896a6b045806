/** A run in which nothing happens but the code's own decisions: what it calls, and in which order. */
import { RepriseError } from "../core/errors.ts";
import type { Delivery, Draft, Event, RunStarted } from "../core/events.ts";
import { Identity, type WorkflowSpec } from "../core/policy.ts";
import { encodeRecorded } from "../codec/limits.ts";
import type { DecisionDraft } from "../replay/calls.ts";
import { Execution } from "../replay/execution.ts";
import { afterTurns } from "../replay/turns.ts";
import { values } from "./rehearse.ts";
import { guardRejections } from "./rejections.ts";

/** What calls give, by key (`task:extract#1`) or by name (`extract`). */
export interface DryValues { readonly [keyOrName: string]: unknown }
interface Step { readonly draft: Draft<Delivery>; readonly key: string; readonly value: unknown }

/** A workflow that goes on for ever is drawn up to here. */
const MOST_STEPS = 1_000;

/** The history of a run whose calls succeed at once, in the order of being made. No task runs, nothing is written; a
 *  wait for a condition is not met, a timeout does not fire. `at`: milliseconds since 1970.
 *  @throws VALUE_MISSING when the code looks into a result that is not among the values */
export function dryRun(workflow: WorkflowSpec, input: unknown, given: DryValues, at: number):
  Promise<readonly Event[]> {
  guardRejections();
  const missing = new Missing(), events: Event[] = [];
  const started: RunStarted = { type: "RunStarted", seq: 1, at, workflow: workflow.name, name: workflow.name,
    seed: workflow.name, engineFlags: 1 };
  return new Promise((resolve, reject) => {
    const end = (): void => {
      const last = events.at(-1);
      if (last?.type === "RunFailed" && missing.first !== undefined) reject(missing.first); else resolve(events);
    };
    const execution = new Execution({ run: new Identity("dry", started), seed: started.seed, workflow, history: [],
      values: { ...values, encode: (value, path) => encodeRecorded(missing.replaced(value), path) },
      host: { line: () => undefined, fatal: () => afterTurns(end), park: () => afterTurns(end) } });
    const steps: Step[] = [{ draft: started, key: "", value: input }];
    const next = (): void => {
      const step = steps.shift();
      if (step === undefined || events.length > MOST_STEPS) { end(); return }
      // A draft with its seq is the event that it was the draft of.
      const delivery = { ...step.draft, seq: events.length + 1 } as Delivery;
      events.push(delivery);
      execution.deliver(delivery, step.value, ({ decisions, ended }) => {
        for (const decision of decisions) {
          events.push({ ...decision, seq: events.length + 1 } as Event); // as above
          const i = steps.findIndex(({ key }) => key === decision.key); // given up
          if (i !== -1) steps.splice(i, 1);
          steps.push(...answerTo(decision, given, missing));
        }
        if (ended) end(); else next();
      });
    };
    next();
  });
}

/** What would come of a call. */
function answerTo(decision: DecisionDraft, given: DryValues, missing: Missing): readonly Step[] {
  const { key, at } = decision;
  const valueOf = (name: string): unknown => key in given ? given[key] : name in given ? given[name]
    : missing.resultOf(name);
  switch (decision.type) {
    case "TaskScheduled": return [{ key, value: valueOf(decision.name), draft: { type: "TaskCompleted", at, key,
      attempt: 1 } }];
    case "ChildStarted": return [{ key, value: valueOf(decision.task?.name ?? decision.workflow),
      draft: { type: "ChildCompleted", at, key, n: 0 } }];
    case "TimerStarted": return decision.purpose === "timeout" ? []
      : [{ key, value: undefined, draft: { type: "TimerFired", at: Math.max(at, decision.dueAt), key } }];
    case "WaitOpened":
      if (decision.kind === "form") return [{ key, value: valueOf(decision.name), draft: { type: "WaitAnswered", at,
        key, n: 0 } }];
      return decision.kind === "signal" && decision.taken === undefined ? [{ key, value: valueOf(decision.name),
        draft: { type: "SignalReceived", at, n: 0, name: decision.name } }] : [];
    default: return [];
  }
}

/** Stand-ins for results that nobody gave: they may be passed on, and not be looked into. */
class Missing {
  first: RepriseError | undefined;
  readonly #names = new Map<unknown, string>();

  resultOf(name: string): unknown {
    const looked = (): never => { throw (this.first ??= new RepriseError("VALUE_MISSING",
      `the code looks into the result of '${name}', and the picture has none`,
      `Give it: visualize({ values: { ${JSON.stringify(name)}: ... } }).`)) };
    const standIn: unknown = new Proxy({}, { ownKeys: looked, has: looked,
      get: (_target, field) => field === "then" ? undefined : looked() }); // a promise asks what it is given for `then`
    this.#names.set(standIn, name);
    return standIn;
  }
  /** The value with names in place of stand-ins, so that it can be recorded. */
  replaced(value: unknown): unknown {
    const name = this.#names.get(value);
    if (name !== undefined) return { resultOf: name };
    if (Array.isArray(value)) return value.map((one) => this.replaced(one));
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, this.replaced(one)]));
  }
}
