/**
 * The live channel: one socket, opened again when it drops. What is asked for says from where on, each time anew, so a
 * dropped socket loses nothing and doubles nothing.
 */
import { signal } from "@preact/signals";
import type { Event } from "../../engine/core/events.ts";
import type { RunRow } from "../model/wire.ts";
import { protocols } from "./api.ts";

/** New events of a run. */
export interface LiveEvents { readonly events: readonly Event[]; readonly head: number; readonly now: number }
/** What to ask for, and what to do with the answers. */
export interface Listener {
  /** Said on every opening. */
  readonly asks: () => readonly object[];
  readonly onEvents?: (run: string, news: LiveEvents) => void;
  /** Too far behind to be pushed: page by HTTP. */
  readonly onBehind?: (n: number) => void;
  readonly onRows?: (rows: readonly RunRow[]) => void;
}
/** Is the channel open? `undefined` while nobody listens. */
export const connected = signal<boolean | undefined>(undefined);

const FIRST_MS = 300, MOST_MS = 10_000;

/** Listens until the function it returns is called. */
export function listen(listener: Listener): () => void {
  let socket: WebSocket | undefined, wait = FIRST_MS, over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    const url = new URL("/api/v1/live", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(url, protocols());
    socket.onopen = () => {
      wait = FIRST_MS;
      connected.value = true;
      for (const ask of listener.asks()) socket?.send(JSON.stringify(ask));
    };
    socket.onmessage = (message) => { if (typeof message.data === "string") take(listener, message.data) };
    socket.onclose = () => {
      if (over) return;
      connected.value = false;
      timer = setTimeout(open, wait);
      wait = Math.min(MOST_MS, wait * 2);
    };
  };
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    connected.value = undefined;
    socket?.close();
  };
}

function take(listener: Listener, text: string): void {
  const news: unknown = JSON.parse(text);
  if (typeof news !== "object" || news === null) return;
  // The server's own messages, told apart by the field that each kind has.
  const { run, events, head = 0, now = 0, behind, changed } = news as Partial<LiveEvents> & { readonly run?: string;
    readonly behind?: number; readonly changed?: readonly RunRow[] };
  if (run !== undefined && events !== undefined) listener.onEvents?.(run, { events, head, now });
  else if (behind !== undefined) listener.onBehind?.(behind);
  else if (changed !== undefined) listener.onRows?.(changed);
}
