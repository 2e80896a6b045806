/** A value as a tree: opened part by part, searched, copied by path or value. Only what is seen stands in the page. */
import { signal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { bytes } from "../model/format.ts";
import { at, preview, treeLines, wholeText, type Part, type Shown, type TreeLine } from "../model/shown.ts";
import { Icon } from "./icons.tsx";
import { copy } from "./notices.tsx";
import { change, param } from "./place.ts";
import { session } from "./session.ts";
import { selected } from "./view.ts";
import { Windowed } from "./windowed.tsx";

const ROW = 21;
/** What the reader has opened and closed, by the tree's id: it stays while the focus moves. */
interface Choice { readonly opened: ReadonlySet<string>; readonly closed: ReadonlySet<string> }
const choices = new Map<string, Signal<Choice>>();
const UNTOUCHED: Choice = { opened: new Set(), closed: new Set() };
const searches = new Map<string, Signal<string>>();
function held<T>(all: Map<string, Signal<T>>, id: string, first: T): Signal<T> {
  const known = all.get(id);
  if (known !== undefined) return known;
  const made = signal(first);
  all.set(id, made);
  return made;
}

interface Props {
  readonly id: string;
  readonly root: Shown;
  /** What a copied path begins with, and `sel` in the address. */
  readonly base: string;
  /** Containers that are open from the start. */
  readonly open?: readonly string[];
  /** Paths to mark as changed; what contains them is marked too. */
  readonly changed?: ReadonlySet<string>;
  /** Fills the space that there is, instead of growing with its lines. */
  readonly fill?: boolean;
}
/** A tree, or a single value. */
export function JsonTree({ id, root, base, open = [], changed, fill = false }: Props): JSX.Element {
  const choice = held(choices, id, UNTOUCHED), words = held(searches, id, "");
  const asked = words.value.toLowerCase();
  if (root.parts === undefined) return <p class="value-line"><Value value={root} /></p>;
  if (root.size === 0) return <p class="value-line faint">{preview(root)}</p>;
  const lines = treeLines(root, openBy(choice.value, open, changed), asked === "" ? undefined
    : (part) => matches(part, asked));
  const chosen = param("sel"), inner = chosen.startsWith(base) ? chosen.slice(base.length) : undefined;
  const picked = inner === undefined || inner === "" ? undefined : at(root, inner);
  if (picked !== undefined) { selected.path = chosen; selected.value = picked }
  return <div class={`tree${fill ? " fill" : ""}`}>
    {(root.size > 6 || asked !== "") && <label class="field search small"><Icon name="search" size={13} />
      <span class="hidden">Search in {base === "" ? "the state" : base}</span><input type="search" value={words.value}
        placeholder="Search names and values"
          onInput={(event) => { words.value = event.currentTarget.value }} /></label>}
    {lines.length === 0 ? <p class="faint value-line">Nothing in it has that.</p> : <div class={fill ? "fill tree-box"
      : "tree-box"} style={fill ? {} : { height: `${Math.min(lines.length, 18) * ROW}px` }}>
      <Windowed label={base === "" ? "State" : base} count={lines.length} rowHeight={ROW}
        reveal={changed === undefined ? -1 : lines.findIndex((line) => changed.has(line.path))}
        row={(i) => { const line = lines[i]; return line && <Line key={line.path} line={line} base={base}
          chosen={line.path === inner} mark={markOf(line.path, changed)}
          toggle={() => { choice.value = toggled(choice.value, line) }} />; }} /></div>}
    {picked !== undefined && inner !== undefined && <Picked path={chosen} value={picked} />}
  </div>;
}

function matches(part: Part, words: string): boolean {
  return part.name.toLowerCase().includes(words) || part.value.parts === undefined
    && part.value.text.toLowerCase().includes(words);
}
/** Open are: what the reader opened, what is open from the start, what holds a change; not what he closed. */
function openBy({ opened, closed }: Choice, open: readonly string[], changed: ReadonlySet<string> = new Set()):
  (path: string, part: Part) => boolean {
  const all = new Set([...open, ...holders(changed)]);
  return (path, { value }) => opened.has(path) || !closed.has(path) && (all.has(path) || value.kind === "range"
    && changed.size > 0 && value.parts?.().some((one) => all.has(path.replace(/<[^>]*>$/, "") + one.step)) === true);
}
function holders(changed: ReadonlySet<string>): string[] {
  return [...changed].flatMap((path) => {
    const ends = [...path.matchAll(/(?<=.)(?=[.[](?:[^"]*"[^"]*")*[^"]*$)/g)].map((match) => match.index);
    return ends.map((end) => path.slice(0, end));
  });
}
function toggled({ opened, closed }: Choice, line: TreeLine): Choice {
  const more = new Set(opened), less = new Set(closed);
  if (line.open) { more.delete(line.path); less.add(line.path) } else { more.add(line.path); less.delete(line.path) }
  return { opened: more, closed: less };
}
function markOf(path: string, changed: ReadonlySet<string> | undefined): "changed" | "holds" | "" {
  if (changed === undefined) return "";
  if (changed.has(path)) return "changed";
  for (const one of changed) if (one.startsWith(path) && ".[".includes(one.charAt(path.length))) return "holds";
  return "";
}

function Line({ line, base, chosen, mark, toggle }: { line: TreeLine; base: string; chosen: boolean; mark: string;
  toggle: () => void }): JSX.Element {
  const { value } = line, deep = value.parts !== undefined && value.size > 0;
  const path = base + line.path.replace(/<[^>]*>$/, "");
  return <div class={`tree-line ${mark}${chosen ? " chosen" : ""}`} role="listitem"
    style={{ paddingLeft: `${line.depth * 14 + 4}px` }}>
    {deep ? <button class="twisty" aria-expanded={line.open} aria-label={line.name} onClick={toggle}>
      <Icon name={line.open ? "down" : "right"} size={12} /></button> : <i class="twisty" />}
    <button class="tree-name" title={path} onClick={() => {
      if (value.kind === "range") { toggle(); return }
      change({ sel: chosen ? undefined : path }, "replace");
      if (deep && !line.open) toggle();
    }}>{line.name}</button>
    <Value value={value} short={line.open} />
  </div>;
}

/** A value in one line. A large one that is kept apart can be fetched. */
export function Value({ value, short = false }: { value: Shown; short?: boolean }): JSX.Element {
  if (value.ref !== undefined) return <Kept reference={value.ref} />;
  const { ask } = value;
  if (ask !== undefined) return <span class="val faint">{value.text} <button class="link" onClick={ask.now}>{ask.word}
    </button></span>;
  if (value.parts === undefined) {
    return <span class={`val kind-${value.kind}`}>{value.text.length > 240 ? `${value.text.slice(0, 240)}…`
      : value.text}</span>;
  }
  const size = value.kind === "array" && value.text === "" ? `Array(${value.size})` : value.text;
  return <span class="val faint">{short ? size : preview(value, 100)}</span>;
}

function Kept({ reference }: { reference: { readonly hash: string; readonly bytes: number } }): JSX.Element {
  const run = session.value, held = run?.payload(reference.hash).value;
  if (held?.state === "here") return <span class="val faint">{preview(held.value, 80)} <OpenKept value={held.value}
    hash={reference.hash} /></span>;
  if (held?.state === "failed") return <span class="val tone-bad">{held.problem.message}</span>;
  return <button class="link" onClick={() => { run?.wantPayload(reference.hash) }}>{held?.state === "loading"
    ? "loading…" : `load the value, ${bytes(reference.bytes)}`}</button>;
}
function OpenKept({ value, hash }: { value: Shown; hash: string }): JSX.Element {
  return <button class="link" onClick={() => { void copy(wholeText(value), "the large value") }}
    title={hash}>copy it</button>;
}

/** The selected value in full. */
function Picked({ path, value }: { path: string; value: Shown }): JSX.Element {
  const text = value.kind === "string" ? unquoted(value.text) : wholeText(value);
  const long = text.length > 4000;
  return <div class="picked"><header><code class="cut">{path}</code>
    <button class="quiet tiny" onClick={() => { void copy(path, "the path") }}>copy path</button>
    <button class="quiet tiny" onClick={() => { void copy(text, "the value") }}>copy value</button>
    <button class="quiet square tiny" aria-label="Unselect" onClick={() => { change({ sel: undefined }, "replace") }}>
      <Icon name="close" size={12} /></button></header>
    <pre tabIndex={0}>{long ? `${text.slice(0, 4000)}…` : text}</pre></div>;
}
function unquoted(literal: string): string {
  const value: unknown = JSON.parse(literal);
  return typeof value === "string" ? value : literal;
}
