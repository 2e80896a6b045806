/** A connection of the driver, and what its failures mean: shared by the pools and by transactions of their own. */
import { once } from "node:events";
import net from "node:net";
import { saidBy } from "../core/thrown.ts";
import { StoreError } from "./port.ts";

/** How long a call may take before its outcome is unknown. */
export const DEADLINE_MS = 5000;
const CONNECT_MS = 4000;

/** Waits for an answer, and keeps the process alive meanwhile: its sockets do not. @throws STORE_UNAVAILABLE */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreError("STORE_UNAVAILABLE", `the database gave no answer for ${ms} ms`, "unknown"));
    }, ms);
  });
  try { return await Promise.race([answer, late]) } finally { clearTimeout(timer) }
}

/** Options of the driver that its types leave out, and a lifetime whose timer would keep the process alive. */
export const UNTYPED = { max_pipeline: 1, socket: unrefSocket, max_lifetime: null };

/**
 * A connection that does not keep the process alive: a script ends by itself when its runs have, as on PGlite. While a
 * call is in flight its deadline does.
 */
export async function unrefSocket({ path, host, port }: { readonly path?: string; readonly host: readonly string[];
  readonly port: readonly number[] }): Promise<net.Socket> {
  const socket = path ? net.connect(path) : net.connect({ host: host[0] ?? "localhost", port: port[0] ?? 5432 });
  try { await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) }) } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket.unref();
}

/** Certainly rolled back: deadlock, serialisation, lock timeout, cancelled, bad data, refused by a rule. */
const NOT_COMMITTED = /^(40P01|40001|55P03|57014|22|23|42|0A|25|54|53)/;

/** What the driver said, as ours. */
export function fromDriver(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const message = saidBy(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "53100") return new StoreError("DISK_FULL", `the database's disk is full: ${message}`, "none", code,
    error);
  if (NOT_COMMITTED.test(code)) return new StoreError("STORE_FAILED", message, "none", code, error);
  return new StoreError("STORE_UNAVAILABLE", `the database cannot be reached: ${message}`, "unknown", code, error);
}

/** Host and database, without a password. */
export function placeOf(url: string): string {
  try { const { host, pathname } = new URL(url); return `${host}${pathname}` } catch { return "postgres" }
}
