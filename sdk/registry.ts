/** What this process has loaded: workflows by name, and whether it loads or runs. */
import { AsyncLocalStorage } from "node:async_hooks";
import { RepriseError, type StartRequest, type WorkflowSpec } from "../engine/index.ts";

/** What is needed to start a workflow with an input that is not checked yet. */
export type Prepare = (input: unknown, options: { readonly name?: string; readonly id?: string;
  readonly ifExists?: "attach" | "fail" | "replace"; readonly tags?: readonly string[] }) =>
  Promise<{ readonly value: unknown; readonly fields: Omit<StartRequest, "workflow" | "input"> }>;
/** What a workflow that a user defined offers to whoever would start it. */
export interface Offer {
  readonly description: string | undefined;
  /** The JSON schema of its input; undefined where it has none. */
  readonly schema: () => unknown;
  readonly prepare: Prepare;
}
interface Definition { readonly spec: WorkflowSpec; readonly file: string | undefined; readonly public: boolean;
  readonly offer: Offer | undefined }

const workflows = new Map<string, Definition>();
type TaskFunction = (...args: readonly unknown[]) => unknown;
const tasks = new Map<string, TaskFunction>();
/** Files that define a workflow of a user's. */
const workflowFiles = new Set<string | undefined>();
let loading = false;
const definitions = new AsyncLocalStorage<true>();

/** Keeps a workflow. @throws DUPLICATE_WORKFLOW when another file took the name */
export function defineWorkflow(spec: WorkflowSpec, file: string | undefined, isPublic = true,
  offer?: Offer): void {
  const known = workflows.get(spec.name);
  if (known !== undefined && known.file !== file) {
    throw new RepriseError("DUPLICATE_WORKFLOW",
      `the workflow name '${spec.name}' is taken by ${known.file ?? "another file"}; ${file ?? "this file"} wants ` +
      `it too`,
      "Give one of them another name; the name is how a run finds its code after a restart.");
  }
  workflows.set(spec.name, { spec, file, public: isPublic, offer });
  if (isPublic) workflowFiles.add(file);
}
export function definesWorkflow(file: string | undefined): boolean { return workflowFiles.has(file) }

/** Keeps a task; a second definition in the same file replaces the first. */
export function defineTask(name: string, file: string | undefined, fn: TaskFunction): void {
  tasks.set(`${file ?? ""}#${name}`, fn);
}
/** The function of a task, where its file is loaded. */
export function taskFunction(name: string, file: string): TaskFunction | undefined {
  return tasks.get(`${file}#${name}`);
}

export function workflowSpec(name: string): WorkflowSpec | undefined { return workflows.get(name)?.spec }
/** A workflow that a user defined, with what checks its input. @throws WORKFLOW_NOT_LOADED */
export function startable(name: string): { readonly spec: WorkflowSpec; readonly prepare: Prepare } {
  const found = workflows.get(name);
  if (found?.offer !== undefined) return { spec: found.spec, prepare: found.offer.prepare };
  const names = definedWorkflows().map((one) => `'${one.name}'`).join(", ");
  throw new RepriseError("WORKFLOW_NOT_LOADED", `this process has not loaded a workflow '${name}'`,
    names === "" ? "Import the file that defines it." : `It has loaded ${names}.`);
}
/** Workflows that can be started here, in the order of their names. */
export function offeredWorkflows(): readonly (Omit<Offer, "prepare"> & { readonly name: string;
  readonly file: string | undefined })[] {
  return [...workflows].flatMap(([name, { file, offer }]) => offer === undefined ? [] : [{ name, file,
    description: offer.description, schema: offer.schema }])
    .sort((a, b) => a.name < b.name ? -1 : 1);
}
/** Names of all loaded workflows, those of single tasks included. */
export function workflowNames(): readonly string[] { return [...workflows.keys()] }
/** Workflows that a user named, with the files that define them. */
export function definedWorkflows(): readonly { readonly name: string; readonly file: string | undefined }[] {
  return [...workflows].filter(([, found]) => found.public).map(([name, { file }]) => ({ name, file }));
}

let place = false;
/** This process or thread makes attempts of tasks for another, and nothing else. */
export function bePlace(): void { place = true }
export function inPlace(): boolean { return place }
/** From here on all files are imported for their definitions: a top-level call is refused. */
export function defineOnly(): void { loading = true }
/** Is the code that calls this, or what it goes on from, only being imported for its definitions? */
export function isLoading(): boolean { return loading || definitions.getStore() === true }
/** Calls `load`; whatever it imports only defines, also in what that begins and goes on with later. */
export function onlyDefining<T>(load: () => T): T { return definitions.run(true, load) }

/** Names are how runs find their code: never empty, never so long that a table breaks. */
export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name === "string" && name.trim() !== "" && name.length <= 200) return;
  throw new RepriseError("INVALID_NAME",
    `a ${what} needs a name of 1 to 200 characters, not ${JSON.stringify(name) ?? typeof name}`,
    `Write ${what}("what-it-does", ...).`);
}
