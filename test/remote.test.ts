/** The store behind a local socket: the same contract, and what only a socket can do wrong. */
import { randomUUID } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openStore, type Store } from "../engine/index.ts";
import { withFaults, type FaultPlan } from "../engine/store/faults.ts";
import { holderOf, lockDirectory } from "../engine/store/lock.ts";
import { openMemoryStore } from "../engine/store/memory.ts";
import { openRemoteStore } from "../engine/store/remote.ts";
import { serveStore, type StoreServer } from "../engine/store/remote-server.ts";
import { socketFor } from "../engine/store/remote-socket.ts";
import { frame, FrameReader, hello } from "../engine/store/remote-wire.ts";
import { newRun, storeContract } from "./store-contract.ts";

const folder = mkdtempSync(join(tmpdir(), "reprise-remote-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }) });
let sockets = 0;
const socket = (): string => join(folder, `${++sockets}.sock`);
const client = (address: string): Promise<Store> =>
  openRemoteStore({ location: folder, find: async () => address });

/** A served store and a client of it; closing the client closes all. */
async function served(store: Store): Promise<{ readonly store: Store; readonly server: StoreServer }> {
  const server = await serveStore(store, socket()), remote = await client(server.address);
  const close = async (): Promise<void> => { await remote.close(); await server.close(); await store.close() };
  return { server, store: { ...remote, close } };
}

storeContract("remote, over memory,", async () => (await served(openMemoryStore())).store);
storeContract("remote, over PGlite,", async () => {
  const directory = join(folder, "contract"), holder = await openStore(directory, { serve: true });
  const remote = await openStore(directory);
  expect([holder.kind, remote.kind]).toEqual(["pglite", "remote"]);
  return { ...remote, close: async () => { await remote.close(); await holder.close() } };
});
storeContract("remote, fault-injecting on both sides,", async () =>
  withFaults((await served(withFaults(openMemoryStore(), () => "none"))).store, () => "none"));

describe("a served directory", () => {
  test("has its socket in a folder that only its user may enter, and is readable to him alone", async () => {
    const directory = join(folder, "private"), holder = await openStore(directory, { serve: true });
    const address = (await holderOf(directory))?.socket ?? "";
    expect(statSync(address).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(address)).mode & 0o777).toBe(0o700);
    expect(Buffer.byteLength(address)).toBeLessThanOrEqual(103);
    await holder.close();
    expect(existsSync(address)).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)("is closed to another user, even one who knows the path", async () => {
    const directory = join(folder, "others"), holder = await openStore(directory, { serve: true });
    const address = (await holderOf(directory))?.socket ?? "";
    const tries = 'require("net").connect(process.argv[1]).on("error", (e) => console.log(e.code))' +
      '.on("connect", () => { console.log("let in"); process.exit() })';
    const as = (uid: number): string =>
      execFileSync(process.execPath, ["-e", tries, address], { uid, gid: uid, cwd: "/", encoding: "utf8" }).trim();
    expect([as(65_534), as(0)]).toEqual(["EACCES", "let in"]);
    await holder.close();
  });

  test("lies elsewhere when its folder is another user's, or too long for a socket", async () => {
    const id = randomUUID().replaceAll("-", ""), before = process.env["XDG_RUNTIME_DIR"];
    const long = join(folder, "l".repeat(100));
    try {
      process.env["XDG_RUNTIME_DIR"] = folder;
      expect(socketFor(id)).toBe(join(folder, `reprise-${process.getuid?.()}`, `${id}.sock`));
      process.env["XDG_RUNTIME_DIR"] = long;
      expect(socketFor(id)).toBe(join(tmpdir(), `reprise-${process.getuid?.()}`, `${id}.sock`));
      process.env["XDG_RUNTIME_DIR"] = "/proc";
      expect(socketFor(id), "where no folder can be made").toBe(join(tmpdir(), `reprise-${process.getuid?.()}`,
        `${id}.sock`));
    } finally {
      if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]; else process.env["XDG_RUNTIME_DIR"] = before;
    }
  });

  test("is named by its lock file where the system's kernel holds no locks", async () => {
    const directory = join(folder, "file-lock"), system = Object.getOwnPropertyDescriptor(process, "platform");
    mkdirSync(directory);
    try {
      Object.defineProperty(process, "platform", { ...system, value: "darwin" });
      const lock = await lockDirectory(directory, true);
      expect(await holderOf(directory)).toMatchObject({ pid: process.pid, socket: "" });
      await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "STORE_LOCKED" });
      lock.announce("/run/there.sock");
      expect(await holderOf(directory)).toMatchObject({ pid: process.pid, socket: "/run/there.sock" });
      lock.announce(undefined);
      expect((await holderOf(directory))?.socket).toBeUndefined();
      await lock.release();
      expect(await holderOf(directory)).toBeUndefined();
    } finally { Object.defineProperty(process, "platform", system ?? {}) }
  });

  test("is opened by several processes' stores at once, and each sees what the others write", async () => {
    const directory = join(folder, "several"), holder = await openStore(directory, { serve: true });
    const [a, b] = [await openStore(directory), await openStore(directory)];
    const run = newRun();
    expect((await a.create(run)).result).toBe("created");
    expect((await b.create(run)).result).toBe("mine");
    expect((await holder.run(run.runId))?.runId).toBe(run.runId);
    for (const store of [a, b, holder]) await store.close();
  });

  test("is waited for while its holder has the lock and is about to serve", async () => {
    const directory = join(folder, "soon");
    const [holder, remote] = await Promise.all([openStore(directory, { serve: true }), openStore(directory,
      { serve: true })]);
    expect([holder.kind, remote.kind].sort()).toEqual(["pglite", "remote"]);
    const [first, second] = holder.kind === "remote" ? [holder, remote] : [remote, holder];
    await first.close();
    await second.close();
  });
});

