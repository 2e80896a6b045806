/** Routes that say how things stand: what a run waits for, its family, who is in a limit, what the code fits. */
import type { z } from "zod";
import { decodeValue, TERMINAL_STATES, type RunRow } from "../../engine/index.ts";
import { EarlierRuns, MOST_CALLS } from "./earlier.ts";
import { Families, MOST_RUNS, type Kin } from "./family.ts";
import { route, type Route, type RouteParts } from "./route.ts";
import * as wire from "./wire.ts";
import * as standings from "./wire-actions.ts";
import { codeAnswer } from "./wire-code.ts";

/** Runs of a limit that are told by name at most. */
const MOST_NAMED = 100;

/** The rows of the table. */
export function standing(parts: RouteParts): readonly Route[] {
  return [...ofRun(parts), ...ofLimits(parts), ofWorkers(parts), ofCode(parts)];
}

function ofWorkers({ engine: { store }, redactor }: RouteParts): Route {
  return route({ path: "/workers", scope: "read", answer: standings.workersAnswer,
    summary: "Workers that are alive, and the pools that they work for", handle: async () => ({
      workers: (await store.workers()).filter(({ alive }) => alive).map(({ worker, pools, info }) => ({ worker,
        pools: [...pools], name: typeof info["name"] === "string" ? redactor.text(info["name"]) : null })) }) });
}

function ofCode({ survey }: RouteParts): Route {
  return route({ path: "/code", scope: "read", answer: codeAnswer, handle: async () => survey.look(),
    summary: "Runs in flight by workflow and code version, and what the code that is loaded would do with them; ask "
      + "again until `checked` is `total`" });
}

function ofRun({ engine, histories, redactor }: RouteParts): readonly Route[] {
  const families = new Families(engine), earlier = new EarlierRuns(engine, histories);
  const told = ({ row, parentId, key }: Kin): z.input<typeof standings.treeAnswer>["runs"][number] => {
    const { runId, workflow, state, parked, createdAt, endedAt } = row, { name } = redactor.run(row);
    return { runId, name, workflow, state: parked === null ? state : "parked", parentId, key: key ?? null, createdAt,
      endedAt };
  };
  return [
    route({ path: "/runs/:id/waits", scope: "read", summary: "What a run waits for; of forms the JSON schema",
      params: wire.oneRun, answer: standings.waitsAnswer, handle: async ({ params }) => {
        const row = await engine.row(params.id);
        const open = TERMINAL_STATES.includes(row.state) ? [] : await engine.operator.waits(row.runId);
        return { waits: open.map(({ key, name, kind, description, schema, openedAt, until }) => ({ key, name, kind,
          description: description === undefined ? null : redactor.text(description),
          schema: decodeValue(schema) ?? null, since: openedAt, until: until ?? null })) };
      } }),
    route({ path: "/runs/:id/tree", scope: "read", params: wire.oneRun, answer: standings.treeAnswer,
      summary: `The runs above a run, and it with those that it started, and theirs; at most ${MOST_RUNS}`,
      handle: async ({ params }) => {
        const { above, runs, more } = await families.of(params.id);
        return { above: above.map(told), runs: runs.map(told), more };
      } }),
    route({ path: "/runs/:id/expected", scope: "read", params: wire.oneRun, answer: standings.expectedAnswer,
      summary: "What a run that has not ended may do: the newest completed run of the same workflow and code, with its "
        + `calls; at most ${MOST_CALLS}`, handle: async ({ params }) => {
        const found = await earlier.of(params.id);
        return { earlier: found === undefined ? null : { ...found, name: redactor.text(found.name),
          calls: found.calls.map((call) => ({ ...call, name: redactor.text(call.name), key: redactor.text(call.key),
            nth: redactor.text(call.nth) })) } };
      } }),
  ];
}

function ofLimits({ engine: { store }, redactor }: RouteParts): readonly Route[] {
  const found = async (ids: readonly string[]): Promise<ReadonlyMap<string, RunRow>> => {
    const rows = await Promise.all([...new Set(ids)].map((id) => store.run(id)));
    return new Map(rows.flatMap((row) => row === undefined ? [] : [[row.runId, redactor.run(row)]]));
  };
  return [
    route({ path: "/limits", scope: "read", answer: standings.limitsAnswer,
      summary: "Limits and rates that tasks of all workers share, and the turns of workflows", handle: async () => ({
        limits: (await store.limits()).map(({ name, max, perMs, nextAt, held, waiting }) =>
          ({ name, max, perMs: perMs ?? null, nextAt: nextAt ?? null, held, waiting })),
        turns: (await store.turnKeys()).map(({ slotKey, ...rest }) => ({ key: redactor.text(slotKey), ...rest })),
        now: await store.now() }) }),
    route({ path: "/limits/:name", scope: "read", summary: "Who holds a slot of a limit, and who is in line",
      params: standings.oneLimit, answer: standings.slotsAnswer, handle: async ({ params }) => {
        const slots = await store.slots(params.name), told = slots.slice(0, MOST_NAMED);
        const runs = await found(told.map(({ runId }) => runId));
        return { more: slots.length > told.length, now: await store.now(), slots: told.map(({ runId, key, worker,
          granted, at }) => ({ runId, name: runs.get(runId)?.name ?? null, key, worker, granted, at })) };
      } }),
    route({ path: "/turns", scope: "read", summary: "Which runs of a key have their turn, and which are in line",
      query: standings.turnsQuery, answer: standings.turnsAnswer, handle: async ({ query }) => {
        const turns = await store.turns(query.key), told = turns.slice(0, MOST_NAMED);
        const runs = await found(told.map(({ runId }) => runId));
        return { more: turns.length > told.length, now: await store.now(), turns: told.flatMap(({ runId, held }) => {
          const run = runs.get(runId);
          return run === undefined ? [] : [{ runId, name: run.name, workflow: run.workflow, held, worker: run.owner,
            state: run.parked === null ? run.state : "parked" as const,
            at: held ? run.startedAt ?? run.createdAt : run.createdAt }];
        }) };
      } }),
  ];
}
