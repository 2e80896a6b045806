/** The focus in words, at the foot of the run. */
import type { JSX } from "preact";
import type { Said } from "../model/said.ts";
import { sentence } from "../model/sentence.ts";
import { address, place } from "./place.ts";
import type { Session } from "./session.ts";
import { Icon } from "./icons.tsx";
import { eventLook } from "./looks.tsx";

/** The sentence. Readers hear it when the focus moves. */
export function SentenceBar({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  const seq = run.seq.value, event = run.history.event(seq);
  const said = sentence({ history: run.history, critical: run.criticalKeys.value }, seq);
  const look = event && eventLook(event);
  return <p class="sentence" role="status" aria-atomic="true">
    {look !== undefined && <Icon name={look.icon} size={15} class={`tone-${look.tone}`} />}
    <span>{said.length === 0 ? "The history has not come yet." : said.map((part, i) => <Piece key={i} part={part} />)}
    </span>
  </p>;
}

/** A piece of a sentence; one that speaks of an event leads there. */
export function Piece({ part }: { part: Said }): JSX.Element {
  const look = `${part.strong ? "strong" : ""}${part.code ? " code" : ""}`;
  // 6 s stays together
  const text = part.code ? part.text : part.text.replace(/(\d) (?=(?:ms|s|min|h|d)\b)/g, "$1\u00a0");
  if (part.seq === undefined) return look === "" ? <>{text}</> : <span class={look}>{text}</span>;
  const { path, query } = place.value;
  return <a class={look} href={address(path, { ...query, e: part.seq })}>{text}</a>;
}
