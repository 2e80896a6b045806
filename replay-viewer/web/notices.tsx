/** What the page says by itself: a word after an action, a failure with its next step, an empty place that teaches. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../model/wire.ts";
import { Icon } from "./icons.tsx";

interface Toast { readonly text: string; readonly bad: boolean; readonly n: number }
const toast = signal<Toast | undefined>(undefined);
const SHOWN_MS = 4000;
let n = 0;

/** Says a short word in the corner, for a while. */
export function say(text: string, bad = false): void {
  const mine = { text, bad, n: ++n };
  toast.value = mine;
  setTimeout(() => { if (toast.value === mine) toast.value = undefined }, bad ? SHOWN_MS * 2 : SHOWN_MS);
}

/** The corner where words are said; readers hear it. */
export function Toasts(): JSX.Element {
  const said = toast.value;
  return <div class="toasts" role="status">{said && <p key={said.n} class={said.bad ? "toast bad" : "toast"}>
    <Icon name={said.bad ? "note" : "ok"} />{said.text}</p>}</div>;
}

/** A failure: what happened, its code, the next step. */
export function Trouble({ problem, children }: { problem: Problem; children?: ComponentChildren }): JSX.Element {
  return <section class="trouble" role="alert">
    <Icon name="note" size={20} />
    <div>
      <h2>{problem.message}</h2>
      {problem.hint !== undefined && <p>{problem.hint}</p>}
      {children}
      <p class="faint"><code>{problem.code}</code>{problem.docs !== undefined && <> · {problem.docs}</>}</p>
    </div>
  </section>;
}

/** An empty place: what would be here, and how it comes here. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return <section class="empty"><h2>{title}</h2>{children}</section>;
}

/** Copies text, and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied ${what}`);
  } catch { say(`This browser does not let the page copy ${what}`, true) }
}
