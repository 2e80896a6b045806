/** Frames of a past run as lines for a terminal. */
import { siteParts } from "../../engine/index.ts";
import { inLine, type SeenFrame } from "../debug/seen.ts";
import { bold, dim } from "./output.ts";

/** Each function with its line of code and its variables, one a line. */
export function frameLines({ site, code, workflow, asOf, scopes }: SeenFrame): readonly string[] {
  const { place = site, fn } = siteParts(site) ?? {};
  const late = asOf === undefined ? "" : dim(`  suspended; as it was at event ${asOf}`);
  const variables = scopes.flatMap(({ kind, variables: found }) => found.map(([name, value]) =>
    ({ name, text: inLine(value), from: kind === "closure" || kind === "module" ? dim(`  ${kind}`) : "" })));
  const width = Math.min(24, Math.max(0, ...variables.map(({ name }) => name.length)));
  return [`${bold(fn ?? workflow ?? "(function)")}  ${place}${late}`, ...code === undefined ? [] : [dim(`    ${code}`)],
    ...variables.map(({ name, text, from }) => `  ${name.padEnd(width)}  ${text}${from}`)];
}
