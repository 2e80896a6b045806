/** `captureConsole: true`: console lines of a task become log lines of its run. */
import { format } from "node:util";
import { currentFrame } from "../engine/index.ts";

const LEVELS = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error" } as const;
let installed = false;

/** Patches the console once; lines of other code are untouched. */
export function captureTaskConsole(): void {
  if (installed) return;
  installed = true;
  for (const [method, level] of Object.entries(LEVELS)) {
    const name = method as keyof typeof LEVELS; // a key of LEVELS, by construction
    const original = console[name].bind(console);
    console[name] = (...args: readonly unknown[]) => {
      const frame = currentFrame();
      if (frame?.in === "task" && frame.captureConsole) frame.log(level, format(...args));
      else original(...args);
    };
  }
}
