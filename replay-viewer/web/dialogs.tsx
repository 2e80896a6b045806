/** The one dialog that may be open: a native one, so that focus, Escape and the background are the browser's matter. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icons.tsx";

/** What is open, as a component; set it to open, `shut` to close. */
export const dialog = signal<(() => JSX.Element | null) | undefined>(undefined);
/** Opens a dialog. */
export function show(part: () => JSX.Element | null): void { dialog.value = part }
/** Closes it. */
export function shut(): void { dialog.value = undefined }

/** The frame of a dialog. Escape shuts it at once; the browser tells of the end of a dialog only later, when another
 *  may be open. */
export function Sheet({ title, wide = false, children }: { title: string; wide?: boolean;
  children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null), mine = useRef(dialog.peek());
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && !element.open) element.showModal();
    return () => { element?.close() };
  }, []);
  return <dialog ref={box} class={wide ? "sheet wide" : "sheet"} aria-label={title} onCancel={shut}
    onClose={() => { if (dialog.peek() === mine.current) shut() }}
    onClick={(event) => { if (event.target === box.current) shut() }}>
    <div class="sheet-in">
      <header><h2>{title}</h2><button class="quiet square" aria-label="Close" onClick={shut}><Icon
        name="close" /></button>
      </header>
      {children}
    </div>
  </dialog>;
}
