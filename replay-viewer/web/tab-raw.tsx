/** The event as it is recorded. */
import type { JSX } from "preact";
import { bytes } from "../model/format.ts";
import { Icon } from "./icons.tsx";
import { copy } from "./notices.tsx";
import type { Session } from "./session.ts";

const MOST = 60_000;

/** The tab. */
export function RawTab({ run }: { run: Session }): JSX.Element | null {
  void run.version.value;
  const event = run.history.event(run.seq.value);
  if (event === undefined) return null;
  const text = JSON.stringify(event, null, 2);
  return <div class="fill-panel">
    <div class="row tools"><span class="faint">{bytes(text.length)} of JSON</span><span class="grow" />
      <button class="quiet" onClick={() => { void copy(text, "the event") }}><Icon name="copy"
        size={13} /> Copy</button></div>
    <pre class="fill raw"
      tabIndex={0}>{text.length > MOST ? `${text.slice(0, MOST)}\n…\n(${bytes(text.length - MOST)} more: `
      + "copy it to see all)" : text}</pre></div>;
}
