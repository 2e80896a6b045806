/** Runs that runs have started, as their histories tell it. */
import type { RunEngine, RunRow } from "../../engine/index.ts";
import { Grown, type StoredEvent } from "./grown.ts";

/** Runs of a tree that are told at most, those above included apart. */
export const MOST_RUNS = 200;
const MOST_ABOVE = 50;

interface Child { readonly id: string; readonly key: string }
/** What a run has started: its children in order, and the next link of its chain. */
export interface Offspring { readonly children: readonly Child[]; readonly continuedAs: string | undefined }
/** A run, the one under which it stands, and the call of that one. A fork has its children from the run that it came
 *  from, so that they may name another parent. */
export interface Kin { readonly row: RunRow; readonly parentId: string | null; readonly key: string | undefined }

/** Families of the runs of one engine. */
export class Families {
  readonly #engine: RunEngine;
  readonly #born: Grown<Born>;

  constructor(engine: RunEngine) {
    this.#engine = engine;
    this.#born = new Grown<Born>(engine, () => ({ children: [], continuedAs: undefined }), addBirth);
  }

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

  /** Of one run, not of those below it. Few rows of a history tell of a birth, and only those are looked into. */
  offspring(runId: string): Promise<Offspring> { return this.#born.of(runId, BIRTH) }
  async #children(runId: string): Promise<readonly Child[]> { return (await this.offspring(runId)).children }
}

const BIRTH = /"(?:ChildStarted|RunContinued)"/;
interface Born { readonly children: Child[]; continuedAs: string | undefined }
function addBirth(born: Born, { type, childId, key, nextId }: StoredEvent): void {
  if (type === "ChildStarted" && typeof childId === "string" && typeof key === "string") {
    born.children.push({ id: childId, key });
  }
  if (type === "RunContinued" && typeof nextId === "string") born.continuedAs = nextId;
}
