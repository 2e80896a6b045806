/** The keyboard: one map for the page that is shown. No key fires inside a field, and each has a way by mouse. */
import { useLayoutEffect } from "preact/hooks";
import { dialog } from "./dialogs.tsx";

/** What a key does; the name is `event.key`, with `Shift+`, `Ctrl+` before it. */
export interface KeyMap { readonly [key: string]: (() => void) | undefined }

let current: KeyMap = {};
/** The keys of the page while the component is there; made anew when `of` changes. They are there before what they
 *  work on is seen: an effect would come after the drawing, and a key that is pressed between the two be lost. */
export function useKeys(make: () => KeyMap, of: readonly unknown[]): void {
  useLayoutEffect(() => {
    const map = current = make();
    return () => { if (current === map) current = {} };
  }, of);
}

/** What opens the sheet of keys and the palette; set by who knows them. */
export const openers: { sheet?: () => void; palette?: () => void } = {};

function nameOf(event: KeyboardEvent): string {
  if (event.ctrlKey || event.metaKey) return `Ctrl+${event.key.toLowerCase()}`;
  return event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
}
function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return target.type !== "range" && target.type !== "checkbox";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
/** Does the focused element use this key itself? */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range") return false;
  const pressed = key === "Enter" || key === " ";
  return pressed && target.closest("button, a, summary, [role=treeitem]") !== null;
}

/** Begins to listen. */
export function openKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey) return;
    const key = nameOf(event);
    if (key === "Escape" && isField(event.target) && event.target instanceof HTMLElement) { event.target.blur();
      return }
    if (key === "Ctrl+k" && openers.palette !== undefined) { event.preventDefault(); openers.palette(); return }
    if (isField(event.target) || dialog.value !== undefined) return;
    if (key === "?" && openers.sheet !== undefined) { event.preventDefault(); openers.sheet(); return }
    const action = current[key];
    if (action === undefined || isTaken(event.target, key)) return;
    event.preventDefault();
    action();
  });
}
