/** A run as one file that opens without a server: the viewer's page with the run inside, its secrets taken out. */
import { readFileSync } from "node:fs";
import type { RunEngine } from "../../engine/index.ts";
import { recordingPage } from "../model/recording.ts";
import type { Recording } from "../model/wire.ts";
import { Redactor } from "./redact.ts";

const PAGE = new URL("../../viewer/recording.html", import.meta.url);

/** The whole page as text. @throws RUN_NOT_FOUND, HISTORY_CORRUPT */
export async function recordRun(engine: RunEngine, runId: string): Promise<string> {
  const redactor = new Redactor(), run = redactor.run(await engine.row(runId));
  const files = run.codeVersion === "" ? undefined : await engine.store.getSources(run.codeVersion);
  const recording = {
    format: "reprise/recording/1", run, now: await engine.store.now(),
    events: (await engine.history(runId)).map((event) => redactor.event({ ...event })),
    logs: (await engine.logs(runId)).map((line) => redactor.log(line)),
    ...(files !== undefined && { sources: { codeVersion: run.codeVersion, files } }),
  };
  // The same events, rows and lines that the server sends; only texts in them were changed.
  return recordingPage(readFileSync(PAGE, "utf8"), recording as unknown as Recording);
}
