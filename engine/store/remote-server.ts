/**
 * Serves a store to other processes of the same user, over a local socket. Who holds an embedded directory and serves
 * it lets scripts and the command line work beside it; the store keeps its rules, this only carries words.
 */
import { chmodSync } from "node:fs";
import net from "node:net";
import { StoreError, type Store } from "./port.ts";
import { checkHello, frame, FrameReader, hello, isVerb, toFailure, type Asked, type Said } from "./remote-wire.ts";

/** A client that says nothing after it has connected is sent away. */
const HELLO_MS = 5_000;
/** How often a client that waits is told that this process lives. */
const ALIVE_MS = 1_000;
/** Calls of one client under way; more wait, and nothing further is read from its socket. */
const MAX_CALLS = 64;
const MAX_CLIENTS = 256;
/** How long a client that is gone without a word may take to come back before its leases end. */
const GONE_MS = 3_000;

/** A store that is being served. */
export interface StoreServer {
  /** The path of the socket. */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves until it is closed. What lies at the path is taken to be left by a dead process: hold the store's lock. */
export async function serveStore(store: Store, address: string): Promise<StoreServer> {
  const server = new Server(store);
  await server.listen(address);
  return { address, close: () => server.close() };
}

/** The connections of one opened store; its leases end with the last of them. */
interface Session { connections: number; readonly workers: Set<string>; gone: NodeJS.Timeout | undefined }

class Server {
  readonly #store: Store;
  readonly #net: net.Server;
  readonly #clients = new Set<Client>();
  readonly #sessions = new Map<string, Session>();
  #alive: NodeJS.Timeout | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#net = net.createServer((socket) => { this.#accept(socket) });
    this.#net.maxConnections = MAX_CLIENTS;
  }

