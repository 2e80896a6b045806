/** Processes of this machine: one that has ended need not be waited for until its lease lapses. */
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Where pids mean something: a container has its own, though its name may be another's. */
export function thisMachine(): string {
  try { return `${hostname()} ${readlinkSync("/proc/self/ns/pid")}` } catch { return hostname() }
}

/** Has the process that registered this information certainly ended? */
export function hasEnded(info: { readonly [key: string]: string | number }): boolean {
  if (info["machine"] !== thisMachine() || typeof info["pid"] !== "number") return false;
  try { process.kill(info["pid"], 0); return false } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
