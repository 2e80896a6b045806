/**
 * One process per embedded directory: a second PGlite on the same files silently destroys data. The lock is held by the
 * kernel, so it ends with its process however that ends: an abstract socket on Linux, a named pipe on Windows, and
 * elsewhere a file that names the holder's pid and start. Whoever asks the lock is told who holds it, and where the
 * holder serves the directory to other processes, if it does.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { StoreError } from "./port.ts";

/** Who holds a directory. */
export interface Holder {
  readonly pid: number; readonly command: string; readonly since: string;
  /** The local socket that it serves the directory on; empty while it is about to. */
  readonly socket?: string;
}
/** A directory that this process holds. */
export interface Lock {
  /** Tells who asks where the directory is served; undefined: nowhere. */
  announce(socket: string | undefined): void;
  release(): Promise<void>;
}

/** Names a directory in the places where locks and sockets are. */
export function directoryId(directory: string): string {
  return createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32);
}

/** Takes the lock. `serves`: this process is about to serve the directory. @throws STORE_LOCKED naming the holder */
export async function lockDirectory(directory: string, serves = false): Promise<Lock> {
  const me: Holder = { pid: process.pid, command: process.argv.slice(1, 3).join(" "), since: new Date().toISOString(),
    ...(serves && { socket: "" }) };
  const path = kernelPath(directory);
  return path === undefined ? lockFile(filePath(directory), me, directory) : lockSocket(path, me, directory);
}

/** Who holds the directory; undefined when nobody does, or it is not there. */
export async function holderOf(directory: string): Promise<Holder | undefined> {
  let path: string | undefined;
  try { path = kernelPath(directory) } catch { return undefined }
  if (path !== undefined) return askHolder(path);
  const holder = readHolder(filePath(directory));
  return holder !== undefined && isAlive(holder.pid) ? holder : undefined;
}

/** The lock that ends with its process; undefined where the system has none. */
function kernelPath(directory: string): string | undefined {
  if (process.platform === "linux") return `\0reprise-${directoryId(directory)}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\reprise-${directoryId(directory)}` : undefined;
}
function filePath(directory: string): string { return join(directory, "lock") }

function lockSocket(path: string, me: Holder, directory: string): Promise<Lock> {
  let said = me;
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(JSON.stringify(said));
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") { reject(error); return }
      void askHolder(path).then((holder) => reject(lockedBy(directory, holder)));
    });
    server.listen(path, () => {
      server.unref();
      resolve({
        announce: (socket) => { said = serving(me, socket) },
        release: () => new Promise((done) => { server.close(() => done()) }),
      });
    });
  });
}

function askHolder(path: string): Promise<Holder | undefined> {
  return new Promise((resolve) => {
    let said = "";
    const socket = net.connect(path);
    socket.setTimeout(1000, () => { socket.destroy(); resolve(UNKNOWN) });
    socket.on("data", (data) => { said += data.toString() });
    socket.on("error", () => resolve(undefined));
    // Written by lockSocket in the holder's process.
    socket.on("end", () => { try { resolve(JSON.parse(said) as Holder) } catch { resolve(UNKNOWN) } });
  });
}

async function lockFile(path: string, me: Holder, directory: string): Promise<Lock> {
  mkdirSync(directory, { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(me), { flag: "wx" });
      return {
        announce: (socket) => {
          writeFileSync(`${path}.new`, JSON.stringify(serving(me, socket)));
          renameSync(`${path}.new`, path); // nobody reads half of it
        },
        release: async () => { rmSync(path, { force: true }) },
      };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = readHolder(path);
    if (holder === undefined || isAlive(holder.pid)) throw lockedBy(directory, holder);
    rmSync(path, { force: true });
  }
}

function readHolder(path: string): Holder | undefined {
  // Written by lockFile, in this version or an earlier one.
  try { return JSON.parse(readFileSync(path, "utf8")) as Holder } catch { return undefined }
}

function serving({ pid, command, since }: Holder, socket: string | undefined): Holder {
  return { pid, command, since, ...(socket !== undefined && { socket }) };
}

function isAlive(pid: number): boolean {
  try { process.kill(pid, 0); return true } catch { return false }
}

/** A holder that does not say who it is: its loop is blocked. */
const UNKNOWN: Holder = { pid: 0, command: "", since: "" };

/** The refusal of a directory that is held. */
export function lockedBy(directory: string, holder: Holder | undefined): StoreError {
  return new StoreError("STORE_LOCKED", `${directory} is held by ${describeHolder(holder)}`, "none");
}

/** `process 4711 (app.ts, since 2026-...)`. */
export function describeHolder(holder: Holder | undefined): string {
  return holder === undefined || holder.pid === 0 ? "another process"
    : `process ${holder.pid} (${holder.command}, since ${holder.since})`;
}