describe("a call", () => {
  test("carries large values both ways, many at once, and each gets its own answer", async () => {
    const { store } = await served(openMemoryStore());
    const texts = Array.from({ length: 40 }, (_, i) => String(i).repeat(300_000));
    await Promise.all(texts.map((text, i) => store.putPayloads([{ hash: `h${i}`, text }])));
    const answers = await Promise.all(texts.map((_, i) => store.getPayloads([`h${i}`])));
    expect(answers.every(([one], i) => one?.text === texts[i])).toBe(true);
    await store.close();
  });

  test("that the store refuses is refused with the store's own error", async () => {
    const { store } = await served(await openStore(join(folder, "refusing")));
    const there = await openStore(join(folder, "alone"));
    const bad = { ...newRun(), count: 0 };
    const [far, near] = await Promise.all([store, there].map((one) =>
      one.create(bad).catch((error: unknown) => error)));
    expect(far).toMatchObject({ name: "StoreError", code: "STORE_FAILED", outcome: "none", sqlState: "23514" });
    expect({ ...far as Error, message: (far as Error).message }).toEqual({ ...near as Error,
      message: (near as Error).message });
    await store.close();
    await there.close();
  });

  test("that is no verb of the port is refused, and so is the end of the store behind", async () => {
    const behind = openMemoryStore(), { store, server } = await served(behind);
    const said = await talk(server.address, [hello("s"), { id: 1, verb: "close", args: [] },
      { id: 2, verb: "constructor", args: [] }, { id: 3, verb: "now", args: [] }], 4);
    expect(said.slice(1)).toMatchObject([{ id: 1, error: { code: "STORE_PROTOCOL" } },
      { id: 2, error: { code: "STORE_PROTOCOL" } }, { id: 3, ok: expect.any(Number) }]);
    expect(await store.now()).toBeGreaterThan(0);
    await store.close();
  });

  test("larger than a frame fails alone, before it is sent", async () => {
    const { store } = await served(openMemoryStore());
    const text = "x".repeat(260 * 1024 * 1024);
    await expect(store.putPayloads([{ hash: "h", text }])).rejects.toMatchObject({ code: "STORE_FAILED",
      outcome: "none" });
    expect(await store.getPayloads(["h"])).toEqual([]);
    await store.close();
  });

  test("of another version is answered with a typed error", async () => {
    const address = socket();
    const other = net.createServer((one) => { one.on("error", () => undefined).resume();
      one.write(frame({ ...hello(), reprise: 99 })) });
    await new Promise<void>((resolve) => { other.listen(address, resolve) });
    await expect(client(address)).rejects.toMatchObject({ code: "STORE_PROTOCOL",
      message: expect.stringContaining("protocol 99") });
    const { store, server } = await served(openMemoryStore());
    expect(await talk(server.address, [{ ...hello("s"), schema: "other" }, { id: 1, verb: "now", args: [] }], 2),
      "a client of another version hears the server's hello, and no more").toMatchObject([hello()]);
    await store.close();
    await new Promise((resolve) => { other.close(resolve) });
  });
});

