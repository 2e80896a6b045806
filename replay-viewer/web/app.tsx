/** The page: which part of it is shown is told by the address. */
import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { dialog } from "./dialogs.tsx";
import { later } from "./later.tsx";
import { Empty, Toasts, Trouble } from "./notices.tsx";
import { address, steps } from "./place.ts";
import { broken, embedded, recorded } from "./recorded.tsx";
import { RunPage } from "./run-page.tsx";
import { Top } from "./top.tsx";

interface Route { readonly page: "runs" | "run" | (typeof PLAIN)[number] | "compare" | "broken" | "none";
  readonly a: string; readonly b: string }
/** Pages that are shown at their own name. */
const PLAIN = ["workflows", "code", "limits"] as const;
const route = computed((): Route => {
  const [first = "runs", a = "", vs = "", b = ""] = steps.value;
  if (broken.value !== undefined) return { page: "broken", a: broken.value, b: "" };
  if (embedded) return { page: "run", a: recorded.value?.run.runId ?? "", b: "" };
  const plain = a === "" ? PLAIN.find((page) => page === first) : undefined;
  if (plain !== undefined) return { page: plain, a: "", b: "" };
  if (first !== "runs") return { page: "none", a: "", b: "" };
  return { page: a === "" ? "runs" : vs === "vs" && b !== "" ? "compare" : "run", a, b };
});

const RunsPage = later(async () => (await import("./runs-page.tsx")).RunsPage);
const WorkflowsPage = later(async () => (await import("./workflows-page.tsx")).WorkflowsPage);
const CodePage = later(async () => (await import("./code-page.tsx")).CodePage);
const LimitsPage = later(async () => (await import("./limits-page.tsx")).LimitsPage);
const ComparePage = later(async () => (await import("./compare-page.tsx")).ComparePage);

/** Everything that is drawn. */
export function App(): JSX.Element {
  const { page, a, b } = route.value;
  const Dialog = dialog.value;
  const recording = recorded.value?.run.runId === a ? recorded.value : undefined;
  return <>
    {page === "runs" && <RunsPage />}
    {page === "run" && <RunPage key={recording === undefined ? a : `recorded ${a}`} id={a} recording={recording} />}
    {page === "workflows" && <WorkflowsPage />}
    {page === "code" && <CodePage />}
    {page === "limits" && <LimitsPage />}
    {page === "compare" && <ComparePage key={`${a}/${b}`} a={a} b={b} />}
    {page === "broken" && <main class="page"><Trouble problem={{ code: "RECORDING_BROKEN", message:
      `This recording cannot be read: ${a}.`, hint: "Export it once more; the file may have been cut." }} /></main>}
    {page === "none" && <main class="page"><Top title="Not here" /><Empty title="There is nothing at this address">
      <p><a href={address("/runs")}>Go to the list of runs</a></p></Empty></main>}
    <Toasts />
    {Dialog !== undefined && <Dialog />}
  </>;
}
