/** Builds dist/: TypeScript by project references, the .sql files beside it, the template of an embedded
 * database, and the viewer's page; then the public names are used against the declarations. */
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const node = (script, ...args) => execFileSync(process.execPath, [here(script), ...args], { stdio: "inherit", cwd: here(".") });

node("node_modules/typescript/bin/tsc", "-b");
if (existsSync(here("engine/store/sql"))) cpSync(here("engine/store/sql"), here("dist/engine/store/sql"), { recursive: true });
if (existsSync(here("dist/engine/store/make-template.js"))) node("dist/engine/store/make-template.js");
node("node_modules/typescript/bin/tsc", "-p", "replay-viewer/web");
node("replay-viewer/web/build.mjs");
node("node_modules/typescript/bin/tsc", "-p", "test/types"); // what users write still compiles
chmodSync(here("dist/sdk/cli/bin.js"), 0o755);
