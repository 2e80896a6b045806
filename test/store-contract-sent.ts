/** What leaves with an append, as one suite for every store: mail, runs that are made, mail that moves on. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { monotonicFactory } from "ulid";
import type { AppendRow, NewRun, SentMail, Store } from "../engine/store/port.ts";
import { claimOf, HOUR, mine, newRun, row } from "./store-contract.ts";

const ulid = monotonicFactory();
const letter = (from: string, runId: string, dedupe: string, fields: Partial<SentMail> = {}): SentMail =>
  ({ from, runId, dedupe, kind: "signal", payload: `"${dedupe}"`, ...fields });

/** Adds the tests to the suite that is being defined. */
export function sending(given: () => { store: Store; worker: string; hired: () => Promise<string>;
  created: (run: NewRun) => Promise<string> }): void {
  test("mail leaves with its append, numbered like any other, each key once, and makes its run ready", async () => {
    const { store, worker, created } = given();
    const [a, b] = [await created(mine(worker)), await created(mine(worker))];
    await store.post({ runId: b, dedupe: "x", kind: "signal", payload: null });
    await store.due(worker);
    expect(await store.append([row(a, 3, 1)], [], [letter(a, b, "y"), letter(a, b, "x"), letter(a, b, "z")]))
      .toEqual([a]);
    expect((await store.mail(b, 0)).map(({ n, dedupe, payload }) => [n, dedupe, payload])).toEqual(
      [[1, "x", null], [2, "y", '"y"'], [3, "z", '"z"']]);
    expect(await store.run(b)).toMatchObject({ mailHead: 3 });
    expect(await store.due(worker)).toEqual(expect.arrayContaining([{ runId: b, mailHead: 3 }]));
  });

  test("mail to a run that has ended, or to none, is dropped and its append lands", async () => {
    const { store, worker, created } = given();
    const [a, over] = [await created(mine(worker)), await created(mine(worker))];
    await store.append([row(over, 3, 1)], [{ runId: over, state: "completed", release: true }], []);
    expect(await store.append([row(a, 3, 1)], [], [letter(a, over, "late"), letter(a, ulid(), "nowhere")]))
      .toEqual([a]);
    expect(await store.mail(over, 0)).toEqual([]);
  });

  test("mail to a chain goes to its last link, also over several; what its first link had by that key is no news",
    async () => {
    const { store, worker, created } = given();
    const [a, first, second, last] = [await created(mine(worker)), await created(mine(worker)),
      await created(mine(worker)), await created(mine(worker))];
    await store.post({ runId: first, dedupe: "known", kind: "signal", payload: null });
    const goOn = (from: string, nextId: string): Promise<readonly string[]> => store.append(
      [row(from, 3, 1, { count: 2, events: JSON.stringify([{ type: "Noted", at: 2 },
        { type: "RunContinued", at: 3, nextId }]) })], [{ runId: from, state: "completed", release: true }], []);
    await goOn(first, second);
    await goOn(second, last);
    await store.append([row(a, 3, 1)], [], [letter(a, first, "new"), letter(a, first, "known"),
      letter(a, second, "stop", { kind: "cancel", control: true })]);
    expect((await store.mail(last, 0)).map(({ dedupe, kind }) => [dedupe, kind])).toEqual(
      [["new", "signal"], ["stop", "cancel"]]);
    expect(await store.mail(second, 0)).toEqual([]);
  });

  test("mail to a run that is tried again goes to the next try", async () => {
    const { store, worker, created } = given();
    const [a, first, next] = [await created(mine(worker)), await created(mine(worker)), await created(mine(worker))];
    await store.append([row(first, 3, 1, { events: JSON.stringify([{ type: "RunFailed", at: 2, retriedAs: next }]) })],
      [{ runId: first, state: "failed", release: true }], []);
    await store.append([row(a, 3, 1)], [], [letter(a, first, "stop", { kind: "cancel", control: true })]);
    expect((await store.mail(next, 0)).map(({ dedupe, kind }) => [dedupe, kind])).toEqual([["stop", "cancel"]]);
  });

  test("mail to an own id goes to the run that has it; where those of two workflows do, to none", async () => {
    const { store, worker, created } = given(), [one, both] = [randomUUID(), randomUUID()];
    const a = await created(mine(worker)), named = await created(newRun({ idempotencyKey: one }));
    const two = [await created(newRun({ idempotencyKey: both })),
      await created(newRun({ idempotencyKey: both, workflow: "other" }))];
    expect(await store.append([row(a, 3, 1)], [], [letter(a, one, "x"), letter(a, both, "y")])).toEqual([a]);
    expect((await store.mail(named, 0)).map(({ dedupe }) => dedupe)).toEqual(["x"]);
    for (const runId of two) expect(await store.mail(runId, 0)).toEqual([]);
  });

  test("a run is made with its append: free for a claim, or its worker's from its first row on", async () => {
    const { store, worker, hired, created } = given();
    const a = await created(mine(worker)), pool = randomUUID();
    const free = newRun({ pool, parentId: a, rootId: a }), held = mine(worker, { parentId: a, rootId: a });
    await store.append([row(a, 3, 1)], [], [{ from: a, create: free }, { from: a, create: held },
      letter(a, held.runId, "first", { kind: "cancel", control: true })]);
    expect(await store.run(free.runId)).toMatchObject({ state: "pending", owner: null, epoch: 0, parentId: a,
      rootId: a });
    expect(await store.run(held.runId)).toMatchObject({ state: "running", owner: worker, epoch: 1, asOf: 2,
      mailHead: 1 });
    expect(await store.owned(worker)).toEqual(expect.arrayContaining([{ runId: held.runId, epoch: 1 }]));
    const other = await hired();
    expect(await store.claim(claimOf(other, { pools: [pool], runs: [a] })), "by its root").toMatchObject(
      [{ runId: free.runId, epoch: 1, head: 2 }]);
    expect(await store.append([row(held.runId, 3, 1)], [], [])).toEqual([held.runId]);
  });

  test("a refused append makes no run, sends nothing and moves nothing; a resend of one that landed neither",
    async () => {
    const { store, worker, created } = given();
    const [a, b, next] = [await created(mine(worker)), await created(mine(worker)), await created(mine(worker))];
    await store.post({ runId: a, dedupe: "unread", kind: "signal", payload: null });
    const child = newRun(), good = row(a, 3, 1);
    const all = (from: string, append: AppendRow): Promise<readonly string[]> => store.append([append, row(b, 9, 7)],
      [], [{ from, create: child }, letter(from, b, randomUUID()), { from, moveTo: next }]);
    for (const bad of [row(a, 3, 1, { epoch: 0 }), row(a, 5, 3), row(a, 3, 1, { notBefore: Date.now() + HOUR })]) {
      expect(await all(a, bad)).toEqual([]);
    }
    expect(await all(b, good), "the sender's own row is what counts").toEqual([a]);
    expect([await store.run(child.runId), await store.mail(b, 0), await store.mail(next, 0)]).toEqual(
      [undefined, [], []]);
    const again = row(a, 4, 3);
    await store.append([again], [], [{ from: a, create: child }]);
    expect(await store.append([again], [], [{ from: a, create: { ...child, appendId: randomUUID() } },
      letter(a, b, "twice")]), "a resend").toEqual([]);
    expect([(await store.read(child.runId, 1))[0]?.appendId, await store.mail(b, 0)]).toEqual([child.appendId, []]);
  });

  test("a run that is there already stays as it is, and its append lands", async () => {
    const { store, worker, created } = given();
    const a = await created(mine(worker)), child = newRun();
    await store.create(child);
    expect(await store.append([row(a, 3, 1)], [], [{ from: a, create: { ...child, name: "other",
      appendId: randomUUID() } }])).toEqual([a]);
    expect((await store.run(child.runId))?.name).toBe(child.name);
  });

  test("mail that was not read moves on, in order and with its keys; what was read stays", async () => {
    const { store, worker, created } = given();
    const from = await created(mine(worker));
    for (const key of ["read", "one", "two"]) {
      await store.post({ runId: from, dedupe: key, kind: "signal", payload: `"${key}"` });
    }
    const next = mine(worker);
    await store.append([row(from, 3, 1)], [{ runId: from, state: "completed", release: true, mailRead: 1 }],
      [{ from, create: next }, letter(from, next.runId, "kept"), { from, moveTo: next.runId }]);
    expect((await store.mail(next.runId, 0)).map(({ n, dedupe, payload }) => [n, dedupe, payload])).toEqual(
      [[1, "kept", '"kept"'], [2, "one", '"one"'], [3, "two", '"two"']]);
    expect(await store.post({ runId: next.runId, dedupe: "two", kind: "signal", payload: null })).toBe("duplicate");
    expect(await store.post({ runId: from, dedupe: "two", kind: "signal", payload: null })).toBe("duplicate");
  });

  test("mail that moves on hastens a run that is due later only where it is control mail", async () => {
    const { store, worker, created } = given();
    const readyAt = Date.now() + HOUR;
    for (const [kind, hastened] of [["signal", false], ["cancel", true]] as const) {
      const from = await created(mine(worker)), next = newRun({ readyAt });
      await store.post({ runId: from, dedupe: "unread", kind, payload: null, control: hastened });
      await store.append([row(from, 3, 1)], [{ runId: from, state: "failed", release: true }],
        [{ from, create: next }, { from, moveTo: next.runId }]);
      expect((await store.run(next.runId))?.readyAt === readyAt, kind).toBe(!hastened);
    }
  });

  test("many senders at once to one run: each letter has a place of its own", async () => {
    const { store, worker, created } = given();
    const to = await created(mine(worker));
    const senders = await Promise.all(Array.from({ length: 12 }, () => created(mine(worker))));
    await Promise.all(senders.map((from, i) => i % 3 === 0
      ? store.post({ runId: to, dedupe: from, kind: "signal", payload: null })
      : store.append([row(from, 3, 1)], [], [letter(from, to, from), letter(from, senders[0] ?? "", from)])));
    expect((await store.mail(to, 0)).map(({ n }) => n)).toEqual(senders.map((_, i) => i + 1));
    expect(new Set((await store.mail(to, 0)).map(({ dedupe }) => dedupe))).toEqual(new Set(senders));
  });
}
