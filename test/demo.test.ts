import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the demo is killed in the middle, resumes, and proves that no recorded task ran twice", () => {
  const demo = fileURLToPath(new URL("../examples/demo.mjs", import.meta.url));
  const env = { ...process.env };
  delete env["VITEST"];
  delete env["REPRISE_LOG_LEVEL"];
  const { stdout, stderr, status } = spawnSync(process.execPath, [demo], { encoding: "utf8", env });
  expect(stdout, stderr).toContain("No recorded task ran twice.");
  expect(stdout).toContain('result {"written":200,"done":90}');
  expect(stderr).toMatch(/Resuming run '[a-z]+-[a-z]+' at event \d+: \d+ tasks kept/);
  expect(status).toBe(0);
});
