/** A run as one file that opens without a server: the viewer's page with the run inside, its secrets taken out. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { RepriseError, type RunEngine } from "../../engine/index.ts";
import { PACKED_FROM, packedIn, readRecording, recordingPage, recordingText } from "../model/recording.ts";
import type { Recording } from "../model/wire.ts";
import { Redactor } from "./redact.ts";

/** Of an unpacked recording: what a string can hold. */
const MOST_BYTES = 512 * 1024 * 1024;
/** Where the build puts it, seen from this file in dist and in sources. */
const PAGES = ["../../viewer/", "../../dist/viewer/"].map((folder) =>
  fileURLToPath(new URL(`${folder}recording.html`, import.meta.url)));

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
  return pageOf(recording as unknown as Recording);
}

/** The built page with this recording inside, packed when it is long. @throws NOT_BUILT */
export function pageOf(recording: Recording): string {
  const text = recordingText(recording);
  const packed = text.length > PACKED_FROM ? gzipSync(text).toString("base64") : undefined;
  return recordingPage(recordingTemplate(), recording, packed);
}

/** The recording in a file's text, whichever of its forms that is. Throws a plain Error for anything else. */
export function recordingOf(text: string): Recording {
  const packed = packedIn(text);
  return readRecording(packed === undefined ? text
    : gunzipSync(Buffer.from(packed, "base64"), { maxOutputLength: MOST_BYTES }).toString("utf8"));
}

/** The built page with an empty place for a recording. @throws NOT_BUILT */
function recordingTemplate(): string {
  const path = PAGES.find((page) => existsSync(page));
  if (path !== undefined) return readFileSync(path, "utf8");
  throw new RepriseError("NOT_BUILT", "the viewer's page is not built", "Build it: npm run build");
}

/** The same recording with secrets taken out. */
export function redactedRecording(recording: Recording): Recording {
  const redactor = new Redactor();
  const clean = { ...recording, run: redactor.run(recording.run), events: recording.events.map((event) =>
    redactor.event({ ...event })), logs: recording.logs.map((line) => redactor.log(line)) };
  return clean as unknown as Recording; // the same shape; only texts in it were changed
}
