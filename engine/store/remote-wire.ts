/**
 * What the two halves of the remote store say to each other: frames of a length (4 bytes, big-endian) and JSON text.
 * JSON, because all of the port is plain data, two versions of Node read it alike, and no frame can name a class.
 */
import { saidBy } from "../core/thrown.ts";
import { schemaKey } from "./migrate.ts";
import { StoreError, type Store } from "./port.ts";

/** Grows when a frame changes its meaning; the halves talk only when this and the tables are the same for both. */
const PROTOCOL = 1;
/** A frame beyond this is refused: by its sender with a typed error, by its receiver by ending the connection. */
export const MAX_FRAME = 256 * 1024 * 1024;

/** SQLSTATE of data that is too long: no waiting helps. */
const TOO_LONG = "22001";

/** What is answered in this process, or is not for others to call. */
type Local = "kind" | "location" | "listen" | "guardLease" | "openTransaction" | "createWithin"
  | "recover" | "close";
/** A verb of the port that travels. */
export type Verb = Exclude<keyof Store, Local>;

/** The verbs that the server carries out, and no others. A new one of the port is one more line here. */
const TRAVELS: { readonly [V in Verb]: true } = {
  create: true, append: true, standing: true, read: true,
  claim: true, owned: true, due: true, post: true, mail: true,
  register: true, heartbeat: true, retire: true, workers: true, sweep: true,
  takeSlot: true, freeSlots: true, grantedSlots: true, slots: true, limits: true, reserveRate: true,
  run: true, listRuns: true, findRuns: true, countRuns: true, turns: true, turnKeys: true,
  writeLogs: true, countLogs: true, readLogs: true, putPayloads: true, getPayloads: true,
  putSources: true, getSources: true,
  cacheTake: true, cachePut: true, cacheFree: true, cacheList: true, cacheRemove: true,
  now: true, size: true, reset: true,
};
export const VERBS = Object.keys(TRAVELS) as readonly Verb[]; // the keys of that object

export function isVerb(name: string): name is Verb { return Object.hasOwn(TRAVELS, name) }

/** The first frame of either side. */
export interface Hello {
  readonly reprise: number;
  /** Which tables the sender knows: another version of them means another meaning of what is sent. */
  readonly schema: string;
  readonly pid: number;
  /** Of a client: the same on every connection of one opened store. */
  readonly session?: string;
}
/** After the hello, from a client. */
export type Asked = { readonly id: number; readonly verb: string; readonly args: readonly unknown[] }
  | { readonly listen: true };
/** After the hello, from the server. `wake`: runs that may have something to do; null = any. Nothing in it: the server
 *  lives, and its answers come. */
export interface Said {
  readonly id?: number;
  readonly ok?: unknown;
  readonly error?: Failure;
  readonly wake?: readonly string[] | null;
}
export interface Failure {
  readonly message: string; readonly code?: string; readonly outcome?: StoreError["outcome"];
  readonly sqlState?: string;
}

/** The first frame of this process. */
export function hello(session?: string): Hello {
  return { reprise: PROTOCOL, schema: schemaKey(), pid: process.pid, ...(session !== undefined && { session }) };
}

/** The other side's first frame. @throws STORE_PROTOCOL when it is of another version, or no hello at all */
export function checkHello(said: unknown, who: string): Hello {
  const mine = hello();
  const theirs = typeof said === "object" && said !== null ? said : {};
  const { reprise, schema, pid, session } = theirs as { readonly [field: string]: unknown }; // looked at one by one
  if (typeof reprise !== "number" || typeof schema !== "string" || typeof pid !== "number") {
    throw new StoreError("STORE_PROTOCOL", `${who} does not speak the protocol of this store`, "none");
  }
  if (reprise !== mine.reprise || schema !== mine.schema) throw new StoreError("STORE_PROTOCOL",
    `${who} (process ${pid}) speaks protocol ${reprise} with tables ${schema}; this process speaks ` +
    `${mine.reprise} with tables ${mine.schema}`, "none");
  return { reprise, schema, pid, ...(typeof session === "string" && { session }) };
}

/** An error as it travels. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof StoreError)) return { message: saidBy(error) };
  const { message, code, outcome, sqlState } = error;
  return { message, code, outcome, ...(sqlState !== undefined && { sqlState }) };
}
/** The error as the store behind the server threw it. */
export function fromFailure({ message, code, outcome, sqlState }: Failure): Error {
  return code === undefined ? new Error(message) : new StoreError(code, message, outcome ?? "unknown", sqlState);
}

/** A message as it travels. @throws STORE_FAILED when it is too large */
export function frame(message: object): Buffer {
  const text = jsonOf(message), bytes = text === undefined ? Infinity : Buffer.byteLength(text);
  if (text === undefined || bytes > MAX_FRAME) throw new StoreError("STORE_FAILED", "a message is larger than the " +
    `${MAX_FRAME} bytes that one frame may have`, "none", TOO_LONG);
  const made = Buffer.allocUnsafe(4 + bytes);
  made.writeUInt32BE(bytes, 0);
  made.write(text, 4);
  return made;
}

/** undefined: longer than any text can be. */
function jsonOf(message: object): string | undefined {
  try { return JSON.stringify(message) } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Cuts a stream of bytes into messages. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;

  /** The messages that are whole now. @throws when the other side sends no frames of ours */
  *read(chunk: Buffer): Generator<unknown> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    for (;;) {
      const length = this.#length();
      if (length === undefined || this.#size < 4 + length) return;
      const whole = this.#chunks.length === 1 ? this.#chunks[0] ?? Buffer.alloc(0) : Buffer.concat(this.#chunks);
      const rest = whole.subarray(4 + length);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#size = rest.length;
      yield JSON.parse(whole.toString("utf8", 4, 4 + length));
    }
  }

  #length(): number | undefined {
    if (this.#size < 4) return undefined;
    const [first] = this.#chunks;
    if (first !== undefined && first.length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
    const length = this.#chunks[0]?.readUInt32BE(0) ?? 0;
    if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes was announced`);
    return length;
  }
}
