/**
 * The calls as a graph: what led to what. Layers go down by how many deliveries lie before; many alike become one node,
 * so that a thousand parallel calls stay readable.
 */
import { isTimeout, titleOf, type Call, type CallKind } from "./calls.ts";
import type { History } from "./history.ts";

export interface Node {
  readonly id: string; readonly title: string; readonly kind: "start" | "end" | CallKind;
  readonly calls: readonly Call[];
  /** From 0, downwards; and the place in the layer from 0, with its width in `width` places. */
  readonly layer: number; readonly place: number;
  /** The event to focus. */
  readonly seq: number;
}
/** `data`: what led to the call brought a value along: a signal, an answer, the result of a child. */
export interface Edge { readonly from: string; readonly to: string; readonly critical: boolean; readonly data: boolean }
export interface Graph {
  readonly nodes: readonly Node[]; readonly edges: readonly Edge[];
  readonly layers: number;
  /** Places of the widest layer. */
  readonly width: number;
  /** Are all calls of a name one node? */
  readonly byName: boolean;
}

/** More nodes than this: one node per name. More siblings of a name than this: one node for them. */
const MOST_NODES = 2000, MOST_SIBLINGS = 6;

/** The graph of a run, with places. `critical`: keys of the critical path. */
export function graphOf(history: History, critical: ReadonlySet<string>): Graph {
  const shown = history.calls.filter((call) => !isTimeout(call));
  let names = groupSiblings(shown, history);
  const byName = new Set(names.values()).size > MOST_NODES;
  if (byName) names = new Map(shown.map((call) => [call, `${call.kind}:${call.name}`]));
  const groups = new Map<string, Call[]>();
  for (const call of shown) {
    const id = names.get(call) ?? call.key, list = groups.get(id);
    if (list === undefined) groups.set(id, [call]); else list.push(call);
  }
  const edges = edgesOf(shown, names, history, critical);
  const layers = layersOf([...groups.keys()], edges, history.end !== undefined);
  const { places, width } = placesOf(layers, edges);
  const node = (id: string, calls: readonly Call[]): Node => {
    const first = calls[0];
    return { id, calls, kind: first?.kind ?? (id === START ? "start" : "end"),
      title: first === undefined ? id : calls.length === 1 ? titleOf(first) : `${first.name} × ${calls.length}`,
      layer: layers.get(id) ?? 0, place: places.get(id) ?? 0,
      seq: first === undefined ? (id === START ? 1 : history.head) : first.endSeq ?? first.seq };
  };
  const nodes = [node(START, []), ...Array.from(groups, ([id, calls]) => node(id, calls)),
    ...(history.end === undefined ? [] : [node(END, [])])];
  return { nodes, edges, layers: Math.max(...nodes.map((one) => one.layer)) + 1, width, byName };
}
const START = "start", END = "end";

function groupSiblings(calls: readonly Call[], history: History): Map<Call, string> {
  const siblings = new Map<string, Call[]>();
  for (const call of calls) {
    const id = `${parentOf(call, history)?.name ?? START}/${call.by}/${call.name}`, list = siblings.get(id);
    if (list === undefined) siblings.set(id, [call]); else list.push(call);
  }
  const names = new Map<Call, string>();
  for (const [id, list] of siblings) {
    for (const call of list) names.set(call, list.length > MOST_SIBLINGS ? id : call.key);
  }
  return names;
}
function parentOf(call: Call, history: History): Call | undefined {
  const event = history.event(call.by);
  return event === undefined ? undefined : history.callOf(event);
}

function edgesOf(calls: readonly Call[], names: ReadonlyMap<Call, string>, history: History,
  critical: ReadonlySet<string>): Edge[] {
  const found = new Map<string, Edge>();
  const add = (from: string, to: string, bold: boolean, data: boolean): void => {
    if (from === to) return;
    const id = `${from}\n${to}`, known = found.get(id);
    found.set(id, { from, to, critical: bold || known?.critical === true, data: data || known?.data === true });
  };
  const nodeOf = (call: Call | undefined): string => call === undefined ? START : names.get(call)
    ?? nodeOf(parentOf(call, history));
  for (const call of calls) {
    const parent = parentOf(call, history);
    add(nodeOf(parent), nodeOf(call), critical.has(call.key) && (parent === undefined || critical.has(parent.key)),
      brings(parent));
  }
  const { end } = history;
  const last = end === undefined ? undefined : history.event(history.causeOf(end.seq));
  if (end !== undefined) add(nodeOf(last === undefined ? undefined : history.callOf(last)), END, true,
    last !== undefined && brings(history.callOf(last)));
  return [...found.values()];
}
/** Did a value from outside the run come with the end of this call? */
function brings(call: Call | undefined): boolean {
  return (call?.kind === "wait" || call?.kind === "child") && call.result !== undefined;
}

/** By node, the other ends of its edges. */
function othersOf(edges: readonly Edge[], end: "from" | "to", other: "from" | "to"): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>();
  for (const edge of edges) {
    const list = found.get(edge[end]);
    if (list === undefined) found.set(edge[end], [edge[other]]); else list.push(edge[other]);
  }
  return found;
}

/** Layers by the shortest way from the start, so that circles between names do no harm; the end stands below all. */
function layersOf(ids: readonly string[], edges: readonly Edge[], ended: boolean): Map<string, number> {
  const layers = new Map([[START, 0]]);
  const next = othersOf(edges, "from", "to"), queue = [START];
  for (const id of queue) { // it grows meanwhile
    for (const to of next.get(id) ?? []) {
      if (layers.has(to) || to === END) continue;
      layers.set(to, (layers.get(id) ?? 0) + 1);
      queue.push(to);
    }
  }
  for (const id of ids) if (!layers.has(id)) layers.set(id, 1);
  if (ended) layers.set(END, Math.max(...layers.values()) + 1);
  return layers;
}

/** Places in each layer, children near the middle of their parents. */
function placesOf(layers: ReadonlyMap<string, number>, edges: readonly Edge[]): { readonly places: Map<string, number>;
  readonly width: number } {
  const rows: string[][] = [];
  for (const [id, layer] of layers) (rows[layer] ??= []).push(id);
  const parents = othersOf(edges, "to", "from"), places = new Map<string, number>();
  const width = Math.max(1, ...rows.map((row) => row.length));
  for (const row of rows) {
    const middle = (id: string): number => {
      const above = (parents.get(id) ?? []).flatMap((one) => places.get(one) ?? []);
      return above.length === 0 ? (width - 1) / 2 : above.reduce((sum, one) => sum + one, 0) / above.length;
    };
    const ordered = row.map((id, i) => ({ id, at: middle(id), i })).sort((x, y) => x.at - y.at || x.i - y.i);
    const centre = ordered.reduce((sum, one) => sum + one.at, 0) / Math.max(1, ordered.length);
    const start = Math.min(Math.max(0, centre - (ordered.length - 1) / 2), width - ordered.length);
    for (const [i, one] of ordered.entries()) places.set(one.id, start + i);
  }
  return { places, width };
}
