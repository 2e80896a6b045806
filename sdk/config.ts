/** Configuration of a process: environment, then default. `reprise config view` shows where each value came from. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { RepriseError } from "../engine/index.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "critical"] as const;
export interface Setting { readonly name: string; readonly value: string; readonly from: string }

/** The folder of the nearest package.json above `from`; `from` itself where there is none. */
export function packageRoot(from: string = process.cwd()): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (dirname(folder) === folder) return resolve(from);
  }
}

/** Where runs are kept: REPRISE_DATABASE_URL, `memory:` under Vitest, else `.reprise/` beside the nearest
 *  package.json. */
export function databaseSetting(): Setting {
  const name = "database", given = process.env["REPRISE_DATABASE_URL"];
  if (given !== undefined && given !== "") return { name, value: given, from: "REPRISE_DATABASE_URL" };
  if (process.env["VITEST"]) return { name, value: "memory:", from: "default under Vitest" };
  return { name, value: join(packageRoot(), ".reprise"), from: "default" };
}

/** The least level that is printed. @throws INVALID_CONFIG */
export function logLevelSetting(): Setting {
  const given = process.env["REPRISE_LOG_LEVEL"];
  if (given === undefined || given === "") return { name: "logLevel", value: "info", from: "default" };
  const value = given.toLowerCase().replace(/^warning$/, "warn");
  if (LOG_LEVELS.some((level) => level === value)) return { name: "logLevel", value, from: "REPRISE_LOG_LEVEL" };
  throw new RepriseError("INVALID_CONFIG", `REPRISE_LOG_LEVEL is '${given}'`, `Use one of ${LOG_LEVELS.join(", ")}.`);
}

/** Are ended runs replayed as a proof? On in development, off in production and under Vitest. */
export function proofSetting(): Setting {
  const name = "proof", given = process.env["REPRISE_PROOF"];
  if (given !== undefined && given !== "") {
    return { name, value: /^(0|off|false|no)$/i.test(given) ? "off" : "on", from: "REPRISE_PROOF" };
  }
  if (process.env["NODE_ENV"] === "production") return { name, value: "off", from: "NODE_ENV" };
  return !process.env["VITEST"] ? { name, value: "on", from: "default" }
    : { name, value: "off", from: "default under Vitest" };
}

/** Is a viewer served by a script, or by an engine that says nothing of it? A number is the port.
 *  @throws INVALID_CONFIG */
export function viewerSetting(): Setting {
  const name = "viewer", given = process.env["REPRISE_VIEWER"];
  if (given === undefined || given === "") return { name, value: "off", from: "default" };
  if (/^(0|off|false|no)$/i.test(given)) return { name, value: "off", from: "REPRISE_VIEWER" };
  if (/^(1|on|true|yes)$/i.test(given)) return { name, value: "on", from: "REPRISE_VIEWER" };
  if (/^\d{2,5}$/.test(given) && Number(given) <= 65_535) return { name, value: given, from: "REPRISE_VIEWER" };
  throw new RepriseError("INVALID_CONFIG", `REPRISE_VIEWER is '${given}'`, "Use on, off, or a port.");
}

/** How many attempts of tasks with `runner: "thread"` (or "process") are made at once. @throws INVALID_CONFIG */
export function poolSetting(kind: "thread" | "process"): Setting {
  const variable = kind === "thread" ? "REPRISE_THREADS" : "REPRISE_PROCESSES", given = process.env[variable];
  const name = kind === "thread" ? "threads" : "processes";
  if (given === undefined || given === "") return { name, value: String(availableParallelism()), from: "processors" };
  if (/^[1-9]\d{0,3}$/.test(given)) return { name, value: given, from: variable };
  throw new RepriseError("INVALID_CONFIG", `${variable} is '${given}'`, "Give a whole number from 1.");
}

/** A database address without its password, for people. */
export function withoutPassword(database: string): string { return database.replace(/(\/\/[^:/@]*):[^@]*@/, "$1:***@") }
