/** The viewer's bench on few rows: it measures what its report names. No time is asserted. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, inject, test } from "vitest";
import { viewerReport, type ViewerResults } from "../bench/viewer-report.ts";
import { chromiumForTests } from "./chromium.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const missing = chromiumForTests() === undefined || inject("postgresUrl") === "";

describe.skipIf(missing)("npm run bench:viewer", () => {
  test("prints one document whose every number is in the report, and leaves the results that are there", () => {
    const { stdout, stderr, status } = spawnSync(process.execPath,
      ["--import", "tsx", "bench/viewer.ts", "--quick", "--json"], { cwd: root, encoding: "utf8", timeout: 170_000,
        env: { ...process.env, VITEST: "" } });
    expect(status, stderr).toBe(0);
    const document = JSON.parse(stdout) as ViewerResults; // the bench's own format
    expect(document.size).toEqual({ runs: 2000, events: 2000 });
    const report = viewerReport(document);
    for (const [name, value] of Object.entries(document.measured)) {
      expect(value, name).toBeGreaterThan(0);
      expect(report).toContain(`| \`${name}\` |`);
    }
    expect(report).not.toContain("| - |");
  });
});
