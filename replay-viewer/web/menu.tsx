/** A menu of actions behind one button: arrows move in it, Escape leaves it. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icons.tsx";
import type { Action } from "./run-actions.ts";

/** The button and, when it was pressed, the menu. */
export function More({ actions }: { actions: readonly Action[] }): JSX.Element | null {
  const open = useSignal(false), box = useRef<HTMLDivElement>(null), button = useRef<HTMLButtonElement>(null);
  const items = (): readonly HTMLElement[] => [...box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? []];
  useLayoutEffect(() => { if (open.value) items()[0]?.focus() }, [open.value]);
  if (actions.length === 0) return null;
  const onKeyDown = (event: KeyboardEvent): void => {
    const all = items(), at = all.findIndex((item) => item === document.activeElement);
    const to = event.key === "ArrowDown" ? at + 1 : event.key === "ArrowUp" ? at - 1 : event.key === "Home" ? 0
      : event.key === "End" ? all.length - 1 : undefined;
    if (event.key === "Escape") { open.value = false; button.current?.focus() }
    if (to === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (to !== undefined) all[(to + all.length) % all.length]?.focus();
  };
  return <div class="menu-place" ref={box} onFocusOut={(event) => {
    if (!(event.relatedTarget instanceof Node && box.current?.contains(event.relatedTarget))) open.value = false;
  }}>
    <button ref={button} class="square" aria-haspopup="menu" aria-expanded={open.value} aria-label="More actions"
      title="More actions" onClick={() => { open.value = !open.value }}><Icon name="more" size={14} /></button>
    {open.value && <div class="menu" role="menu" aria-label="More actions" tabIndex={-1} onKeyDown={onKeyDown}>
      {actions.map((action) => <button key={action.word} role="menuitem" tabIndex={-1} title={action.title}
        onClick={() => { open.value = false; action.open() }}><Icon name={action.icon} size={14} />
        <span class="word">{action.word}</span></button>)}</div>}
  </div>;
}
