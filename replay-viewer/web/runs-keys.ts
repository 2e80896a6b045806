/** Keys of the list of runs. */
import { signal } from "@preact/signals";
import type { RunRow } from "../model/wire.ts";
import type { KeyMap } from "./keys.ts";
import { change, param, visit } from "./place.ts";

/** Index of the row that the keys are on; -1 before the first key. */
export const chosenRow = signal(-1);

/** The first run is kept in the address; with the second the comparison opens. */
export function compareWith(id: string): void {
  const first = param("compare");
  if (first === "") change({ compare: id });
  else if (first === id) change({ compare: undefined });
  else visit(`/runs/${first}/vs/${id}`);
}

/** The keys work on these rows. */
export function listKeyMap(rows: () => readonly RunRow[]): KeyMap {
  const step = (by: number): void => {
    chosenRow.value = Math.max(0, Math.min(rows().length - 1, chosenRow.value + by));
  };
  return {
    ArrowDown: () => { step(1) }, ArrowUp: () => { step(-1) }, j: () => { step(1) }, k: () => { step(-1) },
    PageDown: () => { step(15) }, PageUp: () => { step(-15) },
    Home: () => { step(-1e9) }, End: () => { step(1e9) },
    Enter: () => { const row = rows()[chosenRow.value]; if (row !== undefined) visit(`/runs/${row.runId}`) },
    x: () => { const row = rows()[chosenRow.value]; if (row !== undefined) compareWith(row.runId) },
    n: () => { visit("/workflows") },
    "/": () => { document.getElementById("search")?.focus() },
  };
}
