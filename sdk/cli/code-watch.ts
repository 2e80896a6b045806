/** The user's files beside a server that runs nothing itself: a process of their own replays runs, a fresh one at every
 *  save. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { RunRow, Verdict } from "../../engine/index.ts";
import type { CodeSource } from "../../replay-viewer/server/viewer.ts";
import { watchFiles } from "./watch-files.ts";

type Loaded = { readonly name: string; readonly file?: string; readonly codeVersion: string };
/** What the process is asked: a run. */
export interface CodeAsked { readonly n: number; readonly row: RunRow }
/** What it says: what it has loaded, once; then what became of each question. */
export type CodeTold = { readonly workflows: readonly Loaded[] }
  | { readonly n: number; readonly verdict: Verdict } | { readonly n: number; readonly failed: string };

const CHILD = fileURLToPath(new URL("code-child.js", import.meta.url));
interface Question { readonly row: RunRow; readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void }

/** Files that are compared with runs in flight; `close` ends their process. */
export class WatchedCode implements CodeSource {
  readonly watched = true;
  readonly #files: readonly string[];
  readonly #unwatch: () => void;
  readonly #open = new Map<number, Question>();
  #loaded = new Map<string, Loaded>();
  #child: ChildProcess | undefined;
  #ready = false;
  #n = 0;

  constructor(files: readonly string[]) {
    this.#files = files;
    this.#start();
    this.#unwatch = watchFiles(files, () => { this.#end(); this.#start() });
  }

  workflow(name: string): Loaded | undefined { return this.#loaded.get(name) }
  any(): boolean { return this.#loaded.size > 0 }
  verdict(row: RunRow): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const n = ++this.#n;
      this.#open.set(n, { row, resolve, reject });
      if (this.#ready) this.#ask(n, row);
      else if (this.#child === undefined) this.#giveUp();
    });
  }
  close(): void {
    this.#unwatch();
    this.#end();
    this.#giveUp();
  }

  #start(): void {
    const child = fork(CHILD, [...this.#files], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child = child;
    child.on("error", () => undefined); // its end is told by exit
    child.on("message", (told: CodeTold) => { if (child === this.#child) this.#hear(told) }); // it says nothing else
    child.on("exit", () => {
      if (child !== this.#child) return;
      this.#child = undefined;
      this.#ready = false;
      this.#giveUp();
    });
  }
  /** What is open is asked of the next one. */
  #end(): void {
    const child = this.#child;
    this.#child = undefined;
    this.#ready = false;
    child?.kill("SIGKILL"); // it writes nothing
  }
  #ask(n: number, row: RunRow): void {
    const asked: CodeAsked = { n, row };
    this.#child?.send(asked, () => undefined);
  }
  #hear(told: CodeTold): void {
    if ("workflows" in told) {
      this.#loaded = new Map(told.workflows.map((one) => [one.name, one]));
      this.#ready = true;
      for (const [n, { row }] of this.#open) this.#ask(n, row);
      return;
    }
    const question = this.#open.get(told.n);
    this.#open.delete(told.n);
    if ("verdict" in told) question?.resolve(told.verdict); else question?.reject(new Error(told.failed));
  }
  /** It ended by itself, or could not begin: the user's code did that. A save starts the next. */
  #giveUp(): void {
    for (const { row: { runId: run, name, workflow, codeVersion }, resolve } of this.#open.values()) {
      resolve({ run, name, workflow, began: codeVersion, last: codeVersion, standing: "broken",
        why: "the process that loads the files has ended; the server's terminal says why" });
    }
    this.#open.clear();
  }
}
