/**
 * What a served viewer leaves in the state directory, for the same user only: its token, made once, and where it is
 * served. Credentials never stand on a command line, where every program of the machine reads them.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RepriseError } from "../../engine/index.ts";
import { newToken } from "./tokens.ts";

const servedFile = z.object({ origin: z.string().regex(/^https?:\/\/[^/\s]+$/), pid: z.int(),
  token: z.string().optional(), by: z.enum(["server", "dev", "program"]).default("server") });
/** A viewer that is being served on this machine. */
export type Served = z.output<typeof servedFile>;

const OWN = 0o600;

/** The token of a state directory; a random one is made at the first asking. @throws INVALID_CONFIG */
export function keptToken(folder: string): string {
  const path = join(folder, "viewer-token");
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(path, `${newToken()}\n`, { mode: OWN, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return readToken(path);
}

/** The token in a file that nobody else may read. @throws FILE_NOT_FOUND, INVALID_CONFIG */
export function readToken(path: string): string {
  if (!existsSync(path)) throw new RepriseError("FILE_NOT_FOUND", `there is no file ${path}`,
    "Give the path of a file that holds the token and nothing else.");
  if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
    throw new RepriseError("INVALID_CONFIG", `others may read the token in ${path}`, `Run: chmod 600 ${path}`);
  }
  return readFileSync(path, "utf8").trim();
}

/** Notes where this process serves the viewer; the note of another that lives stands. */
export function announce(folder: string, served: Served): void {
  const other = servedFrom(folder);
  if (other !== undefined && other.pid !== served.pid) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(servedPath(folder), JSON.stringify(served), { mode: OWN });
  chmodSync(servedPath(folder), OWN); // the mode above is for new files only
}

/** Takes the note back, if it is this process's own. */
export function withdraw(folder: string): void {
  if (read(folder)?.pid === process.pid) rmSync(servedPath(folder), { force: true });
}

/** Where a living process serves the viewer of a state directory; undefined if none does. */
export function servedFrom(folder: string): Served | undefined {
  const served = read(folder);
  return served !== undefined && lives(served.pid) ? served : undefined;
}

function servedPath(folder: string): string { return join(folder, "viewer.json") }

function read(folder: string): Served | undefined {
  try { return servedFile.parse(JSON.parse(readFileSync(servedPath(folder), "utf8"))) } catch { return undefined }
}

/** Is there a process of this number? */
export function lives(pid: number): boolean {
  try { process.kill(pid, 0); return true } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
