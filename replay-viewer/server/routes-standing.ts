/** Routes that say how things stand: what a run waits for, the runs that it started, who is in a limit. */
import { decodeValue, TERMINAL_STATES, type Event, type RunEngine, type RunRow } from "../../engine/index.ts";
import { route, type Route, type RouteParts } from "./route.ts";
import * as wire from "./wire.ts";
import * as standings from "./wire-actions.ts";

/** Runs of a tree that are told at most. */
const MOST_RUNS = 200;

/** The rows of the table. */
export function standing({ engine, redactor }: RouteParts): readonly Route[] {
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
      summary: `A run, the runs that it started, and theirs; at most ${MOST_RUNS}`, handle: async ({ params }) => {
        const { runs, more } = await treeOf(engine, params.id);
        return { more, runs: runs.map(({ row, key }) => {
          const { runId, workflow, parentId, state, parked, createdAt, endedAt } = row, { name } = redactor.run(row);
          return { runId, name, workflow, state: parked === null ? state : "parked" as const, parentId,
            key: key ?? null, createdAt, endedAt };
        }) };
      } }),
    route({ path: "/limits", scope: "read", summary: "Limits that tasks of all workers share",
      answer: standings.limitsAnswer, handle: async () => ({
        limits: (await engine.store.limits()).map(({ name, max, perMs, held, waiting }) =>
          ({ name, max, perMs: perMs ?? null, held, waiting })) }) }),
    route({ path: "/limits/:name", scope: "read", summary: "Who holds a slot of a limit, and who is in line",
      params: standings.oneLimit, answer: standings.slotsAnswer, handle: async ({ params }) => ({
        slots: (await engine.store.slots(params.name)).map(({ runId, key, worker, granted, at }) =>
          ({ runId, key, worker, granted, at })) }) }),
  ];
}

/** The run and what it started, level by level. `key`: the call that started it. */
async function treeOf(engine: RunEngine, runId: string): Promise<{ readonly more: boolean;
  readonly runs: readonly { readonly row: RunRow; readonly key: string | undefined }[] }> {
  const runs: { readonly row: RunRow; readonly key: string | undefined }[] = [];
  const next: { readonly id: string; readonly key: string | undefined }[] = [{ id: runId, key: undefined }];
  for (let one = next.shift(); one !== undefined; one = next.shift()) {
    if (runs.length === MOST_RUNS) return { runs, more: true };
    const row = runs.length === 0 ? await engine.row(one.id) : await engine.store.run(one.id);
    if (row === undefined) continue;
    runs.push({ row, key: one.key });
    next.push(...(await engine.history(one.id)).filter((event): event is Extract<Event, { type: "ChildStarted" }> =>
      event.type === "ChildStarted").map(({ childId, key }) => ({ id: childId, key })));
  }
  return { runs, more: false };
}
