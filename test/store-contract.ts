/** What every store keeps, as one suite: given a store, when ..., then .... */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { monotonicFactory } from "ulid";
import type { AppendRow, NewRun, Store } from "../engine/store/port.ts";
import { caching } from "./store-contract-cache.ts";
import { sending } from "./store-contract-sent.ts";

const ulid = monotonicFactory();
export const HOUR = 3_600_000;

export function newRun(fields: Partial<NewRun> = {}): NewRun {
  return { runId: ulid(), workflow: "wf", name: "fluffy-dodo", pool: "default", priority: 0, tags: [],
    codeVersion: "v1",
    appendId: randomUUID(), count: 1, events: '[{"type":"RunStarted","at":1}]', ...fields };
}
/** Claimed inline: RunStarted and RunClaimed, epoch 1, head 2. */
export function mine(worker: string, fields: Partial<NewRun> = {}): NewRun {
  return newRun({ worker, count: 2, events: '[{"type":"RunStarted","at":1},{"type":"RunClaimed","at":1}]', ...fields });
}
export function row(runId: string, firstSeq: number, previousSeq: number, fields: Partial<AppendRow> = {}): AppendRow {
  return { runId, firstSeq, previousSeq, count: 1, appendId: randomUUID(), epoch: 1,
    events: '[{"type":"Noted","at":2}]', ...fields };
}
export const claimOf = (worker: string, fields: object = {}): Parameters<Store["claim"]>[0] =>
  ({ worker, pools: ["default"], codeVersion: "v1", limit: 10, claimId: randomUUID(), ...fields });

export function storeContract(name: string, open: () => Promise<Store>, skip = false): void {
  describe.skipIf(skip)(`the ${name} store`, () => {
    let store: Store;
    let worker: string;
    const hired = async (): Promise<string> => {
      const id = `w-${ulid()}`;
      await store.register(id, HOUR, ["default"], { pid: 1 });
      return id;
    };
    beforeAll(async () => { store = await open(); worker = await hired() });
    afterAll(async () => { await store?.close() });
    const created = async (run: NewRun): Promise<string> => { await store.create(run); return run.runId };

    creating(() => ({ store, worker }));
    appending(() => ({ store, worker, created }));
    claiming(() => ({ store, hired, created }));
    mailing(() => ({ store, worker, created }));
    sending(() => ({ store, worker, hired, created }));
    keeping(() => ({ store, worker, created }));
    caching(() => ({ store, hired, created, mine, row }));
  });
}

function creating(given: () => { store: Store; worker: string }): void {
  test("creates a run once: a resend is mine, another append exists", async () => {
    const { store, worker } = given();
    const run = mine(worker);
    expect(await store.create(run)).toEqual({ result: "created", runId: run.runId });
    expect(await store.create(run)).toEqual({ result: "mine", runId: run.runId });
    expect(await store.create({ ...run, appendId: randomUUID() })).toEqual({ result: "exists", runId: run.runId });
    expect(await store.run(run.runId)).toMatchObject({ state: "running", owner: worker, ownerAlive: true, epoch: 1,
      asOf: 2 });
  });

  test("keeps an id unique per workflow, and frees it on replace", async () => {
    const { store } = given();
    const idempotencyKey = randomUUID(), first = newRun({ idempotencyKey }), second = newRun({ idempotencyKey });
    await store.create(first);
    expect(await store.create(second)).toEqual({ result: "exists", runId: first.runId });
    expect((await store.create(newRun({ idempotencyKey, workflow: "other" }))).result).toBe("created");
    expect(await store.create({ ...second, replace: true })).toEqual({ result: "created", runId: second.runId });
    expect((await store.run(first.runId))?.idempotencyKey).toBeNull();
  });
  test("lets one run try another again: a resend is mine, a second try is told which exists", async () => {
    const { store } = given(), tried = newRun(), again = newRun({ retryOf: tried.runId });
    await store.create(tried);
    expect(await store.create(again)).toEqual({ result: "created", runId: again.runId });
    expect(await store.create(again)).toEqual({ result: "mine", runId: again.runId });
    expect(await store.create(newRun({ retryOf: tried.runId }))).toEqual({ result: "exists", runId: again.runId });
    expect((await store.run(tried.runId))?.retriedAs).toBe(again.runId);
    expect((await store.listRuns({ idPrefix: again.runId }))[0]?.retriedAs, "of the newest").toBeNull();
  });
}

