/** What a run shows while it runs: attributes, progress, artifacts, streams. Read with no worker alive. */
import { currentFrame, encodeRecorded, RepriseError, type Shown } from "../engine/index.ts";
import { notInRun } from "./frame.ts";

/** Facts about the run to find it by; a later value replaces an earlier one. @throws NOT_IN_RUN */
export function attributes(values: Record<string, string | number | boolean | Date>): void {
  for (const [name, value] of Object.entries(values)) show("attribute", name, value, attributes);
}
/** How far it is: `done` of `of`, or a ratio from 0 to 1. @throws NOT_IN_RUN */
export function progress(done: number, of?: number): void {
  show("progress", "run", of === undefined ? { done } : { done, of }, progress);
}
/** Things for people to look at, by name; the last of a name counts. @throws NOT_IN_RUN, INVALID_OPTION */
export const artifact = {
  table(name: string, rows: readonly object[]): void { show("table", name, rows, artifact.table) },
  markdown(name: string, text: string): void { show("markdown", name, text, artifact.markdown) },
  link(name: string, url: string): void { show("link", name, checkedUrl(url), artifact.link) },
  image(name: string, url: string): void { show("image", name, checkedUrl(url), artifact.image) },
  progress(name: string, ratio: number): void { show("progress", name, { done: ratio, of: 1 }, artifact.progress) },
};

/** A sequence of items that others read by offset, from 0, while the run goes on. */
export interface Stream<T> { readonly streamName: string; write(value: T): void }
/** Opens a stream of this run by name; `handle.stream()` reads it. */
export function stream<T>(name: string): Stream<T> {
  const write = (value: T): void => show("stream", name, value, write);
  return { streamName: name, write };
}

function show(kind: Shown["kind"], name: string, value: unknown, skip: (...args: never[]) => unknown): void {
  const frame = currentFrame();
  if (frame === undefined) throw notInRun(kind);
  if (frame.in === "workflow") frame.execution.publish({ kind, name }, value, skip);
  else frame.show({ kind, name }, encodeRecorded(value, `${kind} '${name}'`));
}

function checkedUrl(url: string): string {
  if (/^(https?:|data:image\/|\/)/i.test(url)) return url;
  throw new RepriseError("INVALID_OPTION", `'${url}' is no address that a page may show`,
    "Give one that begins with https://, http:// or /.");
}
