/** Where the socket of a served directory lies: in a folder of this user's that nobody else may enter. */
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The shortest limit of a socket's path is that of macOS: 104 bytes with its end. */
const LONGEST = 103;

/** A container's user may have a number and no name. */
const me = (): number => process.getuid?.() ?? 0;

/** The socket for the directory with this id (lock.ts). What a dead process left there is removed: hold the lock. */
export function socketFor(id: string): string {
  if (process.platform === "win32") return `\\\\.\\pipe\\reprise-${id}-store`;
  const roots = [process.env["XDG_RUNTIME_DIR"], tmpdir(), "/tmp"].filter((root) => root !== undefined && root !== "");
  for (const root of roots) {
    const folder = join(root ?? "", `reprise-${me()}`), path = join(folder, `${id}.sock`);
    if (Buffer.byteLength(path) > LONGEST || !makePrivate(folder)) continue;
    rmSync(path, { force: true });
    return path;
  }
  // A stranger has made folders of our name: one that nobody can guess. The lock tells where it is.
  return join(mkdtempSync("/tmp/reprise-"), "store.sock");
}

/** Makes the folder, or makes sure that it is ours alone. */
function makePrivate(folder: string): boolean {
  try {
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 }); // `recursive` never ends in a folder like /proc
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
