/** The results as a page for people. */

export interface Results {
  readonly machine: { readonly [key: string]: string | number };
  readonly versions: { readonly [key: string]: string | undefined };
  readonly ratios: { readonly [key: string]: number };
  readonly measured: { readonly [key: string]: number };
}

const ROWS: readonly (readonly [string, string, string])[] = [
  ["taskVsInsert", "a sequential task over one raw insert + commit, PostgreSQL", "<= 1.5"],
  ["throughputVsBatch", "history rows/s at 100 runs over raw rows/s, 100 an insert, one connection", ">= 0.4"],
  ["throughputVsBatchOf1000", "the same over 1,000 rows an insert, more than 100 runs can ever fill", ""],
  ["tasksPerSecond", "tasks a second at 100 runs, PostgreSQL on the same two cores", ">= 10,000"],
  ["rowsPerTask", "rows of history per task", "1"],
  ["replay100kMs", "a history of 100,000 events: read, decoded, replayed (ms)", "<= 1,000"],
  ["replay10kMs", "the same with 10,000 events (ms)", ""],
  ["coldFreshMs", "spawn of node to the first line of the first task, fresh directory (ms)", "<= 1,500"],
  ["coldExistingMs", "the same on an existing directory (ms)", "<= 1,000"],
  ["firstTaskMs", "start() to the first line of the first task, engine open (ms)", ""],
  ["bytesPerTask", "bytes on disk per task, indexes included", ""],
  ["bytesPerWaitingRun", "heap of a run that sleeps in this process", "<= 4,096"],
  ["pgliteTaskVsInsert", "a sequential task over one raw insert, PGlite (the raw one without the hop to a thread)", ""],
];

export function report({ machine, versions, ratios, measured }: Results): string {
  const list = (of: { readonly [key: string]: string | number | undefined }): string =>
    Object.entries(of).map(([name, value]) => `${name} ${value ?? ""}`).join(" · ");
  return `# Results of \`npm run bench\`

Machine: ${list(machine)}
Versions: ${list(versions)}
Measured: ${list(measured)}

| what | | value | wanted |
|---|---|---|---|
${ROWS.map(([name, what, wanted]) => `| \`${name}\` | ${what} | ${ratios[name] ?? "-"} | ${wanted} |`).join("\n")}

Database, bench and engine share the machine's cores; fsync and synchronous_commit are on for PostgreSQL; PGlite runs
with durability "process" (survives kill -9, not a power cut). Raw and engine are measured in turns, because machines
are noisy: trust the ratios, and expect them to move by a quarter from run to run.

Not measured: a database on another machine, many worker processes at once, large values, power-safe PGlite, the peers.

Written down earlier on a machine of this kind, for comparison: before the language (signals, children, sagas, limits,
cache, ...) came in, \`taskVsInsert\` 1.47, \`throughputVsBatch\` 0.37, 30,239 tasks/s, \`replay100kMs\` 547,
\`bytesPerWaitingRun\` 4048; with it 1.44, 0.39, 31,062, 502 and 3987: it does not slow the plain path.
`;
}
