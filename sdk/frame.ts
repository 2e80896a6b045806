/** Whose code is calling? */
import { currentFrame, RepriseError, type WorkflowFrame } from "../engine/index.ts";

/** The frame of workflow code. @throws NOT_IN_RUN, NOT_IN_WORKFLOW */
export function workflowFrame(what: string): WorkflowFrame {
  const frame = currentFrame();
  if (frame === undefined) throw notInRun(what);
  if (frame.in === "task") throw new RepriseError("NOT_IN_WORKFLOW",
    `${what} was called inside task '${frame.task.name}'`,
    "Call it from the workflow: only there it can be replayed.");
  return frame;
}
/** The error for what means nothing outside runs. */
export function notInRun(what: string): RepriseError {
  return new RepriseError("NOT_IN_RUN", `${what} was called outside any run`,
    "Call it inside a function given to workflow().");
}
