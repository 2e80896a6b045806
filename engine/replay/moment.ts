/**
 * Where a debugger may stop: the one `debugger` statement of the engine (design 2.7). Workflow code passes a moment
 * whenever it decides something, with its own frames on the stack, and whenever an event is about to be delivered to
 * it. Nobody asks in a process that works: a moment then costs the reading of one variable.
 */

/** What is about to happen. A decision is told by its type and key, as history has it. */
export type Moment =
  | { readonly kind: "delivery"; readonly seq: number }
  | { readonly kind: "decision"; readonly by: number; readonly type: string; readonly key: string };

let stops: ((moment: Moment) => boolean) | undefined;

/** From here on `ask` says at which moments a debugger is to stop; undefined: at none. */
export function stopAtMoments(ask: ((moment: Moment) => boolean) | undefined): void { stops = ask }

/** The code is at a moment: a delivery is about to be made, or, with its frames on the stack, it decides something. One
 *  function and no more: each further frame between here and the user's code costs whoever steps a pause. */
export function moment(delivery: number, decision?: { readonly type: string; readonly key: string }): void {
  // What is asked is not even made while nobody asks.
  if (stops?.(decision === undefined ? { kind: "delivery", seq: delivery }
    : { kind: "decision", by: delivery, type: decision.type, key: decision.key }) === true) debugger;
}