/** Sends frames as they are; the answers, until there are `count` or the connection ends. */
function talk(address: string, messages: readonly object[], count: number): Promise<readonly unknown[]> {
  return new Promise((resolve) => {
    const reader = new FrameReader(), said: unknown[] = [], connection = net.connect(address);
    connection.on("data", (chunk) => {
      said.push(...reader.read(chunk));
      if (said.length >= count) connection.destroy();
    });
    connection.on("close", () => { resolve(said) });
    for (const message of messages) connection.write(frame(message));
  });
}

describe("a connection", () => {
  test("that is cut in the middle of a frame, or carries nonsense, harms nobody else", async () => {
    const { store, server } = await served(openMemoryStore());
    const half = net.connect(server.address);
    half.write(frame(hello("half")).subarray(0, 9));
    await new Promise((resolve) => { half.end(resolve) });
    for (const bytes of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.from([0, 0, 0, 2, 123, 123])]) {
      const nonsense = net.connect(server.address);
      nonsense.on("error", () => undefined);
      nonsense.write(bytes);
      await new Promise((resolve) => { nonsense.on("close", resolve) });
    }
    expect(await store.now()).toBeGreaterThan(0);
    await store.close();
  });

  test("that reads nothing is not read either: the server keeps few of its answers", async () => {
    const behind = openMemoryStore();
    await behind.putPayloads([{ hash: "h", text: "x".repeat(1024 * 1024) }]);
    let asked = 0;
    const { store, server } = await served(withFaults(behind, (_, verb) => {
      if (verb === "getPayloads") asked++;
      return "none";
    }));
    const lazy = net.connect(server.address).pause();
    lazy.write(frame(hello("lazy")));
    for (let id = 1; id <= 5000; id++) lazy.write(frame({ id, verb: "getPayloads", args: [["h"]] }));
    for (let before = -1; before !== asked || asked === 0;) {
      before = asked;
      for (let i = 0; i < 20; i++) await store.now();
    }
    expect(asked).toBeLessThan(200);
    lazy.destroy();
    await store.close();
  });

  test("that is lost leaves what was asked unknown, and the next call finds the new server", async () => {
    const behind = openMemoryStore(), address = socket();
    const first = await serveStore(withFaults(behind, (_, verb) => verb === "create" ? "die-after" : "none"), address);
    const remote = await client(address), run = newRun();
    const answer = remote.create(run).catch((error: unknown) => error);
    while (await behind.run(run.runId) === undefined) await new Promise((resolve) => { setImmediate(resolve) });
    await first.close();
    expect(await answer).toMatchObject({ code: "STORE_UNAVAILABLE", outcome: "unknown" });
    await expect(remote.now()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    const second = await serveStore(behind, address);
    expect(await remote.create(run), "the resend of what had landed").toEqual({ result: "mine", runId: run.runId });
    await remote.close();
    await second.close();
  });

  test("that is lost and found hears of work again", async () => {
    const behind = openMemoryStore(), address = socket(), first = await serveStore(behind, address);
    const remote = await client(address), heard: (string | undefined)[] = [];
    await remote.listen((runId) => { heard.push(runId) });
    const hears = async (wanted: string | undefined): Promise<void> => {
      while (!heard.includes(wanted)) await new Promise((resolve) => { setTimeout(resolve, 5) });
    };
    const [one, two] = [newRun(), newRun()];
    await remote.now(); // the request to listen stands before it
    await behind.create(one);
    await hears(one.runId);
    await first.close();
    const second = await serveStore(behind, address);
    await hears(undefined);
    await remote.now();
    await behind.create(two);
    await hears(two.runId);
    await remote.close();
    await second.close();
  });
});

