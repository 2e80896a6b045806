/** Icons: 16 by 16, one stroke, no colour of their own. They stand beside words, so they are hidden from readers. */
import type { JSX } from "preact";

const PATHS = {
  ok: "M3 8.5l3.2 3.2L13 4.8",
  bad: "M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6",
  run: "M8 2.2a5.8 5.8 0 1 0 5.8 5.8",
  wait: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 4.8V8l2.2 1.6",
  again: "M3 8a5 5 0 1 0 1.6-3.7L3 5.8M3 2.6v3.2h3.2",
  off: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M4 12L12 4",
  park: "M5.6 3.6v8.8M10.4 3.6v8.8",
  dot: "M8 6.6a1.4 1.4 0 1 0 0 2.8 1.4 1.4 0 0 0 0-2.8",
  sleep: "M6.4 3.2a5.3 5.3 0 1 0 6.6 6.6A5.4 5.4 0 0 1 6.4 3.2",
  mark: "M8 3l5 5-5 5-5-5z",
  note: "M8 2.4l6 10.8H2zM8 6.4v3M8 11.4v.2",
  first: "M4 3.5v9M12.5 3.5L7 8l5.5 4.5z",
  prev: "M11 3.5L5 8l6 4.5z",
  play: "M5 3.2L12.5 8 5 12.8z",
  pause: "M5.2 3.5v9M10.8 3.5v9",
  next: "M5 3.5L11 8l-6 4.5z",
  last: "M12 3.5v9M3.5 3.5L9 8l-5.5 4.5z",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4M10.2 10.2l3.2 3.2",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.6v1.2M8 13.2v1.2M1.6 8h1.2M13.2 8h1.2M3.5 3.5l.8.8"
    + "M11.7 11.7l.8.8M3.5 12.5l.8-.8M11.7 4.3l.8-.8",
  moon: "M6.4 3.2a5.3 5.3 0 1 0 6.6 6.6A5.4 5.4 0 0 1 6.4 3.2",
  auto: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 2.2v11.6M10 4.2v7.6M12 5.6v4.8",
  right: "M6 3.5L10.5 8 6 12.5", down: "M3.5 6L8 10.5 12.5 6", left: "M10 3.5L5.5 8l4.5 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  link: "M6.8 9.2l2.4-2.4M7.4 4.8l1.2-1.2a2.7 2.7 0 0 1 3.8 3.8l-1.2 1.2M8.6 11.2l-1.2 1.2a2.7 2.7 0 0 1-3.8-3.8"
    + "l1.2-1.2",
  fork: "M5 3v10M5 9c5 0 6-1.600 6-4.500M11 4.500V3M3.600 3a1.400 1.400 0 1 0 2.800 0 1.400 1.400 0 0 0-2.800 0",
  down2: "M8 2.600v8M4.600 7.400L8 10.800l3.400-3.400M3 13.400h10",
  signal: "M2.600 4h10.800v8H2.600zM2.600 4.400L8 8.600l5.400-4.200",
  keys: "M2 4.500h12v7H2zM4.400 7h.2M7 7h.2M9.600 7h.2M12 7h-.2M5 9.400h6",
  fit: "M2.600 5.600v-3h3M10.400 2.600h3v3M13.400 10.400v3h-3M5.600 13.400h-3v-3",
  expand: "M3 6l5-4 5 4M3 10l5 4 5-4",
  more: "M3.500 8h.2M8 8h.2M12.500 8h.2",
  swap: "M2.600 5.400h9.800M9.800 2.600l2.800 2.800-2.800 2.800M13.400 10.600H3.600"
    + "M6.200 7.800l-2.800 2.800 2.800 2.800",
} as const;
export type IconName = keyof typeof PATHS;
const FILLED: ReadonlySet<IconName> = new Set(["first", "prev", "play", "next", "last", "dot", "mark"]);

/** One icon. `title` is said by its neighbour, never by the icon. */
export function Icon({ name, size = 16, class: look = "" }: { name: IconName; size?: number; class?: string }):
  JSX.Element {
  return <svg class={`icon ${FILLED.has(name) ? "filled" : ""} ${look}`} viewBox="0 0 16 16" width={size} height={size}
    aria-hidden="true" focusable="false"><path d={PATHS[name]} /></svg>;
}
