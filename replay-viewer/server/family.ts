/** Runs that runs have started, as their histories tell it. A history only grows: what was read of one is kept. */
import { RepriseError, type RunEngine, type RunRow } from "../../engine/index.ts";

/** Runs of a tree that are told at most, those above included apart. */
export const MOST_RUNS = 200;
const MOST_ABOVE = 50;
/** Runs of which the children are kept. */
const MOST_KEPT = 5000;

interface Child { readonly id: string; readonly key: string }
/** A run, the one under which it stands, and the call of that one. A fork has its children from the run that it came
 *  from, so that they may name another parent. */
export interface Kin { readonly row: RunRow; readonly parentId: string | null; readonly key: string | undefined }

/** Families of the runs of one engine. */
export class Families {
  readonly #engine: RunEngine;
  readonly #kept = new Map<string, { head: number; readonly children: Child[] }>();

  constructor(engine: RunEngine) { this.#engine = engine }

  /** The runs above one, from the first of all, and then it and what it started, level by level. @throws
   *  RUN_NOT_FOUND */
  async of(runId: string): Promise<{ readonly above: readonly Kin[]; readonly runs: readonly Kin[];
    readonly more: boolean }> {
    const self = await this.#engine.row(runId), above: RunRow[] = [];
    for (let at = self.parentId; at !== null && above.length < MOST_ABOVE;) {
      const row = await this.#engine.store.run(at);
      if (row === undefined) break;
      above.unshift(row);
      at = row.parentId;
    }
    const kin: Kin[] = [];
    for (const [i, row] of [...above, self].entries()) kin.push({ row, parentId: row.parentId,
      key: await this.#keyIn(above[i - 1], row) });
    return { above: kin.slice(0, -1), ...await this.#below({ row: self, parentId: self.parentId,
      key: kin.at(-1)?.key }) };
  }

  async #below(first: Kin): Promise<{ readonly runs: readonly Kin[]; readonly more: boolean }> {
    const runs: Kin[] = [first], next: (Child & { readonly of: string })[] = [];
    const queue = async (of: string): Promise<void> => {
      next.push(...(await this.#children(of)).map((child) => ({ ...child, of })));
    };
    await queue(first.row.runId);
    for (let one = next.shift(); one !== undefined; one = next.shift()) {
      if (runs.length === MOST_RUNS) return { runs, more: true };
      const row = await this.#engine.store.run(one.id);
      if (row === undefined) continue;
      runs.push({ row, parentId: one.of, key: one.key });
      await queue(one.id);
    }
    return { runs, more: false };
  }

  async #keyIn(parent: RunRow | undefined, { runId }: RunRow): Promise<string | undefined> {
    return parent && (await this.#children(parent.runId)).find(({ id }) => id === runId)?.key;
  }

  async #children(runId: string): Promise<readonly Child[]> {
    const kept = this.#kept.get(runId) ?? { head: 0, children: [] };
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(runId, kept);
    for (const { firstSeq, count, events } of await this.#engine.rows(runId, kept.head + 1)) {
      // Another reading may have been faster.
      if (firstSeq !== kept.head + 1) continue;
      kept.head += count;
      // Few rows tell of a child: the others are not parsed.
      if (events.includes('"ChildStarted"')) kept.children.push(...childrenIn(runId, events));
    }
    return kept.children;
  }
}

function childrenIn(runId: string, text: string): readonly Child[] {
  let events: unknown;
  try { events = JSON.parse(text) } catch {
    throw new RepriseError("HISTORY_CORRUPT", `run ${runId}: a row is not JSON`,
      "Restore the run from a backup; see reprise db verify.");
  }
  const list: readonly unknown[] = Array.isArray(events) ? events : [];
  return list.flatMap((event) => typeof event === "object" && event !== null && "type" in event
    && event.type === "ChildStarted" && "childId" in event && typeof event.childId === "string"
    && "key" in event && typeof event.key === "string" ? [{ id: event.childId, key: event.key }] : []);
}