function appending(given: () => { store: Store; worker: string; created: (run: NewRun) => Promise<string> }): void {
  test("lands a row only behind its predecessor, of its own epoch, once", async () => {
    const { store, worker, created } = given();
    const runId = await created(mine(worker));
    const good = row(runId, 3, 1);
    expect(await store.append([good], [], [])).toEqual([runId]);
    expect(await store.append([good], [], []), "a resend").toEqual([]);
    expect(await store.standing([good])).toEqual([{ runId, firstSeq: 3, appendId: good.appendId }]);
    for (const [why, bad] of Object.entries({
      gap: row(runId, 5, 3), overlap: row(runId, 3, 1), "old epoch": row(runId, 4, 3, { epoch: 0 }),
      "newer epoch": row(runId, 4, 3, { epoch: 2 }), "no such run": row(ulid(), 3, 1),
        "not yet": row(runId, 4, 3, { notBefore: Date.now() + HOUR }),
    })) expect(await store.append([bad], [], []), why).toEqual([]);
    expect(await store.append([row(runId, 4, 3, { notBefore: Date.now() - 1000 })], [], [])).toEqual([runId]);
    expect((await store.read(runId, 1)).map(({ firstSeq, count }) => [firstSeq, count])).toEqual(
      [[1, 2], [3, 1], [4, 1]]);
    expect((await store.read(runId, 4)).map(({ firstSeq }) => firstSeq)).toEqual([4]);
    expect((await store.read(runId, 1, 1)).map(({ firstSeq }) => firstSeq), "the first row alone").toEqual([1]);
  });

  test("commits the rows of other runs though one is refused", async () => {
    const { store, worker, created } = given();
    const [a, b] = [await created(mine(worker)), await created(mine(worker))];
    expect(await store.append([row(a, 3, 1), row(b, 9, 7)], [{ runId: b, state: "completed", release: true }],
      [])).toEqual([a]);
    expect((await store.run(b))?.state).toBe("running");
  });

  test("ends a run: state, owner and readiness change with the row", async () => {
    const { store, worker, created } = given();
    const runId = await created(mine(worker));
    await store.append([row(runId, 3, 1)], [{ runId, state: "completed", release: true }], []);
    const ended = await store.run(runId);
    expect(ended).toMatchObject({ state: "completed", owner: null, readyAt: null, asOf: 3 });
    expect(ended?.endedAt).toBeGreaterThan(0);
    expect(await store.claim(claimOf(worker, { runs: [runId], evenIfNotReady: true }))).toEqual([]);
  });

  test("brings back every text as it was: NUL, lone surrogates, the order of keys", async () => {
    const { store, worker, created } = given();
    const events = JSON.stringify([{ type: "Noted", at: 2, z: "\u0000 \ud800 \u{1f980}", a: { b: 1, "10": 2 } }]);
    const runId = await created(mine(worker));
    await store.append([row(runId, 3, 1, { events })], [], []);
    expect((await store.read(runId, 3))[0]?.events).toBe(events);
  });
}

