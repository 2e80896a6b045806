/** Ctrl-C and its kin, for commands that go on until somebody ends them. */

/** Resolves at SIGINT or SIGTERM, with its name; a second one ends the process. */
export function signalled(): Promise<"SIGINT" | "SIGTERM"> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      process.on(signal, () => {
        if (asked) process.exit(code);
        asked = true;
        resolve(signal);
      });
    }
  });
}
