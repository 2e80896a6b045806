/** Links inside a run. */
import type { ComponentChildren, JSX } from "preact";
import { address, place } from "./place.ts";

/** A link to an event. */
export function EventLink({ seq, children }: { seq: number; children?: ComponentChildren }): JSX.Element {
  const { path, query } = place.value;
  return <a href={address(path, { ...query, e: seq, sel: undefined })}>{children ?? `event ${seq}`}</a>;
}
