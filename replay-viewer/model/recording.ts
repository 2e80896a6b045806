/** One run in one file: as JSON, and as the page itself with the run inside. */
import type { Recording } from "./wire.ts";

/** Where the recording's text goes in the page. */
export const PLACE = "<script type=\"application/json\" id=\"recording\"></script>";

/** JSON that can stand inside a script element: no `<` in it can end the element or open a comment. */
export function recordingText(recording: Recording): string {
  return JSON.stringify(recording).replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** The page with the run inside. Throws a plain Error when the page has no place for it. */
export function recordingPage(page: string, recording: Recording): string {
  const at = page.indexOf(PLACE);
  if (at < 0) throw new Error("corrupt page: it has no place for a recording");
  const open = PLACE.slice(0, -"</script>".length);
  return `${page.slice(0, at)}${open}${recordingText(recording)}</script>${page.slice(at + PLACE.length)}`;
}
