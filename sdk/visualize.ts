/** A workflow as a picture: what it calls, and what led to what. */
import { dryRun, originals, type Event, type RunEngine, type WorkflowSpec } from "../engine/index.ts";

/** How a workflow is drawn. */
export interface VisualizeOptions<In> {
  /** What the run that is drawn is given. With it, or with `values`, nothing is read: the code is followed without
   *  running a task. */
  input?: In;
  /** `mermaid` (default) is text that many tools draw; `svg` is the picture itself. */
  format?: "mermaid" | "svg";
  /** Results that the code looks into, by task, child, form or signal, or by key: `{ extract: [1, 2] }`. */
  values?: Record<string, unknown>;
}
type Kind = "edge" | "task" | "child" | "wait" | "timer";
interface Node { readonly id: string; readonly kind: Kind; readonly name: string; count: number;
  readonly layer: number }
interface Picture { readonly nodes: readonly Node[]; readonly edges: readonly (readonly [from: string, to: string])[] }

/** Draws the newest run of the workflow, or a dry run where there is none or one was asked for.
 *  @throws VALUE_MISSING, INPUT_INVALID */
export async function visualize(spec: WorkflowSpec, options: VisualizeOptions<unknown>, input: () => Promise<unknown>,
  engine: () => Promise<RunEngine>): Promise<string> {
  const { format = "mermaid", values } = options;
  const last = "input" in options || values !== undefined ? undefined : await newest(spec.name, await engine());
  const picture = pictureOf(last ?? await dryRun(spec, await input(), values ?? {}, originals.now()));
  return format === "svg" ? svgOf(picture) : mermaidOf(picture);
}
async function newest(workflow: string, engine: RunEngine): Promise<readonly Event[] | undefined> {
  const [row] = await engine.list({ workflow, limit: 1 });
  return row && engine.history(row.runId);
}

/** Calls of one name that the same event led to are one node. */
function pictureOf(events: readonly Event[]): Picture {
  const nodes = new Map<string, Node>(), edges = new Map<string, readonly [string, string]>();
  const nodeOf = new Map<string, Node>(); // by key
  const add = (from: Node, kind: Kind, name: string, grouped = true): Node => {
    const known = grouped ? nodes.get(`${from.id}/${kind}/${name}`) : undefined;
    if (known !== undefined) { known.count++; return known }
    const made: Node = { id: `n${nodes.size}`, kind, name, count: 1, layer: from.layer + 1 };
    nodes.set(`${from.id}/${kind}/${name}`, made);
    edges.set(`${from.id} ${made.id}`, [from.id, made.id]);
    return made;
  };
  const input: Node = { id: "input", kind: "edge", name: "input", count: 1, layer: 0 };
  nodes.set("input", input);
  const open: { key: string; name: string }[] = [];
  /** What the delivery with this seq was the end of. */
  const causes = new Map<number, Node>();
  for (const event of events) {
    const cause = "by" in event ? causes.get(event.by) ?? input : input;
    switch (event.type) {
      case "TaskScheduled": nodeOf.set(event.key, add(cause, "task", event.name)); break;
      case "ChildStarted": nodeOf.set(event.key, event.task === undefined ? add(cause, "child", event.workflow)
        : add(cause, "task", event.task.name)); break;
      case "TimerStarted": if (event.purpose !== "timeout") nodeOf.set(event.key, add(cause, "timer", "sleep")); break;
      case "WaitOpened": nodeOf.set(event.key, add(cause, "wait", event.name));
        if (event.kind === "signal" && event.taken === undefined) open.push(event);
        break;
      case "SignalReceived": {
        const i = open.findIndex(({ name }) => name === event.name), key = open[i]?.key;
        if (i !== -1) open.splice(i, 1);
        causes.set(event.seq, nodeOf.get(key ?? "") ?? input);
        break;
      }
      case "RunCompleted": case "RunFailed": case "RunCancelled": case "RunContinued":
        add(cause, "edge", event.type.slice(3).toLowerCase(), false);
        break;
      default: if ("key" in event && event.key !== undefined) causes.set(event.seq, nodeOf.get(event.key) ?? input);
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}
const labelOf = ({ name, count }: Node): string => count === 1 ? name : `${name} × ${count}`;

const SHAPE: { readonly [K in Kind]: readonly [string, string] } = {
  edge: ["([", "])"], task: ["[", "]"], child: ["[[", "]]"], wait: ["{{", "}}"], timer: ["(", ")"],
};
function mermaidOf({ nodes, edges }: Picture): string {
  const shape = (node: Node): string => {
    const [left, right] = SHAPE[node.kind];
    return `  ${node.id}${left}"${labelOf(node).replaceAll('"', "#quot;")}"${right}`;
  };
  return ["flowchart TD", ...nodes.map(shape), ...edges.map(([from, to]) => `  ${from} --> ${to}`)].join("\n");
}

const WIDTH = 180, HEIGHT = 34, GAP = 28;
function svgOf({ nodes, edges }: Picture): string {
  const layers: Node[][] = [];
  for (const node of nodes) (layers[node.layer] ??= []).push(node);
  const widest = Math.max(...layers.map((layer) => layer.length));
  const places = new Map<string, readonly [number, number]>();
  for (const [y, layer] of layers.entries()) for (const [x, { id }] of layer.entries()) {
    places.set(id, [(x + (widest - layer.length) / 2 + 0.5) * (WIDTH + GAP), y * (HEIGHT + GAP) + GAP]);
  }
  const line = ([from, to]: readonly [string, string]): string => {
    const [x1 = 0, y1 = 0] = places.get(from) ?? [], [x2 = 0, y2 = 0] = places.get(to) ?? [];
    return `<path d="M${x1} ${y1 + HEIGHT}L${x2} ${y2}" fill="none" stroke="currentColor" marker-end="url(#to)"/>`;
  };
  const box = (node: Node): string => {
    const [x = 0, y = 0] = places.get(node.id) ?? [], round = node.kind === "task" ? 3 : HEIGHT / 2;
    return `<rect x="${x - WIDTH / 2}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="${round}" fill="none" ` +
      `stroke="currentColor"/><text x="${x}" y="${y + HEIGHT / 2}" text-anchor="middle" dominant-baseline="central" ` +
      `fill="currentColor">${escaped(labelOf(node))}</text>`;
  };
  const size = `${widest * (WIDTH + GAP)} ${layers.length * (HEIGHT + GAP) + GAP}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size}" font-family="sans-serif" font-size="13">` +
    '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">' +
    `<path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>${edges.map(line).join("")}` +
    `${nodes.map(box).join("")}</svg>`;
}
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
