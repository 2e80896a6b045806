/** Waits for changes of a user's files: those named, and all that they import by relative paths. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { packageRoot } from "../config.ts";
import { graphOf } from "../sources.ts";

/** Looking at the size and time of a hundred files takes a millisecond, and works on every file system. */
const LOOK_MS = 200;
/** An editor writes a file in steps; a formatter writes it again. */
const SETTLED_LOOKS = 1;

/** Calls `changed` with the paths whose content is another, from the package root, until the answer is called. */
export function watchFiles(files: readonly string[], changed: (paths: readonly string[]) => void): () => void {
  let known = contents(files), marks = marksOf(known), quiet = 0, moved = false;
  const timer = setInterval(() => {
    const now = marksOf(known);
    if (now !== marks) { marks = now; moved = true; quiet = 0; return }
    if (!moved || quiet++ < SETTLED_LOOKS) return;
    moved = false;
    const next = contents(files), paths = differing(known, next);
    known = next;
    marks = marksOf(known);
    if (paths.length > 0) changed(paths);
  }, LOOK_MS);
  return () => { clearInterval(timer) };
}

function contents(files: readonly string[]): ReadonlyMap<string, string> {
  return new Map(files.flatMap((file) => [...graphOf(file)]));
}

/** Time and size of every file; a file that is gone counts as a change when it comes back. */
function marksOf(known: ReadonlyMap<string, string>): string {
  const root = packageRoot();
  return [...known.keys()].map((path) => {
    const stat = statSync(resolve(root, path), { throwIfNoEntry: false });
    return stat === undefined ? "gone" : `${stat.mtimeMs}/${stat.size}`;
  }).join();
}

function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}
