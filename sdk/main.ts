/** Is this file the program, or is it only being loaded for its definitions? */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isLoading } from "./registry.ts";

/** True when this file is the program (node, tsx, `reprise run`); false when a worker, check, replay or test loads
 *  it. */
export function isMain(meta: ImportMeta): boolean {
  const entry = process.argv[1];
  if (isLoading() || entry === undefined) return false;
  try { return realpathSync(fileURLToPath(meta.url)) === realpathSync(entry) } catch { return false }
}
