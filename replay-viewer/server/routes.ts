/** Every route of the API: the table from which requests are dispatched and checked, and openapi.json is written. */
import { z } from "zod";
import { encodeRecorded, RepriseError, TERMINAL_STATES, type Clock, type RunEngine } from "../../engine/index.ts";
import { offeredDebug, SeenRedactor, type RunDebug } from "./debug.ts";
import type { Histories } from "./history.ts";
import { Metrics } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { Refusal } from "./problem.ts";
import type { Redactor } from "./redact.ts";
import { listRuns } from "./run-list.ts";
import type { StoreClock } from "./store-clock.ts";
import type { Scope } from "./tokens.ts";
import * as wire from "./wire.ts";
import * as wireDebug from "./wire-debug.ts";

/** What an engine can do with a run beyond cancelling it; what is missing answers 501 NOT_YET. */
export interface RunActions {
  resume?(runId: string): Promise<unknown>;
  pause?(runId: string): Promise<unknown>;
  /** Resolves with the run that came of it. */
  retry?(runId: string): Promise<string | undefined>;
  signal?(runId: string, signal: { readonly name: string; readonly value?: unknown; readonly key?: string }):
    Promise<unknown>;
  /** Resolves with the new run. */
  fork?(runId: string, fork: { readonly at: number | string; readonly edit?: { readonly [key: string]: unknown };
    readonly input?: unknown }): Promise<string>;
}

/** What the routes work on. */
export interface RouteParts {
  readonly engine: RunEngine;
  readonly histories: Histories;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly storeClock: StoreClock;
  readonly actions: RunActions;
  readonly allowActions: boolean;
  readonly debug: RunDebug | undefined;
  readonly version: string;
}

/** What came with a request, not yet checked. */
export interface RawRequest { readonly params: unknown; readonly query: unknown; readonly body: unknown }
/** `json` is what is sent, or `text` as plain text. */
export type RouteAnswer = { readonly json: unknown } | { readonly text: string; readonly type: string };

/** One row of the table. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Below /api/v1, with `:name` for what varies. */
  readonly path: string;
  /** undefined: open to everybody who is let in at all. */
  readonly scope: Scope | undefined;
  readonly summary: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType | undefined;
  /** undefined: the answer is text. */
  readonly answer: z.ZodType | undefined;
  readonly run: (request: RawRequest) => Promise<RouteAnswer>;
}

interface Checked<P, Q, B> { readonly params: P; readonly query: Q; readonly body: B }

