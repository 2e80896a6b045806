/** The server's API: one function a route. Every failure is a Failure with the server's own code and next step. */
import type { Json, Payload } from "../../engine/core/events.ts";
import type { CodeNow } from "../model/code.ts";
import type { Earlier } from "../model/expected.ts";
import type { Family } from "../model/family.ts";
import type { Hit, Locals } from "../model/locals.ts";
import type { HistoryPage, LogLine, Problem, RunRow, RunState, Sources } from "../model/wire.ts";

/** What went wrong, said so that a person can act on it. */
export class Failure extends Error {
  readonly problem: Problem;
  readonly status: number;
  constructor(problem: Problem, status: number) {
    super(problem.message);
    this.problem = problem;
    this.status = status;
  }
}

const KEPT = "reprise.token";
let token = "";

/** Takes the token out of the address, where the server's first link has it, and keeps it for this tab. */
export function openToken(): void {
  const found = /[#&](?:token|t)=([\w-]+)/.exec(location.hash)?.[1];
  try {
    if (found !== undefined) sessionStorage.setItem(KEPT, found);
    token = found ?? sessionStorage.getItem(KEPT) ?? "";
  } catch { token = found ?? "" } // storage is closed: the token lives as long as the page
  if (found !== undefined) history.replaceState(null, "", location.pathname + location.search);
  lend();
}

const BORROW_MS = 400;
let borrowing: Promise<boolean> | undefined;
/** Pages of one browser and one origin lend each other the token, so that a link without one opens. */
function lend(): void {
  new BroadcastChannel(KEPT).onmessage = ({ data, currentTarget }) => {
    if (data === "?" && token !== "" && currentTarget instanceof BroadcastChannel) currentTarget.postMessage(token);
  };
}
/** Asks the others. False: none has a token. */
function borrow(): Promise<boolean> {
  return borrowing ??= new Promise((resolve) => {
    const channel = new BroadcastChannel(KEPT);
    const end = (): void => { channel.close(); resolve(token !== "") };
    const timer = setTimeout(end, BORROW_MS);
    channel.onmessage = ({ data }) => {
      if (typeof data !== "string" || !/^[\w-]{16,200}$/.test(data)) return;
      clearTimeout(timer);
      useToken(data);
      end();
    };
    channel.postMessage("?");
  });
}
/** The subprotocols that carry the token to the socket, where no header can be set. */
export function protocols(): string[] {
  return token === "" ? ["reprise.v1"] : ["reprise.v1", `reprise.${token}`];
}
/** Keeps a token that the reader typed. */
export function useToken(text: string): void {
  token = text.trim();
  try { sessionStorage.setItem(KEPT, token) } catch { /* it lives as long as the page */ }
}

/** Asks the API. Rejects with a Failure, or as aborted. */
export async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, { ...init, cache: "no-store", headers: {
      ...(token !== "" && { authorization: `Bearer ${token}` }),
      ...(init.body !== undefined && { "content-type": "application/json" }) } });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new Failure({ code: "SERVER_GONE", message: "The server does not answer.",
      hint: "Is it still running? This page goes on by itself when it is back." }, 0);
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 401 && token === "" && await borrow()) return call(path, init);
  if (response.ok) return body as T; // the server answers by its schema; what is drawn from it is text
  throw new Failure(problemOf(body, response.status), response.status);
}

function problemOf(body: unknown, status: number): Problem {
  const error: unknown = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
  const part = (name: string): string | undefined => {
    const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const hint = part("hint"), docs = part("docs");
  return { code: part("code") ?? `HTTP_${status}`, message: part("message") ?? `The server answered with ${status}.`,
    ...(hint !== undefined && { hint }), ...(docs !== undefined && { docs }) };
}

/** Any error as a problem that can be shown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Failure) return error.problem;
  return { code: "PAGE_FAILED", message: error instanceof Error ? error.message : String(error) };
}

/** Filters of the list of runs, as the address has them. */
export interface RunQuery {
  readonly state?: string; readonly workflow?: string; readonly q?: string; readonly tag?: string;
  readonly since?: string; readonly worker?: string; readonly version?: string; readonly took?: string;
  readonly sort?: string;
}
/** The longest are one page; the others go on from `before`. */
export const LONGEST = 200, PAGE = 50;
export const listRuns = (query: RunQuery, before: string | undefined, signal: AbortSignal):
  Promise<{ readonly runs: readonly RunRow[]; readonly next: string | null }> => {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, before,
    limit: String(query.sort === "longest" ? LONGEST : PAGE) })) if (value) params.set(name, value);
  return call(`/runs?${params.toString()}`, { signal });
};
/** Events of a run and what became of its tasks, counted. */
export interface Tally { readonly events: number; readonly done: number; readonly failed: number;
  readonly retries: number; readonly warnings: number; readonly errors: number }
/** In the order of the ids; null for a run that is too long to be counted here. */
export const talliesOf = (ids: readonly string[]): Promise<{ readonly tallies: readonly (Tally | null)[] }> =>
  call(`/tallies?runs=${ids.join(",")}`);
