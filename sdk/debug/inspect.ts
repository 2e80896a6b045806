/** `inspectRun()`: a replay that Chrome DevTools or VS Code can attach to. */
import { fork } from "node:child_process";
import { FLAGS } from "./host.ts";
import type { ReplayedRun } from "./protocol.ts";

/** Opens the replay in a process of its own, which waits for a debugger; resolves when that process has ended.
 *  `at`: it stops at this event, else at every moment. */
export function inspectRun(run: ReplayedRun, at: number | undefined): Promise<void> {
  const file = import.meta.url.endsWith(".ts") ? "../../dist/sdk/debug/inspect-process.js" : "inspect-process.js";
  const child = fork(new URL(file, import.meta.url), [], { execArgv: [...FLAGS], serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"] });
  child.send({ run, at });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code !== 0 && code !== null) process.exitCode = code;
      resolve();
    });
  });
}
