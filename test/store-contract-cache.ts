/** What every store keeps of results that tasks share across runs; part of the contract suite. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { AppendRow, NewRun, Store } from "../engine/store/port.ts";

interface Given { readonly store: Store; readonly hired: () => Promise<string>;
  readonly created: (run: NewRun) => Promise<string>; readonly mine: (worker: string) => NewRun;
  readonly row: (runId: string, firstSeq: number, previousSeq: number) => AppendRow }

/** Given a store, when runs ask for the result of one key, ... */
export function caching(given: () => Given): void {
  const place = (runId: string, fields: object = {}): Parameters<Store["cacheTake"]>[0] =>
    ({ task: "a.ts#fetch", key: "k", call: "task:fetch#0", runId, epoch: 1, single: true, ...fields });

  test("keeps a result under its task and key until it expires, and replaces it", async () => {
    const { store } = given(), task = `a.ts#${randomUUID()}`, one = place("R1", { task, single: false });
    expect(await store.cacheTake(one)).toEqual({ state: "mine" });
    await store.cachePut({ ...one, result: '{"p":"äb\\u0000"}' });
    expect(await store.cacheTake(place("R2", { task }))).toMatchObject(
      { state: "hit", runId: "R1", call: "task:fetch#0", result: '{"p":"äb\\u0000"}' });
    expect(await store.cacheTake({ ...one, key: "other" })).toEqual({ state: "mine" });
    await store.cachePut({ ...place("R3", { task }), result: null, ttlMs: 3_600_000 });
    expect(await store.cacheTake(one)).toMatchObject({ state: "hit", runId: "R3", result: null });
    await store.cachePut({ ...place("R4", { task }), result: '{"p":1}', ttlMs: 0 });
    expect(await store.cacheTake(one)).toEqual({ state: "mine" });
    expect(await store.cacheList({ task })).toMatchObject(
      [{ task, key: "k", runId: "R4", call: "task:fetch#0", expired: true, size: 7 }]);
  });

  test("forgets what expired more than a day ago and keys that nobody made, when it sweeps", async () => {
    const { store, hired, created, mine } = given(), task = `a.ts#${randomUUID()}`, days = -2 * 86_400_000;
    const runId = await created(mine(await hired()));
    for (const [key, ttlMs] of [["old", days], ["just", 0], ["good", 3_600_000], ["taken", days]] as const) {
      await store.cachePut({ ...place("R", { task, key }), result: null, ttlMs });
    }
    await store.cachePut({ ...place("R", { task, key: "for ever" }), result: null });
    expect(await store.cacheTake(place(runId, { task, key: "taken" }))).toEqual({ state: "mine" });
    expect(await store.cacheTake(place(runId, { task, key: "being made" }))).toEqual({ state: "mine" });
    for (let i = 0; i < 60; i++) await store.sweep(5, 10, randomUUID());
    expect((await store.cacheList({ task })).map(({ key }) => key).sort())
      .toEqual(["for ever", "good", "just", "taken"]);
    for (const key of ["taken", "being made"]) {
      expect(await store.cacheTake(place("R9", { task, key })), key).toMatchObject({ state: "busy", runId });
      await store.cacheFree(place(runId, { task, key }));
    }
    for (let i = 0; i < 60; i++) await store.sweep(5, 10, randomUUID());
    expect((await store.cacheList({ task })).map(({ key }) => key).sort()).toEqual(["for ever", "good", "just"]);
  });

  test("lets one call at a time make a result, and tells the others whose it is", async () => {
    const { store, hired, created, mine } = given(), task = `a.ts#${randomUUID()}`;
    const worker = await hired(), runId = await created(mine(worker)), other = await created(mine(worker));
    expect(await store.cacheTake(place(runId, { task }))).toEqual({ state: "mine" });
    expect(await store.cacheTake(place(runId, { task })), "the answer was lost").toEqual({ state: "mine" });
    expect(await store.cacheTake(place(other, { task }))).toEqual(
      { state: "busy", runId, call: "task:fetch#0" });
    expect(await store.cacheTake(place(runId, { task, call: "task:fetch#1" }))).toMatchObject({ state: "busy" });
    expect(await store.cacheTake(place(other, { task, single: false }))).toEqual({ state: "mine" });
    await store.cacheFree({ ...place(other, { task }) });
    expect(await store.cacheTake(place(other, { task })), "freed by another").toMatchObject({ state: "busy" });
    await store.cacheFree({ ...place(runId, { task }) });
    expect(await store.cacheTake(place(other, { task }))).toEqual({ state: "mine" });
    await store.cachePut({ ...place(other, { task }), result: '{"p":2}' });
    expect(await store.cacheTake(place(runId, { task }))).toMatchObject({ state: "hit", runId: other });
  });

  test("tells one of many that ask at once to make it", async () => {
    const { store, hired, created, mine } = given(), task = `a.ts#${randomUUID()}`;
    const worker = await hired();
    const runs = await Promise.all(Array.from({ length: 12 }, () => created(mine(worker))));
    const answers = await Promise.all(runs.map((runId) => store.cacheTake(place(runId, { task }))));
    expect(answers.map(({ state }) => state).sort()).toEqual([...Array<string>(11).fill("busy"), "mine"]);
    const [maker] = runs.filter((_, i) => answers[i]?.state === "mine");
    for (const answer of answers) if (answer.state === "busy") expect(answer.runId).toBe(maker);
  });

  test("leaves no flight behind a worker that died, or a run that was given up or taken over", async () => {
    const { store, hired, created, mine, row } = given(), task = `a.ts#${randomUUID()}`;
    const first = await hired(), second = await hired();
    const dying = await created(mine(first)), ending = await created(mine(second)), waiting =
      await created(mine(second));
    expect(await store.cacheTake(place(dying, { task }))).toEqual({ state: "mine" });
    expect(await store.cacheTake(place(waiting, { task }))).toMatchObject({ state: "busy", runId: dying });
    await store.retire(first);
    expect(await store.cacheTake(place(ending, { task }))).toEqual({ state: "mine" });
    expect(await store.cacheTake(place(waiting, { task }))).toMatchObject({ state: "busy", runId: ending });
    await store.append([row(ending, 3, 1)], [{ runId: ending, state: "waiting", release: true }], []);
    expect(await store.cacheTake(place(waiting, { task }))).toEqual({ state: "mine" });
    await store.claim({ worker: second, pools: ["default"], codeVersion: "v1", limit: 1, claimId: randomUUID(),
      runs: [ending], evenIfNotReady: true });
    expect(await store.cacheTake(place(ending, { task, epoch: 2 }))).toMatchObject({ state: "busy", runId: waiting });
    expect(await store.cacheTake(place(waiting, { task, epoch: 0 })), "its own former owner").toMatchObject(
      { state: "busy", runId: waiting });
  });

  test("deletes entries by task, by key, and those that have expired", async () => {
    const { store } = given(), name = randomUUID(), task = `a.ts#${name}`;
    for (const key of ["one", "two", "old"]) {
      await store.cachePut({ ...place("R", { task, key }), result: null, ...(key === "old" && { ttlMs: 0 }) });
    }
    expect((await store.cacheList({ task: name })).map(({ key }) => key).sort(), "by the name alone")
      .toEqual(["old", "one", "two"]);
    expect(await store.cacheRemove({ task, expired: true })).toBe(1);
    expect(await store.cacheRemove({ task: name, key: "one" })).toBe(1);
    expect((await store.cacheList({ task, limit: 1 })).map(({ key }) => key)).toEqual(["two"]);
    expect(await store.cacheRemove({ task })).toBe(1);
    expect(await store.cacheList({ task })).toEqual([]);
  });
}
