/** The WebSocket at /api/v1/live: who is connected, what he follows, and how long he stays. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { RunFeed, type FeedParts, type Outlet } from "./feed.ts";
import { chosenProtocol, type Guard } from "./guard.ts";
import { ListFeed } from "./list-feed.ts";
import { problemOf, Refusal } from "./problem.ts";
import type { Caller } from "./tokens.ts";
import { clientMessage, type ClientMessage, type ServerMessage } from "./wire.ts";

/** Why the server closes a socket. 1009 comes from the library: a message over `maxMessage`. */
export const CLOSE = {
  /** The server stops. */
  goingAway: 1001,
  /** Binary, where text is spoken. */
  notText: 1003,
  /** A message that is not understood; what was wrong was said before. */
  badMessage: 4400,
  /** The token has expired. */
  tokenOver: 4401,
  /** More messages than anybody needs. */
  tooMany: 4429,
} as const;

/** Bounds of what a client may do and leave undone. */
export interface LiveLimits {
  /** Bytes of one message; default 256 KiB. */
  readonly maxMessage: number;
  /** Bytes waiting in a socket from which on its client counts as slow; default 1 MiB. */
  readonly maxWaiting: number;
  /** A client is asked for a sign of life so often, and dropped when the one before was not answered. */
  readonly pingMs: number;
}
const MAX_SUBSCRIPTIONS = 50;
const MESSAGES_PER_SECOND = 50;

interface Client extends Outlet {
  readonly socket: WebSocket;
  readonly caller: Caller;
  readonly runs: Set<string>;
  alive: boolean;
  /** Messages of the second that began at `since`. */
  said: number;
  since: number;
}

/** All sockets of a server. */
export class Live {
  readonly #parts: FeedParts;
  readonly #guard: Guard;
  readonly #limits: LiveLimits;
  readonly #server: WebSocketServer;
  readonly #clients = new Set<Client>();
  readonly #feeds = new Map<string, RunFeed>();
  readonly #list: ListFeed;
  #stopPings: () => void;
  #stopHints: Promise<(() => Promise<void>) | undefined>;
  #closed = false;

  constructor(parts: FeedParts, guard: Guard, limits: LiveLimits) {
    this.#parts = parts;
    this.#guard = guard;
    this.#limits = limits;
    this.#list = new ListFeed(parts);
    this.#server = new WebSocketServer({ noServer: true, maxPayload: limits.maxMessage, perMessageDeflate: false,
      clientTracking: false, handleProtocols: chosenProtocol });
    // Hints only make it faster: without them the store is asked all the same.
    this.#stopHints = parts.engine.store.listen((runId) => { this.#hint(runId) }).catch(() => undefined);
    this.#stopPings = parts.clock.after(limits.pingMs, () => { this.#ping() }, false);
  }

  /** Takes over a connection that the guard lets in. @throws Refusal */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [path] = (request.url ?? "").split("?");
    const caller = this.#guard.admit(request, "read");
    if (path !== "/api/v1/live") throw new Refusal("NOT_FOUND", "sockets are served at /api/v1/live only");
    this.#server.handleUpgrade(request, socket, head, (opened) => { this.#open(opened, caller) });
  }

  /** Says goodbye to everybody; whoever has not gone a second later is dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopPings();
    for (const feed of this.#feeds.values()) feed.stop();
    this.#list.stop();
    await (await this.#stopHints)?.();
    await Promise.all([...this.#clients].map((client) => new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(1000, () => { client.socket.terminate() }, false);
      client.socket.once("close", () => { cancel(); resolve() });
      client.socket.close(CLOSE.goingAway, "the server stops");
    })));
    this.#server.close();
  }

  #open(socket: WebSocket, caller: Caller): void {
    const { maxWaiting } = this.#limits;
    const client: Client = {
      socket, caller, runs: new Set(), alive: true, said: 0, since: this.#parts.clock.monotonic(),
      get full() { return socket.bufferedAmount > maxWaiting },
      send: (message: ServerMessage) => {
        if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message), () => undefined);
      },
    };
    this.#clients.add(client);
    socket.on("error", () => { socket.terminate() });
    socket.on("pong", () => { client.alive = true });
    socket.on("close", () => { this.#gone(client) });
    socket.on("message", (data, isBinary) => { this.#hear(client, data, isBinary) });
    if (this.#closed) socket.close(CLOSE.goingAway, "the server stops");
  }

  #hear(client: Client, data: RawData, isBinary: boolean): void {
    if (isBinary) { client.socket.close(CLOSE.notText, "send text"); return }
    const now = this.#parts.clock.monotonic();
    if (now - client.since > 1000) { client.since = now; client.said = 0 }
    if (++client.said > MESSAGES_PER_SECOND) { client.socket.close(CLOSE.tooMany, "too many messages"); return }
    const message = understood(data.toString());
    if (message === undefined) {
      this.#refuse(client, new Refusal("REQUEST_INVALID", "the message is not one that this socket takes",
        { hint: 'Send { "sub": runId, "after": seq }, { "unsub": runId } or { "runs": true }.' }));
      client.socket.close(CLOSE.badMessage, "bad message");
    } else if ("sub" in message) this.#follow(client, message.sub, message.after);
    else if ("unsub" in message) this.#leave(client, message.unsub);
    else if (message.runs) this.#list.follow(client);
    else this.#list.leave(client);
  }

  #follow(client: Client, runId: string, after: number): void {
    if (client.runs.size >= MAX_SUBSCRIPTIONS && !client.runs.has(runId)) {
      this.#refuse(client, new Refusal("TOO_MANY_REQUESTS", `a socket follows at most ${MAX_SUBSCRIPTIONS} runs`,
        { hint: "Leave some: { \"unsub\": runId }." }), runId);
      return;
    }
    client.runs.add(runId);
    let feed = this.#feeds.get(runId);
    if (feed === undefined) this.#feeds.set(runId, feed = new RunFeed(runId, this.#parts));
    feed.follow(client, after);
  }

  #leave(client: Client, runId: string): void {
    client.runs.delete(runId);
    const feed = this.#feeds.get(runId);
    feed?.leave(client);
    if (feed === undefined || feed.followers > 0) return;
    feed.stop();
    this.#feeds.delete(runId);
  }

  #gone(client: Client): void {
    this.#clients.delete(client);
    this.#list.leave(client);
    for (const runId of [...client.runs]) this.#leave(client, runId);
  }

  #refuse(client: Client, refusal: Refusal, run?: string): void {
    const { error } = problemOf(refusal, this.#parts.redactor.text).body;
    client.send({ ...(run !== undefined && { run }), error: { ...error } });
  }

  #hint(runId: string | undefined): void {
    if (runId !== undefined) this.#feeds.get(runId)?.wake();
    else for (const feed of this.#feeds.values()) feed.wake();
  }

  /** Drops who has not answered the last ping, and whose token has expired. */
  #ping(): void {
    for (const client of this.#clients) {
      if (this.#guard.isOver(client.caller)) client.socket.close(CLOSE.tokenOver, "the token has expired");
      else if (!client.alive) client.socket.terminate();
      else { client.alive = false; client.socket.ping() }
    }
    this.#stopPings = this.#parts.clock.after(this.#limits.pingMs, () => { this.#ping() }, false);
  }
}

function understood(text: string): ClientMessage | undefined {
  let said: unknown;
  try { said = JSON.parse(text) } catch { return undefined }
  const result = clientMessage.safeParse(said);
  return result.success ? result.data : undefined;
}
