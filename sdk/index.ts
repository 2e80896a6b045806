/** What a user imports from "reprise". */
export { workflow, type Inputs, type StartOptions, type Workflow, type WorkflowOptions } from "./workflow.ts";
export { task, type MapOptions, type Settled, type Task, type TaskForms, type TaskFuture, type TaskOptions,
  type TaskState }
  from "./task.ts";
export { transaction, type Sql, type TransactionOptions } from "./transaction.ts";
export { sleep, withTimeout, type WaitOptions } from "./time.ts";
export { context, logger, record, taskContext, type Logger, type RunInfo, type TaskContext, type WorkflowContext }
  from "./context.ts";
export { condition, signal, waitFor, type SignalDef, type WaitForOptions, type Webhook } from "./signal.ts";
export { expose, query, update, type QueryDef, type UpdateDef } from "./update.ts";
export { limit, rate, type Limit } from "./limit.ts";
export { saga, scope, shield } from "./scope.ts";
export { continueWith, deprecatePatch, patched } from "./evolve.ts";
export { artifact, attributes, progress, stream, type Stream } from "./show.ts";
export { openEngine, type Engine, type EngineOptions } from "./engine.ts";
export type { RunHandle } from "./handle.ts";
export type { Event, StreamItem } from "./reading.ts";
export type { CacheOptions } from "./cache.ts";
export type { VisualizeOptions } from "./visualize.ts";
export type { ProgramViewer } from "./viewer.ts";
export { isMain } from "./main.ts";
export type { InputOf, OutputOf, Schema } from "./schema.ts";
export {
  Cancelled, exponential, NonRetryable, RepriseError, RetryAfter, RunError, TaskError, TimedOut,
  type Backoff, type Duration, type Execute, type RetryDelay, type RunState, type TerminalState,
} from "../engine/index.ts";
export { z } from "zod";
