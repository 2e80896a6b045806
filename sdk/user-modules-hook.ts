/** Runs in node's loader thread: users' files are ES modules, though package.json may say commonjs. */
import type { LoadHook, ResolveHook } from "node:module";

function isUsers(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/") && /\.(ts|tsx|cts|js|jsx)(\?|$)/.test(url);
}

/** The address without what tsx puts behind it for TypeScript of commonjs packages, once as part of the path and once
 *  as the query: by those marks it loads the file as CommonJS, from a data: URL. */
function unmarked(url: string): string {
  const [path = url, query] = url.replace(/%3Ftsx-[^?]*/, "").split("?");
  const own = query?.split("&").filter((part) => !part.startsWith("tsx-commonjs-")).join("&");
  return own ? `${path}?${own}` : path;
}

/** Files outside node_modules are modules. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const found = await next(specifier, context), url = unmarked(found.url);
  return isUsers(url) && found.format !== "module" ? { ...found, url, format: "module" } : found;
};

/** They are loaded as what they were resolved to be. */
export const load: LoadHook = (url, context, next) =>
  next(url, isUsers(url) ? { ...context, format: "module" } : context);
