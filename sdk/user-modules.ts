/** Users' TypeScript, and their .js of whatever package type, loaded as ES modules; packages as node loads them. */
import { register } from "node:module";
import { register as registerTsx } from "tsx/esm/api";

let registered = false;

/** Are users' files loaded that way in this process? Threads must do the same. */
export function userModulesLoaded(): boolean { return registered }

/** Installs the loaders once. */
export function loadUserModules(): void {
  if (registered) return;
  registered = true;
  registerTsx();
  register(new URL("user-modules-hook.js", import.meta.url));
}