export const oneRun = (id: string): Promise<{ readonly run: RunRow }> => call(`/runs/${id}`);
export const historyAfter = (id: string, after: number, limit = 5000): Promise<HistoryPage> =>
  call(`/runs/${id}/history?after=${after}&limit=${limit}`);
export const logsOf = (id: string): Promise<{ readonly lines: readonly LogLine[] }> => call(`/runs/${id}/logs`);
export const sourcesOf = (id: string): Promise<Sources> => call(`/runs/${id}/sources`);

/** A large value that is kept apart. */
export async function payloadOf(hash: string): Promise<Payload> {
  const body = await call<Payload | { readonly payload: Payload }>(`/payloads/${encodeURIComponent(hash)}`);
  return "payload" in body ? body.payload : body;
}

/** What a run waits for; of a form with the JSON schema of its answer. */
export interface OpenWait { readonly key: string; readonly name: string; readonly kind: "signal" | "form" | "condition";
  readonly description: string | null; readonly schema: Json; readonly since: number; readonly until: number | null }
export const waitsOf = (id: string): Promise<{ readonly waits: readonly OpenWait[] }> => call(`/runs/${id}/waits`);

export const earlierOf = (id: string): Promise<{ readonly earlier: Earlier | null }> => call(`/runs/${id}/expected`);
export const familyOf = (id: string): Promise<Family> => call(`/runs/${id}/tree`);

/** Limits, rates (with `perMs`) and turns of workflows; instants are the server's, as `now` is. */
export interface Limits {
  readonly limits: readonly { readonly name: string; readonly max: number; readonly perMs: number | null;
    readonly nextAt: number | null; readonly held: number; readonly waiting: number }[];
  readonly turns: readonly { readonly key: string; readonly workflow: string; readonly max: number;
    readonly held: number; readonly waiting: number }[];
  readonly now: number;
}
/** Those who hold, then those in line, each since `at`. */
export interface Slots { readonly more: boolean; readonly now: number; readonly slots: readonly {
  readonly runId: string; readonly name: string | null; readonly key: string; readonly worker: string;
  readonly granted: boolean; readonly at: number }[] }
export interface Turns { readonly more: boolean; readonly now: number; readonly turns: readonly {
  readonly runId: string; readonly name: string; readonly state: RunState; readonly worker: string | null;
  readonly held: boolean; readonly at: number }[] }
export const codeNow = (): Promise<CodeNow> => call("/code");
export const limitsNow = (): Promise<Limits> => call("/limits");
export const slotsOf = (limit: string): Promise<Slots> => call(`/limits/${encodeURIComponent(limit)}`);
export const turnsOf = (key: string): Promise<Turns> => call(`/turns?key=${encodeURIComponent(key)}`);

/** A workflow that the server's process has loaded; `schema` is the JSON schema of its input, null for none. */
export interface Startable { readonly name: string; readonly file: string | null; readonly description: string | null;
  readonly schema: Json }
/** `elsewhere`: those of recent runs that this process has not loaded. */
export const workflowsHere = (): Promise<{ readonly canStart: boolean; readonly workflows: readonly Startable[];
  readonly elsewhere: readonly { readonly name: string; readonly file: string }[] }> => call("/workflows");
/** What to start: `id` is an id of the reader's own, which no two runs of the workflow share. */
export interface StartRequest { readonly workflow: string; readonly input?: Json; readonly name?: string;
  readonly id?: string; readonly tags?: readonly string[] }
export const startRun = (body: StartRequest): Promise<{ readonly run: string }> =>
  call("/runs", { method: "POST", body: JSON.stringify(body) });

export type Verb = "cancel" | "pause" | "resume" | "retry" | "signal" | "fork" | "answer" | "update" | "inject";
/** Where a fork or a retry would leave the history. */
export interface ForkPlace { readonly seqs: number; readonly open: readonly string[];
  readonly replaced: readonly string[]; readonly injected: readonly string[] }
/** What came of an action: `run` a new run, `pending` nobody has read it yet, `reply` and `error` of an update. */
export interface Done { readonly run?: string; readonly pending?: boolean; readonly plan?: ForkPlace;
  readonly reply?: Payload; readonly error?: string }
/** An action on a run. */
export function act(id: string, verb: Verb, body: Json = {}): Promise<Done> {
  return call(`/runs/${id}/${verb}`, { method: "POST", body: JSON.stringify(body) });
}

/** A line at which an expression is printed. */
export interface LogPoint { readonly file: string; readonly line: number; readonly expression: string }
/** Variables at an event. It runs the workflow's code, so it is a POST, and off unless the server was told. */
export function localsAt(id: string, query: { readonly at: number; readonly watches?: readonly string[];
  readonly open?: { readonly frame: number; readonly name: string; readonly path: readonly number[];
    readonly from: number } }): Promise<Locals> {
  return call(`/runs/${id}/locals`, { method: "POST", body: JSON.stringify(query) });
}
/** What expressions gave at lines, through the whole run. */
export function logPointsOf(id: string, points: readonly LogPoint[]): Promise<{ readonly hits: readonly Hit[] }> {
  return call(`/runs/${id}/log-points`, { method: "POST", body: JSON.stringify({ points }) });
}
