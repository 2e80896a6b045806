/**
 * The port over a local socket: another process of this user holds the embedded directory and serves it. To the engine
 * this is a database elsewhere: when the connection is lost, what was asked has an unknown outcome (STORE_UNAVAILABLE),
 * and the next call looks for whoever holds the directory by then.
 */
import { AsyncResource } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import net from "node:net";
import { Worker as Thread } from "node:worker_threads";
import { saidBy } from "../core/thrown.ts";
import { StoreError, type LeaseGuard, type Store } from "./port.ts";
import type { RemoteLeaseData } from "./remote-lease-thread.ts";
import { isOurs } from "./remote-socket.ts";
import { checkHello, fromFailure, frame, FrameReader, hello, VERBS, type Asked, type Hello, type Said, type Verb }
  from "./remote-wire.ts";
import { BUILT } from "./statements.ts";

/** A server that owes an answer says every second that it lives. */
const SILENCE_MS = 5_000;
/** How long a directory that nobody holds is left to a server that starts again. */
const TAKE_OVER_MS = 3_000;
const RETURN_MS = 500;

/** Where a remote store is found, and what becomes of it when nobody holds it any more. */
export interface RemoteOptions {
  readonly location: string;
  /** The socket of whoever holds the data now; undefined when nobody does. @throws STORE_LOCKED: held, not served */
  readonly find: () => Promise<string | undefined>;
  /** Opens the data in this process. Without it the store stays unavailable. @throws STORE_LOCKED: lost the race */
  readonly takeOver?: () => Promise<Store>;
  /** Joins another store of this process, as its lease's thread does. */
  readonly session?: string;
}

/** @throws STORE_UNAVAILABLE, STORE_LOCKED, STORE_PROTOCOL */
export async function openRemoteStore(options: RemoteOptions): Promise<Store> {
  const client = new RemoteClient(options);
  await client.open();
  // Each verb as the port declares it: the server answers with what its own store answered.
  const verbs = Object.fromEntries(VERBS.map((verb) =>
    [verb, (...args: readonly unknown[]) => client.call(verb, args)])) as unknown as Pick<Store, Verb>;
  return {
    ...verbs,
    get kind() { return client.kind },
    location: options.location,
    recover: () => Promise.resolve(0), // the holder has done it
    listen: (wake) => client.listen(wake),
    openTransaction: undefined, createWithin: undefined,
    guardLease: (worker, ttlMs) => client.guardLease(worker, ttlMs),
    close: () => client.close(),
  };
}

type Wake = (runId: string | undefined) => void;

