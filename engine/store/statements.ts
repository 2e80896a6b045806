/** The SQL of the store: read once from the .sql files beside this one. */
import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("sql/", import.meta.url);
/** What only the build makes: the thread as JavaScript, the template. Tests that run from source use the build's. */
export const BUILT = new URL(import.meta.url.endsWith(".ts") ? "../../dist/engine/store/" : "./", import.meta.url);
const read = new Map<string, string>();

/** The text of sql/statements/<name>.sql. */
export function statement(name: string): string {
  const known = read.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`statements/${name}.sql`, FOLDER), "utf8");
  read.set(name, text);
  return text;
}

/** A numbered, forward-only change of the tables. */
export interface Migration { readonly number: number; readonly name: string; readonly text: string }

/** All migrations, in order. */
export function migrations(): readonly Migration[] {
  return readdirSync(new URL("migrations/", FOLDER)).filter((name) => name.endsWith(".sql")).sort().map((name) => ({
    number: Number(name.slice(0, 3)), name: name.replace(/\.sql$/, ""),
    text: readFileSync(new URL(`migrations/${name}`, FOLDER), "utf8"),
  }));
}