/** A row whose handler gets what its schemas let through. */
function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>(row: {
  readonly method?: "POST"; readonly path: string; readonly scope: Scope | undefined; readonly summary: string;
  readonly params?: P; readonly query?: Q; readonly body?: B; readonly answer: A;
  readonly handle: (request: Checked<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<A>>;
}): Route {
  const { handle, method = "GET", body, answer, path, scope, summary } = row;
  const params = row.params ?? wire.nothing, query = row.query ?? wire.nothing;
  return {
    method, path, scope, summary, params, query, body, answer,
    run: async (raw) => ({ json: await handle({
      // Each value is the output of the very schema that its type is taken from.
      params: checked(params, raw.params, "path") as z.output<P>,
      query: checked(query, raw.query, "query") as z.output<Q>, // as above
      body: (body === undefined ? undefined : checked(body, raw.body, "body")) as z.output<B>, // as above
    }) }),
  };
}

function checked(schema: z.ZodType, value: unknown, where: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = [where, ...issue?.path ?? []].map(String).join(".");
  throw new Refusal("REQUEST_INVALID", `${place}: ${issue?.message ?? "invalid"}`);
}

/** The whole table. */
export function routesOf(parts: RouteParts): readonly Route[] {
  const table: Route[] = [...reading(parts), ...acting(parts), ...debugging(parts), hook(parts)];
  const metrics = new Metrics(parts.engine, parts.clock);
  const about = { params: wire.nothing, query: wire.nothing, body: undefined };
  table.push(route({ path: "/health", scope: undefined, summary: "Is the server up?", answer: wire.healthAnswer,
    handle: async () => ({ status: "ok" as const }) }));
  table.push({ ...about, method: "GET", path: "/metrics", scope: "read", summary: "Numbers in Prometheus' format",
    answer: undefined,
    run: async () => ({ text: await metrics.text(), type: "text/plain; version=0.0.4; charset=utf-8" }) });
  table.push({ ...about, method: "GET", path: "/openapi.json", scope: "read", summary: "This description",
    answer: z.looseObject({ openapi: z.string() }),
    run: async () => ({ json: openApi(table, parts.version) }) });
  return table;
}

function reading({ engine, histories, redactor, storeClock }: RouteParts): readonly Route[] {
  return [
    route({ path: "/runs", scope: "read", summary: "Runs, newest first", query: wire.listQuery,
      answer: wire.listAnswer, handle: async ({ query }) => {
        const { runs, next } = await listRuns(engine, query);
        return { runs: runs.map((row) => sent(redactor.run(row))), next };
      } }),
    route({ path: "/runs/:id", scope: "read", summary: "One run", params: wire.oneRun, answer: wire.runAnswer,
      handle: async ({ params }) => ({ run: sent(redactor.run(await engine.row(params.id))) }) }),
    route({ path: "/runs/:id/history", scope: "read", params: wire.oneRun, query: wire.historyQuery,
      summary: "Events after a seq, in order; ask again until the last one is `head`", answer: wire.historyAnswer,
      handle: async ({ params, query }) => {
        await engine.row(params.id);
        const { events, head } = await histories.page(params.id, query.after, query.limit);
        return { events: events.map((event) => redactor.event(event)), head, now: await storeClock.now() };
      } }),
    route({ path: "/runs/:id/logs", scope: "read", summary: "Lines that the run's code wrote", params: wire.oneRun,
      answer: wire.logsAnswer, handle: async ({ params }) => {
        await engine.row(params.id);
        return { lines: (await engine.logs(params.id)).map((line) => redactor.log(line)) };
      } }),
    route({ path: "/runs/:id/sources", scope: "read", params: wire.oneRun, query: wire.sourcesQuery,
      summary: "The files of the version that began the run, or of another version", answer: wire.sourcesAnswer,
      handle: async ({ params, query }) => {
        const codeVersion = query.version ?? (await engine.row(params.id)).codeVersion;
        return { codeVersion, files: { ...await engine.store.getSources(codeVersion) } };
      } }),
    route({ path: "/payloads/:hash", scope: "read", summary: "A large value that was kept apart from its event",
      params: wire.onePayload, answer: wire.payloadAnswer, handle: async ({ params: { hash } }) => {
        const [found] = await engine.store.getPayloads([hash]);
        if (found === undefined) throw new Refusal("NOT_FOUND", `no payload has the hash ${hash}`);
        const payload: unknown = JSON.parse(found.text);
        return { hash, payload: redactor.payload(payload) };
      } }),
  ];
}

function acting({ engine, actions, allowActions }: RouteParts): readonly Route[] {
  const act = <B extends z.ZodType>(name: string, summary: string, body: B,
    handle: (runId: string, body: z.output<B>) => Promise<unknown>): Route => route({
    method: "POST", path: `/runs/:id/${name}`, scope: "act", summary, params: wire.oneRun, body,
    answer: wire.actionAnswer,
    handle: async ({ params, body: given }) => {
      if (!allowActions) throw new Refusal("ACTIONS_OFF", `this server only shows runs; '${name}' is off`);
      const made = await handle((await engine.row(params.id)).runId, given);
      return { ok: true as const, ...(typeof made === "string" && { run: made }) };
    },
  });
  return [
    act("cancel", "Ask a run to stop", wire.cancelBody, async (runId, { reason }) => {
      const row = await engine.row(runId);
      const asked = !TERMINAL_STATES.includes(row.state)
        && await engine.cancel(runId, reason === undefined ? {} : { reason });
      if (!asked) throw new RepriseError("RUN_ENDED", `run '${row.name}' has ended; it cannot be cancelled`,
        `See how: reprise runs inspect ${runId}`);
    }),
    act("resume", "Continue a run that is paused or parked", wire.nothing, (runId) =>
      offered(actions.resume, "resume", `reprise resume ${runId}`).call(actions, runId)),
    act("pause", "Set a run aside", wire.nothing, (runId) =>
      offered(actions.pause, "pause", `let it run, or stop it: reprise runs cancel ${runId}`).call(actions, runId)),
    act("retry", "Try an ended run again from its failed call", wire.nothing, (runId) =>
      offered(actions.retry, "retry", "start it again with a new run").call(actions, runId)),
    act("signal", "Send a message to a run", wire.signalBody, (runId, { name, value, key }) =>
      offered(actions.signal, "signal", "send it from code").call(actions, runId,
        { name, ...(value !== undefined && { value }), ...(key !== undefined && { key }) })),
    act("fork", "A new run that shares this one's beginning", wire.forkBody, (runId, { at, edit, input }) =>
      offered(actions.fork, "fork", "start a new run").call(actions, runId,
        { at, ...(edit !== undefined && { edit }), ...(input !== undefined && { input }) })),
  ];
}

/** Whoever has the address may answer, once: it is the token. */
function hook({ engine, allowActions }: RouteParts): Route {
  return route({ method: "POST", path: "/hooks/:id/:token", scope: undefined, params: wire.oneHook, body: wire.hookBody,
    summary: "Answer a run that waits at this address", answer: wire.hookAnswer, handle: async ({ params, body }) => {
      if (!allowActions) throw new Refusal("ACTIONS_OFF", "this server only shows runs");
      const fate = await engine.operator.answerHook(params.id, params.token, encodeRecorded(body, "answer"));
      return { ok: true as const, pending: fate === "pending" };
    } });
}

/** Off unless a debugger was handed in. They read, but they run the workflow's code to do so. */
function debugging({ engine, redactor, debug }: RouteParts): readonly Route[] {
  return [
    route({ method: "POST", path: "/runs/:id/locals", scope: "debug", params: wire.oneRun, body: wireDebug.localsBody,
      summary: "Frames and variables of the run's code at an event, and what expressions give there",
      answer: wireDebug.localsAnswer, handle: async ({ params, body }) => {
        const found = await offeredDebug(debug).locals((await engine.row(params.id)).runId, body);
        return new SeenRedactor(redactor).locals(found);
      } }),
    route({ method: "POST", path: "/runs/:id/log-points", scope: "debug", params: wire.oneRun,
      body: wireDebug.logPointsBody, summary: "Expressions printed whenever the code passes a line",
      answer: wireDebug.logPointsAnswer, handle: async ({ params, body }) => {
        const { hits, ...rest } = await offeredDebug(debug).logPoints((await engine.row(params.id)).runId, body.points);
        const clean = new SeenRedactor(redactor);
        return { ...rest, hits: hits.map((hit) => ({ ...hit, watched: clean.watched(hit.watched) })) };
      } }),
  ];
}

/** The method, if there is one. @throws NOT_YET with another way */
function offered<M>(method: M | undefined, name: string, otherwise: string): M {
  if (method !== undefined) return method;
  throw new Refusal("NOT_YET", `'${name}' is not offered by this engine yet`, { hint: `Until then: ${otherwise}` });
}

/** The row as the wire has it: a list of tags that may be written to. */
function sent<R extends { readonly tags: readonly string[] }>(row: R): R & { tags: string[] } {
  return { ...row, tags: [...row.tags] };
}
