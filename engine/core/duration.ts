/** Durations as people write them. */
import { RepriseError } from "./errors.ts";

type Unit = "ms" | "s" | "m" | "h" | "d" | "w";
/** `"10s"`, `"1h30m"`, `"500ms"`; a number is milliseconds. */
export type Duration = number | `${number}${Unit}` | `${number}${Unit}${number}${Unit}`;

const UNITS: { readonly [U in Unit]: number } =
  { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds, never negative. `what` names the setting in the error. @throws INVALID_DURATION */
export function toMs(duration: Duration, what = "a duration"): number {
  const ms = typeof duration === "number" ? duration : parse(duration);
  if (ms !== undefined && Number.isFinite(ms) && ms >= 0) return ms;
  throw new RepriseError("INVALID_DURATION", `${what} is ${JSON.stringify(duration) ?? String(duration)}`,
    "Write \"10s\", \"1h30m\", \"500ms\", or a number of milliseconds from 0.");
}

function parse(text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined;
  // The pattern allows only the units of the table.
  return parts.reduce((ms, [, count, unit]) => ms + Number(count) * UNITS[unit as Unit], 0);
}

/** For people: `350 ms`, `41.2 s`, `2 min 3 s`, `1 h 5 min`, `3 d 4 h`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`;
  const two = (big: number, small: number, names: readonly [string, string]): string => {
    const whole = Math.floor(ms / big), rest = Math.floor((ms % big) / small);
    return rest === 0 ? `${whole} ${names[0]}` : `${whole} ${names[0]} ${rest} ${names[1]}`;
  };
  if (ms < UNITS.h) return two(UNITS.m, UNITS.s, ["min", "s"]);
  return ms < UNITS.d ? two(UNITS.h, UNITS.m, ["h", "min"]) : two(UNITS.d, UNITS.h, ["d", "h"]);
}