describe("a client", () => {
  test("that is gone without a word gives its lease back; one that comes back at once keeps it", async () => {
    const behind = openMemoryStore(), { store, server } = await served(behind);
    const gone = await client(server.address);
    await gone.register("w-gone", 3_600_000, ["default"], {});
    const [session, worker] = [randomUUID(), "w-back"];
    const args = [worker, 3_600_000, ["default"], {}];
    await talk(server.address, [hello(session), { id: 1, verb: "register", args }], 2);
    const back = openRemoteStore({ location: folder, find: async () => server.address, session });
    await gone.close();
    const alive = async (name: string): Promise<boolean | undefined> =>
      (await store.workers()).find((one) => one.worker === name)?.alive;
    while (await alive("w-gone")) await new Promise((resolve) => { setTimeout(resolve, 50) });
    expect(await alive(worker)).toBe(true);
    await (await back).close();
    await store.close();
  });

  test("takes a directory over that nobody holds, and serves it to the next", async () => {
    const directory = join(folder, "left"), holder = await openStore(directory, { serve: true });
    const first = await openStore(directory), run = newRun();
    await first.register("w-first", 3_600_000, ["default"], {});
    await holder.register("w-holder", 3_600_000, ["default"], {});
    await first.create({ ...run, worker: "w-first" });
    await holder.close();
    await expect(first.now()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    while (await first.now().catch(() => undefined) === undefined) {
      await new Promise((resolve) => { setTimeout(resolve, 100) });
    }
    expect(first.kind).toBe("pglite");
    expect((await first.workers()).map(({ worker }) => worker), "the lease of who lives is kept").toEqual(["w-first"]);
    const second = await openStore(directory);
    expect(second.kind).toBe("remote");
    expect(await second.run(run.runId)).toMatchObject({ state: "running", owner: "w-first", ownerAlive: true });
    await second.close();
    await first.close();
  });

  test("of two, one takes the directory over and the other works through it; then the other way round", async () => {
    const directory = join(folder, "heirs"), holder = await openStore(directory, { serve: true });
    const heirs = [await openStore(directory), await openStore(directory)], run = newRun();
    const answered = async (store: Store): Promise<void> => {
      while (await store.now().catch(() => undefined) === undefined) {
        await new Promise((resolve) => { setTimeout(resolve, 50) });
      }
    };
    await heirs[0]?.create(run);
    await holder.close();
    await Promise.all(heirs.map(answered));
    expect(heirs.map(({ kind }) => kind).sort()).toEqual(["pglite", "remote"]);
    const [first, second] = [...heirs].sort((a, b) => a.kind < b.kind ? -1 : 1);
    await first?.close();
    if (second !== undefined) await answered(second);
    expect(second?.kind).toBe("pglite");
    expect((await second?.run(run.runId))?.runId).toBe(run.runId);
    await second?.close();
  });

  test("waits for a plain script that holds the directory now, and says who it is", async () => {
    const directory = join(folder, "plain"), holder = await openStore(directory, { serve: true });
    const remote = await openStore(directory);
    await holder.close();
    const script = await openStore(directory);
    await expect(remote.now()).rejects.toMatchObject({ code: "STORE_LOCKED",
      message: expect.stringContaining(String(process.pid)) });
    await script.close();
    const again = await openStore(directory, { serve: true });
    expect(await remote.now()).toBeGreaterThan(0);
    await remote.close();
    await again.close();
  });
});

describe("under faults", () => {
  const plans: { readonly [name: string]: FaultPlan } = {
    "lost answers": (call) => call % 3 === 0 ? "lose-answer" : "none",
    "dropped requests": (call) => call % 3 === 1 ? "drop" : "none",
    "repeated calls": (call) => call % 2 === 0 ? "repeat" : "none",
  };
  for (const [name, plan] of Object.entries(plans)) {
    test(`an append that is sent again lands once: ${name} behind the socket`, async () => {
      const behind = openMemoryStore(), { store } = await served(withFaults(behind, plan));
      await behind.register("w", 3_600_000, ["default"], {});
      const run = newRun({ worker: "w" });
      const insist = async <T>(ask: () => Promise<T>): Promise<T> => {
        for (;;) try { return await ask() } catch (error) { expect(error).toMatchObject({ outcome: "unknown" }) }
      };
      await insist(() => store.create(run));
      for (let seq = 2; seq < 30; seq++) {
        const row = { runId: run.runId, firstSeq: seq, count: 1, appendId: randomUUID(), epoch: 1,
          events: `[{"type":"Noted","at":${seq}}]`, previousSeq: seq - 1 };
        for (;;) {
          if ((await insist(() => store.append([row], [], []))).length > 0) break;
          if ((await insist(() => store.standing([row])))[0]?.appendId === row.appendId) break;
        }
      }
      expect((await behind.read(run.runId, 1)).map(({ firstSeq }) => firstSeq)).toEqual(
        Array.from({ length: 29 }, (_, i) => i + 1));
      await store.close();
    });
  }
});
