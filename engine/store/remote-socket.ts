/** Where the socket of a served directory lies: in a folder of this user's that nobody else may enter. */
import { chmodSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "./port.ts";

/** The shortest limit of a socket's path is that of macOS: 104 bytes with its end. */
const LONGEST = 103;

/** A container's user may have a number and no name. */
const me = (): number => process.getuid?.() ?? 0;

/** The socket for the directory with this id (lock.ts). What a dead process left there is removed: hold the lock.
 *  @throws STORE_OPEN_FAILED */
export function socketFor(id: string): string {
  if (process.platform === "win32") return `\\\\.\\pipe\\reprise-${id}-store`;
  const roots = [process.env["XDG_RUNTIME_DIR"], tmpdir(), "/tmp"].filter((root) => root !== undefined && root !== "");
  for (const root of roots) {
    const folder = join(root ?? "", `reprise-${me()}`), path = join(folder, `${id}.sock`);
    if (Buffer.byteLength(path) > LONGEST || !makePrivate(folder)) continue;
    rmSync(path, { force: true });
    return path;
  }
  throw new StoreError("STORE_OPEN_FAILED", `no folder for a local socket: tried reprise-${me()} in ` +
    `${roots.join(", ")}; each is missing, too long, or another user's`, "none");
}

/** Makes the folder, or makes sure that it is ours alone. */
function makePrivate(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOurs(folder) || !lstatSync(folder).isDirectory()) return false;
    chmodSync(folder, 0o700);
    return true;
  } catch { return false }
}

/** Is what lies at the path this user's? A stranger's socket is not talked to. */
export function isOurs(path: string): boolean {
  if (process.platform === "win32") return true;
  return lstatSync(path).uid === me();
}