function claiming(given: () => { store: Store; hired: () => Promise<string>;
  created: (run: NewRun) => Promise<string> }): void {
  test("gives a ready run to one worker, with its RunClaimed in the log", async () => {
    const { store, hired, created } = given();
    const pool = randomUUID(), runId = await created(newRun({ pool })), [a, b] = [await hired(), await hired()];
    const both =
      await Promise.all([store.claim(claimOf(a, { pools: [pool] })), store.claim(claimOf(b, { pools: [pool] }))]);
    expect(both.flat()).toMatchObject([{ runId, workflow: "wf", epoch: 1, head: 2, mailHead: 0, crashes: 0 }]);
    const [, claimed] = await store.read(runId, 1);
    expect(JSON.parse(claimed?.events ?? "")).toMatchObject([{ type: "RunClaimed", epoch: 1, codeVersion: "v1" }]);
  });

  test("claims and sweeps at an instant that is never below that of the event before", async () => {
    const { store, hired, created } = given();
    const [dead, second] = [await hired(), await hired()], at = Math.ceil(await store.now()) + HOUR;
    const runId = await created(mine(dead));
    await store.append([row(runId, 3, 1, { events: JSON.stringify([{ type: "Noted", at }]) })], [], []);
    await store.retire(dead);
    await store.sweep(9, 1000, randomUUID());
    await store.claim(claimOf(second, { runs: [runId], evenIfNotReady: true }));
    const events = (await store.read(runId, 4)).flatMap((one) => JSON.parse(one.events) as { at: number }[]);
    expect(events.map((event) => event.at)).toEqual([at, at]);
  });

  test("gives nothing to a worker without a lease, nor what is not due, nor another pool's", async () => {
    const { store, hired, created } = given();
    const pool = randomUUID(), runId = await created(newRun({ pool, readyAt: Date.now() + HOUR })),
      worker = await hired();
    expect((await store.run(runId))?.state).toBe("scheduled");
    expect(await store.claim(claimOf(worker, { pools: [pool] }))).toEqual([]);
    await created(newRun({ pool }));
    expect(await store.claim(claimOf("nobody", { pools: [pool] }))).toEqual([]);
    expect(await store.claim(claimOf(worker, { pools: ["elsewhere"] }))).toEqual([]);
    expect(await store.claim(claimOf(worker, { pools: [pool], workflows: ["other"] }))).toEqual([]);
    expect(await store.claim(claimOf(worker, { pools: [pool], runs: [runId], evenIfNotReady: true }))).toHaveLength(1);
  });

  test("takes the runs of a dead worker back, fences it, and parks what kills its workers", async () => {
    const { store, hired, created } = given();
    const dead = `w-${ulid()}`;
    await store.register(dead, HOUR, ["default"], {});
    const pool = randomUUID(), runId = await created(mine(dead, { pool })), sure = await created(mine(dead, { pool }));
    await store.retire(dead);
    const swept = await store.sweep(2, 1000, randomUUID());
    expect(swept.map((one) => one.runId)).toEqual(expect.arrayContaining([runId, sure]));
    expect(await store.append([row(runId, 3, 1), row(runId, 4, 3)].slice(0, 1), [], []),
      "a zombie's append").toEqual([]);
    expect(await store.run(runId)).toMatchObject({ state: "pending", owner: null, epoch: 2, crashes: 1, asOf: 3 });
    expect(await store.heartbeat(dead, HOUR)).toMatchObject({ alive: false });
    const second = await hired();
    await store.claim(claimOf(second, { pools: [pool], runs: [runId], evenIfNotReady: true }));
    await store.retire(second);
    await store.sweep(2, 1000, randomUUID());
    expect(await store.run(runId)).toMatchObject({ parked: "QUARANTINED", owner: null, readyAt: null, crashes: 2 });
  });

  test("keeps a parked run from the code version that parked it, and gives it to another", async () => {
    const { store, hired, created } = given();
    const worker = await hired(), runId = await created(mine(worker));
    await store.append([row(runId, 3, 1)],
      [{ runId, state: "parked", parked: "REPLAY_DIVERGED", release: true, excludeVersion: "v1" }], []);
    const named = { runs: [runId], evenIfNotReady: true };
    expect(await store.claim(claimOf(worker, named))).toEqual([]);
    expect(await store.claim(claimOf(worker, { ...named, codeVersion: "v2" }))).toMatchObject(
      [{ runId, epoch: 2, head: 4 }]);
    await store.append([row(runId, 5, 4, { epoch: 2 })], [{ runId, parked: null, state: "running" }], []);
    expect(await store.run(runId)).toMatchObject({ parked: null, state: "running" });
  });
}

