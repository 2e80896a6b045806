/** Files that are imported for their definitions alone. */
import { guardRejections, RepriseError } from "../engine/index.ts";
import { onlyDefining } from "./registry.ts";

/** Imports for the definitions: a call at the top level is refused, awaited or not, at once or later; what stands
 *  above it is kept. @throws what the files throw */
export async function loadDefinitions(load: () => Promise<unknown>): Promise<void> {
  guardRejections(); // of a call that is not awaited
  try { await onlyDefining(load) } catch (error) {
    if (!(error instanceof RepriseError && error.code === "RUN_WHILE_LOADING")) throw error;
  }
}
