/** Routes that say how things stand: what a run waits for, its family, who is in a limit. */
import type { z } from "zod";
import { decodeValue, TERMINAL_STATES } from "../../engine/index.ts";
import { Families, MOST_RUNS, type Kin } from "./family.ts";
import { route, type Route, type RouteParts } from "./route.ts";
import * as wire from "./wire.ts";
import * as standings from "./wire-actions.ts";

/** The rows of the table. */
export function standing({ engine, redactor }: RouteParts): readonly Route[] {
  const families = new Families(engine);
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
