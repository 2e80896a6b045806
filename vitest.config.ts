import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

const setup = "test/global-setup.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    pool: "forks",
    // Most of the time of a test is waiting: for processes, kills, leases.
    maxWorkers: 2,
    ...(existsSync(setup) && { globalSetup: setup }),
  },
});
