/** One PostgreSQL server for a whole test run. */
import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres-server.ts";

declare module "vitest" { interface ProvidedContext { postgresUrl: string } }

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  if (server === undefined) process.stderr.write(
    "no PostgreSQL binaries here: the suites that need a server are skipped\n");
  project.provide("postgresUrl", server?.url ?? "");
  return async () => { await server?.stop() };
}
