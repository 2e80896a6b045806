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

/** An event is about to be delivered. */
export function delivering(seq: number): void {
  if (stops !== undefined) stop({ kind: "delivery", seq });
}
/** The code decides something; its frames are on the stack. */
export function deciding(decision: { readonly by: number; readonly type: string; readonly key: string }): void {
  if (stops === undefined) return;
  const { by, type, key } = decision;
  stop({ kind: "decision", by, type, key });
}
function stop(at: Moment): void {
  if (stops?.(at) === true) debugger;
}
