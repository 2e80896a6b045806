/** Programs in folders of their own, started as a user starts them, and what they say while they go on. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** The built command line. */
export const cli = join(root, "dist/sdk/cli/main.js");
const base = mkdtempSync(join(tmpdir(), "reprise-talking-"));
const children: ChildProcess[] = [];
const env: NodeJS.ProcessEnv = { ...process.env, VITEST: "", REPRISE_DATABASE_URL: "", REPRISE_LOG_LEVEL: "info",
  REPRISE_VIEWER: "" };

/** A folder with a package.json and this repository's build as its node_modules/reprise. */
export function project(name: string, files: { readonly [file: string]: string }): string {
  const folder = join(base, name);
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/reprise"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

/** A program that was started. */
export interface Talking {
  readonly child: ChildProcess;
  said(): string;
  /** Waits until it has said this, `times` times. */
  until(text: RegExp, times?: number): Promise<RegExpExecArray>;
  readonly ended: Promise<number | null>;
}
/** Starts node with these arguments. */
export function start(folder: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Talking {
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...env, ...more } });
  children.push(child);
  let said = "";
  child.stdout.on("data", (chunk) => { said += String(chunk) });
  child.stderr.on("data", (chunk) => { said += String(chunk) });
  const ended = new Promise<number | null>((resolve) => { child.once("exit", resolve) });
  return { child, ended, said: () => said, until: async (text, times = 1) => {
    const found = (): RegExpExecArray | undefined =>
      [...said.matchAll(new RegExp(text, `${text.flags}g`))][times - 1];
    await expect.poll(() => found() !== undefined || child.exitCode !== null).toBe(true)
      .catch((error: unknown) => { throw new Error(`${String(error)}\n${said}`) });
    const one = found();
    if (one === undefined) throw new Error(`it ended and never said ${text}:\n${said}`);
    return one;
  } };
}

/** A command that ends by itself. */
export interface Outcome { readonly stdout: string; readonly stderr: string; readonly status: number | null }
export function reprise(folder: string, ...args: readonly string[]): Outcome {
  return spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: "utf8", env, timeout: 150_000 });
}

/** The API of a viewer, by the address that it printed. */
export async function ask<T>(url: string, path: string): Promise<T> {
  const [origin = "", token = ""] = url.split("/#token=");
  const response = await fetch(`${origin}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
  return await response.json() as T; // the server answers by its schema
}

/** Is there a process of this number? */
export function lives(pid: number): boolean {
  try { process.kill(pid, 0); return true } catch { return false }
}

/** Ends what was started, and takes the folders away. */
export function endAll(): void { for (const child of children.splice(0)) child.kill("SIGKILL") }
export function clear(): void { rmSync(base, { recursive: true, force: true }) }
