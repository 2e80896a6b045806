/** What the reader has set, kept in this browser: the colours, the width of the inspector. */
import { effect, signal } from "@preact/signals";

export type Scheme = "auto" | "light" | "dark";

function kept(name: string): string | null {
  try { return localStorage.getItem(`reprise.${name}`) } catch { return null }
}
function keep(name: string, value: string): void {
  try { localStorage.setItem(`reprise.${name}`, value) } catch { /* a page without storage forgets */ }
}

const wanted = kept("scheme");
export const scheme = signal<Scheme>(wanted === "light" || wanted === "dark" ? wanted : "auto");
/** Width of the inspector in pixels. */
export const inspectorWidth = signal(Math.min(900, Math.max(320, Number(kept("inspector")) || 460)));
/** The reader's name, for the histories in which he acts. */
export const who = signal(kept("who") ?? "");
/** Grows when colours may have changed: what is painted on a canvas is painted again. */
export const repaint = signal(0);

effect(() => {
  document.documentElement.style.colorScheme = scheme.value === "auto" ? "light dark" : scheme.value;
  keep("scheme", scheme.value);
  repaint.value = repaint.peek() + 1;
});
effect(() => { keep("inspector", String(inspectorWidth.value)) });
effect(() => { keep("who", who.value) });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { repaint.value++ });

/** Light, dark, or as the system has it: one after the other. */
export function nextScheme(): void {
  scheme.value = scheme.value === "auto" ? "light" : scheme.value === "light" ? "dark" : "auto";
}
