/** `reprise view <file>`: opens a recorded run, without a database and without the code that made it. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { RepriseError } from "../../engine/index.ts";
import { checked } from "../recording.ts";
import { portNumber } from "./numbers.ts";
import { namedFile } from "./open.ts";
import { out, outJson, say } from "./output.ts";
import { signalled } from "./signals.ts";

/** `reprise view`. */
export function addView(program: Command): void {
  program.command("view").argument("<file>", "what `reprise runs export` wrote, .json or .html")
    .description("show a recorded run in the viewer, until Ctrl-C")
    .option("--port <n>", "0 = any that is free", portNumber, 0)
    .option("--json", "print the address as one JSON document")
    .action(async (file: string, options: { port: number; json?: boolean }) => { await view(file, options) });
}

async function view(file: string, { port, json }: { port: number; json?: boolean }): Promise<void> {
  const { showRecording, recordingOf } = await import("../../replay-viewer/server/show-file.ts");
  const path = namedFile(file, "what `reprise runs export` wrote"), text = readFileSync(path, "utf8");
  let recording: ReturnType<typeof recordingOf>;
  try { recording = recordingOf(text) } catch (error) {
    throw new RepriseError("USAGE", `${path} is no recording of a run: ${String(error)}`,
      "Give what `reprise runs export` or `reprise runs export --html` wrote.");
  }
  checked(recording, path, "kept"); // of a run that a newer version recorded, what is known can be shown
  const served = await showRecording(recording, port);
  if (json) outJson({ url: served.url, port: served.port }); else out(served.url);
  say("Ctrl-C ends it.");
  await signalled();
  await served.close();
}
