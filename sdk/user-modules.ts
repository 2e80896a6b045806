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
  register(HOOK);
}

/** Runs in node's loader thread: files outside node_modules are ES modules, though package.json may say commonjs. */
const HOOK = `data:text/javascript,${encodeURIComponent(`
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const user = found.url.startsWith("file:") && !found.url.includes("/node_modules/")
    && /\\.(ts|tsx|js|jsx)(\\?|$)/.test(found.url);
  return user && found.format !== "module" ? { ...found, format: "module" } : found;
}
export async function load(url, context, next) {
  const user = url.startsWith("file:") && !url.includes("/node_modules/") && /\\.(ts|tsx|js|jsx)(\\?|$)/.test(url);
  return next(url, user ? { ...context, format: "module" } : context);
}
`)}`;
