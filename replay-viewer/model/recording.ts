/** One run in one file: as JSON, and as the page itself with the run inside. */
import { isHistoryExport, isRecording, type Recording } from "./wire.ts";

/** Where the recording's text goes in the page. */
export const PLACE = "<script type=\"application/json\" id=\"recording\"></script>";

/** JSON that can stand inside a script element: no `<` in it can end the element or open a comment. */
export function recordingText(recording: Recording): string {
  return JSON.stringify(recording).replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** Texts of more characters are packed: gzip, in base64, a tenth of the size. */
export const PACKED_FROM = 1_000_000;
const PACKED_OPEN = "<script type=\"application/gzip\" id=\"recording\">";

/** What is packed in a page's text, as base64; undefined if nothing is. The page's own script, further down, names both
 *  forms. */
export function packedIn(text: string): string | undefined {
  const first = /<script type="application\/(json|gzip)" id="recording">/.exec(text);
  if (first?.[1] !== "gzip") return undefined;
  const from = first.index + PACKED_OPEN.length;
  return text.slice(from, text.indexOf("</script>", from));
}

/** The page with the run inside, or with its `packed` text. Throws a plain Error when the page has no place for it. */
export function recordingPage(page: string, recording: Recording, packed?: string): string {
  const at = page.indexOf(PLACE);
  if (at < 0) throw new Error("corrupt page: it has no place for a recording");
  const open = PLACE.slice(0, -"</script>".length);
  const inside = packed === undefined ? open + recordingText(recording) : PACKED_OPEN + packed;
  return `${page.slice(0, at)}${inside}</script>${page.slice(at + PLACE.length)}`;
}

/** A recording, or an export of the command line, from its text. Throws a plain Error for anything else. */
export function readRecording(text: string): Recording {
  const inPage = /<script type="application\/json" id="recording">(.+?)<\/script>/s.exec(text)?.[1];
  const value: unknown = JSON.parse(inPage ?? text);
  if (isRecording(value)) return value;
  if (isHistoryExport(value)) return { format: "reprise/recording/1", run: value.run, events: value.events, logs: [] };
  throw new Error("the document is no recording of a run");
}
