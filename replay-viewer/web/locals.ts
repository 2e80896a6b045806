/** Variables at the focus, as far as they are here. What was answered once is kept while the page shows the run. */
import { signal, type Signal } from "@preact/signals";
import type { Hit, Locals, Seen, Way } from "../model/locals.ts";
import { asProblem, Failure, localsAt, logPointsOf, type LogPoint } from "./api.ts";
import type { Fetched } from "./session.ts";

/** Variables of one run. */
export class RunLocals {
  /** The server shows none, and says why: it is not asked again. */
  readonly off = signal<Failure | undefined>(undefined);
  readonly watches = signal<readonly string[]>([]);
  readonly hits = signal<Fetched<readonly Hit[]> | undefined>(undefined);
  /** Grows when a value has been opened. */
  readonly version = signal(0);
  readonly #id: string;
  readonly #answers = new Map<string, Signal<Fetched<Locals>>>();
  readonly #opened = new Map<string, Seen | "asked">();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string) { this.#id = id }

  /** The answer for an event; it is asked for when the focus has rested for a moment. */
  at(seq: number): Signal<Fetched<Locals>> {
    const key = `${seq} ${JSON.stringify(this.watches.value)}`, known = this.#answers.get(key);
    if (known !== undefined) return known;
    const made = signal<Fetched<Locals>>({ state: "loading" });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (this.off.peek() === undefined) void this.#ask(seq, key, made) }, RESTS_MS);
    return made;
  }

  /** Puts an expression on the list, or takes it off. */
  toggleWatch(expression: string): void {
    const { value } = this.watches;
    this.watches.value = value.includes(expression) ? value.filter((one) => one !== expression)
      : [...value, expression].slice(-20);
  }

  openings(seq: number, frame: number): { readonly known: (way: Way) => Seen | undefined;
    readonly ask: (way: Way) => void } {
    const keyOf = (way: Way): string => `${seq} ${frame} ${JSON.stringify(way)}`;
    return { known: (way) => {
      void this.version.value;
      const found = this.#opened.get(keyOf(way));
      return found === "asked" ? undefined : found;
    }, ask: (way) => { void this.#open(seq, frame, way, keyOf(way)) } };
  }

  async printAt(point: LogPoint): Promise<void> {
    this.hits.value = { state: "loading" };
    try {
      const { hits } = await logPointsOf(this.#id, [point]);
      this.hits.value = { state: "here", value: hits };
    } catch (error) { this.hits.value = { state: "failed", problem: asProblem(error) } }
  }

  async #ask(seq: number, key: string, to: Signal<Fetched<Locals>>): Promise<void> {
    this.#answers.set(key, to);
    try {
      const watches = this.watches.peek();
      const value = await localsAt(this.#id, { at: seq, ...(watches.length > 0 && { watches }) });
      to.value = { state: "here", value };
    } catch (error) {
      if (error instanceof Failure && error.status === 403) this.off.value = error;
      to.value = { state: "failed", problem: asProblem(error) };
      this.#answers.delete(key);
    }
  }

  async #open(seq: number, frame: number, { name, path, from }: Way, key: string): Promise<void> {
    if (this.#opened.has(key)) return;
    this.#opened.set(key, "asked");
    try {
      const { opened } = await localsAt(this.#id, { at: seq, open: { frame, name, path, from } });
      if (opened !== undefined) this.#opened.set(key, opened.value); else this.#opened.delete(key);
    } catch { this.#opened.delete(key) } // the button is still there
    this.version.value++;
  }
}
const RESTS_MS = 40;

const all = new Map<string, RunLocals>();
/** The variables of a run. */
export function localsOf(id: string): RunLocals {
  const known = all.get(id);
  if (known !== undefined) return known;
  const made = new RunLocals(id);
  all.set(id, made);
  return made;
}
