/** How a run is set aside: the event, and the change of its row that leaves with it. */
import type { RepriseError } from "../core/errors.ts";
import type { Draft, RunParked } from "../core/events.ts";
import { describeDivergence, DIVERGENCE_HINT, type Divergence } from "../replay/divergence.ts";
import { siteLine } from "../replay/site.ts";
import type { RowChange } from "./outbox.ts";

type Parking = readonly [Draft<RunParked>, RowChange];

/** A person must look at it. */
export function parkedAt(at: number, { code, message, hint }: Pick<RepriseError, "code" | "message" | "hint">,
  notVersion?: string): Parking {
  return [{ type: "RunParked", at, code, message, hint, ...(notVersion !== undefined && { codeVersion: notVersion }) },
    { state: "parked", parked: code, release: true, ...(notVersion !== undefined && { excludeVersion: notVersion }) }];
}

/** History and code disagree; other code may still take it. @param line the line of history's side, as it ran */
export function divergedAt(at: number, name: string, found: Divergence, codeVersion: string, line?: string): Parking {
  const text = describeDivergence(found, (site, side) => side === "recorded" ? line : siteLine(site));
  return parkedAt(at, { code: "REPLAY_DIVERGED", hint: DIVERGENCE_HINT,
    message: `run '${name}' no longer matches its code.\n${text}` }, codeVersion);
}

/** It began with other code and wants no other. */
export function pinnedAt(at: number, name: string, began: string, codeVersion: string): Parking {
  return parkedAt(at, { code: "CODE_PINNED",
    message: `run '${name}' began with code ${began}, this worker has ${codeVersion}`,
    hint: "Run a worker with that version of the code, or take evolve: \"pin\" away and resume the run." },
  codeVersion);
}
