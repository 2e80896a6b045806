/** Runs in node's loader thread: users' files are ES modules, though package.json may say commonjs. */
import type { LoadHook, ResolveHook } from "node:module";

function isUsers(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/") && /\.(ts|tsx|cts|js|jsx)(\?|$)/.test(url);
}

/** Files outside node_modules are modules. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const found = await next(specifier, context);
  return isUsers(found.url) && found.format !== "module" ? { ...found, format: "module" } : found;
};

/** They are loaded as what they were resolved to be. */
export const load: LoadHook = (url, context, next) =>
  next(url, isUsers(url) ? { ...context, format: "module" } : context);
