/** Routes that change something: one call each, off where the server only shows; and what can be started. */
import type { z } from "zod";
import { encodeRecorded, RepriseError, TERMINAL_STATES, type RunRow } from "../../engine/index.ts";
import { Refusal } from "./problem.ts";
import { route, type Route, type RouteParts } from "./route.ts";
import * as wire from "./wire.ts";
import * as bodies from "./wire-actions.ts";

/** The rows of the table. */
export function acting(parts: RouteParts): readonly Route[] {
  return [...ofRuns(parts), ...talking(parts), offering(parts), starting(parts), hook(parts)];
}

type Done = Omit<z.input<typeof bodies.actionAnswer>, "ok">;
type Act = <B extends z.ZodType>(name: string, summary: string, body: B,
  handle: (runId: string, body: z.output<B>) => Promise<Done | void>) => Route;

/** Makes rows for `POST /runs/:id/<name>`. */
function actOf({ engine, allowActions }: RouteParts): Act {
  return (name, summary, body, handle) => route({
    method: "POST", path: `/runs/:id/${name}`, scope: "act", summary, params: wire.oneRun, body,
    answer: bodies.actionAnswer,
    handle: async ({ params, body: given }) => {
      permit(allowActions, name);
      return { ok: true as const, ...await handle((await engine.row(params.id)).runId, given) };
    },
  });
}
function permit(allowActions: boolean, name: string): void {
  if (!allowActions) throw new Refusal("ACTIONS_OFF", `this server only shows runs; '${name}' is off`);
}

function ofRuns(parts: RouteParts): readonly Route[] {
  const { engine, actions } = parts, act = actOf(parts);
  return [
    act("cancel", "Ask a run to stop", bodies.cancelBody, async (runId, { reason }) => {
      const row = await engine.row(runId);
      const asked = !TERMINAL_STATES.includes(row.state)
        && await engine.cancel(runId, reason === undefined ? {} : { reason });
      if (!asked) throw new RepriseError("RUN_ENDED", `run '${row.name}' has ended; it cannot be cancelled`,
        `See how: reprise runs inspect ${runId}`);
    }),
    act("resume", "Continue a run that is paused or parked", bodies.byBody, (runId, { by }) =>
      actions.resume(runId, by)),
    act("pause", "Hold a run: what is under way ends, nothing begins", bodies.byBody, (runId, { by }) =>
      actions.pause(runId, by)),
    act("retry", "Try an ended run again from its failed call; `dryRun`: only say what would be shared",
      bodies.retryBody, async (runId, { by, dryRun }) => dryRun === true ? { plan: await actions.planRetry(runId) }
        : { run: await actions.retry(runId, by) }),
    act("fork", "A new run that shares this one's beginning; `dryRun`: only say what would be shared",
      bodies.forkBody, async (runId, { by, dryRun, ...edits }) => dryRun === true
        ? { plan: await actions.planFork(runId, edits) } : { run: await actions.fork(runId, edits, by) }),
  ];
}

function talking(parts: RouteParts): readonly Route[] {
  const { actions, redactor } = parts, act = actOf(parts);
  return [
    act("signal", "Send a signal to a run; it is kept until the run asks for it", bodies.signalBody, (runId, body) =>
      actions.signal(runId, body)),
    act("answer", "Answer a form that a run waits for, by name or key; `pending`: no worker has read it yet",
      bodies.answerBody, async (runId, { name, value, by }) =>
        ({ pending: await actions.answer(runId, name, value, by) === "pending" })),
    act("update", "Ask a run to change something; answers with its reply, as a payload", bodies.updateBody,
      async (runId, body) => {
        try {
          const reply = await actions.update(runId, body);
          return reply === undefined ? {} : { reply: redactor.payload(reply) };
        } catch (error) {
          if (error instanceof RepriseError) throw error;
          // The handler's own error is an answer too.
          return { error: redactor.text(String(error)) };
        }
      }),
    act("inject", "Settle an open call with a value of your own; `pending`: no worker has read it yet",
      bodies.injectBody, async (runId, { key, value, by, reason }) =>
        ({ pending: await actions.inject(runId, key, value, { by, reason }) === "pending" })),
    act("skip", "Settle an open call without a value; `pending`: no worker has read it yet", bodies.skipBody,
      async (runId, { key, by, reason }) =>
        ({ pending: await actions.inject(runId, key, undefined, { by, reason }) === "pending" })),
  ];
}

function offering({ engine, actions, allowActions, redactor }: RouteParts): Route {
  return route({ path: "/workflows", scope: "read", answer: bodies.workflowsAnswer,
    summary: "Workflows that this process has loaded, with the JSON schemas of their inputs; and others, of the newest "
      + `${NEWEST} runs`, handle: async () => {
      const here = actions.workflows?.() ?? [];
      return {
        canStart: allowActions && actions.start !== undefined,
        workflows: here.map(({ name, file, description, schema }) => ({ name, file: file ?? null,
          description: description === undefined ? null : redactor.text(description), schema: schema ?? null })),
        elsewhere: elsewhere(await engine.list({ limit: NEWEST }), new Set(here.map(({ name }) => name))),
      };
    } });
}
/** Runs from which workflows are known that are not loaded here. */
const NEWEST = 1000;
/** Each with the file of its newest run, by name. Runs of single tasks and of the engine's own are no workflows. */
function elsewhere(rows: readonly RunRow[], here: ReadonlySet<string>): { name: string; file: string }[] {
  const files = new Map<string, string>();
  for (const { workflow, file } of rows) {
    if (file !== null && !here.has(workflow) && !files.has(workflow) && !workflow.startsWith("task:")) {
      files.set(workflow, file);
    }
  }
  return [...files].map(([name, file]) => ({ name, file })).sort((a, b) => a.name < b.name ? -1 : 1);
}

function starting({ actions, allowActions }: RouteParts): Route {
  return route({ method: "POST", path: "/runs", scope: "act", body: bodies.startBody, answer: bodies.startAnswer,
    summary: "Start a run of a workflow that this process has loaded", handle: async ({ body }) => {
      permit(allowActions, "start");
      const { workflow, input, ...options } = body;
      if (actions.start === undefined) throw new RepriseError("WORKFLOW_NOT_LOADED",
        `this server has no code: it cannot start a run of '${workflow}'`,
        "Start it from your program or with reprise run, or serve the viewer from there: reprise run <file> --view");
      return { ok: true as const, run: await actions.start(workflow, input, options) };
    } });
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