function mailing(given: () => { store: Store; worker: string; created: (run: NewRun) => Promise<string> }): void {
  test("numbers mail in commit order, takes each key once, and refuses what has ended", async () => {
    const { store, worker, created } = given();
    const runId = await created(mine(worker));
    const post = (dedupe: string): ReturnType<Store["post"]> =>
      store.post({ runId, dedupe, kind: "signal", payload: '"x"' });
    expect([await post("a"), await post("b"), await post("a")]).toEqual(["ok", "ok", "duplicate"]);
    expect((await store.mail(runId, 0)).map(({ n, dedupe }) => [n, dedupe])).toEqual([[1, "a"], [2, "b"]]);
    expect(await store.mail(runId, 1)).toHaveLength(1);
    expect(await store.due(worker)).toEqual(expect.arrayContaining([{ runId, mailHead: 2 }]));
    expect((await store.due(worker)).filter((one) => one.runId === runId)).toEqual([]);
    await store.append([row(runId, 3, 1)], [{ runId, state: "failed", release: true }], []);
    expect([await post("c"), await post("b")]).toEqual(["finished", "duplicate"]);
    expect(await store.post({ runId: ulid(), dedupe: "a", kind: "signal", payload: null })).toBe("no_run");
  });

  test("loses no wake-up: mail that came before the run was given up makes it ready at once", async () => {
    const { store, worker, created } = given();
    const runId = await created(mine(worker));
    await store.post({ runId, dedupe: "a", kind: "signal", payload: null });
    await store.append([row(runId, 3, 1)],
      [{ runId, state: "waiting", release: true, mailRead: 0, wakeAt: Date.now() + HOUR }], []);
    expect((await store.run(runId))?.readyAt).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test("wakes a parked run by control mail only", async () => {
    const { store, worker, created } = given();
    const runId = await created(mine(worker));
    await store.append([row(runId, 3, 1)], [{ runId, state: "parked", parked: "X", release: true }], []);
    await store.post({ runId, dedupe: "a", kind: "signal", payload: null });
    expect((await store.run(runId))?.readyAt).toBeNull();
    await store.post({ runId, dedupe: "b", kind: "cancel", payload: null, control: true });
    expect((await store.run(runId))?.readyAt).not.toBeNull();
  });

  test("hastens a run that is due later by control mail only", async () => {
    const { store, created } = given();
    const readyAt = Date.now() + HOUR, runId = await created(newRun({ readyAt }));
    await store.post({ runId, dedupe: "a", kind: "signal", payload: null });
    expect((await store.run(runId))?.readyAt).toBe(readyAt);
    await store.post({ runId, dedupe: "b", kind: "cancel", payload: null, control: true });
    expect((await store.run(runId))?.readyAt).toBeLessThan(readyAt);
  });
}

function keeping(given: () => { store: Store; worker: string; created: (run: NewRun) => Promise<string> }): void {
  test("says how many rows a table has, also before anything has counted them", async () => {
    const { store, created } = given();
    await created(newRun());
    const { bytes, tables } = await store.size(), counted = await store.countRuns();
    expect(bytes).toBeGreaterThan(0);
    const rowsOf = (name: string): number => tables.find((table) => table.name === name)?.rows ?? 0;
    for (const name of ["runs", "history"]) expect(rowsOf(name)).toBeGreaterThan(0);
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(0);
  });
  test("lists runs newest first by every filter, page by page", async () => {
    const { store, created } = given();
    const workflow = randomUUID(), ids: string[] = [];
    for (let i = 0; i < 5;
      i++) ids.push(await created(newRun({ workflow, name: `run-${i}`, tags: i === 2 ? ["odd"] : [] })));
    const found = async (filter: object): Promise<string[]> =>
      (await store.listRuns({ workflow, ...filter })).map(({ runId }) => runId);
    expect(await found({})).toEqual([...ids].reverse());
    const page = await found({ limit: 2 });
    expect(await found({ limit: 2, before: page.at(-1) })).toEqual([ids[2], ids[1]]);
    expect(await found({ tag: "odd" })).toEqual([ids[2]]);
    expect(await found({ name: "run-3" })).toEqual([ids[3]]);
    expect(await found({ idPrefix: ids[1] })).toEqual([ids[1]]);
    expect(await found({ states: ["completed"] })).toEqual([]);
    expect(await found({ parked: true })).toEqual([]);
  });

  test("finds runs by worker, version and duration, newest, oldest or longest first, between two ids", async () => {
    const { store, worker, created } = given();
    const workflow = randomUUID(), ids: string[] = [];
    for (let i = 0; i < 6; i++) {
      ids.push(await created(i < 3 ? mine(worker, { workflow, codeVersion: `own-${i}` }) : newRun({ workflow })));
    }
    const found = async (search: object): Promise<number[]> => (await store.findRuns({ workflow, ...search }))
      .map(({ runId }) => ids.indexOf(runId));
    const done = async (i: number): Promise<void> => { await store.append([row(ids[i] ?? "", 3, 1)],
      [{ runId: ids[i] ?? "", state: "completed", release: true }], []) };
    await done(2);
    expect(await found({})).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await found({ order: "oldest", limit: 2 })).toEqual([0, 1]);
    expect(await found({ order: "oldest", limit: 2, after: ids[1] })).toEqual([2, 3]);
    expect(await found({ before: ids[3], after: ids[0] })).toEqual([2, 1]);
    expect(await found({ owner: worker })).toEqual([1, 0]);
    expect(await found({ codeVersion: "own-1" })).toEqual([1]);
    expect(await found({ states: ["running", "completed"], order: "oldest" })).toEqual([0, 1, 2]);
    expect(await found({ states: ["running", "completed"], order: "oldest", after: ids[0], limit: 1 })).toEqual([1]);
    expect(await found({ states: ["pending"], before: ids[5] })).toEqual([4, 3]);
    expect(await found({ tookMs: HOUR })).toEqual([]);
    expect(await found({ tookMs: 0, parked: false, states: ["completed"] })).toEqual([2]);
    expect((await found({ order: "longest" })).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    const longest = await store.findRuns({ workflow, order: "longest" }), now = await store.now();
    const took = longest.map(({ createdAt, endedAt }) => (endedAt ?? now) - createdAt);
    expect(took).toEqual(took.toSorted((a, b) => b - a));
  });

  test("lists runs of several states, parked or not, merged newest first, page by page", async () => {
    const { store, worker, created } = given();
    const workflow = randomUUID(), ends = ["completed", "running", "parked", "failed"] as const;
    const ids = { completed: [] as string[], running: [] as string[], parked: [] as string[], failed: [] as string[] };
    for (let i = 0; i < 12; i++) {
      const runId = await created(mine(worker, { workflow })), end = ends[i % 4] ?? "running";
      ids[end].push(runId);
      if (end === "running") continue;
      await store.append([row(runId, 3, 1)], [end === "parked" ? { runId, parked: "X", release: true }
        : { runId, state: end, release: true }], []);
    }
    const newest = (...kinds: (keyof typeof ids)[]): string[] => kinds.flatMap((kind) => ids[kind]).sort().reverse();
    const found = async (filter: object): Promise<string[]> =>
      (await store.listRuns({ workflow, ...filter })).map(({ runId }) => runId);
    expect(await found({ states: ["failed", "completed"] })).toEqual(newest("failed", "completed"));
    expect(await found({ states: ["failed", "failed", "scheduled"] })).toEqual(newest("failed"));
    expect(await found({ states: ["running"], parked: false })).toEqual(newest("running"));
    expect(await found({ states: ["running"] }), "a parked run has a state beside")
      .toEqual(newest("running", "parked"));
    expect(await found({ parked: true })).toEqual(newest("parked"));
    expect(await found({ parked: false })).toEqual(newest("completed", "running", "failed"));
    const all = newest("failed", "completed"), pages: string[] = [];
    for (let before: string | undefined; pages.length < all.length; before = pages.at(-1)) {
      const page = await found({ states: ["completed", "failed"], limit: 4, ...(before !== undefined && { before }) });
      expect(page.length).toBeGreaterThan(0);
      pages.push(...page);
    }
    expect(pages).toEqual(all);
    expect(await found({ states: ["completed"], before: ids.completed[0] })).toEqual([]);
  });

  test("counts runs by state, the parked apart", async () => {
    const { store, worker, created } = given();
    const before = await store.countRuns();
    const [done, parked] = [await created(mine(worker)), await created(mine(worker))];
    await created(mine(worker));
    await created(newRun({ readyAt: Date.now() + HOUR }));
    await store.append([row(done, 3, 1), row(parked, 3, 1)], [{ runId: done, state: "completed", release: true },
      { runId: parked, parked: "X", release: true }], []);
    const now = await store.countRuns();
    const more = (state: string, apart: boolean): number => [now, before].map((counts) =>
      counts.find((one) => one.state === state && one.parked === apart)?.count ?? 0).reduce((a, b) => a - b);
    expect([more("completed", false), more("running", true), more("running", false), more("scheduled", false)])
      .toEqual([1, 1, 1, 1]);
    expect(more("completed", true)).toBe(0);
  });

  test("tells the slot keys of runs that have not ended, with how many have their turn and how many wait", async () => {
    const { store, worker, created } = given(), key = randomUUID();
    const first = await created(mine(worker, { slotKey: key, slotMax: 1 }));
    for (const slotMax of [1, 2]) await created(newRun({ slotKey: key, slotMax, workflow: "turns" }));
    const told = async (): Promise<unknown> => (await store.turnKeys()).filter(({ slotKey }) => slotKey === key)
      .map(({ max, held, waiting }) => ({ max, all: held + waiting }));
    expect(await told()).toEqual([{ max: 2, all: 3 }]);
    const { held } = (await store.turnKeys()).find(({ slotKey }) => slotKey === key) ?? { held: 0 };
    expect(held).toBe((await store.turns(key)).filter((one) => one.held).length);
    await store.append([row(first, 3, 1)], [{ runId: first, state: "completed", release: true }], []);
    expect(await told()).toEqual([{ max: 2, all: 2 }]);
  });

  test("keeps logs in order, large values by hash, and sources by version", async () => {
    const { store, worker, created } = given();
    const runId = await created(mine(worker));
    await store.writeLogs([{ runId, seq: 1, at: 5, level: "info", message: "one\u0000" },
      { runId, seq: 1, at: 4, level: "warn", message: "two", key: "task:a#0", attempt: 1, data: "{}" }]);
    expect((await store.readLogs(runId)).map(({ message }) => message.slice(0, 3))).toEqual(["one", "two"]);
    const calm = await created(mine(worker)), bad = await created(mine(worker));
    await store.writeLogs((["info", "error", "critical", "warn", "debug", "error"] as const).map((level) =>
      ({ runId: bad, seq: 1, at: 5, level, message: "m" })));
    expect((await store.countLogs([calm, bad, runId])).toSorted((a, b) => b.errors - a.errors)).toEqual([
      { runId: bad, warnings: 1, errors: 3 }, { runId, warnings: 1, errors: 0 }]);
    expect(await store.countLogs([])).toEqual([]);
    await store.putPayloads([{ hash: "h1", text: "large" }]);
    await store.putPayloads([{ hash: "h1", text: "large" }]);
    expect(await store.getPayloads(["h1", "none"])).toEqual([{ hash: "h1", text: "large" }]);
    await store.putSources({ codeVersion: "v9", files: { "a.ts": "f1" } }, [{ hash: "f1", text: "source" }]);
    expect(await store.getSources("v9")).toEqual({ "a.ts": "source" });
    expect(await store.getSources("none")).toBeUndefined();
  });
}
