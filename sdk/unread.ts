/** Output that nobody reads any more, as behind `| head -1`: no error of the program, and no reason for a stack. */

/** Calls `then` each time that a line finds nobody; other errors of stdout and stderr stay what they are. */
export function whenUnread(then: () => void): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    then();
  });
}
