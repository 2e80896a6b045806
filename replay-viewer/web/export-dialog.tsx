/** The dialog that gives a run away as one file. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { PACKED_FROM, recordingPage, recordingText } from "../model/recording.ts";
import type { Problem } from "../model/wire.ts";
import { asProblem } from "./api.ts";
import { Sheet, shut } from "./dialogs.tsx";
import { download, pack } from "./files.ts";
import { Icon } from "./icons.tsx";
import { Trouble } from "./notices.tsx";
import { embedded } from "./recorded.tsx";
import type { Session } from "./session.ts";

/** The run as one file. */
export function ExportDialog({ run }: { run: Session }): JSX.Element {
  const bad = useSignal<Problem | undefined>(undefined);
  const give = (kind: "json" | "html"): void => {
    const made = async (): Promise<void> => {
      const recording = await run.record();
      const name = `${recording.run.name}-${run.id.slice(-6).toLowerCase()}.${kind}`;
      if (kind === "json") download(name, recordingText(recording), "application/json");
      else {
        const page = await fetch("/recording.html");
        if (!page.ok) throw new Error("The server has no page for recordings; export it as JSON.");
        const text = recordingText(recording), packed = text.length > PACKED_FROM ? await pack(text) : undefined;
        download(name, recordingPage(await page.text(), recording, packed), "text/html");
      }
      shut();
    };
    made().catch((error: unknown) => { bad.value = asProblem(error) });
  };
  return <Sheet title="Export this run">
    <p>The file holds the whole history, the log and the sources. Anyone who has it can go through the run as you do
      here, without a server.</p>
    <div class="choice-list">
      {!embedded && <button onClick={() => { give("html") }}><Icon name="play" /><span><b>One page</b>
        <span class="faint">.html, opens in any browser, offline</span></span></button>}
      <button onClick={() => { give("json") }}><Icon name="copy" /><span><b>The data</b>
        <span class="faint">.json, to drop on this page or to read with a program</span></span></button>
    </div>
    {bad.value !== undefined && <Trouble problem={bad.value} />}
    <p class="faint">Values that the server hides are hidden in the file as well.</p>
  </Sheet>;
}
