#!/usr/bin/env node
/**
 * The command `reprise`. One that is installed globally hands over to the project's own package, if there is one: its
 * files import that, and two copies would each know only half of the workflows.
 */
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const own = fileURLToPath(new URL("./main.js", import.meta.url));
await import(pathToFileURL(ofProject() ?? own).href);

/** The command line of the package that files in this folder import. */
function ofProject(): string | undefined {
  try {
    const found = createRequire(join(process.cwd(), "file.js")).resolve("reprise/package.json");
    const main = join(dirname(realpathSync(found)), "dist/sdk/cli/main.js");
    return existsSync(main) ? main : undefined;
  } catch { return undefined } // the project has none, or one that is no package of ours
}
