/** The replay viewer inside a program: served over the program's own engine, for as long as that is open. */
import { join } from "node:path";
import { CodeCheck, encodeRecorded, RepriseError, type RunEngine } from "../engine/index.ts";
import type { CodeSource, RunActions, RunDebug, Viewer } from "../replay-viewer/server/viewer.ts";
import { databaseSetting, packageRoot, viewerSetting } from "./config.ts";
import { offeredWorkflows, startable, workflowNames, workflowSpec } from "./registry.ts";
import { codeVersionOf } from "./sources.ts";

/** How a program serves its viewer: on this machine only. For more there is `reprise server start`. */
export interface ProgramViewer {
  /** Default 4400, or any that is free where that one is taken; 0 = any that is free. */
  port?: number;
  /** true: shows runs, changes none. */
  readOnly?: boolean;
}
/** What serves it, as the note in the state directory says: only a server is ended by `reprise server stop`. */
export type ServedBy = "server" | "dev" | "program";

/** A viewer over one engine. */
export interface ServedViewer {
  /** The address with its token. */
  readonly url: string;
  readonly port: number;
  /** Where it shows a run, at an event if one is named; without the token. */
  link(runId: string, event?: number | string): string;
  close(): Promise<void>;
}

const DEFAULT_PORT = 4400;
const served = new WeakMap<RunEngine, ServedViewer>();

/** The viewer of an engine, if it has one. */
export function viewerOf(engine: RunEngine): ServedViewer | undefined { return served.get(engine) }

/** Does a program that asks so serve a viewer? It then lets other processes work on its directory too. */
export function asksForViewer(asked: boolean | ProgramViewer | undefined): boolean {
  return asked === undefined ? viewerSetting().value !== "off" : asked !== false;
}

/** Serves the viewer of a program if it asks for one, or the environment does, and says where. */
export async function serveIfAsked(engine: RunEngine, asked: boolean | ProgramViewer | undefined,
  database?: string): Promise<ServedViewer | undefined> {
  if (!asksForViewer(asked)) return undefined;
  const { value } = viewerSetting();
  const options = typeof asked === "object" ? asked : /^\d/.test(value) ? { port: Number(value) } : {};
  const viewer = await serveViewer(engine, options, "program", database);
  process.stderr.write(`Viewer: ${viewer.url}\n`);
  return viewer;
}

/** Serves the viewer over an engine. It never keeps the process alive. @throws PORT_TAKEN for a port that was named */
export async function serveViewer(engine: RunEngine, options: ProgramViewer & { readonly debug?: RunDebug },
  by: ServedBy, database = databaseSetting().value): Promise<ServedViewer> {
  // Loaded when it is wanted: a script that serves no viewer does not pay for it.
  const [{ openViewer }, { announce, keptToken, withdraw }] = await Promise.all([
    import("../replay-viewer/server/viewer.ts"), import("../replay-viewer/server/state-folder.ts")]);
  const folder = stateFolder(database), token = keptToken(folder);
  const open = (port: number): Promise<Viewer> => openViewer({ engine, token, port, holdsProcess: false,
    allowActions: options.readOnly !== true, ...(options.debug && { debug: options.debug }),
    actions: startActions(engine), code: loadedCode(engine, by === "dev") });
  const viewer = await open(options.port ?? DEFAULT_PORT).catch((error: unknown) => {
    if (options.port === undefined && error instanceof RepriseError && error.code === "PORT_TAKEN") return open(0);
    throw error;
  });
  announce(folder, { origin: viewer.origin, pid: process.pid, token, by });
  const made: ServedViewer = {
    url: viewer.url, port: viewer.port,
    link: (runId, event) => `${viewer.origin}/runs/${runId}${event === undefined ? "" : `?e=${event}`}`,
    close: async () => {
      served.delete(engine);
      withdraw(folder);
      await viewer.close();
    },
  };
  served.set(engine, made);
  return made;
}

/** Starts runs of the workflows that this process has loaded. */
export function startActions(engine: RunEngine): Required<Pick<RunActions, "start" | "workflows">> {
  return {
    start: async (name, input, how) => {
      const { spec, prepare } = startable(name), { value, fields } = await prepare(input, how);
      const made = encodeRecorded(value, `input of ${name}`);
      return (await engine.start({ workflow: spec, input: made, ...fields })).runId;
    },
    workflows: () => offeredWorkflows().map(({ schema, ...offer }) => ({ ...offer, schema: schema() })),
  };
}

/** The workflows that this process has loaded. `watched`: they are loaded anew when a file is saved. */
export function loadedCode(engine: RunEngine, watched = false): CodeSource {
  const check = new CodeCheck(engine.store, { codeOf: ({ workflow }) => workflowSpec(workflow),
    textOf: ({ file: entry }, file) => codeVersionOf(entry).files.get(file) });
  return { watched, workflow: workflowSpec, any: () => workflowNames().length > 0,
    verdict: (row) => check.verdict(row) };
}

/** The folder of the embedded database; `.reprise/` beside package.json where there is none. */
export function stateFolder(database: string = databaseSetting().value): string {
  return /^[a-z]{2,}:/i.test(database) ? join(packageRoot(), ".reprise") : database;
}
