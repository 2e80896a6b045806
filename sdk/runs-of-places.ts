/**
 * Runs that a task starts in a thread or a process of its own. The place asks the process that it belongs to, whose
 * default engine starts the run as it would for a task made there, and tells what comes of it.
 */
import { decodeValue, encodeRecorded, fromErrorRecord, RepriseError, toErrorRecord, type ErrorRecord, type Payload,
  type RunEngine } from "../engine/index.ts";
import { databaseSetting } from "./config.ts";
import { defaultEngine } from "./default-engine.ts";
import { bePlace, workflowSpec } from "./registry.ts";
import type { Started, StartFields } from "./start.ts";

/** What a place asks: to start a run, or how one ends. Values are JSON text of payloads. */
export type Question =
  | { readonly start: string; readonly input: string | undefined; readonly fields: StartFields }
  | { readonly result: string };
/** The name and id of the run, or its result; or what was thrown. */
export type Answer =
  | { readonly run: { readonly runId: string; readonly name: string } }
  | { readonly result: string | undefined }
  | { readonly error: ErrorRecord };

let ask: (question: Question) => Promise<Answer> = () => Promise.reject(new Error("this is no place"));
/** This process or thread is a place: questions go that way. */
export function askBy(way: typeof ask): void { ask = way; bePlace() }

/** Starts a run from a place. @throws INVALID_OPTION, and what starting a run throws */
export async function startFromPlace(workflow: string, input: Payload | undefined, fields: StartFields):
  Promise<Started> {
  if (fields.tx !== undefined) throw new RepriseError("INVALID_OPTION",
    `workflow '${workflow}' was started with a tx in a thread or process, and the run is made by another`,
    "Start it from a task without a runner, or without tx.");
  const answer = await ask({ start: workflow, input: textOf(input), fields });
  if ("error" in answer) throw fromErrorRecord(answer.error);
  if (!("run" in answer)) throw new Error("corrupt answer: a place asked for a run");
  return { ...answer.run, engine: () => engineOfPlace(workflow), result: () => resultOf(answer.run.runId) };
}

async function resultOf(runId: string): Promise<unknown> {
  const answer = await ask({ result: runId });
  if ("error" in answer) throw fromErrorRecord(answer.error);
  if (!("result" in answer)) throw new Error("corrupt answer: a place asked for a result");
  // Written below from a payload.
  return decodeValue(answer.result === undefined ? undefined : JSON.parse(answer.result) as Payload);
}

/** What else is asked of the run goes to the database, which must be one that others can open. */
async function engineOfPlace(workflow: string): Promise<RunEngine> {
  if (databaseSetting().value !== "memory:") return (await defaultEngine()).engine;
  throw new RepriseError("NOT_YET", `more than the result of a run of '${workflow}' was asked for in a thread or ` +
    "process, and runs are in the memory of another", "Ask where the run was started from, or use a database.");
}

/** Answers a place. Never rejects. */
export async function answerPlace(question: Question): Promise<Answer> {
  try {
    const { engine } = await defaultEngine();
    if ("result" in question) return {
      result: textOf(encodeRecorded(await engine.result(question.result), "result of a run")) };
    const { start, input, fields } = question, workflow = workflowSpec(start);
    if (workflow === undefined) throw new RepriseError("WORKFLOW_NOT_LOADED",
      `workflow '${start}' was started in a thread or process, and the process that it belongs to has not loaded it`,
      "Import the file that defines it where the engine is.");
    const { runId, name } = await engine.start({ workflow, ...fields,
      input: input === undefined ? undefined : JSON.parse(input) as Payload }); // written by startFromPlace()
    return { run: { runId, name } };
  } catch (error) { return { error: toErrorRecord(error) } }
}
function textOf(payload: Payload | undefined): string | undefined {
  return payload === undefined ? undefined : JSON.stringify(payload);
}
