/** Pieces of a sentence, so that the page can make an event in it a link. */

/** One piece. `seq`: the event that it speaks of. */
export interface Said {
  readonly text: string; readonly strong?: boolean; readonly code?: boolean; readonly seq?: number;
}
export type SaidList = (string | Said)[];

/** A piece with a look of its own. */
export function said(text: string, look: Omit<Said, "text"> = {}): Said { return { text, ...look } }

/** The pieces without empty ones, plain neighbours joined. */
export function bare(pieces: readonly (string | Said)[]): Said[] {
  const out: Said[] = [];
  for (const piece of pieces) {
    const one = typeof piece === "string" ? { text: piece } : piece;
    if (one.text === "") continue;
    const last = out.at(-1);
    if (last !== undefined && plain(last) && plain(one)) out[out.length - 1] = { text: last.text + one.text };
    else out.push(one);
  }
  return out;
}
function plain(piece: Said): boolean { return !piece.strong && !piece.code && piece.seq === undefined }

/** `a`, `a and b`, `a, b and c`; from the fifth on only their number. */
export function list(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? "";
  const shown = words.length <= 4 ? words : [...words.slice(0, 3), `${words.length - 3} more`];
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1) ?? ""}`;
}

const NTH = ["none", "first", "second", "third", "fourth", "fifth"];
/** `first`, `second`, `7th`. */
export function nth(n: number): string { return NTH[n] ?? `${n}th` }
