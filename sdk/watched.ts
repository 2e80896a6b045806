/** Workflows whose tasks are replaced while they run: for `reprise torture` and `reprise/testing`. */
import { currentFrame, type TaskSpec, type WorkflowSpec } from "../engine/index.ts";

/** The same workflow, whose tasks are what `task` makes of them. */
export function withTasks(spec: WorkflowSpec, task: (spec: TaskSpec) => TaskSpec): WorkflowSpec {
  return { ...spec, fn: (input) => {
    const frame = currentFrame();
    if (frame?.in !== "workflow") throw new Error("corrupt frame: a run without one");
    const { execution } = frame, callTask = execution.callTask.bind(execution);
    execution.callTask = (scope, called, ...rest) => callTask(scope, task(called), ...rest);
    return spec.fn(input);
  } };
}
