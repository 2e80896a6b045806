/** A recording that the page shows instead of a server: one that it holds, or a file that was dropped on it. */
import { signal, type Signal } from "@preact/signals";
import { packedIn, readRecording } from "../model/recording.ts";
import type { Recording } from "../model/wire.ts";
import { unpack } from "./files.ts";
import { say } from "./notices.tsx";
import { visit } from "./place.ts";

/** The recording that is shown. */
export const recorded: Signal<Recording | undefined> = signal(undefined);
/** Is this page itself a recording? Then there is no server behind it. */
export let embedded = false;
/** Why the recording in the page cannot be read. */
export const broken: Signal<string | undefined> = signal(undefined);

/** Looks for the recording in the page. */
export async function findRecording(): Promise<void> {
  const element = document.getElementById("recording"), text = element?.textContent ?? "";
  if (text.trim() === "") return;
  embedded = true;
  try {
    const packed = element?.getAttribute("type") === "application/gzip";
    recorded.value = readRecording(packed ? await unpack(text) : text);
  } catch (error) { broken.value = error instanceof Error ? error.message : String(error) }
}

/** Lets a recording be dropped anywhere on the page. */
export function takeDrops(): void {
  addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault() });
  addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    void openFile(file);
  });
}

/** Shows the run in a file. */
export async function openFile(file: File): Promise<void> {
  try {
    const text = await file.text(), packed = packedIn(text);
    const recording = readRecording(packed === undefined ? text : await unpack(packed));
    recorded.value = recording;
    visit(`/runs/${recording.run.runId}`);
  } catch { say(`${file.name} is no recording of a run`, true) }
}
