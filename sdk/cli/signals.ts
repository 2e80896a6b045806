/** Ctrl-C and its kin, for commands that go on until somebody ends them. */

/** EPIPE: nobody reads what the command prints. */
export type Ending = keyof typeof CODES;
/** What a process ends with that was ended with work left. */
export const CODES = { SIGINT: 130, EPIPE: 141, SIGTERM: 143 } as const;
const waiting = new Set<(ending: Ending) => void>();

/** Resolves at SIGINT, SIGTERM or `end()`, with its name; a second signal ends the process. */
export function signalled(): Promise<Ending> {
  return new Promise((resolve) => {
    let asked = false;
    waiting.add(resolve);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(CODES[signal]);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** Ends a command that waits for a signal, as one would. False: it does not wait for any. */
export function endWaiting(): boolean {
  for (const resolve of waiting) resolve("EPIPE");
  return waiting.size > 0;
}
