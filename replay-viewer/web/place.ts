/**
 * Where the reader is: path and query, which is all that a page is drawn from. Every change of place is a change of the
 * address, so back and forward is time travel and every address is a permalink. A recording, opened from a file, keeps
 * its place behind the `#`, since the address of a file cannot change.
 */
import { computed, signal, type ReadonlySignal } from "@preact/signals";

/** A place: the decoded path from `/` on, and its query. */
export interface Place { readonly path: string; readonly query: { readonly [name: string]: string } }
/** Changes to a query; `undefined` takes a name out. */
export type Change = { readonly [name: string]: string | number | undefined };

let inHash = false;
const held = signal<Place>({ path: "/", query: {} });
/** Where the reader is now. */
export const place: ReadonlySignal<Place> = held;
const params = new Map<string, ReadonlySignal<string>>();
/** One name of the query; empty when it is not there. Who reads it is told of changes to this name alone. */
export function param(name: string): string {
  let one = params.get(name);
  if (one === undefined) params.set(name, one = computed(() => held.value.query[name] ?? ""));
  return one.value;
}
/** The parts of the path: `/runs/01J` -> ["runs", "01J"]. */
export const steps = computed(() => held.value.path.split("/").filter((step) => step !== ""));

function parse(text: string): Place {
  const [path = "/", query = ""] = text.split("?", 2);
  return { path: decodeURI(path || "/"), query: Object.fromEntries(new URLSearchParams(query)) };
}
function current(): Place {
  return inHash ? parse(location.hash.replace(/^#/, "")) : parse(location.pathname + location.search);
}

/** The address of a place, readable: `:`, `#`-free. */
export function address(path: string, query: Change = {}): string {
  const parts = Object.entries(query).flatMap(([name, value]) => value === undefined || value === "" ? []
    : [`${name}=${encodeURIComponent(String(value)).replaceAll("%3A", ":").replaceAll("%2C", ",")}`]);
  const text = encodeURI(path) + (parts.length === 0 ? "" : `?${parts.join("&")}`);
  return inHash ? `#${text}` : text;
}

// Browsers allow some 200 changes of the address in half a minute; scrubbing makes 60 a second.
const SETTLE_MS = 250;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Writes the address of the place now. */
export function settle(): void {
  if (timer === undefined) return;
  clearTimeout(timer);
  timer = undefined;
  history.replaceState(null, "", address(held.value.path, held.value.query));
}

/** Goes to a place, as a new entry of the history. */
export function visit(path: string, query: Change = {}): void {
  settle();
  const to = address(path, query);
  history.pushState(null, "", to);
  held.value = parse(inHash ? to.slice(1) : to);
}

/** Changes the query: by "push" as a new entry, by "replace" (scrubbing, zooming) in the present one. */
export function change(changes: Change, how: "push" | "replace" = "push"): void {
  const query: { [name: string]: string } = { ...held.value.query };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") delete query[name]; else query[name] = String(value);
  }
  if (sameQuery(query, held.value.query)) return;
  if (how === "push") { visit(held.value.path, query); return }
  held.value = { path: held.value.path, query };
  timer ??= setTimeout(settle, SETTLE_MS);
}
function sameQuery(a: { readonly [name: string]: string }, b: { readonly [name: string]: string }): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** Begins: reads the place, follows back and forward, and turns plain clicks on our own links into visits. */
export function openPlaces(hash: boolean): void {
  inHash = hash;
  held.value = current();
  const follow = (): void => {
    clearTimeout(timer);
    timer = undefined;
    held.value = current();
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  addEventListener("pagehide", settle);
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    const to = link?.getAttribute("href");
    if (link === null || to === undefined || to === null || link.hasAttribute("download")
      || !to.startsWith(inHash ? "#/" : "/")) return;
    event.preventDefault();
    settle();
    history.pushState(null, "", to);
    held.value = current();
    if (!to.includes("?")) scrollTo(0, 0);
  });
}

let list: Change = {};
/** The list of runs as it was looked at last: its filters survive a visit to a run. */
export function listAddress(): string { return address("/runs", list) }
/** Remembers the filters of the list. */
export function keepList(query: Change): void { list = query }
