import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

const setup = "test/global-setup.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 180_000, // none is near it: two busy cores are shared with whatever else the machine does
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    pool: "forks",
    // Most of the time of a test is waiting: for processes, kills, leases.
    maxWorkers: 2,
    ...(existsSync(setup) && { globalSetup: setup }),
  },
});
