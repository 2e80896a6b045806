/** A line of source, coloured. */
import type { JSX } from "preact";
import type { Token } from "../model/source.ts";

/** The tokens of a line. */
export function Tokens({ tokens }: { tokens: readonly Token[] }): JSX.Element {
  return <>{tokens.map((token, i) => token.kind === "other" || token.kind === "word" ? token.text
    : <span key={i} class={`t-${token.kind}`}>{token.text}</span>)}</>;
}
