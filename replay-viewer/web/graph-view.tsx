/** The calls as a graph, from the start downwards; the critical path is drawn strong. */
import { useComputed, useSignalEffect, type ReadonlySignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { count, duration } from "../model/format.ts";
import { graphOf, type Node } from "../model/graph.ts";
import { Icon, type IconName } from "./icons.tsx";
import { callLook } from "./looks.tsx";
import type { Session } from "./session.ts";
import { focusOn } from "./view.ts";

const WIDE = 190, HIGH = 40, ACROSS = 214, DOWN = 74, MARGIN = 24;

/** The graph. Its boxes follow the focus by themselves: of 2,000 only two are drawn again when it moves. */
export function GraphView({ run }: { run: Session }): JSX.Element {
  const drawn = useComputed(() => { void run.version.value; return graphOf(run.history, run.criticalKeys.value) });
  const focused = useComputed(() => {
    const event = run.history.event(run.seq.value), call = event && run.history.callOf(event);
    return drawn.value.nodes.find((node) => call !== undefined ? node.calls.includes(call)
      : node.kind === (run.seq.value >= run.history.head && run.over.value ? "end" : "start"));
  });
  const box = useRef<HTMLDivElement>(null), graph = drawn.value;
  useSignalEffect(() => {
    const element = box.current, node = focused.value;
    if (element === null || node === undefined) return;
    const { x, y } = placeOf(node);
    if (y < element.scrollTop || y + HIGH > element.scrollTop + element.clientHeight) element.scrollTop = y - 120;
    if (x < element.scrollLeft || x + WIDE > element.scrollLeft + element.clientWidth) element.scrollLeft = x - 120;
  });
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const width = graph.width * ACROSS + MARGIN * 2, height = graph.layers * DOWN + MARGIN * 2;
  return <div class="graph" ref={box} tabIndex={0} role="region" aria-label="Graph of the calls">
    {graph.byName && <p class="faint graph-note">So many calls that all of a name are one node.</p>}
    <div class="graph-all" style={{ width: `${width}px`, height: `${height}px` }}>
      <svg width={width} height={height} aria-hidden="true">{graph.edges.map((edge) =>
        <path key={`${edge.from}>${edge.to}`} d={wayOf(nodes.get(edge.from), nodes.get(edge.to))}
          class={`edge${edge.critical ? " bold" : ""}${edge.data ? " data" : ""}`} />)}
      </svg>
      <ul>{graph.nodes.map((node) => <Box key={node.id} run={run} node={node} focus={focused}
        critical={node.calls.some((one) => run.criticalKeys.value.has(one.key))} />)}</ul>
    </div>
  </div>;
}

function placeOf(node: Node): { readonly x: number; readonly y: number } {
  return { x: MARGIN + node.place * ACROSS, y: MARGIN + node.layer * DOWN };
}
function wayOf(from: Node | undefined, to: Node | undefined): string {
  if (from === undefined || to === undefined) return "";
  const a = placeOf(from), b = placeOf(to);
  const x0 = a.x + WIDE / 2, y0 = a.y + HIGH, x1 = b.x + WIDE / 2, y1 = b.y, bend = Math.max(18, (y1 - y0) / 2);
  return `M${x0} ${y0}C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`;
}

function Box({ run, node, focus, critical }: { run: Session; node: Node; focus: ReadonlySignal<Node | undefined>;
  critical: boolean }): JSX.Element {
  const { x, y } = placeOf(node), [first] = node.calls, focused = useComputed(() => focus.value === node).value;
  const failed = node.calls.filter((call) => call.state === "failed").length;
  const look = first === undefined ? undefined : callLook(failed > 0 ? "failed" : node.calls.at(-1)?.state
    ?? first.state);
  const icon: IconName = look?.icon ?? (node.kind === "start" ? "play" : "last");
  return <li class={`node kind-${node.kind}${critical ? " bold" : ""}${focused ? " focused" : ""}`}
    style={{ left: `${x}px`, top: `${y}px`, width: `${WIDE}px`, height: `${HIGH}px` }}>
    <button onClick={() => { focusOn(node.seq) }} {...(focused ? { "aria-current": "true" as const } : {})}>
      <Icon name={icon} size={14} class={`tone-${look?.tone ?? "plain"}`} />
      <span class="cut"><b>{node.kind === "start" ? run.row.value?.workflow ?? "start" : node.title}</b>
        <span class="faint">{detailOf(run, node, failed)}</span></span>
      {look !== undefined && <span class="hidden">{look.word}</span>}
    </button>
  </li>;
}

function detailOf(run: Session, node: Node, failed: number): string {
  const [first] = node.calls, last = node.calls.at(-1);
  if (first === undefined || last === undefined) return node.kind === "start" ? "began"
    : run.history.end?.type.slice(3).toLowerCase() ?? "";
  const end = node.calls.reduce((to, call) => Math.max(to, call.endAt ?? run.until.value), 0);
  const tries = node.calls.length === 1 && first.tries.length > 1 ? ` · ${count(first.tries.length, "attempt")}` : "";
  return `${duration(end - first.at)}${tries}${failed > 0 && node.calls.length > 1 ? ` · ${failed} failed` : ""}`;
}
