/** Every route of the API: the table from which requests are dispatched and checked, and openapi.json is written. */
import { z } from "zod";
import { offeredDebug, SeenRedactor } from "./debug.ts";
import { Metrics } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { Refusal } from "./problem.ts";
import { route, type Route, type RouteParts } from "./route.ts";
import { acting } from "./routes-actions.ts";
import { standing } from "./routes-standing.ts";
import { listRuns, Tallies } from "./run-list.ts";
import * as wire from "./wire.ts";
import * as wireDebug from "./wire-debug.ts";

/** The whole table. */
export function routesOf(parts: RouteParts): readonly Route[] {
  const table: Route[] = [...reading(parts), ...standing(parts), ...acting(parts), ...debugging(parts)];
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
  const tallies = new Tallies(engine);
  return [
    route({ path: "/tallies", scope: "read", summary: "Tasks of runs, counted", query: wire.talliesQuery,
      answer: wire.talliesAnswer, handle: async ({ query }) => ({ tallies: [...await tallies.of(query.runs)] }) }),
    route({ path: "/runs", scope: "read", summary: "Runs, newest first or in another order", query: wire.listQuery,
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
        const found = await offeredDebug(debug).logPoints((await engine.row(params.id)).runId, body.points);
        return new SeenRedactor(redactor).logPoints(found);
      } }),
  ];
}

/** The row as the wire has it: a list of tags that may be written to. */
function sent<R extends { readonly tags: readonly string[] }>(row: R): R & { tags: string[] } {
  return { ...row, tags: [...row.tags] };
}
