/** Everything that a run waits for, in words, and the command that helps. */
import { formatMs, siteParts, type RunView } from "../../engine/index.ts";
import { nextCommand } from "../next-command.ts";

/** One thing that a run waits for; instants are milliseconds since 1970. */
export interface OpenWait {
  readonly kind: "task" | "retry" | "limit" | "sleep" | "signal" | "form" | "condition" | "child" | "update";
  /** The name of the task, signal, form or update; the id of the child run. */
  readonly name: string; readonly key: string;
  /** After the run's name, as in `waits for signal 'approved'`. */
  readonly text: string;
  readonly since: number; readonly until?: number;
  readonly next?: string;
}

/** What the run waits for, what a person can end first. `manned`: the pools that a worker alive works for. */
export function openWaits(view: RunView, runId: string, now: number, manned: ReadonlySet<string>): readonly OpenWait[] {
  return [...messages(view, runId), ...children(view, manned), ...tasks(view, now), ...timers(view), ...updates(view)];
}

function messages(view: RunView, runId: string): OpenWait[] {
  return [...view.waits.values()].filter(({ state }) => state === "open").map((wait) => {
    const { kind, name, key, openedAt, until, description, site } = wait, next = nextCommand(runId, wait);
    const where = site === undefined ? "" : ` at ${siteParts(site)?.place ?? site}`;
    const text = kind === "signal" ? `waits for signal '${name}'`
      : kind === "condition" ? `waits for a condition${where}`
      : `waits for an answer to the form '${name}'${description === undefined ? "" : ` (${description})`}`;
    return { kind, name, key, text, since: openedAt, ...(until !== undefined && { until }), ...(next && { next }) };
  });
}

function children(view: RunView, manned: ReadonlySet<string>): OpenWait[] {
  return [...view.children.values()].filter(({ state }) => state === "running")
    .map(({ key, childId, workflow, startedAt, task, pool = "default" }) => {
      const nobody = manned.has(pool) ? "" : `, for which no worker is alive,`;
      const text = task === undefined ? `has child run ${childId} of '${workflow}' open`
        : `has task '${task}' in pool '${pool}'${nobody} open as child run ${childId}`;
      return { kind: "child" as const, name: childId, key, since: startedAt, text, next: `npx reprise why ${childId}` };
    });
}

function tasks(view: RunView, now: number): OpenWait[] {
  const open: OpenWait[] = [];
  for (const { key, name, state, attempts, scheduledAt, retryAt, queued } of view.tasks.values()) {
    const since = attempts.at(-1)?.startedAt ?? scheduledAt;
    if (queued !== undefined) {
      const { limit, dueAt } = queued, rate = dueAt === undefined ? {} : { until: dueAt };
      open.push({ kind: "limit", name: limit, key, since: queued.since, ...rate, next: `npx reprise limit ls ${limit}`,
        text: `has task '${name}' waiting for ${dueAt === undefined ? "a slot of " : ""}limit '${limit}'` });
    } else if (state === "running") {
      open.push({ kind: "task", name, key, since, text: `runs task '${name}' (attempt ${attempts.length})` });
    } else if (state === "scheduled") {
      open.push({ kind: "task", name, key, since, text: `has task '${name}' scheduled and not begun` });
    } else if (state === "retrying" && retryAt !== undefined) {
      open.push({ kind: "retry", name, key, since, until: retryAt,
        text: `waits to retry task '${name}' in ${formatMs(Math.max(0, retryAt - now))}` });
    }
  }
  return open;
}

function timers(view: RunView): OpenWait[] {
  return [...view.timers.values()].filter(({ state, purpose }) => state === "open" && purpose !== "timeout")
    .map(({ key, startedAt, dueAt }) => ({ kind: "sleep" as const, name: "sleep", key, text: "sleeps",
      since: startedAt, until: dueAt }));
}

function updates(view: RunView): OpenWait[] {
  return [...view.updates.values()].filter(({ state }) => state === "open")
    .map(({ id, name, receivedAt }) => ({ kind: "update" as const, name, key: `update:${id}`, since: receivedAt,
      text: `works on update '${name}'` }));
}
