/** Files that are imported for their definitions alone. */
import { guardRejections, RepriseError } from "../engine/index.ts";
import { onlyDefining } from "./registry.ts";

/** Imports for the definitions: a call at the top level is refused, awaited or not, at once or later; what stands
 *  above it is kept. `file`: what is imported, which finds no words but its own name on the command line, as under
 *  `reprise run`. @throws what the files throw */
export async function loadDefinitions(load: () => Promise<unknown>, file?: string): Promise<void> {
  guardRejections(); // of a call that is not awaited
  if (file !== undefined) process.argv = [process.argv[0] ?? "node", file];
  try { await onlyDefining(load) } catch (error) {
    if (!(error instanceof RepriseError && error.code === "RUN_WHILE_LOADING")) throw error;
  }
}
