/** The viewer's results as a page for people. */

/** What `bench/viewer.ts` found. */
export interface ViewerResults {
  readonly machine: { readonly [key: string]: string | number };
  readonly size: { readonly runs: number; readonly events: number };
  readonly measured: { readonly [key: string]: number };
}

const ROWS: readonly (readonly [string, string, string])[] = [
  ["listFirstPageMs", "the list of runs in the browser, from navigation to the first row (ms)", ""],
  ["listAllMs", "the API's first page of 50, no filter (ms)", "<= 100"],
  ["listRunningMs", "the same, state running: ten of all (ms)", "<= 100"],
  ["listParkedMs", "the same, parked: five of all (ms)", "<= 100"],
  ["listFailedMs", "the same, failed: a tenth of all (ms)", "<= 100"],
  ["listWorkflowMs", "the same, one of twenty workflows (ms)", "<= 100"],
  ["listOldestMs", "the same, oldest first (ms)", "<= 100"],
  ["listOldestFailedMs", "the same, oldest first, failed (ms)", "<= 100"],
  ["listLongestMs", "the same, the longest of the 20,000 newest (ms)", "<= 100"],
  ["listLongestFailedMs", "the same, the longest of the 20,000 newest that failed (ms)", "<= 100"],
  ["listTookMs", "the same, those that took over a second (ms)", "<= 100"],
  ["listWorkerMs", "the same, of a worker (ms)", "<= 100"],
  ["listTwentyThousandTextMs", "a text that no run has: a page of 20,000 rows looked through (ms)", ""],
  ["runFirstDrawingMs", "the long run, from navigation to the first rows of its timeline (ms)", ""],
  ["runInteractiveMs", "the same, to every event here and a key answered (ms)", "<= 1,500"],
  ["scrubP95Ms", "the slider moved anywhere, to the end of the frame that shows it, 95 of 100 (ms)", "<= 33"],
  ["searchMs", "a search over all events, from the key to the number found (ms)", "<= 150"],
  ["heapMb", "live objects of the page with all events, after a collection (MiB)", "<= 300"],
  ["commitToScreenP50Ms", "a live run, from commit to the frame that counts the event, median (ms)", ""],
  ["commitToScreenP95Ms", "the same, 95 of 100 (ms)", "<= 200"],
  ["recordingMb", "the long run as one .html file (MiB)", "<= 3"],
  ["recordingGzippedMb", "the same, gzipped (MiB)", ""],
  ["recordingInteractiveMs", "the same opened from file://, to every event here and a key answered (ms)", "<= 1,500"],
];

/** The page. */
export function viewerReport({ machine, size, measured }: ViewerResults): string {
  return `# Results of \`npm run bench:viewer\`

Machine: ${Object.entries(machine).map(([name, value]) => `${name} ${value}`).join(" · ")}

${size.runs.toLocaleString("en")} runs on PostgreSQL, one more with ${size.events.toLocaleString("en")} events; the
rows are put in by SQL. Database, engine, viewer and browser share the machine's cores, with whatever else ran there:
\`loadBefore\` is the load average when the bench began. On two cores a load of 10 makes times about five times as long.

| what | | value | wanted |
|---|---|---|---|
${ROWS.map(([name, what, wanted]) => `| \`${name}\` | ${what} | ${measured[name] ?? "-"} | ${wanted} |`).join("\n")}

Not measured: a network between browser and server, other browsers, values of many megabytes, several readers at once.
The page and its scripts come from the loopback, uncached. A frame lasts 16.7 ms, and what is measured to its end has
that grain.
`;
}
