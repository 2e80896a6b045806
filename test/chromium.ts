/**
 * A real Chromium for tests, never a mock: one that is named, one of the system, or, for root on Debian, one that is
 * installed for the purpose. Where none is, the suites that need it are skipped, and say so.
 *
 *   node --import tsx test/chromium.ts     installs it if it is missing and may be
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const PLACES = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium"];
const INSTALL_MS = 15 * 60_000;

/** Where it is. REPRISE_TEST_CHROMIUM names one, or says `none`. */
export function chromiumPath(): string | undefined {
  const named = process.env["REPRISE_TEST_CHROMIUM"];
  if (named === "none") return undefined;
  if (named !== undefined && named !== "") return named;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/snap/bin"];
  return [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...PLACES]
    .find((path) => existsSync(path));
}

/** What browsers are started with; root's has no sandbox. */
export const CHROMIUM_ARGS: readonly string[] = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

/** The path, and a word where there is none. */
export function chromiumForTests(): string | undefined {
  const path = chromiumPath();
  if (path === undefined) process.stderr.write("no Chromium here: the browser tests are skipped\n");
  return path;
}

/** Why it could not be installed; undefined when it was. */
function install(): string | undefined {
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return "this is no Debian";
  if (process.getuid?.() !== 0) return "only root may install it: apt-get install chromium";
  const run = (...args: readonly string[]): void => {
    execFileSync("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], { timeout: INSTALL_MS,
      stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  };
  try {
    run("update");
    run("install", "-y", "--no-install-recommends", "chromium");
    return undefined;
  } catch (error) { return String(error).split("\n").slice(0, 3).join(" ") }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && chromiumPath() === undefined) {
  process.stderr.write("no Chromium here: installing it for the browser tests\n");
  const why = install();
  if (why !== undefined) process.stderr.write(`It could not be installed (${why}): the browser tests are skipped\n`);
}