/** Finds the server, asks it, and finds it again. */
class RemoteClient {
  readonly #options: RemoteOptions;
  readonly #session: string;
  /** Connections and timers are nobody's: not of the run or the request that happened to need them first. */
  readonly #outside = new AsyncResource("RepriseRemoteStore");
  readonly #listeners = new Map<Wake, (() => Promise<void>) | undefined>();
  #link: Link | undefined;
  /** The data, since this process holds them itself. */
  #local: Store | undefined;
  #connecting: Promise<Link | Store> | undefined;
  #unheldSince: number | undefined;
  #return: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#session = options.session ?? randomUUID();
  }

  get kind(): Store["kind"] { return this.#local?.kind ?? "remote" }

  async open(): Promise<void> { await this.#server() }

  async call(verb: Verb, args: readonly unknown[]): Promise<unknown> {
    const to = await this.#server();
    if (to instanceof Link) return to.ask(verb, args);
    const call = to[verb] as (...args: readonly unknown[]) => Promise<unknown>; // the same verb of the same port
    return call.apply(to, [...args]);
  }

  async listen(wake: Wake): Promise<() => Promise<void>> {
    this.#listeners.set(wake, await this.#local?.listen(wake));
    this.#link?.listen();
    return async () => {
      const stop = this.#listeners.get(wake);
      this.#listeners.delete(wake);
      await stop?.();
    };
  }

  guardLease(worker: string, ttlMs: number): LeaseGuard | undefined {
    const address = this.#link?.address;
    if (address === undefined) return this.#local?.guardLease(worker, ttlMs);
    const beat = new SharedArrayBuffer(4), counter = new Int32Array(beat);
    const data: RemoteLeaseData = { address, session: this.#session, worker, ttlMs, everyMs: ttlMs / 3, beat };
    const thread = new Thread(new URL("remote-lease-thread.js", BUILT), { workerData: data, execArgv: [] });
    thread.unref();
    thread.on("error", () => undefined); // the process's own heartbeat goes on
    return { beat: () => { Atomics.add(counter, 0, 1) }, stop: async () => { await thread.terminate() } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#return);
    this.#listeners.clear();
    await this.#connecting?.catch(() => undefined);
    this.#link?.end();
    await this.#local?.close();
  }

  async #server(): Promise<Link | Store> {
    if (this.#closed) throw new StoreError("STORE_UNAVAILABLE", "the store is closed", "none");
    const to = this.#local ?? this.#link;
    if (to !== undefined) return to;
    this.#connecting ??= this.#outside.runInAsyncScope(() => this.#connect()).finally(() => {
      this.#connecting = undefined });
    return this.#connecting;
  }

  async #connect(): Promise<Link | Store> {
    const { location, find, takeOver } = this.#options;
    const address = await find();
    if (address !== undefined) {
      this.#unheldSince = undefined;
      return this.#connected(await Link.open(address, location, hello(this.#session)));
    }
    const since = this.#unheldSince ??= performance.now();
    if (takeOver !== undefined && performance.now() - since >= TAKE_OVER_MS) return this.#tookOver(await takeOver());
    throw new StoreError("STORE_UNAVAILABLE", `the process that held ${location} is gone` +
      (takeOver === undefined ? "" : "; if no other comes, this one takes the directory over"), "none");
  }

  #connected(link: Link): Link {
    this.#link = link;
    link.onWake = (runIds) => {
      for (const wake of this.#listeners.keys()) for (const runId of runIds ?? [undefined]) wake(runId);
    };
    link.onLost = () => {
      if (this.#link === link) this.#link = undefined;
      this.#comeBack();
    };
    if (this.#listeners.size > 0) { link.listen(); link.onWake(null) } // hints were missed meanwhile
    return link;
  }

  async #tookOver(store: Store): Promise<Store> {
    this.#local = store;
    for (const wake of this.#listeners.keys()) { this.#listeners.set(wake, await store.listen(wake)); wake(undefined) }
    return store;
  }

  /** Who listens cannot wait for the next call; and the server takes a client that stays away for dead. */
  #comeBack(): void {
    if (this.#closed || this.#listeners.size === 0) return;
    this.#outside.runInAsyncScope(() => {
      clearTimeout(this.#return);
      this.#return = setTimeout(() => { this.#server().catch(() => { this.#comeBack() }) },
        RETURN_MS * (0.5 + Math.random())).unref();
    });
  }
}

interface Waiting { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }

/** One connection. It keeps the process alive only while the server owes an answer. */
class Link {
  readonly address: string;
  readonly #location: string;
  readonly #socket: net.Socket;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #silence: NodeJS.Timeout | undefined;
  #lost: StoreError | undefined;
  #greeted: Waiting | undefined;
  onWake: (runIds: readonly string[] | null) => void = () => undefined;
  onLost: () => void = () => undefined;

  /** Connects and compares versions. @throws STORE_UNAVAILABLE, STORE_PROTOCOL */
  static async open(address: string, location: string, mine: Hello): Promise<Link> {
    const link = new Link(address, location);
    try {
      const theirs = await new Promise<unknown>((resolve, reject) => {
        link.#greeted = { resolve, reject };
        link.#await();
        link.#socket.write(frame(mine));
      });
      checkHello(theirs, `what serves ${location}`);
    } catch (error) { link.end(); throw error }
    link.#settle();
    return link;
  }

  private constructor(address: string, location: string) {
    this.address = address;
    this.#location = location;
    if (!isOursIfThere(address)) throw new StoreError("STORE_UNAVAILABLE",
      `${address}, where ${location} is served, is another user's`, "none");
    this.#socket = net.connect(address);
    this.#socket.on("data", (chunk) => { this.#hear(chunk) });
    this.#socket.on("error", (error) => { this.#lose(error.message) });
    this.#socket.on("close", () => { this.#lose("the connection was closed") });
  }

  ask(verb: Verb, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) { reject(this.#lost); return }
      const id = this.#next++;
      const bytes = frame({ id, verb, args } satisfies Asked);
      this.#waiting.set(id, { resolve, reject });
      if (this.#waiting.size === 1) this.#await();
      this.#socket.write(bytes);
    });
  }

  listen(): void { if (this.#lost === undefined) this.#socket.write(frame({ listen: true } satisfies Asked)) }
  end(): void { this.#lose("it was closed here") }

  /** An answer is owed from here on. */
  #await(): void { this.#socket.ref(); this.#heard() }
  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => { this.#lose(`it said nothing for ${SILENCE_MS} ms`) }, SILENCE_MS);
  }
  #settle(): void {
    if (this.#waiting.size > 0) { this.#heard(); return }
    clearTimeout(this.#silence);
    this.#socket.unref();
  }

  #hear(chunk: Buffer): void {
    try { for (const message of this.#reader.read(chunk)) this.#take(message) } catch (error) {
      this.#lose(saidBy(error));
      return;
    }
    if (this.#lost === undefined && this.#greeted === undefined) this.#settle();
  }

  #take(message: unknown): void {
    if (this.#greeted !== undefined) {
      this.#greeted.resolve(message);
      this.#greeted = undefined;
      return;
    }
    const { id, ok, error, wake } = message as Said; // from a server whose protocol is ours
    if (wake !== undefined) this.onWake(wake);
    if (id === undefined) return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(ok); else waiting?.reject(fromFailure(error));
  }

  /** Whatever was asked may have been done: "unknown". */
  #lose(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = new StoreError("STORE_UNAVAILABLE",
      `the process that serves ${this.#location} does not answer: ${why}`, "unknown");
    clearTimeout(this.#silence);
    this.#socket.destroy();
    for (const { reject } of [...this.#waiting.values(), ...this.#greeted ? [this.#greeted] : []]) reject(this.#lost);
    this.#waiting.clear();
    this.onLost();
  }
}

/** A socket that is gone is found out by connecting. */
function isOursIfThere(address: string): boolean { try { return isOurs(address) } catch { return true } }