  async listen(address: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#net.once("error", reject);
      this.#net.listen(address, () => { this.#net.off("error", reject); resolve() });
    });
    this.#net.on("error", () => undefined); // one connection that could not be accepted
    if (process.platform !== "win32") chmodSync(address, 0o600); // its folder lets nobody else in either
    this.#net.unref();
    this.#alive = setInterval(() => { for (const client of this.#clients) client.sayAlive() }, ALIVE_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#alive);
    for (const { gone } of this.#sessions.values()) clearTimeout(gone);
    const closed = new Promise<void>((resolve) => { this.#net.close(() => resolve()) });
    for (const client of this.#clients) client.end();
    await closed;
  }

  #accept(socket: net.Socket): void {
    const client = new Client(this.#store, socket, (name) => this.#join(name));
    this.#clients.add(client);
    socket.unref();
    socket.once("close", () => {
      this.#clients.delete(client);
      if (client.session !== undefined) this.#leave(client.session);
    });
  }

  #join(name: string): Session {
    const session = this.#sessions.get(name) ?? { connections: 0, workers: new Set(), gone: undefined };
    this.#sessions.set(name, session);
    session.connections++;
    clearTimeout(session.gone);
    return session;
  }

  /** A killed process closes its sockets too: its runs need not wait until its leases lapse. */
  #leave(session: Session): void {
    if (--session.connections > 0 || !this.#net.listening) return;
    session.gone = setTimeout(() => {
      for (const [name, one] of this.#sessions) if (one === session) this.#sessions.delete(name);
      // What fails here lapses by itself.
      for (const worker of session.workers) void this.#store.retire(worker).catch(() => undefined);
    }, GONE_MS).unref();
  }
}

/** One connection. */
class Client {
  readonly #store: Store;
  readonly #socket: net.Socket;
  readonly #join: (session: string) => Session;
  readonly #reader = new FrameReader();
  /** Read and not yet carried out. */
  readonly #messages: unknown[] = [];
  readonly #wakes = new Set<string | undefined>();
  readonly #hello: NodeJS.Timeout;
  #unlisten: Promise<() => Promise<void>> | undefined;
  #calls = 0;
  session: Session | undefined;

  constructor(store: Store, socket: net.Socket, join: (session: string) => Session) {
    this.#store = store;
    this.#socket = socket;
    this.#join = join;
    this.#hello = setTimeout(() => socket.destroy(), HELLO_MS).unref();
    socket.on("error", () => undefined); // "close" follows
    socket.on("data", (chunk) => { this.#hear(chunk) });
    socket.on("drain", () => { this.#flow(); this.#sayWakes() });
    socket.once("close", () => {
      clearTimeout(this.#hello);
      void this.#unlisten?.then((stop) => stop()).catch(() => undefined);
    });
  }

  end(): void { this.#socket.destroy() }
  sayAlive(): void { if (this.#calls > 0 && !this.#socket.writableNeedDrain) this.#say({}) }

  #hear(chunk: Buffer): void {
    // Whoever sends what is no frame of ours is sent away.
    try { this.#messages.push(...this.#reader.read(chunk)) } catch { this.#socket.destroy() }
    this.#flow();
  }

  /** A client that does not read its answers, or asks faster than the store answers, is not read either. */
  #flow(): void {
    const full = (): boolean => this.#calls >= MAX_CALLS || this.#socket.writableNeedDrain || this.#socket.destroyed;
    while (this.#messages.length > 0 && !full()) {
      try { this.#take(this.#messages.shift()) } catch { this.#socket.destroy() }
    }
    if (full()) this.#socket.pause(); else this.#socket.resume();
  }

  #take(message: unknown): void {
    if (this.session === undefined) { if (!this.#socket.writableEnded) this.#greet(message); return }
    const asked = message as Asked; // checked field by field below
    if ("listen" in asked) { this.#listen(); return }
    if (typeof asked.id !== "number" || typeof asked.verb !== "string" || !Array.isArray(asked.args)) {
      throw new Error("not a call");
    }
    void this.#answer(asked.id, asked.verb, asked.args);
  }

  /** Versions are compared by the client too, which can say more about it: it is always answered. */
  #greet(message: unknown): void {
    clearTimeout(this.#hello);
    this.#say(hello());
    try { this.session = this.#join(checkHello(message, "a client").session ?? "") } catch { this.#socket.end() }
  }

  async #answer(id: number, verb: string, args: readonly unknown[]): Promise<void> {
    this.#calls++;
    let answer: Buffer;
    try { answer = frame({ id, ok: await this.#call(verb, args) } satisfies Said) } catch (error) {
      answer = frame({ id, error: toFailure(error) } satisfies Said);
    }
    this.#calls--;
    if (!this.#socket.destroyed) this.#socket.write(answer);
    this.#flow();
  }

  #call(verb: string, args: readonly unknown[]): Promise<unknown> {
    if (!isVerb(verb)) throw new StoreError("STORE_PROTOCOL", `this store has no verb '${verb}'`, "none");
    const [worker] = args;
    if ((verb === "register" || verb === "heartbeat") && typeof worker === "string") this.session?.workers.add(worker);
    if (verb === "retire" && typeof worker === "string") this.session?.workers.delete(worker);
    const call = this.#store[verb] as (...args: readonly unknown[]) => Promise<unknown>; // a verb, by the line above
    return call.apply(this.#store, [...verb === "register" ? throughSocket(args) : args]);
  }

  #listen(): void {
    this.#unlisten ??= this.#store.listen((runId) => {
      if (this.#wakes.size === 0) setImmediate(() => { this.#sayWakes() });
      this.#wakes.add(runId);
    });
    this.#unlisten.catch(() => undefined); // hints are no truth: the client looks by itself, too
  }

  /** Hints that gather while the client does not read leave as one. */
  #sayWakes(): void {
    if (this.#wakes.size === 0 || this.#socket.writableNeedDrain) return;
    const any = this.#wakes.has(undefined) || this.#wakes.size > 50;
    this.#say({ wake: any ? null : [...this.#wakes].filter((runId) => runId !== undefined) });
    this.#wakes.clear();
  }

  #say(message: Said | ReturnType<typeof hello>): void {
    if (!this.#socket.destroyed) this.#socket.write(frame(message));
  }
}

/** Marks a worker of another process: the next holder of the directory does not take it for dead (`recover`). */
function throughSocket([worker, ttlMs, pools, info]: readonly unknown[]): readonly unknown[] {
  return [worker, ttlMs, pools, { ...(typeof info === "object" ? info : {}), through: "socket" }];
}
