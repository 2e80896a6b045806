/** Looking again and again, for pages that show how things stand. */
import type { Signal } from "@preact/signals";
import type { Problem } from "../model/wire.ts";
import { asProblem } from "./api.ts";

/** Looks now and then every second, or as often as is said, while the page is seen. The answer ends it. */
export function again(once: () => Promise<void>, problem: Signal<Problem | undefined>, everyMs = 1000): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined, over = false;
  const tick = async (): Promise<void> => {
    if (!document.hidden) {
      try { await once(); problem.value = undefined } catch (error) { problem.value = asProblem(error) }
    }
    if (!over) timer = setTimeout(() => { void tick() }, everyMs);
  };
  void tick();
  return () => { over = true; clearTimeout(timer) };
}
