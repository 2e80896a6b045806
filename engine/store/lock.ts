/**
 * One process per embedded directory: a second PGlite on the same files silently destroys data. The lock is held by the
 * kernel, so it ends with its process however that ends: an abstract socket on Linux, a named pipe on Windows, and
 * elsewhere a file that names the holder's pid and start.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { StoreError } from "./port.ts";

/** Who holds a directory. */
interface Holder { readonly pid: number; readonly command: string; readonly since: string }

/** Takes the lock; the answer gives it back. @throws STORE_LOCKED naming the holder */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const id = createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32);
  const me: Holder = { pid: process.pid, command: process.argv.slice(1, 3).join(" "), since: new Date().toISOString() };
  if (process.platform === "linux") return lockSocket(`\0reprise-${id}`, me, directory);
  if (process.platform === "win32") return lockSocket(`\\\\.\\pipe\\reprise-${id}`, me, directory);
  return lockFile(join(directory, "lock"), me, directory);
}

function lockSocket(path: string, me: Holder, directory: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(JSON.stringify(me));
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") { reject(error); return }
      void askHolder(path).then((holder) => reject(locked(directory, holder)));
    });
    server.listen(path, () => {
      server.unref();
      resolve(() => new Promise((done) => { server.close(() => done()) }));
    });
  });
}

function askHolder(path: string): Promise<Holder | undefined> {
  return new Promise((resolve) => {
    let said = "";
    const socket = net.connect(path);
    socket.setTimeout(1000, () => { socket.destroy(); resolve(undefined) });
    socket.on("data", (data) => { said += data.toString() });
    socket.on("error", () => resolve(undefined));
    socket.on("end", () => {
      // Written by lockSocket in the holder's process.
      try { resolve(JSON.parse(said) as Holder) } catch { resolve(undefined) }
    });
  });
}

async function lockFile(path: string, me: Holder, directory: string): Promise<() => Promise<void>> {
  mkdirSync(directory, { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(me), { flag: "wx" });
      return async () => { rmSync(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    // Written above, by this version or an earlier one.
    const holder = JSON.parse(readFileSync(path, "utf8")) as Holder;
    if (isAlive(holder.pid)) throw locked(directory, holder);
    rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try { process.kill(pid, 0); return true } catch { return false }
}

function locked(directory: string, holder: Holder | undefined): StoreError {
  const who = holder === undefined ? "another process"
    : `process ${holder.pid} (${holder.command}, since ${holder.since})`;
  return new StoreError("STORE_LOCKED", `${directory} is held by ${who}`, "none");
}
