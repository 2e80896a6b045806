/** A list of any length of which only what is seen stands in the page. Rows have one fixed height. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren, JSX, RefObject } from "preact";

/** Rows in view: from `first` to before `last`. */
export interface Window { readonly first: number; readonly last: number; readonly top: number; readonly height: number }

const SPARE = 6;

/** The window of a scrolled element with `count` rows of `rowHeight` pixels. */
export function useWindow(box: RefObject<HTMLElement>, count: number, rowHeight: number): Window {
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = (): void => { setSeen((before) => before.top === element.scrollTop
      && before.height === element.clientHeight ? before : { top: element.scrollTop, height: element.clientHeight }) };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    return () => { element.removeEventListener("scroll", look); sizes.disconnect() };
  }, []);
  const first = Math.max(0, Math.floor(seen.top / rowHeight) - SPARE);
  const last = Math.min(count, Math.ceil((seen.top + seen.height) / rowHeight) + SPARE);
  return { first: Math.min(first, count), last, top: seen.top, height: seen.height };
}

/** Keeps row `index` in view when it changes; in the middle when it was far away. */
export function useReveal(box: RefObject<HTMLElement>, index: number, rowHeight: number, header = 0): void {
  useEffect(() => {
    const element = box.current;
    if (element === null || index < 0) return;
    const top = index * rowHeight, bottom = top + rowHeight, seen = element.clientHeight - header;
    if (top >= element.scrollTop && bottom <= element.scrollTop + seen) return;
    const near = top > element.scrollTop - 3 * rowHeight && bottom < element.scrollTop + seen + 3 * rowHeight;
    element.scrollTop = near ? (top < element.scrollTop ? top : bottom - seen) : top - seen / 2;
  }, [index, rowHeight]);
}

interface Props {
  readonly count: number;
  readonly rowHeight: number;
  readonly label: string;
  /** `role` of the box: a list by default. */
  readonly role?: "list" | "listbox" | "rowgroup" | "tree";
  readonly class?: string;
  /** Kept in view. */
  readonly reveal?: number;
  /** Called when the end comes into view. */
  readonly onEnd?: () => void;
  readonly row: (index: number) => ComponentChildren;
}
/** A windowed list. Each row must be positioned by itself as a block of `rowHeight`. */
export function Windowed({ count, rowHeight, label, role = "list", class: look = "", reveal = -1, onEnd, row }: Props):
  JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const { first, last } = useWindow(box, count, rowHeight);
  useReveal(box, reveal, rowHeight);
  useEffect(() => { if (last >= count - SPARE) onEnd?.() }, [last, count]);
  const rows: ComponentChildren[] = [];
  for (let i = first; i < last; i++) rows.push(row(i));
  return <div class={`windowed ${look}`} ref={box} role={role} aria-label={label} tabIndex={0}>
    <div class="windowed-all" style={{ height: `${count * rowHeight}px` }} role="presentation">
      <div class="windowed-seen" style={{ transform: `translateY(${first * rowHeight}px)` }} role="presentation">
        {rows}
      </div>
    </div>
  </div>;
}
